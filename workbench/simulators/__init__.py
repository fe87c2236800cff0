"""The table of simulators: listing one here is what gets it offered and tested."""

from workbench.simulators.base import Simulator
from workbench.simulators.dataflow import DataflowSimulator
from workbench.simulators.external import External
from workbench.simulators.fused.simulator import Fused
from workbench.simulators.loopnest import LoopNest
from workbench.simulators.scalesim import ScaleSim
from workbench.simulators.zigzag import ZigZag

SIMULATORS: dict[str, type[Simulator]] = {
    "loopnest": LoopNest,
    "fused": Fused,
    "dataflow": DataflowSimulator,
    "zigzag": ZigZag,
    "scalesim": ScaleSim,
    "external": External,
}
