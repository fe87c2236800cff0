"""One layer on several designs of one shape, with one set of loops left to time: the arrays all steps share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.simulators.loopnest.orders import IRRELEVANT, OPERANDS, Bools, Floats, Orders
from workbench.simulators.loopnest.shape import Shape, shape_of
from workbench.simulators.loopnest.spatial import Spatial

_ROUNDING = 1e-6
_SLIDES = ((LOOP_DIMS.index("OY"), LOOP_DIMS.index("FY")), (LOOP_DIMS.index("OX"), LOOP_DIMS.index("FX")))


@dataclass(frozen=True)
class Tables:
    """What a link moves and costs depends only on which loops lie below it: (d, g or l, s), s the subset below.

    At the array of an input, s is the subset of the loops over which it keeps its element. Unit: cycles, pJ, bits.
    """

    energy: Floats  # (d, g, s): of all links whose lower end is a spot
    link_energy: Floats  # (d, l, s): of one link
    content: Floats  # (d, g, s): bits one instance holds
    periods: Floats  # (d, l, s): how often a link moves data, 0 where it has none to move
    real: Floats  # (d, l, s): cycles a transfer takes
    busy: Floats  # (d, l, s): cycles of all that moves in the whole run at the last memory, 0 elsewhere
    load: Floats  # (d, l, s): cycles of all transfers but one
    rate: Floats  # (d, l, s): whole bits per cycle of transfers that repeat, without partial sums
    once: Bools  # (d, l, s): whether a transfer happens once, and is none of partial sums
    least: Floats  # (d, l, s): cycles to move what the innermost level holds, s the subset held there


class Case:
    """Arrays over d designs; p, g, l, q as in `Shape`, s as in `Orders`, m memories.

    `held` (d, g, s) is the elements below each link when a subset of loops is kept there, `reduced` (d, g) whether
    array dimensions outside a spot of the output add into the same sums.
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
        mean = self._below(whole=False)
        self.held, self._multicast = self._held(mean)
        self._units_at_work = self._units(mean)
        self.reduced = self._reduced(mean)

    @cached_property
    def width(self) -> Floats:
        """(d, q): bits per cycle of each port."""
        ports = [[p.bits_per_cycle for m in a.memories for p in m.ports] for a in self.archs]
        return np.array(ports, dtype=np.float64)

    @cached_property
    def tables(self) -> Tables:
        """What the cost model looks up."""
        shape, layer, steps = self.shape, self.layer, self.orders.steps
        links = shape.links
        spot, port = shape.link_spot, [link.port for link in links]
        place = [link.place for link in links]
        memory = [shape.places[p].memory for p in place]
        low = np.array([link.low for link in links])
        step = np.array([[p.min_bits_per_cycle for m in a.memories for p in m.ports] for a in self.archs])[:, port]
        width = self.width[:, port]  # (d, l)
        read = np.array([[m.read_energy_pj for m in a.memories] for a in self.archs])[:, memory]
        write = np.array([[m.write_energy_pj for m in a.memories] for a in self.archs])[:, memory]
        access = np.where([link.reads for link in links], read, write)
        step_pj = access * (step / width) * self._units_at_work[:, place]  # (d, l): pJ per smallest step

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
        moved = self.held[:, spot] * bits[:, spot] * np.where(low, self._multicast[:, place], 1.0)[..., None]
        outermost = np.array(memory) == shape.memories - 1
        inputs = shape.link_operand == OPERANDS.index("I")
        # Rows of pixels are counted whole, so that 5 rows on 3 units would be read as 2 x 2: none is left out of DRAM.
        once_each = layer.elements("I") * layer.input_bits / np.maximum(periods, 1.0)
        moved = np.where((outermost & inputs)[:, None], np.maximum(moved, once_each), moved)
        link_energy = np.ceil(moved / step[..., None]) * periods * step_pj[..., None]
        busy = np.where(outermost[:, None], moved / width[..., None] * periods, 0.0)
        energy = np.zeros(self.held.shape)
        for number, at in enumerate(spot):
            energy[:, at] += link_energy[:, number]

        whole, multicast = self._whole()
        moved = whole[:, spot] * bits[:, spot] * np.where(low, np.round(multicast[:, place]), 1.0)[..., None]
        real = np.ceil(moved / width[..., None])
        edge = ~shape.link_partial[:, None]  # partial sums take no part in on- and off-loading
        once = edge & (periods == 1)
        inner = shape.link_inner
        return Tables(
            energy=energy,
            link_energy=link_energy,
            content=np.round(self.held) * bits,
            periods=periods,
            real=real,
            busy=busy,
            load=real * np.maximum(periods - 1, 0.0),
            rate=np.where(edge & ~once, np.floor(moved / steps), 0.0),
            once=once,
            least=np.ceil(whole[:, inner] * bits[:, inner] / width[..., None]),
        )

    def _whole(self) -> tuple[Floats, Floats]:
        """`_held` for whole numbers of units at work."""
        if all(s.mean == s.whole for s in self.spatials):
            return self.held, self._multicast
        held, multicast = self._held(self._below(whole=True))
        return np.round(held), multicast

    def _below(self, *, whole: bool) -> Floats:
        """(d, p, 8): units of each loop along the array dimensions served at or below a place."""
        units = np.ones((len(self.archs), len(self.shape.places), len(LOOP_DIMS)))
        for d, spatial in enumerate(self.spatials):
            loops = dict(spatial.whole if whole else spatial.mean)
            for p, place in enumerate(self.shape.places):
                if place.level:
                    units[d, p] = units[d, p - 1]
                for dim in place.serves:
                    for loop, number in loops.get(dim, ()):
                        units[d, p, LOOP_DIMS.index(loop)] *= number
        return units

    def _held(self, units: Floats) -> tuple[Floats, Floats]:
        """(d, g, s) elements below each link; (d, p) different elements a place exchanges with what lies below it.

        The other units below a place get the same element, or add into the same sum.
        """
        shape = self.shape
        held = np.ones((len(self.archs), shape.spots, len(self.orders.steps)))
        held[:, shape.place_spot] = self._volumes(units[:, :, None] * self.orders.extent)
        multicast = self._volumes(units[:, :, None])[..., 0]
        inner = [p for p, place in enumerate(shape.places) if place.level]
        multicast[:, inner] = multicast[:, inner] / np.roll(multicast, 1, axis=1)[:, inner]
        return held, multicast

    def _volumes(self, covered: Floats) -> Floats:
        """(d, p, s): elements of each place's operand within loop extents (d, p, s, 8)."""
        volume: Floats = np.where(self.shape.place_index[:, None], covered, 1.0).prod(axis=-1)
        places, layer = self.shape.of("I"), self.layer
        inputs = covered[:, places]
        for (outer, kernel), stride, dilation, most in zip(
            _SLIDES, layer.stride, layer.dilation, layer.input_extent_max, strict=True
        ):
            # Pixels come whole: an average of 3.25 rows touches what 3 rows touch.
            rows = (inputs[..., outer] + _ROUNDING).astype(np.int64)
            taps = (inputs[..., kernel] + _ROUNDING).astype(np.int64)
            volume[:, places] *= np.minimum(distinct(stride, rows, dilation, taps), most)
        return volume

    def _units(self, units: Floats) -> Floats:
        """(d, p): instances of each place at work, on average, as a whole number."""
        everything = units.prod(axis=-1)  # (d, p)
        last = {place.operand: p for p, place in enumerate(self.shape.places) if place.last}
        top = everything[:, [last[place.operand] for place in self.shape.places]]
        rounded: Floats = np.round(np.round(top / everything, 3))
        return rounded

    def _reduced(self, units: Floats) -> Bools:
        """(d, g): whether array dimensions outside a spot of the output add into the same sums."""
        shape = self.shape
        adds = units[..., [LOOP_DIMS.index(d) for d in sorted(IRRELEVANT["O"])]].prod(axis=-1)  # (d, p)
        places = shape.of("O")
        found = np.zeros((len(self.archs), shape.spots), dtype=bool)
        for level, p in enumerate(places):
            found[:, shape.array_spots["O"] + level] = adds[:, places[-1]] > adds[:, p] * (1 + _ROUNDING)
        return found


def element_bits(layer: Layer) -> tuple[int, int, int]:
    """Bits per element of a partial sum, a weight and an input: in the order of `OPERANDS`."""
    return layer.partial_bits, layer.weight_bits, layer.input_bits
