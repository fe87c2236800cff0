"""What would make the same run or design again: a command where the names still mean what they did, and the data.

A run holds its task, not the files it came from. So a command by names is given only where those names lead to the very
task and simulator of the run; anywhere else the command takes both from the run in its lab.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal, get_args

import yaml
from pydantic import BaseModel

from models.recipe import Recipe
from store.address import Where
from store.database import Lab
from store.rows import Point, Run
from workbench.errors import UserError, WorkbenchError, unknown_name
from workbench.knowledge import NONE
from workbench.library import bare_outcome
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Metrics
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import task_of
from workbench.runner import BATCH, make_simulator
from workbench.searches import SEARCHES, search_settings
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.views.cloud import Cloud
from workbench.views.corequest import CoRequest
from workbench.views.detail import Neighbour, read
from workbench.views.points import the_point
from workbench.views.request import RunRequest, chosen_task
from workbench.views.runs import sources
from workbench.views.settings import pairs

Form = Literal["yaml", "json", "command"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
_RULES: Final = ("wall_seconds", "stalled_steps")


def design_text(lab: Lab, run: Run, seq: int, form: str, neighbours: int = 0) -> str:
    """A design of a run to take along, in one of the forms; as data with so many neighbours at most.

    Raises:
        UserError: there is no such point or form.
    """
    if form not in FORMS:
        raise unknown_name("form of a design", form, FORMS)
    point, task = the_point(lab, run, seq), task_of(json.loads(run.task))
    if form == "command":
        return design_command(lab.path, run, task, point)
    content = design_data(lab.path, run, task, point)
    if neighbours:
        content["neighbours"] = [_near(each) for each in _neighbours(lab, run, task, seq, neighbours)]
    if form == "json":
        return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110).rstrip("\n")


def design_data(lab: Where, run: Run, task: BaseTask, point: Point) -> dict[str, Any]:
    """A design with what it is for, where it comes from and what it costs."""
    outcome = bare_outcome(point, task.clock_mhz)
    built = isinstance(outcome, Metrics)
    return {
        "arch": run.arch,
        "workload": run.workload,
        **({"technology": task.technology, "criterion": task.criterion} if isinstance(task, Task) else {}),
        "simulator": run.fingerprint,
        "design": task.space.values(task.space.unpack(point.codes)),
        "metrics": outcome.known(task.metrics) if isinstance(outcome, Metrics) else None,
        "infeasible": None if built else _plain(asdict(outcome)),
        "run": {"number": run.id, "uuid": run.uuid, "search": run.search, "seed": run.seed},
        "point": point.seq,
        "step": point.step,
        "command": design_command(lab, run, task, point),
    }


def _neighbours(lab: Lab, run: Run, task: BaseTask, seq: int, most: int) -> Sequence[Neighbour]:
    return read(lab, run, Cloud.read(lab, run.id, task), seq, most).neighbours


def _near(found: Neighbour) -> dict[str, Any]:
    """A neighbour as data: the values on the axes on which it differs, and what it costs or why it cannot be built."""
    row = found.row
    infeasible = None if row.metrics else {"reason": row.reason, "resource": row.resource}
    changes = {axis: there for axis, _, there in found.changes}
    return {"point": row.seq, "changes": changes, "metrics": dict(row.metrics) or None, "infeasible": infeasible}


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, which YAML has no word for."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def design_command(lab: Where, run: Run, task: BaseTask, point: Point) -> str:
    """The command that evaluates the same design again; of a co-exploration, the one that shows it."""
    if not isinstance(task, Task):
        return shlex.join(["dse", "show", run.uuid[:12], "--point", str(point.seq), "--db", str(lab)])
    named = _by_name(run, task)
    if named is None:
        return shlex.join(["dse", "evaluate", "--run", run.uuid[:12], "--point", str(point.seq), "--db", str(lab)])
    arch, workload, layers, simulator = named
    words = ["dse", "evaluate", "--arch", arch, "--workload", workload, *_flags("--layer", layers)]
    words += _flags("--simulator", [run.simulator] if run.simulator != "loopnest" else [])
    words += _flags("--sim", simulator)
    words += _flags("--technology", [task.technology] if task.technology != "common" else [])
    words += _flags("--criterion", [task.criterion] if task.criterion != "edp" else [])
    values = task.space.values(task.space.unpack(point.codes))
    return shlex.join([*words, *_flags("--set", (f"{axis}={value}" for axis, value in values.items()))])


def run_command(lab: Lab, run: Run) -> str | None:
    """The command that asks for the same run; None where its names lead elsewhere, or nowhere."""
    task, searching = task_of(json.loads(run.task)), _search(run)
    if isinstance(task, CoTask):
        return None if searching is None else _co_command(lab, run, task, searching)
    if not isinstance(task, Task):
        return None
    named = _by_name(run, task)
    if named is None or searching is None:
        return None
    arch, workload, layers, simulator = named
    stop = json.loads(run.stop)
    usual = Stop().model_dump()
    return RunRequest(
        arch=arch,
        workload=workload,
        layers=layers,
        search=run.search,
        search_settings=searching,
        preset=None,
        simulator=run.simulator,
        simulator_settings=simulator,
        objectives=task.objectives,
        targets=_targets(task),
        technology=task.technology,
        criterion=task.criterion,
        stop={name: value for name, value in stop.items() if name == "budget" or value != usual.get(name)},
        batch=run.batch if run.batch != BATCH else None,
        seed=run.seed,
        sources=_sources(lab, run),
        note=run.note,
        asynchronous=run.asynchronous,
    ).command()


def _co_command(lab: Lab, run: Run, task: CoTask, searching: Sequence[str]) -> str | None:
    """Of a co-exploration."""
    recipe = _settings(dict(task.recipe), Recipe)
    paths = {network.data: network.data_path for network in task.networks if network.data_path is not None}
    request = CoRequest(
        chip=task.template.name,
        networks=[f"{n.label}={n.family.name}:{n.data}:{n.weight!r}" for n in task.networks],
        fixed=[f"{axis}={value}" for axis, value in task.fixed.items()],
        data_paths=[f"{data}={path}" for data, path in paths.items()],
        recipe=recipe,
        train_seeds=task.seeds,
        mode=json.loads(run.simulator_settings)["mode"],
        objectives=task.objectives,
        targets=_targets(task),
        search=run.search,
        search_settings=searching,
        stop={name: value for name, value in json.loads(run.stop).items() if name in ("budget", *_RULES)},
        batch=run.batch,
        seed=run.seed,
        sources=_sources(lab, run),
        note=run.note,
    )
    try:
        same = request.spec(lab)
    except WorkbenchError:
        return None
    return request.command() if same.task.key == task.key else None


def _search(run: Run) -> list[str] | None:
    """The settings of its search as one would type them; None where that would be another search now."""
    if run.search not in SEARCHES:
        return None
    content = json.loads(run.search_settings)
    typed = _settings(content, SEARCHES[run.search].Settings)
    try:
        same = search_settings(run.search, pairs("-s", typed)).model_dump(mode="json")
    except UserError:
        return None
    return typed if same == content else None


def _sources(lab: Lab, run: Run) -> list[str]:
    """What it was given to learn from, by the numbers of the runs that are still there."""
    if not SEARCHES[run.search].transfers:
        return []
    return [str(source["run"]) for source in sources(lab, run.id) if source["run"] is not None] or [NONE]


def _by_name(run: Run, task: Task) -> tuple[str, str, list[str], list[str]] | None:
    """Architecture, workload, layers and simulator settings as one would type them, if they mean the run's own."""
    workload, _, layer = run.workload.partition("/")
    layers = layer.split("+") if layer else []
    try:
        same = chosen_task(
            run.arch,
            workload,
            layers,
            objectives=task.objectives,
            targets=_targets(task),
            technology=task.technology,
            criterion=task.criterion,
        )
        if run.simulator not in SIMULATORS or same.key != task.key:
            return None
        settings = _settings(json.loads(run.simulator_settings), SIMULATORS[run.simulator].Settings)
        simulator = make_simulator(run.simulator, pairs("--sim", settings))
    except WorkbenchError:
        return None
    return (run.arch, workload, layers, settings) if simulator.fingerprint == run.fingerprint else None


def _targets(task: BaseTask) -> list[str]:
    return [f"{target.metric}<={target.bound!r}" for target in task.targets]


def _settings(given: Mapping[str, Any], model: type[BaseModel]) -> list[str]:
    """`NAME=VALUE` for each that differs from the default."""
    usual = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    return [f"{name}={value}" for name, value in given.items() if value is not None and value != usual.get(name)]


def _flags(flag: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]
