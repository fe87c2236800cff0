"""What a layer costs on a sub-accelerator, in three modes; many such pairs at once, each different one once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

import numpy as np

from workbench.errors import UserError, unknown_name
from workbench.problem.chip import SubAccelerator
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics, Outcome
from workbench.simulators.chips import legacy
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator, compatible, prices
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.mapping import check

ChipMode = Literal["corrected", "compatible", "legacy"]
CHIP_MODES: tuple[ChipMode, ...] = get_args(ChipMode)
LEGACY_VERSION = 1
"""Raised with every change that can change a result of the mode `legacy`; the others have the simulator's."""

ELEMENT_BITS = 8
REMEMBERED = 20_000
"""Pairs that are kept in memory, 1 or 2 KB each."""

Pair = tuple[Layer, SubAccelerator]
_Key = tuple[tuple[str | int | tuple[int, ...], ...], bytes, str]


class PairCosts(Protocol):
    """What evaluates pairs."""

    mode: ChipMode

    def outcomes(self, pairs: Sequence[Pair]) -> list[Outcome]:
        """One outcome for each pair, in order; independent of which pairs share the call."""
        ...


class ChipCosts:
    """Costs by the core of the simulator `dataflow`, without a lab; what was simulated is remembered.

    `corrected` and `compatible` are the simulator's modes: each outcome is what the simulator says of the layer on the
    sub-accelerator's architecture. `legacy` is `legacy`.
    """

    def __init__(self, mode: ChipMode = "corrected") -> None:
        if mode not in CHIP_MODES:
            raise unknown_name("mode of costing a chip", mode, CHIP_MODES)
        self.mode: ChipMode = mode
        self._simulators: dict[str, DataflowSimulator] = {}
        self._known: dict[_Key, Outcome] = {}

    def fingerprint(self, part: SubAccelerator) -> str:
        """What decides the outcome beside layer and architecture, in one line; outcomes under equal ones are equal."""
        simulator = self._simulator(part)
        if self.mode != "legacy":
            return simulator.fingerprint
        return f"chip-legacy {LEGACY_VERSION} dataflow={simulator.dataflow.name}@{simulator.dataflow.digest}"

    def outcomes(self, pairs: Sequence[Pair]) -> list[Outcome]:
        """See `PairCosts`.

        Raises:
            UserError: a dataflow that there is not, or that is not free in a size; a layer that the mode cannot cost.
        """
        keys = [(layer.shape_key, part.arch.key, part.dataflow) for layer, part in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        if len(self._known) + len(missing) > REMEMBERED:
            self._known = {key: self._known[key] for key in keys if key in self._known}
        by_dataflow: dict[str, list[_Key]] = {}
        for key, (_, part) in missing.items():
            by_dataflow.setdefault(part.dataflow, []).append(key)
        for of_one in by_dataflow.values():
            self._known.update(zip(of_one, self._simulated([missing[key] for key in of_one]), strict=True))
        return [self._known[key] for key in keys]

    def _simulated(self, pairs: Sequence[Pair]) -> list[Outcome]:
        """Pairs of one dataflow."""
        for part in {part.arch.dataflow: part for _, part in pairs}.values():
            self._check_sizes(part)
        simulator = self._simulator(pairs[0][1])
        if self.mode == "legacy":
            return legacy.outcomes([_case(simulator, layer, part) for layer, part in pairs])
        costed = simulator.costed_pairs([(layer, part.arch) for layer, part in pairs])
        return [group.outcome(row) for group, row in costed]

    def _simulator(self, part: SubAccelerator) -> DataflowSimulator:
        if part.dataflow not in self._simulators:
            mode = "corrected" if self.mode == "corrected" else "compatible"
            self._simulators[part.dataflow] = DataflowSimulator(DataflowSettings(dataflow=part.dataflow, mode=mode))
        return self._simulators[part.dataflow]

    def _check_sizes(self, part: SubAccelerator) -> None:
        """A size that the dataflow does not take would go unheard."""
        dataflow = self._simulator(part).dataflow
        free = [name for name, _ in dataflow.free]
        for name, _ in part.arch.dataflow:
            if name not in free:
                wrong = unknown_name(f"free size of dataflow {dataflow.name!r}", name, free)
                raise UserError(f"Dataflow {part.flow!r} of sub-accelerator {part.name!r}: {wrong}")


def _case(simulator: DataflowSimulator, layer: Layer, part: SubAccelerator) -> legacy.Case:
    shape = data_layer(layer)
    if shape.dilation != (1, 1):
        raise UserError(f"The public tool knows no dilation, and layer {layer.name!r} has {list(layer.dilation)}.")
    mapping = simulator.dataflow.on(shape, part.arch.dataflow)
    check(mapping, shape)
    return legacy.Case(layer, shape, mapping, part.pes, part.noc_bytes_per_cycle, part.arch.clock_mhz)


def area_um2(part: SubAccelerator, mode: ChipMode, outcomes: Sequence[Outcome] = ()) -> float:
    """The area of a sub-accelerator that is to run these layers: of those it can run, the largest.

    Without any, the area that it has in any case: the layers add buffers of clusters in the mode `corrected` alone.
    """
    built = [outcome.area_um2 for outcome in outcomes if isinstance(outcome, Metrics)]
    if built:
        return max(built)
    arch, noc = part.arch, part.noc_bytes_per_cycle
    if mode == "legacy":
        return legacy.area_um2(part.pes, noc)
    if mode == "corrected":
        lanes = np.array([float(ELEMENT_BITS * noc)])
        wires = prices.noc_area_um2(np.array([float(part.pes)]), ELEMENT_BITS, lanes)
        return float(arch.area_um2 + wires[0])
    l1, l2 = (np.array([memory.size_bits // ELEMENT_BITS]) for memory in arch.memories[:2])
    return float(compatible.area_um2(np.array([part.pes]), np.array([1]), l1, l2, np.array([noc]))[0])
