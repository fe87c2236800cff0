"""What a tiled group costs: DRAM traffic, energy and latency, each kind of tile evaluated once and multiplied."""

from __future__ import annotations

from dataclasses import replace

from workbench.problem.graph import WorkloadLayer
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible
from workbench.simulators.fused.bounds import Bounds
from workbench.simulators.fused.copies import Copy
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.pinned import Job, LayerRun, Pins, Runner
from workbench.simulators.fused.room import Room, room_of
from workbench.simulators.fused.steps import StepKind
from workbench.simulators.fused.tiling import Exits
from workbench.simulators.fused.work import Candidate, Kind, Work, loaded_of


def layer_cost(runner: Runner, layer: Layer) -> Cost | Infeasible:
    """A layer by itself, as it is evaluated without fusion, or why it cannot be built."""
    run = runner.run(runner.job(layer))
    if isinstance(run, Infeasible):
        return run
    return Cost(run.latency_cycles, run.energy_pj, run.dram_bits, layer.macs)


class FusedModel:
    """Costs candidates on the runner's architecture."""

    def __init__(self, exits: Exits, runner: Runner) -> None:
        self.arch, self.network, self.exits, self.runner = runner.arch, exits.network, exits, runner
        self.bounds = Bounds(exits, runner.arch)
        self.copies = self.bounds.copies
        self._seats: dict[tuple[int, Pins, Room], _Seat] = {}

    def cost(self, candidate: Candidate) -> Cost | None:
        """A group's cost; None where the engine finds no mapping for some tile in the room that is left."""
        work = self.work(candidate)
        for job in work.open_jobs() if work is not None else ():
            if isinstance(self.runner.run(job), Infeasible):
                return None
        return None if work is None else work.cost()

    def bound(self, candidate: Candidate) -> Cost:
        """What it cannot be below, in every part."""
        return self.bounds.of(candidate)

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
        return Work(candidate, kinds, loaded_of(candidate, self.copies), self.runner.ports)

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
            served = model.bounds.served(self._number, lambda table: table.of(height, width))
            least = model.bounds.least.of(tile, dict(self._pins), served)
            job.least = LayerRun(least.latency_cycles, least.energy_pj, least.dram_bits, ())
        return job
