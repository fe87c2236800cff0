"""A comparison of two simulators shown: agreement, fronts, time, and each metric of one against the other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from workbench.cli.comparison import Answers, Comparison
from workbench.cli.options import Format
from workbench.cli.output import Column, emit_csv, emit_json, name, number, stdout, table, words
from workbench.cli.plot import ASCII, UNICODE, Names, scatter
from workbench.fidelity import Agreement, Feasibility, FrontOverlap, agreement, feasibility, front_overlap
from workbench.problem.metrics import METRIC_UNITS, Infeasible, Metrics
from workbench.views.quantity import METRIC_WORDS, count, duration

METRICS = ("latency_cycles", "energy_pj")
PLOT_WIDTH, PLOT_HEIGHT = 100, 16
Both = tuple[Answers, Answers]


def show(comparison: Comparison, answers: Both, form: Format, plot: bool) -> None:
    """The comparison in the form asked for."""
    if form == "csv":
        rows = _rows(comparison, answers)
        emit_csv(list(rows[0]), rows)
        return
    built = feasibility(*(_built(side) for side in answers))
    first, second = (_values(side, answers) for side in answers)  # (n, 2)
    found = [agreement(first[:, i], second[:, i]) for i in range(len(METRICS))] if built.both else []
    overlap = front_overlap(first, second) if built.both else None
    if form == "json":
        emit_json(_payload(comparison, answers, built, found, overlap))
        return
    console = stdout()
    _print_heading(console, comparison, built)
    if overlap is None:
        console.print("There is nothing to compare: no design can be built on both.")
        return
    _print_agreement(console, found)
    _print_each(console, comparison, answers, built, overlap)
    if plot:
        for i, metric in enumerate(METRICS):
            _print_plot(console, comparison, metric, np.column_stack([first[:, i], second[:, i]]), overlap.second)


def _built(side: Answers) -> list[bool]:
    return [isinstance(outcome, Metrics) for outcome in side.outcomes]


def _values(side: Answers, answers: Both) -> NDArray[np.float64]:
    """Metrics of the designs that can be built on both.  # (n, 2)"""
    kept = [
        [outcome.get(metric) for metric in METRICS]
        for outcome, here, there in zip(side.outcomes, *(_built(each) for each in answers), strict=True)
        if here and there and isinstance(outcome, Metrics)
    ]
    return np.array(kept, dtype=np.float64).reshape(len(kept), len(METRICS))


def _rows(comparison: Comparison, answers: Both) -> list[dict[str, Any]]:
    """A design a line: its axes, then what either simulator says, `_1` and `_2`."""
    rows = []
    for design, *outcomes in zip(comparison.designs, *(side.outcomes for side in answers), strict=True):
        row: dict[str, Any] = dict(comparison.task.space.values(design))
        for place, outcome in enumerate(outcomes, 1):
            built = outcome if isinstance(outcome, Metrics) else None
            row |= {f"{metric}_{place}": built and built.get(metric) for metric in METRIC_UNITS}
            row[f"infeasible_{place}"] = outcome.reason if isinstance(outcome, Infeasible) else None
        rows.append(row)
    return rows


def _payload(
    comparison: Comparison,
    answers: Both,
    built: Feasibility,
    found: list[Agreement],
    overlap: FrontOverlap | None,
) -> dict[str, Any]:
    task = comparison.task
    each = [side.seconds_each for side in answers]
    return {
        "arch": task.template.name,
        "workload": task.workload.name,
        "technology": task.technology,
        "criterion": task.criterion,
        "seed": comparison.seed,
        "designs": len(comparison.designs),
        "simulators": [
            {
                "label": label,
                "fingerprint": simulator.fingerprint,
                "simulated": side.simulated,
                "seconds": side.seconds,
                "seconds_each": side.seconds_each,
            }
            for label, simulator, side in zip(comparison.labels, comparison.simulators, answers, strict=True)
        ],
        "feasibility": {**asdict(built), "agreement": built.agreement},
        "metrics": {metric: asdict(value) for metric, value in zip(METRICS, found, strict=False)},
        "fronts": overlap
        and {
            "first": int(overlap.first.sum()),
            "second": int(overlap.second.sum()),
            "common": overlap.common,
            "shared": overlap.shared,
            "first_on_second": overlap.first_on_second,
            "second_on_first": overlap.second_on_first,
        },
        "time_ratio": each[1] / each[0] if each[0] and each[1] else None,
        "points": _rows(comparison, answers),
    }


