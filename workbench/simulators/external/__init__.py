"""A lab's own simulator, as processes that are asked one line of JSON at a time."""

from workbench.simulators.external.simulator import External, ExternalSettings

__all__ = ["External", "ExternalSettings"]
