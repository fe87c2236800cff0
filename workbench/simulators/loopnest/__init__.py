"""The loop-nest cost engine: mappings enumerated and costed analytically, on arrays from end to end."""

from workbench.simulators.loopnest.simulator import LoopNest, LoopNestSettings

__all__ = ["LoopNest", "LoopNestSettings"]
