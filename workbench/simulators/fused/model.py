"""What a tiled group costs: DRAM traffic, energy and latency, each kind of tile evaluated once and multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.problem.graph import WorkloadLayer
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible
from workbench.simulators.fused.copies import Copy, fetch, store
from workbench.simulators.fused.network import Network
from workbench.simulators.fused.pinned import LayerRun, Pins, Runner
from workbench.simulators.fused.room import room_of
from workbench.simulators.fused.storage import Placement
from workbench.simulators.fused.tiling import Tiling


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a layer, a group or a network; costs of what runs one after the other add up.

    `dram_bits`: what weights, inputs and outputs move to and from the last memory.
    """

    latency_cycles: float = 0.0
    energy_pj: float = 0.0
    dram_bits: tuple[float, float, float] = (0.0, 0.0, 0.0)
    macs: int = 0

    @property
    def traffic_bits(self) -> float:
        """DRAM traffic of all operands."""
        return sum(self.dram_bits)

    def __add__(self, other: Cost) -> Cost:
        weights, inputs, outputs = (a + b for a, b in zip(self.dram_bits, other.dram_bits, strict=True))
        return Cost(
            self.latency_cycles + other.latency_cycles,
            self.energy_pj + other.energy_pj,
            (weights, inputs, outputs),
            self.macs + other.macs,
        )

    def times(self, count: int) -> Cost:
        """So many of it, one after the other."""
        weights, inputs, outputs = (count * bits for bits in self.dram_bits)
        return Cost(count * self.latency_cycles, count * self.energy_pj, (weights, inputs, outputs), count * self.macs)


@dataclass(frozen=True)
class Candidate:
    """One way to run a group. `staged`: which of its entry and exit are copied tile by tile; the others stream."""

    tiling: Tiling
    placement: Placement
    staged: frozenset[int]


def layer_cost(runner: Runner, layer: Layer) -> Cost | Infeasible:
    """A layer by itself, as it is evaluated without fusion, or why it cannot be built."""
    run = runner.run(layer)
    return run if isinstance(run, Infeasible) else _of_run(run, layer)


def _of_run(run: LayerRun, layer: Layer) -> Cost:
    return Cost(run.latency_cycles, run.energy_pj, run.dram_bits, layer.macs)


