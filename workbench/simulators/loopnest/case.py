"""One layer on several designs of one shape, with one set of loops left to time: the arrays all steps share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.simulators.loopnest.orders import IRRELEVANT, OPERANDS, Bools, Floats, Orders
from workbench.simulators.loopnest.shape import Shape, shape_of
from workbench.simulators.loopnest.spatial import Spatial

ROUNDING = 1e-6
REDUCING = [LOOP_DIMS.index(dim) for dim in sorted(IRRELEVANT["O"])]
SLIDES = ((LOOP_DIMS.index("OY"), LOOP_DIMS.index("FY")), (LOOP_DIMS.index("OX"), LOOP_DIMS.index("FX")))


@dataclass(frozen=True)
class Tables:
    """What a link moves and costs depends only on which loops lie below it: (d, g or l, s), s the subset below.

    At the array of an input, s is the subset of the loops over which it keeps its element. Unit: cycles, pJ, bits.
    """

    energy: Floats  # (d, g, s): of all links whose lower end is a spot
    link_energy: Floats  # (d, l, s): of one link
    content: Floats  # (d, g, s): bits one instance holds
    links: Floats  # (7, d, l + 1, s): what the constants below say; the last link is none and moves nothing

    @property
    def load(self) -> Floats:
        """(d, l + 1, s): `LOAD`."""
        found: Floats = self.links[LOAD]
        return found


PERIODS, REAL, BUSY, LOAD, RATE, ONCE, LEAST = range(7)
"""How often a link moves data, 0 where it has none to move; cycles a transfer takes; cycles of all that moves in the
whole run at the last memory, 0 elsewhere; cycles of all transfers but one; whole bits per cycle of transfers that
repeat, without partial sums; 1 where a transfer happens once, and is none of partial sums; cycles to move what the
innermost level holds, the subset being the one held there."""


class Case:
    """Arrays over d designs; p, g, l, q as in `Shape`, s as in `Orders`, m memories.

    `capacity` in bits, `width` and `step` (the least that moves) in bits per cycle, `mean` and `whole` the units at
    work, on average and those that the transfers of one step are sized by.
    """

    def __init__(self, layer: Layer, archs: Sequence[Arch], spatials: Sequence[Spatial], orders: Orders) -> None:
        self.layer, self.archs, self.spatials, self.orders = layer, archs, spatials, orders
        self.shape: Shape = shape_of(archs[0])
        self.capacity = np.array([[m.size_bits for m in a.memories] for a in archs], dtype=np.float64)  # (d, m)
        mac_scale = layer.macs * (layer.weight_bits * layer.input_bits / 64)
        self.mac_pj = np.array([a.mac_energy_pj for a in archs]) * mac_scale  # (d,)
        systolic = self.shape.systolic
        self.drain = np.array(
            [sum(max(units - 1, 0) for dim, units in s.asked if dim in systolic) for s in spatials], dtype=np.float64
        )  # (d,): along a systolic dimension the last results leave one unit per cycle
        self.total = float(orders.steps[-1])
        self.outside = self.total / orders.steps  # (s,): iterations of the loops outside a subset
        self.width = self._of_ports("bits_per_cycle")  # (d, q)
        self.step = self._of_ports("min_bits_per_cycle")  # (d, q)
        self.read_pj = np.array([[m.read_energy_pj for m in a.memories] for a in archs])  # (d, m)
        self.write_pj = np.array([[m.write_energy_pj for m in a.memories] for a in archs])
        self.mean = self._units("mean")  # (d, p, 8)
        self.whole = self._units("whole") if any(s.mean != s.whole for s in spatials) else self.mean

    def _of_ports(self, name: str) -> Floats:
        return np.array([[getattr(p, name) for m in a.memories for p in m.ports] for a in self.archs], dtype=np.float64)

    @cached_property
    def held(self) -> Floats:
        """(d, g, s): the elements below each link when a subset of loops is kept there."""
        return self._held(self.mean)

    @cached_property
    def reduced(self) -> Bools:
        """(d, g): whether array dimensions outside a spot of the output add into the same sums."""
        shape = self.shape
        adds = self.mean[..., REDUCING].prod(axis=-1)  # (d, p)
        places = shape.of("O")
        found = np.zeros((len(self.archs), shape.spots), dtype=bool)
        for level, p in enumerate(places):
            found[:, shape.array_spots["O"] + level] = adds[:, places[-1]] > adds[:, p] * (1 + ROUNDING)
        return found

    @cached_property
    def tables(self) -> Tables:
        """What the cost model looks up."""
        shape, layer, steps = self.shape, self.layer, self.orders.steps
        spot, port, place, low = shape.link_spot, shape.link_port, shape.link_place, shape.link_low
        width = self.width[:, port]  # (d, l)
        access = np.where(shape.link_reads, self.read_pj[:, shape.link_memory], self.write_pj[:, shape.link_memory])
        step = self.step[:, port]
        step_pj = access * (step / width) * self._at_work()[:, place]  # (d, l): pJ per smallest step

        partial = np.zeros(self.held.shape, dtype=bool)
        outputs = slice(shape.array_spots["O"], shape.array_spots["O"] + len(shape.of("O")))
        partial[:, outputs] = self.orders.adds_later | self.reduced[:, outputs, None]
        bits = np.broadcast_to(
            np.array(element_bits(layer), dtype=np.float64)[shape.spot_operand][:, None], partial.shape
        )
        finished = (shape.spot_operand == OPERANDS.index("O"))[:, None] & ~partial
        bits = np.where(finished, float(layer.output_bits), bits)  # (d, g, s) per element

        active = ~shape.link_partial[:, None] | partial[:, spot]
        periods = np.where(active, self.total / steps, 0.0)  # (d, l, s)
        multicast = self._multicast(self.mean)[:, place]
        moved = self.held[:, spot] * bits[:, spot] * np.where(low, multicast, 1.0)[..., None]
        outermost = shape.link_memory == shape.memories - 1
        inputs = shape.link_operand == OPERANDS.index("I")
        # Rows of pixels are counted whole, so that 5 rows on 3 units would be read as 2 x 2: none is left out of DRAM.
        once_each = layer.elements("I") * layer.input_bits / np.maximum(periods, 1.0)
        moved = np.where((outermost & inputs)[:, None], np.maximum(moved, once_each), moved)
        link_energy = np.ceil(moved / step[..., None]) * periods * step_pj[..., None]
        busy = np.where(outermost[:, None], moved / width[..., None] * periods, 0.0)
        energy = np.zeros(self.held.shape)
        for number, at in enumerate(spot):
            energy[:, at] += link_energy[:, number]

        whole = np.round(self._held(self.whole)) if self.whole is not self.mean else self.held
        multicast = np.round(self._multicast(self.whole)[:, place])
        moved = whole[:, spot] * bits[:, spot] * np.where(low, multicast, 1.0)[..., None]
        real = np.ceil(moved / width[..., None])
        edge = ~shape.link_partial[:, None]  # partial sums take no part in on- and off-loading
        once = edge & (periods == 1)
        inner = shape.link_inner
        moves = np.zeros((7, len(self.archs), len(shape.links) + 1, len(steps)))
        moves[PERIODS, :, :-1] = periods
        moves[REAL, :, :-1] = real
        moves[BUSY, :, :-1] = busy
        moves[LOAD, :, :-1] = real * np.maximum(periods - 1, 0.0)
        moves[RATE, :, :-1] = np.where(edge & ~once, np.floor(moved / steps), 0.0)
        moves[ONCE, :, :-1] = once
        moves[LEAST, :, :-1] = np.ceil(whole[:, inner] * bits[:, inner] / width[..., None])
        return Tables(energy, link_energy, np.round(self.held) * bits, moves)

    def _units(self, which: Literal["mean", "whole"]) -> Floats:
        """(d, p, 8): units of each loop along the array dimensions served at or below a place."""
        found = [[[1.0] * len(LOOP_DIMS) for _ in self.shape.places] for _ in self.archs]
        for units, spatial in zip(found, self.spatials, strict=True):
            loops: dict[str, tuple[tuple[str, float], ...]] = dict(getattr(spatial, which))
            for p, place in enumerate(self.shape.places):
                if place.level:
                    units[p] = units[p - 1].copy()
                for dim in place.serves:
                    for loop, number in loops.get(dim, ()):
                        units[p][LOOP_DIMS.index(loop)] *= number
        return np.array(found)

    def _held(self, units: Floats) -> Floats:
        """(d, g, s): elements below each link."""
        held = np.ones((len(self.archs), self.shape.spots, len(self.orders.steps)))
        held[:, self.shape.place_spot] = self._volumes(units[:, :, None] * self.orders.extent)
        return held

    def _multicast(self, units: Floats) -> Floats:
        """(d, p): different elements a place exchanges with what lies below it.

        The other units below a place get the same element, or add into the same sum.
        """
        found = self._volumes(units[:, :, None])[..., 0]
        inner = np.flatnonzero(~self.shape.place_first)
        found[:, inner] = found[:, inner] / found[:, inner - 1]
        return found

    def _volumes(self, covered: Floats) -> Floats:
        """(d, p, s): elements of each place's operand within loop extents (d, p, s, 8)."""
        volume: Floats = np.where(self.shape.place_index[:, None], covered, 1.0).prod(axis=-1)
        places, layer = self.shape.of("I"), self.layer
        inputs = covered[:, places]
        for (outer, kernel), stride, dilation, most in zip(
            SLIDES, layer.stride, layer.dilation, layer.input_extent_max, strict=True
        ):
            # Pixels come whole: an average of 3.25 rows touches what 3 rows touch.
            rows = (inputs[..., outer] + ROUNDING).astype(np.int64)
            taps = (inputs[..., kernel] + ROUNDING).astype(np.int64)
            volume[:, places] *= np.minimum(distinct(stride, rows, dilation, taps), most)
        return volume

    def _at_work(self) -> Floats:
        """(d, p): instances of each place at work, on average, as a whole number."""
        everything = self.mean.prod(axis=-1)  # (d, p)
        last = {place.operand: p for p, place in enumerate(self.shape.places) if place.last}
        top = everything[:, [last[place.operand] for place in self.shape.places]]
        rounded: Floats = np.round(np.round(top / everything, 3))
        return rounded


def element_bits(layer: Layer) -> tuple[int, int, int]:
    """Bits per element of a partial sum, a weight and an input: in the order of `OPERANDS`."""
    return layer.partial_bits, layer.weight_bits, layer.input_bits
