"""A new run as a form: its fields, what each can be, and what all of them together come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import getdoc
from shlex import quote
from typing import Any, Final

from pydantic import BaseModel

from store.database import Lab
from workbench.errors import UserError
from workbench.executors.table import SAID, check_here, installed
from workbench.knowledge import known_runs, ranked
from workbench.problem.metrics import METRIC_UNITS
from workbench.problem.task import BaseTask
from workbench.problem.tasks import hardware
from workbench.problem.template import bundled_archs, load_template
from workbench.problem.workload import bundled_workloads, load_workload
from workbench.runner import BATCH, make_simulator
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.views.quantity import count, gist, magnitude, metric, si
from workbench.views.request import RunRequest
from workbench.views.settings import settings_table
from workbench.workers import Workers

SEARCH, SIMULATOR = "-s ", "--sim "
"""What the names of the fields of a search's and a simulator's settings begin with."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name, its label, what an empty one means, and what can be said of it."""

    name: str
    label: str
    default: str = ""
    help: str = ""


FIELDS: Final = (
    Field("arch", "architecture", "", "A bundled one, or a file."),
    Field("workload", "workload", "", "A bundled network, or a file."),
    Field("layers", "layers", "all", "Some of the network's, with commas."),
    Field("objectives", "minimise", "latency_cycles, energy_pj", f"With commas: {', '.join(METRIC_UNITS)}."),
    Field("targets", "targets", "none", "Limits to meet, with commas, as energy_pj<=2e9."),
    Field("search", "search", "", "How designs are chosen."),
    Field("preset", "preset", "none", "Settings of the search under one name."),
    Field("simulator", "simulator", "", "What evaluates designs."),
    Field("budget", "budget", str(Stop().budget), "Designs to evaluate, known ones included."),
    Field("wall_seconds", "seconds", "no limit", "Stop after so many seconds of work."),
    Field("stalled_steps", "stalled steps", "no limit", "Stop after so many steps without gain in hypervolume."),
    Field("sources", "sources", "auto", "What a search that transfers learns from: auto, none, or runs with commas."),
    Field("seed", "seed", "a fresh one", "Makes the run repeatable."),
    Field("batch", "batch", str(BATCH), "Designs of one step, simulated at once."),
    Field("technology", "technology", "common", "common: one 28 nm model; own: the architecture's costs."),
    Field("criterion", "criterion", "edp", "What each layer's mapping is chosen by."),
    Field("note", "note", "none", "A remark that is kept with the run."),
    Field("jobs", "jobs", "all cores", "Processes that simulate at once; changes no result."),
    Field("executor", "executor", "loky", "What simulates: serial, loky, dask, dask://HOST:PORT or ray."),
    Field("batch_seconds", "batch seconds", "no limit", "Give a design up whose simulation takes longer."),
    Field("slots", "slots", "one for each core", "Wait until fewer than so many runs of the lab are at work."),
)
FIRST: Final = {
    "arch": "tpu_like",
    "workload": "alexnet",
    "layers": "conv2",
    "search": "guided",
    "simulator": "loopnest",
}
"""What a new form holds."""

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Handling:
    """What is no part of the run: how it is worked on; None means that nothing was said."""

    slots: int | None
    jobs: int | None
    executor: str | None
    batch_seconds: float | None

    def flags(self) -> str:
        """As they are typed."""
        given = {f"--{name.replace('_', '-')}": value for name, value in asdict(self).items() if value is not None}
        return "".join(f" {flag} {quote(str(value))}" for flag, value in given.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filled form comes to: a run that can be asked for, or the first thing that is wrong with it."""

    request: RunRequest | None
    problem: str | None
    lines: tuple[str, ...]
    """What was chosen, in words."""
    command: str
    search: tuple[Field, ...]
    simulator: tuple[Field, ...]


def judge(values: Values) -> Verdict:
    """Checks a form as `dse run` would."""
    search, simulator = _fields(SEARCHES, values, "search", SEARCH), _fields(SIMULATORS, values, "simulator", SIMULATOR)
    lines = _chosen(values)
    command, request = "", None
    try:
        asked = request_of(values)
        command = f"{asked.command()}{handling_of(values).flags()} --detach"
        spec = asked.spec()
        request, lines = asked, (*lines, _task_words(spec.task))
        return Verdict(request, None, lines, command, search, simulator)
    except UserError as error:
        return Verdict(None, str(error), lines, command, search, simulator)


def request_of(values: Values) -> RunRequest:
    """What the form asks for, as it was typed.

    Raises:
        UserError: a number is none, or what a run needs is missing.
    """
    for name in ("arch", "workload", "search", "simulator"):
        if not _text(values, name):
            raise UserError(f"{name} is missing: type one, or choose it by ctrl+o.")
    return RunRequest(
        arch=_text(values, "arch"),
        workload=_text(values, "workload"),
        layers=_listed(values, "layers"),
        search=_text(values, "search"),
        search_settings=_settings(values, SEARCH),
        preset=_text(values, "preset") or None,
        simulator=_text(values, "simulator"),
        simulator_settings=_settings(values, SIMULATOR),
        objectives=_listed(values, "objectives"),
        targets=_listed(values, "targets"),
        technology=_text(values, "technology") or "common",
        criterion=_text(values, "criterion") or "edp",
        stop={
            "budget": whole(values, "budget"),
            "wall_seconds": _number(values, "wall_seconds"),
            "stalled_steps": whole(values, "stalled_steps"),
        },
        batch=whole(values, "batch"),
        seed=whole(values, "seed"),
        sources=_listed(values, "sources"),
        note=_text(values, "note"),
    )


def whole(values: Values, name: str) -> int | None:
    """A whole number, or None where the field is empty.

    Raises:
        UserError: it is none, or below 1 where it counts processes or runs.
    """
    text = _text(values, name)
    if not text:
        return None
    try:
        number = int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise UserError(f"{name} must be a whole number, got {text!r}.") from None
    if name in ("jobs", "slots") and number < 1:
        raise UserError(f"{name} must be at least 1, got {number}.")
    return number


def _number(values: Values, name: str) -> float | None:
    text = _text(values, name)
    try:
        return float(text) if text else None
    except ValueError:
        raise UserError(f"{name} must be a number, got {text!r}.") from None


def _text(values: Values, name: str) -> str:
    return values.get(name, "").strip()


def _listed(values: Values, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in values.get(name, "").split(",") if part.strip())


def _settings(values: Values, prefix: str) -> tuple[str, ...]:
    given = {key.removeprefix(prefix): text.strip() for key, text in values.items() if key.startswith(prefix)}
    return tuple(f"{key}={text}" for key, text in given.items() if text)


def handling_of(values: Values) -> Handling:
    """How the form asks that the run is worked on; that a scheduler answers is seen when it begins.

    Raises:
        UserError: a number is none or too small, or there is no such executor here.
    """
    jobs, executor = whole(values, "jobs"), _text(values, "executor") or None
    asked = Handling(whole(values, "slots"), jobs, executor, _number(values, "batch_seconds"))
    Workers(jobs, executor, asked.batch_seconds)
    if executor is not None:
        check_here(executor, jobs)
    return asked


def _fields(table: Mapping[str, Any], values: Values, name: str, prefix: str) -> tuple[Field, ...]:
    """The settings of the search or simulator that is chosen."""
    chosen = table.get(_text(values, name))
    if chosen is None:
        return ()
    return tuple(_setting(prefix, row) for row in settings_table(chosen.Settings))


def _setting(prefix: str, row: Mapping[str, Any]) -> Field:
    default = row["default"]
    shown = json.dumps(default) if isinstance(default, bool | list | tuple | dict) else str(default)
    return Field(f"{prefix}{row['name']}", row["name"], shown, f"{row['allowed']}. {row['help']}")


# What was chosen, in words


def _chosen(values: Values) -> tuple[str, ...]:
    lines = []
    for name, words in (("arch", arch_words), ("workload", workload_words)):
        try:
            lines.append(words(_text(values, name)))
        except UserError:
            continue  # the verdict says it
    for name, table in (("search", SEARCHES), ("simulator", SIMULATORS)):
        chosen = table.get(_text(values, name))
        if chosen is not None:
            lines.append(f"{_text(values, name)}: {summary(chosen)}")
    return tuple(lines)


def arch_words(name: str) -> str:
    """An architecture in one line."""
    template = load_template(name)
    nominal = template.nominal()
    array = "x".join(str(size) for _, size in nominal.array)
    return (
        f"{template.name}: {array} PEs, {len(nominal.memories)} memories, {metric('area_um2', nominal.area_um2)}, "
        f"{len(template.space.axes)} axes, {magnitude(template.space.size)} designs; {gist(template.file.description)}"
    )


def workload_words(name: str) -> str:
    """A network in one line."""
    workload = load_workload(name)
    macs = sum(item.layer.macs for item in workload.layers)
    return f"{workload.name}: {count(len(workload.layers))} layers, {si(macs, 'MAC')}; {gist(workload.description)}"


def summary(chosen: Any) -> str:
    """What a search or simulator says of itself."""
    said = getattr(chosen, "summary", None)
    return str(said) if said else (getdoc(chosen) or "").partition("\n")[0]


def _task_words(task: BaseTask) -> str:
    targets = f", with {', '.join(map(str, task.targets))}" if task.targets else ""
    least = ", ".join(task.objectives)
    return f"task: {magnitude(task.space.size)} designs for {task.names[1]}; least {least}{targets}"


# What a field can be


Choices = Sequence[tuple[str, str]]


def choices(name: str, values: Values, lab: Lab | None) -> Choices:
    """What there is for a field, each with what can be said of it; nothing for one that is free.

    Raises:
        UserError: it depends on another field, which is not right.
    """
    if name == "arch":
        return [(each, _behind_name(arch_words(each))) for each in bundled_archs()]
    if name == "workload":
        return [(each, _behind_name(workload_words(each))) for each in bundled_workloads()]
    if name == "layers":
        items = load_workload(_text(values, "workload")).layers
        return [(item.name, f"{si(item.layer.macs, 'MAC')}") for item in items]
    if name == "search":
        return [(each, summary(search)) for each, search in SEARCHES.items()]
    if name == "simulator":
        return [(each, summary(simulator)) for each, simulator in SIMULATORS.items()]
    if name == "objectives":
        return list(METRIC_UNITS.items())
    if name == "technology":
        return [("common", "one 28 nm model for all"), ("own", "the architecture file's own costs")]
    if name == "criterion":
        return [(each, "") for each in ("latency", "energy", "edp")]
    if name == "executor":
        return [(each, said) for each, said in SAID.items() if installed(each)]
    if name == "preset":
        search = SEARCHES.get(_text(values, "search"))
        return [(each, str(dict(content))) for each, content in search.presets.items()] if search else []
    if name == "sources":
        return _sources(values, lab)
    return _of_setting(name, values)


def _behind_name(words: str) -> str:
    return words.partition(": ")[2]


def _sources(values: Values, lab: Lab | None) -> Choices:
    """The lab's, the likest first."""
    fixed = [("auto", "the best of the lab"), ("none", "nothing")]
    if lab is None:
        return fixed
    spec = request_of(values).spec()
    fingerprint = make_simulator(spec.simulator, spec.simulator_settings).fingerprint
    found = ranked(known_runs(lab, spec.simulator), hardware(spec.task), fingerprint)
    return fixed + [
        (
            ",".join(str(run.id) for run in known.runs),
            f"{' on '.join(known.task.names)}, {count(known.points)} designs, "
            f"likeness {like.similarity.value:.3f}{'' if like.compares else ', does not compare'}",
        )
        for known, like in found
    ]


def _of_setting(name: str, values: Values) -> Choices:
    """Of a setting that is one of some words, these."""
    for table, field, prefix in ((SEARCHES, "search", SEARCH), (SIMULATORS, "simulator", SIMULATOR)):
        chosen: Any = table.get(_text(values, field))
        if name.startswith(prefix) and chosen is not None:
            return _words(chosen.Settings, name.removeprefix(prefix))
    return []


def _words(settings: type[BaseModel], name: str) -> Choices:
    allowed = next((row["allowed"] for row in settings_table(settings) if row["name"] == name), "")
    if allowed == "yes or no":
        return [("true", ""), ("false", "")]
    return [(word.strip(), "") for word in allowed.split("|")] if "|" in allowed else []
