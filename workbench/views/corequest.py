"""What the options of `dse coexplore` add up to: chip, networks, specification, and what is held of them."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from models.datasets import DATASETS, DEFAULT
from models.recipe import Recipe
from store.database import Lab
from store.rows import Point, Run
from workbench.accuracy.candidate import images_of, load_data
from workbench.coexplore import NAME, chip_settings
from workbench.errors import UserError, unknown_name
from workbench.library import bare_outcome
from workbench.problem.chip import load_chip
from workbench.problem.cotask import CoNetwork, CoTask
from workbench.problem.family import Family, load_family
from workbench.problem.metrics import ERROR_RATE, Metrics, Target
from workbench.problem.space import Choice
from workbench.problem.tasks import task_of
from workbench.problem.yamlfile import build_model
from workbench.runner import RunSpec, check_sources, simulating
from workbench.searches import search_settings
from workbench.stop import Stop
from workbench.views.places import place
from workbench.views.points import the_point
from workbench.views.request import SEED_BITS, flags, listed_sources
from workbench.views.settings import pairs
from workbench.views.values import with_changes

BATCH = 1
"""A training takes seconds or more: what it taught serves the very next design."""
FRONT = (ERROR_RATE, "latency_cycles", "energy_pj", "area_um2")
"""What is minimised where nothing is said."""
NOMINAL, SMALLEST, LARGEST = "nominal", "smallest", "largest"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoRequest:
    """What was asked for, as it was typed; None and empty mean that nothing was said.

    A network is `[LABEL=]FAMILY[:DATA[:WEIGHT]]`. `chip_of` and `networks_of` name whose chip or networks are held:
    those of the files (`nominal`), the `smallest` or `largest` members of the families, or a point's (`RUN[.POINT]`).
    """

    chip: str
    networks: Sequence[str]
    chip_of: str | None = None
    networks_of: str | None = None
    fixed: Sequence[str] = ()
    data_paths: Sequence[str] = ()
    recipe: Sequence[str] = ()
    train_seeds: int = 1
    mode: str = "corrected"
    objectives: Sequence[str] = ()
    targets: Sequence[str] = ()
    search: str = "forest"
    search_settings: Sequence[str] = ()
    preset: str | None = None
    stop: Mapping[str, float | bool | None]
    batch: int | None = None
    seed: int | None = None
    sources: Sequence[str] = ()
    note: str = ""

    def spec(self, lab: Lab | None) -> RunSpec:
        """The run, checked whole before there is a row of it; `lab` holds the runs that are named, if any are.

        Raises:
            UserError: anything that does not exist or is out of its bounds.
        """
        for_search, costs = pairs("-s", self.search_settings), {"mode": self.mode}
        search_settings(self.search, for_search, self.preset)
        chip_settings(costs)
        sources = listed_sources(self.sources)
        check_sources(self.search, sources)
        rules = {name: value for name, value in self.stop.items() if value is not None}
        spec = RunSpec(
            self.task(lab),
            self.search,
            for_search,
            self.preset,
            NAME,
            costs,
            secrets.randbits(SEED_BITS) if self.seed is None else self.seed,
            BATCH if self.batch is None else self.batch,
            build_model(rules, Stop, "Stop rules"),
            self.note,
            sources,
        )
        simulating(spec)
        return spec

    def task(self, lab: Lab | None) -> CoTask:
        """What is designed, and for what."""
        template, networks = load_chip(self.chip), tuple(_networks(self.networks, self.data_paths))
        targets = tuple(Target.parse(text) for text in self.targets)
        objectives = tuple(self.objectives) or ((ERROR_RATE,) if targets else FRONT)
        recipe = build_model(pairs("--recipe", self.recipe), Recipe, "Recipe").model_dump(mode="json")
        free = CoTask(template, networks, objectives, targets, recipe, self.train_seeds)
        return replace(free, fixed=self._fixed(free, lab))

    def _fixed(self, task: CoTask, lab: Lab | None) -> dict[str, Choice]:
        """The axes that are held, at which values."""
        of_networks = [axis.name for axis in task.space.axes if axis.name not in task.chip_axes]
        found: dict[str, Choice] = {}
        if self.chip_of is not None:
            stated = {NOMINAL: task.template.space.values(task.template.nominal)}
            found |= _held("--chip-of", self.chip_of, stated, task.chip_axes, lab)
        if self.networks_of is not None:
            members = {NOMINAL: Family.nominal, SMALLEST: Family.smallest, LARGEST: Family.largest}
            known = {
                word: {n.axis(name): value for n in task.networks for name, value in of(n.family).items()}
                for word, of in members.items()
            }
            found |= _held("--networks-of", self.networks_of, known, of_networks, lab)
        given = pairs("--fix", self.fixed)
        for name in given:
            if name not in {axis.name for axis in task.space.axes}:
                raise unknown_name("axis", name, [axis.name for axis in task.space.axes])
        first = {axis.name: axis.choices[0] for axis in task.space.axes}
        chosen = with_changes(task.space, {**first, **found}, self.fixed)
        return {name: chosen[name] for name in first if name in found or name in given}

    def command(self) -> str:
        """What one would type to ask for the same."""
        words = ["dse", "coexplore", "--chip", self.chip, *flags("--network", self.networks)]
        words += flags("--chip-of", [self.chip_of] if self.chip_of else [])
        words += flags("--networks-of", [self.networks_of] if self.networks_of else [])
        words += [*flags("--fix", self.fixed), *flags("--data-path", self.data_paths)]
        words += [*flags("--recipe", self.recipe), *flags("--objective", self.objectives)]
        words += flags("--target", self.targets)
        words += flags("--train-seeds", [str(self.train_seeds)] if self.train_seeds != 1 else [])
        words += flags("--mode", [self.mode] if self.mode != "corrected" else [])
        words += ["--search", self.search, *flags("-s", self.search_settings)]
        words += flags("--preset", [self.preset] if self.preset else [])
        for rule in ("budget", "wall_seconds", "stalled_steps"):
            if self.stop.get(rule) is not None:
                words += [f"--{rule.replace('_', '-')}", str(self.stop[rule])]
        words += flags("--batch", [] if self.batch is None else [str(self.batch)])
        words += flags("--seed", [] if self.seed is None else [str(self.seed)])
        words += [*flags("--from", self.sources), *flags("--note", [self.note] if self.note else [])]
        return shlex.join(words)

    @property
    def names_runs(self) -> bool:
        """Whether it speaks of runs of a lab."""
        words = (NOMINAL, SMALLEST, LARGEST, None)
        return self.chip_of not in words or self.networks_of not in words


def _networks(given: Sequence[str], data_paths: Sequence[str]) -> Iterator[CoNetwork]:
    """Each with its data loaded once, to know its digest."""
    paths = pairs("--data-path", data_paths)
    for name in paths:
        if name not in DATASETS:
            raise unknown_name("data set", name, DATASETS)
    if not given:
        raise UserError("Give --network, once for each network that the chip is for; see 'dse families'.")
    taken: dict[str, int] = {}
    for text in given:
        label, equals, rest = text.rpartition("=")
        name, _, more = rest.partition(":")
        data, _, weight = more.partition(":")
        family = load_family(name)
        data = data or DEFAULT[family.kind]
        where = place(paths[data]) if data in paths else None
        loaded = load_data(data, where)
        if loaded.kind != family.kind:
            raise UserError(f"Family {family.name!r} is for {family.kind}, data set {data!r} for {loaded.kind}.")
        usual = family.name.split("_")[0]
        taken[usual] = taken.get(usual, 0) + (not equals)
        label = label or (usual if taken[usual] == 1 else f"{usual}_{taken[usual]}")
        if not label.replace("_", "").isalnum():
            raise UserError(f"The label of a network is made of letters, digits and _, got {label!r}.")
        network = CoNetwork(
            label,
            family,
            data,
            loaded.digest.hex(),
            images_of(loaded),
            None if where is None else str(where),
            _weight(text, weight),
        )
        _check_members(network)
        yield network


def _weight(text: str, weight: str) -> float:
    try:
        value = float(weight) if weight else 1.0
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise UserError(f"--network takes [LABEL=]FAMILY[:DATA[:WEIGHT]] with a positive weight, got {text!r}.")
    return value


def _check_members(network: CoNetwork) -> None:
    """Refuse a family of which some members are too large for the images: every choice of every axis, one at a time."""
    family, nominal = network.family, network.family.nominal()
    for values in (family.smallest(), family.largest()):
        family.blueprint(values, network.images)
    for axis in family.space.axes:
        for choice in axis.choices:
            family.blueprint({**nominal, axis.name: choice}, network.images)


def _held(
    flag: str, word: str, known: Mapping[str, Mapping[str, Choice]], axes: Sequence[str], lab: Lab | None
) -> dict[str, Choice]:
    """The values at which some axes are held: a word's, or those of a run's point."""
    if word in known:
        return dict(known[word])
    ref, _, number = word.partition(".")
    if lab is None or (number and not number.isdigit()):
        raise UserError(f"{flag} takes {', '.join(known)} or RUN[.POINT], got {word!r}.")
    row = lab.run(ref)
    task = _co_task(row)
    point = the_point(lab, row, int(number)) if number else best_point(lab, row, task)
    values = task.space.values(task.space.unpack(point.codes))
    missing = [axis for axis in axes if axis not in values]
    if missing:
        raise UserError(f"{flag}: run {row.id} has no axis {missing[0]!r}; it is about {' and '.join(task.names)}.")
    return {axis: values[axis] for axis in axes}


def _co_task(row: Run) -> CoTask:
    task = task_of(json.loads(row.task))
    if not isinstance(task, CoTask):
        raise UserError(f"Run {row.id} is no co-exploration: it has no chip and no networks to take over.")
    return task


def best_point(lab: Lab, row: Run, task: CoTask) -> Point:
    """The member of a run's front that has least of the first objective.

    Raises:
        UserError: nothing meets the run's specification.
    """
    members = [(bare_outcome(point, task.clock_mhz), point) for point in lab.front(row.id)]
    built = [(task.values(metrics), point) for metrics, point in members if isinstance(metrics, Metrics)]
    if not built:
        raise UserError(f"Run {row.id} has no design that meets its specification: name a point of it, as {row.id}.0.")
    return min(built, key=lambda each: (each[0], each[1].seq))[1]
