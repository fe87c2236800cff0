"""ZigZag 3.9.1 behind the workbench's tasks and outcomes, in processes of its own."""

from workbench.simulators.zigzag.simulator import ZigZag, ZigZagSettings

__all__ = ["ZigZag", "ZigZagSettings"]
