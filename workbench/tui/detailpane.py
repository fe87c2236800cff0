"""A design in full, as a pane beside a plot: values, metrics, bars of energy and time, loop nests, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from workbench.problem.arch import OPERANDS
from workbench.problem.metrics import Breakdown, Metrics
from workbench.problem.task import BaseTask
from workbench.tui.widgets.bars import Bar, Bars
from workbench.views.bars import percent
from workbench.views.detail import LATENCY_PARTS, LayerDetail, Neighbour, PointDetail, energy_table, why
from workbench.views.quantity import METRIC_WORDS, count, duration, metric
from workbench.views.text import plain

_NESTS: Final = 4
"""Layers whose loop nests are shown, those that take most energy first."""


class DetailPane(VerticalScroll):
    """One point; the digits go to its neighbours."""

    DEFAULT_CSS = """
    DetailPane {
        padding: 0 1;
        & Static { width: 1fr; height: auto; }
        & Bars { margin: 1 0 0 0; }
        & .section { margin: 1 0 0 0; }
        & #nests { text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "Bottom", show=False),
        *(Binding(str(n), f"neighbour({n})", f"Neighbour {n}", show=False) for n in range(1, 9)),
    ]

    @dataclass
    class Wanted(Message):
        """A neighbour is to be looked at."""

        seq: int

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.detail: PointDetail | None = None

    def compose(self) -> ComposeResult:
        yield Static("No design is chosen yet: move the cursor.", id="head", markup=False)
        yield Bars(id="energy")
        yield Bars(id="latency")
        yield Static(id="nests", classes="section", markup=False)
        yield Static(id="neighbours", classes="section", markup=False)

    def show(self, task: BaseTask, detail: PointDetail) -> None:
        """Another point."""
        self.detail = detail
        self.query_one("#head", Static).update(_head(task, detail))
        breakdown = detail.outcome.breakdown if isinstance(detail.outcome, Metrics) else None
        energy, latency = self.query_one("#energy", Bars), self.query_one("#latency", Bars)
        energy.display = latency.display = breakdown is not None
        if breakdown is not None and isinstance(detail.outcome, Metrics):
            energy.show("energy", _energy(breakdown, detail), ("MAC", *OPERANDS))
            latency.show("latency", _latency(breakdown, detail.outcome.latency_cycles))
        nests, near = self.query_one("#nests", Static), self.query_one("#neighbours", Static)
        nests.update(
            _nests(detail.layers) if detail.layers else Text("\n".join(map(plain, detail.lines)), no_wrap=True)
        )
        nests.display = bool(detail.layers or detail.lines)
        near.update(_near(task, detail.neighbours))
        self.scroll_home(animate=False)

    def action_neighbour(self, number: int) -> None:
        if self.detail is not None and number <= len(self.detail.neighbours):
            self.post_message(self.Wanted(self.detail.neighbours[number - 1].row.seq))


def _literal(text: object) -> str:
    return plain(str(text)).replace("\n", "\\n")


def _head(task: BaseTask, detail: PointDetail) -> Text:
    row, text = detail.row, Text()
    text.append(f"point {row.seq}", "bold").append(f"  step {row.step}{', known from the lab' if row.known else ''}\n")
    reason = why(detail.outcome)
    if reason is not None:
        text.append("cannot be built: ", "bold").append(_literal(reason) + "\n")
    if isinstance(detail.outcome, Metrics):
        for key in row.metrics:
            text.append(f"{METRIC_WORDS[key]:11}", "dim").append(f"{metric(key, row.metrics[key])}")
            if key == "latency_cycles":
                text.append(f" = {duration(detail.outcome.latency_s)}", "dim")
            target = next((t for t in task.targets if t.metric == key), None)
            if target is not None:
                text.append("  met" if target.met(detail.outcome) else f"  missed: {metric(key, target.bound)}", "bold")
            text.append("\n")
    text.append("\n")
    widest = min(28, max(len(axis) for axis in row.design))
    for axis, value in row.design.items():
        text.append(f"{_literal(axis)[:widest]:{widest}} ", "dim").append(f"{_literal(value)}\n")
    text.rstrip()
    return text


def _energy(breakdown: Breakdown, detail: PointDetail) -> list[Bar]:
    """A bar for each part, in it the MACs or the operands."""
    table = energy_table(breakdown, detail.memories)
    total = sum(sum(parts.values()) for _, parts in table) or 1.0
    return [
        Bar(
            label,
            (parts.get("", 0.0), *(parts.get(operand, 0.0) for operand in OPERANDS)),
            f"{metric('energy_pj', sum(parts.values()), 3)} {percent(sum(parts.values()) / total):>6}",
        )
        for label, parts in table
    ]


def _latency(breakdown: Breakdown, latency_cycles: float) -> list[Bar]:
    parts = [(label, float(getattr(breakdown, name))) for label, name in LATENCY_PARTS]
    return [
        Bar(label, (cycles,), f"{count(round(cycles))} {percent(cycles / latency_cycles if latency_cycles else 0):>6}")
        for label, cycles in parts
    ]


def _nests(layers: tuple[LayerDetail, ...]) -> Text:
    """What each layer costs, where there are several, and the mappings of the dearest."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if len(layers) > 1:
        text.append("layers\n", "bold")
        widest = min(24, max(len(layer.name) for layer in layers))
        for layer in layers:
            times = f"{layer.times} x " if layer.times > 1 else ""
            cost = _cost(layer)
            text.append(f"{_literal(layer.name)[:widest]:{widest}} ", "dim").append(f"{times}{_literal(cost)}\n")
        text.append("\n")
    mapped = [layer for layer in layers if layer.nest is not None]
    mapped.sort(key=_energy_of)
    if mapped:
        text.append("mapping\n" if len(mapped) <= _NESTS else f"mapping of the {_NESTS} dearest layers\n", "bold")
    for layer in reversed(mapped[-_NESTS:]):
        text.append(plain(layer.nest or "") + "\n\n")
    text.rstrip()
    return text


def _cost(layer: LayerDetail) -> str:
    outcome = layer.outcome
    if not isinstance(outcome, Metrics):
        return f"cannot be built: {outcome.reason}"
    return f"{metric('latency_cycles', outcome.latency_cycles)}, {metric('energy_pj', outcome.energy_pj)}"


def _energy_of(layer: LayerDetail) -> float:
    return layer.times * layer.outcome.energy_pj if isinstance(layer.outcome, Metrics) else 0.0


def _near(task: BaseTask, neighbours: tuple[Neighbour, ...]) -> Text:
    """Each neighbour by what is different there, and what that does."""
    text = Text()
    if not neighbours:
        return text
    text.append("nearest neighbours\n", "bold")
    for number, near in enumerate(neighbours, 1):
        changes = ", ".join(f"{_literal(axis)} {_literal(a)} → {_literal(b)}" for axis, a, b in near.changes)
        text.append(f"{number} ", "bold").append(f"point {near.row.seq}: ", "dim").append(f"{changes}\n")
        if near.row.metrics:
            costs = "  ".join(metric(name, near.row.metrics.get(name)) for name in task.objectives)
            text.append(f"  {costs}\n", "dim")
        else:
            text.append(
                f"  cannot be built: {_literal(near.row.reason)} ({_literal(near.row.resource)})\n", "dim italic"
            )
    text.rstrip()
    return text