def _print_heading(console: Console, comparison: Comparison, built: Feasibility) -> None:
    task = comparison.task
    first, second = comparison.labels
    console.print(words(f"{first} against {second}, {task.template.name} on {task.workload.name}", "bold"))
    console.print(f"{task.technology} technology, mapping chosen by {task.criterion}")
    sampled = f"{count(len(comparison.designs))} designs, seed {comparison.seed}"
    either = f"{count(built.both)} can be built on both, {count(built.neither)} on neither"
    console.print(f"{sampled}: {either}; they agree on {built.agreement:.0%}\n")


def _print_agreement(console: Console, found: list[Agreement]) -> None:
    columns = [
        name("metric", "metric"),
        number("spearman", "Spearman", _rank),
        number("kendall", "Kendall", _rank),
        number("median_error", "median error", _error),
        number("p95_error", "95 % below", _error),
    ]
    rows = [{"metric": METRIC_WORDS[metric], **asdict(value)} for metric, value in zip(METRICS, found, strict=True)]
    console.print(table(columns, rows))
    console.print()


def _rank(value: float) -> str:
    return f"{value:.4f}"


def _error(share: float) -> str:
    """Small errors are what one looks for, so they keep their digits."""
    return f"{share * 100:.3g} %"


def _print_each(
    console: Console, comparison: Comparison, answers: Both, built: Feasibility, overlap: FrontOverlap
) -> None:
    """What there is to say of either: the front is over latency and energy, its worth that at the other's costs."""
    each = [side.seconds_each for side in answers]
    lines: dict[str, tuple[str, str]] = {
        "version and settings": (comparison.simulators[0].fingerprint, comparison.simulators[1].fingerprint),
        "time a design": (_took(each[0]), _took(each[1])),
        "built by it alone": (count(built.first_only), count(built.second_only)),
        "front members": (count(int(overlap.first.sum())), count(int(overlap.second.sum()))),
        "worth to the other": (f"{overlap.first_on_second:.2%}", f"{overlap.second_on_first:.2%}"),
    }
    columns = [name("what", ""), *(Column(label, label) for label in comparison.labels)]
    rows = [{"what": what, **dict(zip(comparison.labels, texts, strict=True))} for what, texts in lines.items()]
    console.print(table(columns, rows))
    ratio = f"; time ratio {_ratio(each[1] / each[0])}" if each[0] and each[1] else ""
    console.print(f"{overlap.common} front members in common, {overlap.shared:.0%} of all{ratio}")
    console.print("Worth: the hypervolume of its front at the other's costs, of that of the other's own front.")


def _took(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _ratio(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _print_plot(
    console: Console, comparison: Comparison, metric: str, points: NDArray[np.float64], front: NDArray[np.bool_]
) -> None:
    """One simulator across, the other up, those on the reference's front marked."""
    first, second = comparison.labels
    glyphs = UNICODE if console.encoding.startswith("utf") and not console.legacy_windows else ASCII
    width = min(console.width, PLOT_WIDTH) if console.is_terminal else 80
    word = METRIC_WORDS[metric]
    names = Names(f"{word} on {first}", f"{word} on {second}", f"front on {second}", "others")
    console.print()
    console.print(scatter(points, front, (metric, metric), width, PLOT_HEIGHT, glyphs, names))
