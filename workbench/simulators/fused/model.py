"""What a tiled group costs: DRAM traffic, energy and latency, each kind of tile evaluated once and multiplied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from workbench.simulators.loopnest.spatial import candidates


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


def _of_copies(copies: Sequence[Copy]) -> Cost:
    fetched, stored = copies
    return Cost(0.0, fetched.energy_pj + stored.energy_pj, (0.0, fetched.bits, stored.bits))


def _safe(cost: Cost) -> Cost:
    """Sums of the same terms in another order may differ by so much."""
    weights, inputs, outputs = (bits * SAFE for bits in cost.dram_bits)
    return Cost(cost.latency_cycles * SAFE, cost.energy_pj * SAFE, (weights, inputs, outputs), cost.macs)


SAFE = 1 - 1e-9


@dataclass(frozen=True)
class _Job:
    """A layer's part of a tile, as the engine is asked for it. `sizes`: None where there is no room."""

    layer: Layer
    pins: Pins
    sizes: tuple[int, ...] | None


class FusedModel:
    """Costs candidates on the runner's architecture."""

    def __init__(self, network: Network, runner: Runner) -> None:
        self.arch, self.network, self.runner = runner.arch, network, runner
        self.ports = sum(len(memory.ports) for memory in runner.arch.memories)
        self._tiles: dict[tuple[int, int, int, tuple[int, ...]], Layer] = {}

    def cost(self, candidate: Candidate, hopeless: Callable[[Cost], bool] = lambda least: False) -> Cost | None:
        """A group's cost; None where the engine finds no mapping for some tile in the room that is left, or where
        `hopeless` says so of what it comes to at least, which each layer that the engine evaluates tells better.

        A tile's own work and the copies of tiles overlap where there is room for a second tile, as far as the ports
        that both use allow: the tile takes as long as its work or its busiest port, whichever is longer. The first
        tile is fetched before, the last stored behind. Weights that stay are loaded before the first tile.
        """
        kinds = list(_tile_kinds(candidate.tiling))
        jobs = [self._jobs(candidate, row, column) for _, row, column in kinds]
        copied = [self._copies(candidate, row, column) for _, row, column in kinds]
        total = self._loaded(candidate)
        for (times, _, _), copies in zip(kinds, copied, strict=True):
            total += _of_copies(copies).times(times)
        worked = self._worked(
            [(times, job) for (times, _, _), each in zip(kinds, jobs, strict=True) for job in each], total, hopeless
        )
        if worked is None:
            return None
        serial = overlapped = self._loaded(candidate).latency_cycles
        longest_in = longest_out = 0.0
        for (times, _, _), copies, each in zip(kinds, copied, jobs, strict=True):
            runs = [worked[job] for job in each]
            work = sum(run.latency_cycles for run in runs)
            ports = [sum(cycles) for cycles in zip(*(run.port_cycles for run in runs), strict=True)] or [
                0.0
            ] * self.ports
            for copy in copies:
                for port, cycles in copy.port_cycles.items():
                    ports[port] += cycles
            taken_in, taken_out = (copy.cycles for copy in copies)
            longest_in, longest_out = max(longest_in, taken_in), max(longest_out, taken_out)
            serial += times * (work + taken_in + taken_out)
            overlapped += times * max(work, *ports)
            for run, job in zip(runs, each, strict=True):
                total += _of_run(run, job.layer).times(times)
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
        read, write = last.port_of("W", "to_low"), last.port_of("O", "from_low")
        busy_read = (inputs + weights) / last.ports[read].bits_per_cycle
        busy_write = outputs / last.ports[write].bits_per_cycle
        cycles = max(macs / self.arch.pes, busy_read + busy_write if read == write else max(busy_read, busy_write))
        energy = mac_pj + reads * last.read_energy_pj + writes * last.write_energy_pj
        return _safe(Cost(cycles, energy, (weights, inputs, outputs), macs))

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

    def _jobs(self, candidate: Candidate, row: int, column: int) -> list[_Job]:
        """The layers of one tile."""
        found = []
        for place, number in enumerate(candidate.tiling.group.items):
            item = self.network.items[number]
            if isinstance(item, WorkloadLayer) and _made(candidate.tiling, number, row, column):
                layer = self._tile_layer(candidate.tiling, number, item.layer, row, column)
                pins = self._pins(candidate, number)
                sizes = room_of(self.arch, layer, pins, self._occupied(candidate, place))
                found.append(_Job(layer, pins, sizes))
        return found

    def _tile_layer(self, tiling: Tiling, number: int, layer: Layer, row: int, column: int) -> Layer:
        """The part of a layer that one tile computes."""
        height, width = int(tiling.rows.maps[number].made[row]), int(tiling.columns.maps[number].made[column])
        if (height, width) == (layer.size("OY"), layer.size("OX")):
            return layer
        above, beside = tiling.rows.windows[number], tiling.columns.windows[number]
        padding = (int(above.before[row]), int(above.after[row]), int(beside.before[column]), int(beside.after[column]))
        key = number, height, width, padding
        if key not in self._tiles:
            sizes = {"OY": height, "OX": width}
            dims = tuple(sizes.get(dim, size) for dim, size in zip(LOOP_DIMS, layer.dims, strict=True))
            self._tiles[key] = replace(layer, dims=dims, padding=padding)
        return self._tiles[key]

    def _worked(
        self, jobs: Sequence[tuple[int, _Job]], beside: Cost, hopeless: Callable[[Cost], bool]
    ) -> dict[_Job, LayerRun] | None:
        """Each different job (with how often it is done) evaluated, those known from other candidates first.

        Whatever is not evaluated yet counts as the least it can be, so what is told to `hopeless` is never too much.
        """
        if any(job.sizes is None for _, job in jobs):
            return None
        often: dict[_Job, int] = {}
        for times, job in jobs:
            often[job] = often.get(job, 0) + times
        known = [job for job in often if self.runner.knows(job.layer, job.pins, job.sizes)]
        fresh = [job for job in often if not self.runner.knows(job.layer, job.pins, job.sizes)]
        least = sum((self._least(job).times(often[job]) for job in fresh), beside)
        found: dict[_Job, LayerRun] = {}
        for number, job in enumerate(known + sorted(fresh, key=lambda job: -often[job] * job.layer.macs)):
            if number >= len(known):
                if hopeless(_safe(least)):
                    return None
                least += self._least(job).times(-often[job])
            run = self.runner.run(job.layer, job.pins, job.sizes)
            if not isinstance(run, LayerRun):
                return None
            found[job] = run
            least += _of_run(run, job.layer).times(often[job])
        return None if hopeless(_safe(least)) else found

    def _least(self, job: _Job) -> Cost:
        """What no mapping of a job can beat: as in `bound`, and a cycle for each step that the array needs."""
        layer, pinned, last = job.layer, dict(job.pins), self.arch.memories[-1]
        weights = 0.0 if "W" in pinned else float(layer.elements("W") * layer.weight_bits)
        inputs = 0.0 if "I" in pinned else float(layer.elements("I") * layer.input_bits)
        outputs = 0.0 if "O" in pinned else float(layer.elements("O") * layer.output_bits)
        moved = (weights + inputs) * last.read_energy_pj + outputs * last.write_energy_pj
        mac_pj = layer.macs * self.arch.mac_energy_pj * layer.weight_bits * layer.input_bits / 64
        steps = min(spatial.steps for spatial in candidates(self.arch, layer))
        return Cost(steps, mac_pj + moved / last.word_bits, (weights, inputs, outputs), layer.macs)

    def _pins(self, candidate: Candidate, number: int) -> Pins:
        group, placement = candidate.tiling.group, candidate.placement
        streams = {group.entry, group.exit} - candidate.staged
        pins = [] if placement.weights is None else [("W", placement.weights)]
        if self.network.producers[number][0] not in streams:
            pins.append(("I", placement.maps))
        if number not in streams:
            pins.append(("O", placement.maps))
        return tuple(pins)

    def _occupied(self, candidate: Candidate, place: int) -> dict[int, int]:
        """Bits by memory that the group takes while its item at this place runs."""
        placement = candidate.placement
        demand = placement.demand
        found = {placement.maps: demand.alive[place] + demand.caches}
        if placement.weights is not None:
            found[placement.weights] = found.get(placement.weights, 0) + demand.weights
        return found


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
