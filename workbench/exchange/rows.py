"""The rows of a sheet: evaluations with all that makes them comparable; of a run, one for each design and layer.

Each row stands for itself, so a sheet can be sorted, cut and joined by any program. What `import` takes back are the
evaluations; the columns about a run's designs are for reading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from store.database import Lab
from store.errors import BadExportError
from store.lines import Numbered, record
from store.rows import METRICS, Context, Evaluation, Point
from workbench.exchange.rests import Rests
from workbench.executor import Part

Row = Mapping[str, Any]
Kind = type[str] | type[int] | type[float]

CONTEXT: Final[dict[str, Kind]] = dict.fromkeys(("context", "simulator", "fingerprint", "layer"), str)
"""The context's key in hexadecimal, the simulator with its version and settings, and the layer as JSON."""
OUTCOME: Final[dict[str, Kind]] = {"key": str, **dict.fromkeys(METRICS, float), "infeasible": str, "detail": str}
"""The key of the concrete architecture, what it costs, or why it cannot be built, and the breakdown as JSON."""
EVALUATION: Final = CONTEXT | OUTCOME
DESIGN: Final[dict[str, Kind]] = {
    "run": str,
    "seq": int,
    "step": int,
    **{f"design.{metric}": float for metric in METRICS},
    "design.infeasible": str,
    "layer.name": str,
    "layer.count": int,
}
"""The run's uuid, the design's place in it and what it costs as a whole; which layer the row is about."""
AXIS: Final = "axis."
_AT_ONCE: Final = 10_000


@dataclass(frozen=True)
class Sheet:
    """Columns with what they hold, and rows that have a value, or None, for each."""

    columns: Mapping[str, Kind]
    rows: Iterator[Row]


def of_contexts(lab: Lab, numbers: Collection[int] | None) -> Sheet:
    """All evaluations of some contexts; None: of all."""
    contexts = lab.contexts() if numbers is None else lab.contexts(numbers)
    return Sheet(EVALUATION, (row for context in contexts for row in _of_context(lab, context)))


def _of_context(lab: Lab, context: Context) -> Iterator[Row]:
    after = b""
    while page := lab.evaluations(context.key, after_key=after, limit=_AT_ONCE):
        yield from (_evaluation(context, evaluation) for evaluation in page)
        after = page[-1].key


def of_runs(lab: Lab, rested: Sequence[Rests]) -> Sheet:
    """For each design of some runs its evaluations; one without any has a row all the same."""
    contexts = {context.key: context for context in lab.contexts()}
    kinds = dict[str, set[Kind]]()
    for each in rested:
        for axis in each.task.space.axes:
            kinds.setdefault(axis.name, set()).update(type(choice) for choice in axis.choices)
    axes: dict[str, Kind] = {AXIS + name: _common(found) for name, found in kinds.items()}
    columns = {**DESIGN, **axes, **EVALUATION}
    return Sheet(columns, (row for each in rested for row in _of_run(lab, each, contexts, columns)))


def _common(kinds: set[Kind]) -> Kind:
    if str in kinds:
        return str
    return float if float in kinds else int


def _of_run(lab: Lab, rests: Rests, contexts: Mapping[bytes, Context], columns: Mapping[str, Kind]) -> Iterator[Row]:
    for point, _, found in rests.evaluations(lab):
        design = _design(rests, point, columns)
        for part, evaluation in found:
            yield {**design, **_layer(part), **_evaluation(contexts[evaluation.context], evaluation)}
        if not found:
            yield {**dict.fromkeys(columns), **design}


def _design(rests: Rests, point: Point, columns: Mapping[str, Kind]) -> dict[str, Any]:
    values = rests.task.space.values(rests.task.space.unpack(point.codes))
    axes = {AXIS + name: columns[AXIS + name](choice) for name, choice in values.items()}
    costs = {f"design.{name}": getattr(point, name) for name in (*METRICS, "infeasible")}
    absent = dict.fromkeys(name for name in columns if name.startswith(AXIS))
    return {"run": rests.run.uuid, "seq": point.seq, "step": point.step, **costs, **absent, **axes}


def _layer(part: Part) -> dict[str, Any]:
    return {"layer.name": part.task.workload.name, "layer.count": part.count}


def _evaluation(context: Context, evaluation: Evaluation) -> dict[str, Any]:
    of_context = zip(CONTEXT, (context.key.hex(), *context[1:]), strict=True)
    outcome = zip(OUTCOME, (evaluation.key.hex(), *evaluation[2:]), strict=True)
    return {**dict(of_context), **dict(outcome)}


def check_columns(columns: Sequence[str], where: str) -> None:
    """Refuse a sheet that is not one of ours.

    Raises:
        BadExportError: it lacks a column, has one twice, or one that no sheet of ours has.
    """
    known = {*EVALUATION, *DESIGN}
    for name in columns:
        if columns.count(name) > 1:
            raise BadExportError(f"{where}, line 1: it has the column {name!r} twice.")
        if name not in known and not name.startswith(AXIS):
            raise BadExportError(
                f"{where}, line 1: {name[:60]!r} is no column of an export of a lab, as 'dse db export' writes it."
            )
    lacking = [name for name in EVALUATION if name not in columns]
    if lacking:
        raise BadExportError(
            f"{where}, line 1: it has no column {', '.join(lacking)}, so it is no export of a lab, as 'dse db export' "
            "writes it."
        )


def records(rows: Iterable[tuple[int, Row]], where: str) -> Iterator[Numbered]:
    """The evaluations of a sheet, and the contexts that they are of, with the numbers of their lines.

    Raises:
        BadExportError: a row is no evaluation, or says of its context something else than one before.
    """
    contexts = dict[str, tuple[int, tuple[Any, ...]]]()
    for line, row in rows:
        if all(row[name] is None for name in EVALUATION):
            continue  # a design of which the lab had no evaluation
        told = tuple(row[name] for name in CONTEXT)
        try:
            if told[0] not in contexts:
                contexts[told[0]] = (len(contexts) + 1, told)
                of_context = dict(zip(("key", *CONTEXT), (told[0], *told), strict=True))
                del of_context["context"]
                yield line, record({"table": "context", "id": len(contexts), **of_context})
            number, before = contexts[told[0]]
            if told != before:
                raise ValueError(f"it does not say of context {told[0]} what a line before says: one is wrong")
            outcome = {name: _value(row, name) for name in OUTCOME if name != "detail"}
            yield line, record({"table": "evaluation", "context_id": number, **outcome})
            if row["detail"] is not None:
                detail = {"key": row["key"], "detail": row["detail"]}
                yield line, record({"table": "evaluation_detail", "context_id": number, **detail})
        except ValueError as error:
            raise BadExportError(f"{where}, line {line}: {error}.") from error


def _value(row: Row, name: str) -> Any:
    value = row[name]
    if OUTCOME[name] is float and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError(f"{name} cannot be {value[:40]!r}") from None
    return value
