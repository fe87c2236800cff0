"""What a tiled group costs: DRAM traffic, energy and latency, each kind of tile evaluated once and multiplied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from workbench.problem.graph import WorkloadLayer
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible
from workbench.problem.receptive import AXES
from workbench.simulators.fused.copies import Copies, Copy
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.least import Least, Served
from workbench.simulators.fused.pinned import Job, LayerRun, Pins, Runner
from workbench.simulators.fused.room import Room, room_of
from workbench.simulators.fused.storage import Placement
from workbench.simulators.fused.tiling import Exits, StepKind, Tiling

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """One way to run a group. `staged`: which of its entry and exit are copied tile by tile; the others stream."""

    tiling: Tiling
    placement: Placement
    staged: frozenset[int]


def layer_cost(runner: Runner, layer: Layer) -> Cost | Infeasible:
    """A layer by itself, as it is evaluated without fusion, or why it cannot be built."""
    run = runner.run(runner.job(layer))
    if isinstance(run, Infeasible):
        return run
    return Cost(run.latency_cycles, run.energy_pj, run.dram_bits, layer.macs)


@dataclass(frozen=True)
class Kind:
    """One of the different tiles of a candidate: how many there are, what each fetches and stores, and its layers."""

    times: int
    copies: tuple[Copy, Copy]
    jobs: tuple[Job, ...]


class Work:
    """All that a candidate has the chip do. `loaded`: weights that stay, fetched before the first tile.

    The layers of its tiles are jobs for the engine; one that has not been asked for counts as the least it can be.
    """

    def __init__(self, candidate: Candidate, kinds: Sequence[Kind], loaded: Cost, ports: int) -> None:
        self.candidate, self.kinds, self.loaded, self.ports = candidate, kinds, loaded, ports
        self.often: dict[Job, int] = {}
        for kind in kinds:
            for job in kind.jobs:
                self.often[job] = self.often.get(job, 0) + kind.times

    def open_jobs(self) -> list[Job]:
        """What the engine has not been asked for, the largest part of the work first."""
        return sorted(
            (job for job in self.often if job.outcome is None), key=lambda job: -self.often[job] * job.layer.macs
        )

    def cost(self) -> Cost | None:
        """What the candidate comes to: exactly when no job is open, else what it cannot be below; None where a job has
        no mapping in the room that is left.

        A tile's own work and the copies of tiles overlap where there is room for a second tile, as far as the ports
        that both use allow: the tile takes as long as its work or its busiest port, whichever is longer. The first
        tile is fetched before, the last stored behind.
        """
        if any(isinstance(job.outcome, Infeasible) for job in self.often):
            return None
        told = {job: job.told() for job in self.often}
        macs, energy = 0, self.loaded.energy_pj
        weights, inputs, outputs = self.loaded.dram_bits
        for kind in self.kinds:
            fetched, stored = kind.copies
            energy += kind.times * (fetched.energy_pj + stored.energy_pj)
            inputs, outputs = inputs + kind.times * fetched.bits, outputs + kind.times * stored.bits
        for kind in self.kinds:
            for job in kind.jobs:
                run = told[job]
                energy += kind.times * run.energy_pj
                w, i, o = run.dram_bits
                weights, inputs, outputs = weights + kind.times * w, inputs + kind.times * i, outputs + kind.times * o
                macs += kind.times * job.macs
        found = Cost(self._latency(told), energy, (weights, inputs, outputs), macs)
        return found.least() if any(job.outcome is None for job in self.often) else found

    def _latency(self, told: Mapping[Job, LayerRun]) -> float:
        serial = overlapped = self.loaded.latency_cycles
        longest_in = longest_out = 0.0
        for kind in self.kinds:
            work, ports = 0.0, [0.0] * self.ports
            for job in kind.jobs:
                work += told[job].latency_cycles
                for port, cycles in told[job].busy_ports:
                    ports[port] += cycles
            for copy in kind.copies:
                for port, cycles in copy.port_cycles.items():
                    ports[port] += cycles
            taken_in, taken_out = (copy.cycles for copy in kind.copies)
            longest_in, longest_out = max(longest_in, taken_in), max(longest_out, taken_out)
            serial += kind.times * (work + taken_in + taken_out)
            overlapped += kind.times * max(work, *ports)
        if self.candidate.placement.double_buffered and self.candidate.tiling.tiles > 1:
            return min(serial, overlapped + longest_in + longest_out)
        return serial


class FusedModel:
    """Costs candidates on the runner's architecture."""

    def __init__(self, exits: Exits, runner: Runner) -> None:
        self.arch, self.network, self.exits, self.runner = runner.arch, exits.network, exits, runner
        self.least, self.copies = Least(runner.arch), Copies(runner.arch)
        self._seats: dict[tuple[int, Pins, Room], _Seat] = {}
        self._served: dict[int, Served] = {}
        self._rates: dict[tuple[int, ...], _Rates] = {}
        self._leasts: dict[tuple[object, ...], tuple[float, float, float, int]] = {}

    def cost(self, candidate: Candidate) -> Cost | None:
        """A group's cost; None where the engine finds no mapping for some tile in the room that is left."""
        work = self.work(candidate)
        for job in work.open_jobs() if work is not None else ():
            if isinstance(self.runner.run(job), Infeasible):
                return None
        return None if work is None else work.cost()

    def bound(self, candidate: Candidate) -> Cost:
        """What no mapping of a candidate can beat, in every part, told without its tiles one by one: by what each layer
        takes for the different parts that it is cut into (`Least`), and by what is copied in all.

        Work and copies overlap at most as far as the last memory allows.
        """
        tiling, network, placement, last = candidate.tiling, self.network, candidate.placement, self.arch.memories[-1]
        group, home, kept = tiling.group, placement.maps, placement.weights
        inputs = tiling.area(group.entry) * network.position_bits(group, group.entry)
        outputs = tiling.area(group.exit) * network.position_bits(group, group.exit)
        loaded = self._loaded(candidate)
        serial, energy, weights, macs = loaded.latency_cycles, loaded.energy_pj, loaded.dram_bits[0], 0
        pins = {"I": home, "O": home} if kept is None else {"I": home, "O": home, "W": kept}
        for number in group.items:
            item = network.items[number]
            if isinstance(item, WorkloadLayer):
                if group.entry in network.producers[number] and group.entry not in candidate.staged:
                    inputs = item.layer.elements("I") * item.layer.input_bits
                key = group.exit, tiling.mode, tiling.at, number, home, kept  # other groups with this exit share it
                if key not in self._leasts:
                    self._leasts[key] = self._least_of(tiling, number, pins)
                cycles, pj, bits, done = self._leasts[key]
                serial, energy, weights, macs = serial + cycles, energy + pj, weights + bits, macs + done
        fetched, stored = self.copies.fetch(home, "I", inputs), self.copies.store(home, outputs)
        for end, copy, price in (
            (group.entry, fetched, last.read_energy_pj),
            (group.exit, stored, last.write_energy_pj),
        ):
            staged = end in candidate.staged
            energy += copy.energy_pj if staged else copy.bits / last.word_bits * price
            serial += copy.cycles if staged and not placement.double_buffered else 0.0
        cycles = max(serial, self.least.crossing_cycles(inputs + weights, outputs))
        return Cost(cycles, energy, (weights, inputs, outputs), macs).least()

    def _least_of(self, tiling: Tiling, number: int, pins: Mapping[str, int]) -> tuple[float, float, float, int]:
        """Cycles, pJ, weight bits from the last memory and MACs of a layer with its maps on chip, at least."""
        rates = self._rates_of(number, pins)
        rows, columns = tiling.parts(number)
        cycles, array_pj, input_bits = self.served(number, lambda table: table.sums(rows, columns, rates.tile_cycles))
        tiles = sum(times for _, times in rows) * sum(times for _, times in columns)
        area = tiling.area(number)
        energy = array_pj + rates.position_pj * area + rates.tile_pj * tiles + rates.input_pj * input_bits
        return cycles, energy, rates.tile_bits * tiles, rates.position_macs * area

    def _rates_of(self, number: int, pins: Mapping[str, int]) -> _Rates:
        key = number, *pins.values()
        if key not in self._rates:
            item, least, last = self.network.items[number], self.least, self.arch.memories[-1]
            assert isinstance(item, WorkloadLayer)
            layer, whole = item.layer, item.layer.size("OY") * item.layer.size("OX")
            weights, outputs = layer.elements("W") * layer.weight_bits, layer.elements("O") * layer.output_bits
            streamed = 0 if "W" in pins else weights
            crossing = streamed / last.word_bits * last.read_energy_pj
            self._rates[key] = _Rates(
                position_macs=layer.macs // whole,
                position_pj=(least.mac_pj(layer) + least.passing_pj("O", pins) * outputs) / whole,
                tile_bits=streamed,
                tile_cycles=least.crossing_cycles(streamed, 0.0),
                tile_pj=least.passing_pj("W", pins) * weights + crossing,
                input_pj=least.passing_pj("I", pins),
            )
        return self._rates[key]

    def served(self, number: int, told: Callable[[Served], T]) -> T:
        """What is told of serving the array with parts of a layer, by a table of all parts that groups have so far."""
        if number in self._served:
            with suppress(KeyError):
                return told(self._served[number])
        item = self.network.items[number]
        assert isinstance(item, WorkloadLayer)
        heights, widths = (self.exits.made(number, axis) for axis in AXES)
        self._served[number] = self.least.served(item.layer, heights, widths)
        return told(self._served[number])

    def work(self, candidate: Candidate) -> Work | None:
        """What a candidate has the chip do; None where there is no room for it."""
        seats = self._seats_of(candidate)
        if seats is None:
            return None
        kinds = []
        for down in candidate.tiling.rows:
            for across in candidate.tiling.columns:
                jobs = tuple(job for seat in seats if (job := seat.job(down, across)) is not None)
                kinds.append(Kind(down.times * across.times, self._copies(candidate, down, across), jobs))
        return Work(candidate, kinds, self._loaded(candidate), self.runner.ports)

    def _loaded(self, candidate: Candidate) -> Cost:
        """Weights that stay on chip, fetched once."""
        home = candidate.placement.weights
        if home is None:
            return Cost()
        copy = self.copies.fetch(home, "W", candidate.placement.demand.weights)
        return Cost(copy.cycles, copy.energy_pj, (copy.bits, 0.0, 0.0))

    def _copies(self, candidate: Candidate, down: StepKind, across: StepKind) -> tuple[Copy, Copy]:
        """What a tile fetches and what it stores, where that is copied."""
        group, home = candidate.tiling.group, candidate.placement.maps
        fetched, stored = (
            down.made[number] * across.made[number] * self.network.position_bits(group, number)
            if number in candidate.staged
            else 0
            for number in (group.entry, group.exit)
        )
        return self.copies.fetch(home, "I", fetched), self.copies.store(home, stored)

    def _seats_of(self, candidate: Candidate) -> list[_Seat] | None:
        """The layers of a candidate, each in the place that it has on chip; None where one has no room."""
        group, placement = candidate.tiling.group, candidate.placement
        streams, kept = {group.entry, group.exit} - candidate.staged, placement.weights
        found = []
        for place, number in enumerate(group.items):
            item = self.network.items[number]
            if not isinstance(item, WorkloadLayer):
                continue
            pins: Pins = () if kept is None else (("W", kept),)
            pins += () if self.network.producers[number][0] in streams else (("I", placement.maps),)
            pins += () if number in streams else (("O", placement.maps),)
            occupied = {placement.maps: placement.demand.alive[place] + placement.demand.caches}
            if kept is not None:
                occupied[kept] = occupied.get(kept, 0) + placement.demand.weights
            room = room_of(self.arch, pins, occupied)
            if room is None:
                return None
            if (number, pins, room) not in self._seats:
                self._seats[number, pins, room] = _Seat(self, number, item.layer, pins, room)
            found.append(self._seats[number, pins, room])
        return found


