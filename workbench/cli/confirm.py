"""A front confirmed: its members simulated on a second simulator, and both outcomes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from json import loads
from statistics import median
from typing import Any

from rich.console import Console

from store.database import Lab
from store.rows import Run
from workbench.cli.output import Column, number, say, table, words
from workbench.errors import UserError
from workbench.evaluations import evaluate_kept
from workbench.pareto import non_dominated
from workbench.problem.metrics import METRIC_UNITS, Infeasible, Metrics, Outcome
from workbench.problem.tasks import hardware
from workbench.runner import make_simulator
from workbench.simulators.base import Simulator
from workbench.simulators.fused.simulator import Fused
from workbench.views.quantity import METRIC_WORDS, count, metric
from workbench.views.settings import pairs
from workbench.views.stored import StoredRun
from workbench.workers import Workers

PER_TABLE, PER_WIDE_TABLE, WIDE = 2, 3, 110
"""Objectives side by side, by the columns there are."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the second simulator says of a front's members, by their seq."""

    simulator: Simulator
    outcomes: Mapping[int, Outcome]
    stays: frozenset[int]
    """Those that are on the front by its numbers, too."""

    def columns(self, member: Mapping[str, Any]) -> dict[str, Any]:
        """What a line of CSV holds more."""
        outcome = self.outcomes[member["seq"]]
        built = outcome if isinstance(outcome, Metrics) else None
        reason = outcome.reason if isinstance(outcome, Infeasible) else None
        values = [*(built and built.get(name) for name in METRIC_UNITS), reason]
        return dict(zip(confirmed_columns(), values, strict=True))

    def payload(self, member: Mapping[str, Any]) -> dict[str, Any]:
        """What a member in JSON holds more."""
        outcome = self.outcomes[member["seq"]]
        built = outcome if isinstance(outcome, Metrics) else None
        return {
            **{name: built and built.get(name) for name in METRIC_UNITS},
            "difference": {name: _difference(member, outcome, name) for name in METRIC_UNITS},
            "infeasible": asdict(outcome) if isinstance(outcome, Infeasible) else None,
            "on_front": member["seq"] in self.stays,
        }


def confirmed_columns() -> list[str]:
    """The names of what a confirmed front has more in CSV."""
    return [f"confirmed_{name}" for name in (*METRIC_UNITS, "infeasible")]


def confirming_simulator(name: str | None, settings: Sequence[str], fingerprint: str) -> Simulator | None:
    """The second simulator, if one is asked for; `fingerprint` is that of the first.

    Raises:
        UserError: it does not exist, or is the first one.
    """
    if name is None:
        if settings:
            raise UserError("--confirm-sim sets the simulator that --confirm names: give --confirm, too.")
        return None
    simulator = make_simulator(name, pairs("--confirm-sim", settings))
    if simulator.fingerprint == fingerprint:
        raise UserError(f"--confirm {name} confirms nothing: {fingerprint!r} is what the run is simulated on.")
    return simulator


def beside(simulator: str, settings: Mapping[str, Any]) -> Simulator | None:
    """What the front of a run is shown on as well because the run says so: layer by layer, where it is fused."""
    first = make_simulator(simulator, settings) if simulator == Fused.name else None
    return first.beside() if isinstance(first, Fused) else None


def beside_of(row: Run) -> Simulator | None:
    """The same of a stored run."""
    return beside(row.simulator, loads(row.simulator_settings))


def confirm(lab: Lab, run: StoredRun, simulator: Simulator, workers: Workers) -> Confirmation:
    """The front's members on the second simulator: through the lab, so that it is asked only once."""
    task, points = hardware(run.task), run.front
    designs = [task.space.unpack(point.codes) for point in points]
    if designs:
        say(f"confirming the front, {_members(len(designs))}, on {simulator.fingerprint}")
    evaluated = [e for batch in evaluate_kept(lab, simulator, task, designs, workers) for e in batch.evaluated]
    outcomes = {point.seq: e.outcome for point, e in zip(points, evaluated, strict=True)}
    built = [(seq, task.values(outcome)) for seq, outcome in outcomes.items() if isinstance(outcome, Metrics)]
    mask = non_dominated([values for _, values in built]).tolist() if built else []
    stays = frozenset(seq for (seq, _), member in zip(built, mask, strict=True) if member)
    if designs:
        known = sum(e.cached for e in evaluated)
        say(f"  {count(len(evaluated) - known)} simulated, {count(known)} known from the lab")
    return Confirmation(simulator, outcomes, stays)


Members = Sequence[Mapping[str, Any]]


def print_confirmation(
    console: Console, run: StoredRun, members: Members, confirmation: Confirmation, shown: Members
) -> None:
    """Objectives of the members shown by both simulators, a few to a table as the width allows; the gist of all."""
    if not members:
        return
    console.print()
    console.print(words(f"The front on {confirmation.simulator.fingerprint}", "bold"))
    objectives = run.task.objectives
    most = PER_WIDE_TABLE if console.width >= WIDE else PER_TABLE
    for start in range(0, len(objectives), most):
        _print_objectives(console, shown, confirmation, objectives[start : start + most])
    differences = [f"{METRIC_WORDS[o]} {_typical(members, confirmation, o)}" for o in objectives]
    built = [m for m in members if isinstance(confirmation.outcomes[m["seq"]], Metrics)]
    console.print(f"median difference: {', '.join(differences)}")
    console.print(
        f"on the front by its numbers, too: {count(len(confirmation.stays))} of {_members(len(members))}"
        + (f"; {count(len(members) - len(built))} cannot be built" if len(built) < len(members) else "")
    )


def _print_objectives(
    console: Console, members: Members, confirmation: Confirmation, objectives: Sequence[str]
) -> None:
    columns = [number("seq", "point")]
    for name in objectives:
        word = METRIC_WORDS[name]
        columns += [
            number(name, word, _shower(name)),
            number(f"confirmed_{name}", "confirmed", _shower(name)),
            number(f"difference_{name}", "diff.", _percent),
        ]
    columns.append(Column("front", "front", whole=True))
    rows = []
    for member in members:
        outcome = confirmation.outcomes[member["seq"]]
        row = {**member, **confirmation.columns(member)}
        row |= {f"difference_{name}": _difference(member, outcome, name) for name in objectives}
        rows.append({**row, "front": "yes" if member["seq"] in confirmation.stays else "no"})
    console.print(table(columns, rows))


def _members(n: int) -> str:
    """`1 member`, `12 members`."""
    return f"{count(n)} member{'' if n == 1 else 's'}"


def _difference(member: Mapping[str, Any], outcome: Outcome, name: str) -> float | None:
    """How far the second lies above the first, as a part of the first."""
    first = member[name]
    return outcome.get(name) / first - 1 if isinstance(outcome, Metrics) and first else None


def _typical(members: Members, confirmation: Confirmation, name: str) -> str:
    found = [_difference(member, confirmation.outcomes[member["seq"]], name) for member in members]
    known = [each for each in found if each is not None]
    return _percent(median(known)) if known else "-"


def _percent(share: float) -> str:
    return f"{share * 100:+.1f}%"


def _shower(name: str) -> Any:
    return lambda value: metric(name, value)