class FusedModel:
    """Costs candidates on the runner's architecture."""

    def __init__(self, network: Network, runner: Runner) -> None:
        self.arch, self.network, self.runner = runner.arch, network, runner

    def cost(self, candidate: Candidate) -> Cost | None:
        """A group's cost; None where the engine finds no mapping for some tile in the room that is left.

        A tile's own work and the copies of tiles overlap where there is room for a second tile, as far as the ports
        that both use allow: the tile takes as long as its work or its busiest port, whichever is longer. The first
        tile is fetched before, the last stored behind. Weights that stay are loaded before the first tile.
        """
        total = self._loaded(candidate)
        serial = overlapped = total.latency_cycles
        longest_in = longest_out = 0.0
        for times, row, column in _tile_kinds(candidate.tiling):
            work = self._work(candidate, row, column)
            if work is None:
                return None
            cost, ports = work
            copied = self._copies(candidate, row, column)
            for copy in copied:
                for port, cycles in copy.port_cycles.items():
                    ports[port] += cycles
            taken_in, taken_out = (copy.cycles for copy in copied)
            longest_in, longest_out = max(longest_in, taken_in), max(longest_out, taken_out)
            serial += times * (cost.latency_cycles + taken_in + taken_out)
            overlapped += times * max(cost.latency_cycles, *ports)
            copies = Cost(0.0, sum(copy.energy_pj for copy in copied), (0.0, copied[0].bits, copied[1].bits))
            total += (cost + copies).times(times)
        if candidate.placement.double_buffered and candidate.tiling.tiles > 1:
            serial = min(serial, overlapped + longest_in + longest_out)
        return replace(total, latency_cycles=serial)

    def bound(self, candidate: Candidate) -> Cost:
        """What no mapping of a candidate can beat, in every part.

        No step of the array does more MACs than it has PEs; whatever is fetched or stored crosses a port of the last
        memory at its width and price, weights that stream once for each tile at least.
        """
        tiling, network, last = candidate.tiling, self.network, self.arch.memories[-1]
        group, macs, mac_pj, weights = tiling.group, 0, 0.0, 0
        inputs = tiling.area(group.entry) * network.position_bits(group, group.entry)
        outputs = tiling.area(group.exit) * network.position_bits(group, group.exit)
        for number in group.items:
            item = network.items[number]
            if not isinstance(item, WorkloadLayer):
                continue
            layer = item.layer
            done = layer.macs // (layer.size("OY") * layer.size("OX")) * tiling.area(number)
            macs += done
            mac_pj += done * self.arch.mac_energy_pj * layer.weight_bits * layer.input_bits / 64
            if group.entry in network.producers[number] and group.entry not in candidate.staged:
                inputs = layer.elements("I") * layer.input_bits
            rounds = 1 if candidate.placement.weights is not None else _working_tiles(tiling, number)
            weights += rounds * layer.elements("W") * layer.weight_bits
        reads, writes = (inputs + weights) / last.word_bits, outputs / last.word_bits
        shared = any(port.kind == "read_write" for port in last.ports)
        widest = {
            kind: max(p.bits_per_cycle for p in last.ports if p.kind in (kind, "read_write"))
            for kind in ("read", "write")
        }
        busy_read, busy_write = (inputs + weights) / widest["read"], outputs / widest["write"]
        cycles = max(macs / self.arch.pes, busy_read + busy_write if shared else max(busy_read, busy_write))
        energy = mac_pj + reads * last.read_energy_pj + writes * last.write_energy_pj
        return Cost(cycles * SAFE, energy * SAFE, (weights * SAFE, inputs * SAFE, outputs * SAFE), macs)

    def _loaded(self, candidate: Candidate) -> Cost:
        """Weights that stay on chip, fetched once."""
        home = candidate.placement.weights
        if home is None:
            return Cost()
        copy = fetch(self.arch, home, "W", candidate.placement.demand.weights)
        return Cost(copy.cycles, copy.energy_pj, (copy.bits, 0.0, 0.0))

    def _copies(self, candidate: Candidate, row: int, column: int) -> tuple[Copy, Copy]:
        """What a tile fetches and what it stores, where that is copied."""
        tiling, group, home = candidate.tiling, candidate.tiling.group, candidate.placement.maps
        bits = [
            _made(tiling, number, row, column) * self.network.position_bits(group, number)
            if number in candidate.staged
            else 0
            for number in (group.entry, group.exit)
        ]
        return fetch(self.arch, home, "I", bits[0]), store(self.arch, home, bits[1])

    def _work(self, candidate: Candidate, row: int, column: int) -> tuple[Cost, list[float]] | None:
        """The layers of one tile, and how long they keep each port busy."""
        total, ports = Cost(), [0.0] * sum(len(memory.ports) for memory in self.arch.memories)
        for place, number in enumerate(candidate.tiling.group.items):
            item = self.network.items[number]
            if not isinstance(item, WorkloadLayer) or not _made(candidate.tiling, number, row, column):
                continue
            layer = tile_layer(candidate.tiling, number, item.layer, row, column)
            pins = self._pins(candidate, number)
            sizes = room_of(self.arch, layer, pins, self._occupied(candidate, place, layer))
            run = None if sizes is None else self.runner.run(layer, pins, sizes)
            if not isinstance(run, LayerRun):
                return None
            total += _of_run(run, layer)
            ports = [a + b for a, b in zip(ports, run.port_cycles, strict=True)]
        return total, ports

    def _pins(self, candidate: Candidate, number: int) -> Pins:
        group, placement = candidate.tiling.group, candidate.placement
        streams = {group.entry, group.exit} - candidate.staged
        pins = [] if placement.weights is None else [("W", placement.weights)]
        if self.network.producers[number][0] not in streams:
            pins.append(("I", placement.maps))
        if number not in streams:
            pins.append(("O", placement.maps))
        return tuple(pins)

    def _occupied(self, candidate: Candidate, place: int, layer: Layer) -> dict[int, int]:
        """Bits by memory that are not this layer's own."""
        placement = candidate.placement
        demand = placement.demand
        found = {placement.maps: demand.rest[place] + demand.caches}
        if placement.weights is not None:
            others = demand.weights - layer.elements("W") * layer.weight_bits
            found[placement.weights] = found.get(placement.weights, 0) + others
        return found


SAFE = 1 - 1e-9
"""Sums of the same terms in another order may differ by so much."""


def tile_layer(tiling: Tiling, number: int, layer: Layer, row: int, column: int) -> Layer:
    """The part of a layer that one tile computes."""
    height, width = int(tiling.rows.maps[number].made[row]), int(tiling.columns.maps[number].made[column])
    if (height, width) == (layer.size("OY"), layer.size("OX")):
        return layer
    sizes = {"OY": height, "OX": width}
    above, beside = tiling.rows.windows[number], tiling.columns.windows[number]
    padding = (int(above.before[row]), int(above.after[row]), int(beside.before[column]), int(beside.after[column]))
    dims = tuple(sizes.get(dim, size) for dim, size in zip(LOOP_DIMS, layer.dims, strict=True))
    return replace(layer, dims=dims, padding=padding)


def _made(tiling: Tiling, number: int, row: int, column: int) -> int:
    return int(tiling.rows.maps[number].made[row]) * int(tiling.columns.maps[number].made[column])


def _working_tiles(tiling: Tiling, number: int) -> int:
    """How many tiles compute some of a map."""
    rows, columns = tiling.rows.maps[number], tiling.columns.maps[number]
    return int((rows.made > 0).sum()) * int((columns.made > 0).sum())


def _tile_kinds(tiling: Tiling) -> Iterator[tuple[int, int, int]]:
    """(how many tiles, a row step and a column step that stand for them)."""
    for row, down in tiling.rows.kinds:
        for column, across in tiling.columns.kinds:
            yield down * across, row, column