@dataclass(frozen=True, slots=True)
class _Rates:
    """What parts of a layer cost at least beside serving the array: for each position of its map, for each tile (its
    weights), and for each input bit that passes between memories.
    """

    position_macs: int
    position_pj: float
    tile_bits: int
    tile_cycles: float
    tile_pj: float
    input_pj: float


class _Seat:
    """A layer in a group: the operands that are on chip, and the room that the others have."""

    def __init__(self, model: FusedModel, number: int, layer: Layer, pins: Pins, room: Room) -> None:
        self._model, self._number, self._layer, self._pins, self._room = model, number, layer, pins, room
        self._known: dict[tuple[int, int, tuple[int, int], tuple[int, int]], Job] = {}

    def job(self, down: StepKind, across: StepKind) -> Job | None:
        """The part of the layer that one tile computes; None where it has none."""
        number = self._number
        key = down.made[number], across.made[number], down.padding[number], across.padding[number]
        if key not in self._known:
            if not key[0] or not key[1]:
                return None
            self._known[key] = self._made(*key)
        return self._known[key]

    def _made(self, height: int, width: int, beside: tuple[int, int], along: tuple[int, int]) -> Job:
        layer, model = self._layer, self._model
        sizes = {"OY": height, "OX": width}
        dims = tuple(sizes.get(dim, size) for dim, size in zip(LOOP_DIMS, layer.dims, strict=True))
        tile = layer if dims == layer.dims else replace(layer, dims=dims, padding=(*beside, *along))
        job = model.runner.job(tile, self._pins, self._room.around(tile))
        if job.least is None:
            served = model.served(self._number, lambda table: table.of(height, width))
            least = model.least.of(tile, dict(self._pins), served)
            job.least = LayerRun(least.latency_cycles, least.energy_pj, least.dram_bits, ())
        return job
