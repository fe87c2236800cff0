"""What the options of a command add up to: a workload, a task, a design. Everything is checked before anything runs."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from store.rows import Run
from workbench.background import spec_of
from workbench.errors import UserError, unknown_name
from workbench.knowledge import AUTO, NONE
from workbench.problem.graph import WorkloadLayer
from workbench.problem.metrics import Target
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload, load_workload
from workbench.problem.yamlfile import build_model
from workbench.runner import RunSpec, check_sources, make_simulator
from workbench.searches import search_settings
from workbench.stop import Stop
from workbench.views.settings import pairs

SEED_BITS = 32
_FLAGS = {
    "--search": "search",
    "-s": "settings",
    "--setting": "settings",
    "--preset": "preset",
    "--budget": "budget",
    "--seed": "seed",
    "--from": "sources",
    "--note": "note",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `dse run` was asked for, as it was typed; None and empty mean that nothing was said."""

    arch: str
    workload: str
    layers: Sequence[str]
    search: str
    search_settings: Sequence[str]
    preset: str | None
    simulator: str
    simulator_settings: Sequence[str]
    objectives: Sequence[str]
    targets: Sequence[str]
    technology: str
    criterion: str
    stop: Mapping[str, float | bool | None]
    batch: int | None
    seed: int | None
    sources: Sequence[str]
    note: str
    asynchronous: bool = False

    def spec(self) -> RunSpec:
        """The run, checked whole before there is a row of it, or even a lab.

        Raises:
            UserError: anything that does not exist or is out of its bounds.
        """
        task = chosen_task(
            self.arch,
            self.workload,
            self.layers,
            objectives=self.objectives,
            targets=self.targets,
            technology=self.technology,
            criterion=self.criterion,
        )
        for_search, for_simulator = pairs("-s", self.search_settings), pairs("--sim", self.simulator_settings)
        search_settings(self.search, for_search, self.preset)
        make_simulator(self.simulator, for_simulator)
        sources = listed_sources(self.sources)
        check_sources(self.search, sources)
        rules = {name: value for name, value in self.stop.items() if value is not None}
        sized = {} if self.batch is None else {"batch": self.batch}
        return RunSpec(
            task,
            self.search,
            for_search,
            self.preset,
            self.simulator,
            for_simulator,
            secrets.randbits(SEED_BITS) if self.seed is None else self.seed,
            stop=build_model(rules, Stop, "Stop rules"),
            note=self.note,
            sources=sources,
            asynchronous=self.asynchronous,
            **sized,
        )

    def command(self) -> str:
        """What one would type to ask for the same."""
        words = ["dse", "run", "--arch", self.arch, "--workload", self.workload, *flags("--layer", self.layers)]
        words += ["--search", self.search, *flags("-s", self.search_settings)]
        words += flags("--preset", [self.preset] if self.preset else [])
        words += flags("--simulator", [self.simulator] if self.simulator != "loopnest" else [])
        words += [*flags("--sim", self.simulator_settings), *flags("--objective", self.objectives)]
        words += flags("--target", self.targets)
        words += flags("--technology", [self.technology] if self.technology != "common" else [])
        words += flags("--criterion", [self.criterion] if self.criterion != "edp" else [])
        for rule in ("budget", "wall_seconds", "stalled_steps", "margin"):
            if self.stop.get(rule) is not None:
                words += [f"--{rule.replace('_', '-')}", str(self.stop[rule])]
        words += ["--keep-going"] if self.stop.get("targets_met") is False else []
        words += flags("--batch", [] if self.batch is None else [str(self.batch)])
        words += ["--asynchronous"] if self.asynchronous else []
        words += flags("--seed", [] if self.seed is None else [str(self.seed)])
        words += [*flags("--from", self.sources), *flags("--note", [self.note] if self.note else [])]
        return shlex.join(words)


