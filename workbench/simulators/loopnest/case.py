"""One layer on several designs of one shape, with one set of loops left to time: the arrays all steps share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.simulators.loopnest.orders import IRRELEVANT, RELEVANT, Bools, Floats, Orders
from workbench.simulators.loopnest.shape import Shape, shape_of
from workbench.simulators.loopnest.spatial import Spatial

_ROUNDING = 1e-6
_SLIDES = ((LOOP_DIMS.index("OY"), LOOP_DIMS.index("FY")), (LOOP_DIMS.index("OX"), LOOP_DIMS.index("FX")))
_INDEXED = {operand: [i for i, dim in enumerate(LOOP_DIMS) if dim in dims] for operand, dims in RELEVANT.items()}


class Case:
    """Arrays over d designs; p, g, l, q as in `Shape`, s as in `Orders`, m memories.

    `held` and `held_whole` (d, g, s) are elements below each link when a subset of loops is kept there, for average
    and for whole numbers of units at work.
    """

    def __init__(self, layer: Layer, archs: Sequence[Arch], spatials: Sequence[Spatial], orders: Orders) -> None:
        self.layer, self.archs, self.spatials, self.orders = layer, archs, spatials, orders
        self.shape: Shape = shape_of(archs[0])
        shape = self.shape
        self.capacity = np.array([[m.size_bits for m in a.memories] for a in archs], dtype=np.float64)  # (d, m)
        ports = [[p for m in a.memories for p in m.ports] for a in archs]
        self.width = np.array([[p.bits_per_cycle for p in row] for row in ports], dtype=np.float64)  # (d, q)
        step = np.array([[p.min_bits_per_cycle for p in row] for row in ports], dtype=np.float64)
        read = np.array([[m.read_energy_pj for m in a.memories] for a in archs])  # (d, m)
        write = np.array([[m.write_energy_pj for m in a.memories] for a in archs])
        mac_scale = layer.macs * (layer.weight_bits * layer.input_bits / 64)
        self.mac_pj = np.array([a.mac_energy_pj for a in archs]) * mac_scale  # (d,)
        self.drain = np.array(
            [sum(max(units - 1, 0) for dim, units in s.asked if dim in shape.systolic) for s in spatials],
            dtype=np.float64,
        )  # (d,): along a systolic dimension the last results leave one unit per cycle
        self.total = float(orders.steps[-1])
        mean = self._below(whole=False)
        whole = mean if all(s.mean == s.whole for s in spatials) else self._below(whole=True)
        self.held, multicast = self._held(mean)
        self.held_whole, multicast_whole = (self.held, multicast) if whole is mean else self._held(whole)
        units = self._units(mean)
        links = shape.links
        place = [link.place for link in links]
        memory = [shape.places[p].memory for p in place]
        port = [link.port for link in links]
        low = np.array([link.low for link in links])
        self.link_width = self.width[:, port]  # (d, l)
        self.link_step = step[:, port]
        self.multicast = np.where(low, multicast[:, place], 1.0)  # (d, l)
        self.multicast_whole = np.where(low, np.round(multicast_whole[:, place]), 1.0)
        access = np.where([link.reads for link in links], read[:, memory], write[:, memory])
        self.step_pj = access * self.link_step / self.link_width * units[:, place]  # (d, l): pJ per smallest step
        self.reduced = self._reduced(mean)

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
        multicast = np.empty(units.shape[:2])
        for p, place in enumerate(shape.places):
            held[:, place.spot] = self._volume(place.operand, units[:, p, None] * self.orders.extent)
            alone = self._volume(place.operand, units[:, p])
            multicast[:, p] = alone / (self._volume(place.operand, units[:, p - 1]) if place.level else 1.0)
        return held, multicast

    def _volume(self, operand: str, covered: Floats) -> Floats:
        """Elements of an operand within loop extents (..., 8)."""
        volume: Floats = covered[..., _INDEXED[operand]].prod(axis=-1)
        if operand == "I":
            layer = self.layer
            for (outer, kernel), stride, dilation, most in zip(
                _SLIDES, layer.stride, layer.dilation, layer.input_extent_max, strict=True
            ):
                # Pixels come whole: an average of 3.25 rows touches what 3 rows touch.
                rows = (covered[..., outer] + _ROUNDING).astype(np.int64)
                taps = (covered[..., kernel] + _ROUNDING).astype(np.int64)
                volume = volume * np.minimum(distinct(stride, rows, dilation, taps), most)
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