def flags(flag: str, values: Iterable[str]) -> list[str]:
    """An option that is repeated."""
    return [word for value in values for word in (flag, value)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a clone of a run is to do otherwise; None and empty mean that it stays as it was."""

    search: str | None = None
    search_settings: Sequence[str] = ()
    preset: str | None = None
    budget: int | None = None
    seed: int | None = None
    sources: Sequence[str] = ()
    note: str | None = None

    def applied(self, original: Run) -> RunSpec:
        """The clone: by default with a fresh seed, and by another search with that one's defaults.

        Raises:
            UserError: anything that does not exist or is out of its bounds.
        """
        spec = spec_of(original)
        search, other = self.search or spec.search, self.search not in (None, spec.search)
        kept = {} if other or self.preset is not None else spec.search_settings
        settings = {**kept, **pairs("-s", self.search_settings)}
        search_settings(search, settings, self.preset)
        sources = listed_sources(self.sources)
        check_sources(search, sources)
        rules = {**spec.stop.model_dump(), **({} if self.budget is None else {"budget": self.budget})}
        return replace(
            spec,
            search=search,
            search_settings=settings,
            preset=self.preset,
            seed=secrets.randbits(SEED_BITS) if self.seed is None else self.seed,
            stop=build_model(rules, Stop, "Stop rules"),
            sources=sources,
            note=spec.note if self.note is None else self.note,
        )


def changes_of(flags: str) -> Changes:
    """What is typed as on the command line: `--search genetic -s population=20 --budget 500`.

    Raises:
        UserError: a flag that a clone does not have, or one without its value.
    """
    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise UserError(f"{flags!r}: {error}.") from None
    given: dict[str, list[str]] = {}
    for word in (each := iter(words)):
        flag, equals, value = word.partition("=")
        if flag not in _FLAGS:
            raise unknown_name("option of a clone", flag, _FLAGS)
        value = value if equals else next(each, "")
        if not value:
            raise UserError(f"{flag} needs a value.")
        given.setdefault(_FLAGS[flag], []).append(value)
    last = {name: values[-1] for name, values in given.items()}
    return Changes(
        search=last.get("search"),
        search_settings=tuple(given.get("settings", ())),
        preset=last.get("preset"),
        budget=_whole("--budget", last.get("budget")),
        seed=_whole("--seed", last.get("seed")),
        sources=tuple(given.get("sources", ())),
        note=last.get("note"),
    )


def _whole(flag: str, text: str | None) -> int | None:
    if text is not None and not text.lstrip("-").isdigit():
        raise UserError(f"{flag} takes a whole number, got {text!r}.")
    return None if text is None else int(text)


def listed_sources(given: Sequence[str]) -> tuple[str, ...]:
    """What `--from` names, by repetition or with commas; `auto` where it says nothing.

    Raises:
        UserError: nothing between two commas.
    """
    names = [name.strip() for text in given for name in text.split(",")]
    if not all(names):
        raise UserError(f"--from takes {AUTO}, {NONE} or runs with commas between them, got {','.join(given)!r}.")
    return tuple(dict.fromkeys(names)) or (AUTO,)


def chosen_workload(name_or_path: str, layers: Sequence[str]) -> Workload:
    """The whole network, or some of its layers, each once."""
    workload = load_workload(name_or_path)
    if not layers:
        return workload
    if len(layers) == 1:
        return workload.single(layers[0])
    items = tuple(WorkloadLayer(workload.layer(name)) for name in layers)
    joined = "+".join(item.name for item in items)
    return Workload(f"{workload.name}/{joined}", items, workload.description, workload.source)


def chosen_task(
    arch: str,
    workload: str,
    layers: Sequence[str],
    *,
    objectives: Sequence[str] = (),
    targets: Sequence[str] = (),
    technology: str,
    criterion: str,
) -> Task:
    """The task that the options describe; the task itself refuses what it does not know."""
    wanted: dict[str, Any] = {"objectives": tuple(objectives)} if objectives else {}
    return Task(
        template=load_template(arch),
        workload=chosen_workload(workload, layers),
        targets=tuple(Target.parse(text) for text in targets),
        technology=technology,  # type: ignore[arg-type]  # checked by the task
        criterion=criterion,  # type: ignore[arg-type]
        **wanted,
    )


def optional_task(
    arch: str | None, workload: str | None, layers: Sequence[str], *, technology: str, criterion: str
) -> Task | None:
    """The task that the options describe, or None where they describe none.

    Raises:
        UserError: half of one.
    """
    if arch is not None and workload is not None:
        return chosen_task(arch, workload, layers, technology=technology, criterion=criterion)
    if arch is None and workload is None and not layers:
        return None
    raise UserError("--arch and --workload belong together, and --layer to them: give both.")
