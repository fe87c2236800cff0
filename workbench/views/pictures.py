"""Plots as picture files, SVG or PNG: a run's points and front, fronts of runs over each other, how they got there.

Drawn by matplotlib (the extra `plot`), which is kept, writes both forms without a browser, and is what papers are made
with. Texts are taken literally: names of architectures are no formulas.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.filtering import Condition
from store.upkeep import new_file
from workbench.errors import UserError, unknown_name
from workbench.problem.metrics import METRIC_UNITS
from workbench.views.cloud import Cloud, Quantity, first_pair, metric_quantity
from workbench.views.overlay import MOST, Overlay, overlay
from workbench.views.quantity import count
from workbench.views.stored import StoredRun
from workbench.views.text import plain
from workbench.views.ticks import Scale, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES: Final = (".svg", ".png")
"""The endings of a file that holds a picture."""
SIZE: Final = (7.2, 5.0)
"""Of one plot, inches."""
DOTS_PER_INCH: Final = 160
MANY: Final = 5_000
"""From so many points on, those that step back are one bitmap within the SVG."""
FRONT, CLOUD, LIMIT = "#1b9e5a", "#9aa5b1", "#c0392b"
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of runs: Okabe and Ito 2008, told apart by the colour-blind as well."""
MARKS: Final = "osD^vP"

_DRAWING = Lock()
"""matplotlib keeps its settings for all threads together."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What goes across and up (by default the first two objectives), and whether evenly."""

    x: str | None = None
    y: str | None = None
    linear: bool = False


def draw_front(lab: Lab, run: StoredRun, look: Look, where: Condition | None, file: Path) -> None:
    """The points of a run that can be built, its front marked, limits as lines.

    Raises:
        UserError: nothing to draw, or no such quantity; or as `write`.
    """
    cloud = Cloud.read(lab, run.row.id, run.task)
    x, y = (cloud.quantities[key] for key in _pair(look, first_pair(run.task), [*cloud.quantities]))
    among = cloud.matching(lab, where) & cloud.points.feasible
    across, up = cloud.values(x.key), cloud.values(y.key)
    among &= np.isfinite(across) & np.isfinite(up)
    if not among.any():
        raise UserError(f"Run {run.row.id} has nothing to draw: no design that can be built is among these.")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        members, others = among & cloud.on_front, among & ~cloud.on_front
        _scaled(axes, x, y, across[among], up[among], look.linear)
        axes.plot(
            *(across[others], up[others], "."),
            color=CLOUD,
            ms=4,
            rasterized=int(others.sum()) > MANY,
            label=_key("dominated", others),
        )
        order = np.flatnonzero(members)[np.argsort(across[members], kind="stable")]
        if {x.key, y.key} == set(run.task.objectives):
            axes.step(across[order], up[order], where="post", color=FRONT, lw=1)
        axes.plot(across[order], up[order], "o", color=FRONT, ms=6, label=_key("front", members))
        for target in run.task.targets:
            _limit(axes, x, y, target.metric, target.bound)
        axes.set_title(_title(run))
        axes.legend(loc="best", fontsize="small")

    write(file, SIZE, draw)


def draw_overlay(lab: Lab, refs: Sequence[str | int], look: Look, file: Path) -> None:
    """The fronts of runs over each other, over two objectives that all of them share.

    Raises:
        UserError: the runs cannot be laid over each other, or have found nothing; or as `write`.
    """
    found = overlay(lab, refs)
    if len(found.objectives) < 2:
        raise UserError(
            f"The runs share one objective alone, {found.objectives[0]}: draw their convergence (--of convergence)."
        )
    x, y = (metric_quantity(key) for key in _pair(look, found.objectives, found.objectives))
    if not any(len(side.front) for side in found.sides):
        raise UserError("None of the runs has found a design that can be built: there is nothing to draw.")
    write(file, SIZE, lambda figure: _fronts(figure.subplots(), found, x, y, look.linear))


def _fronts(axes: Axes, found: Overlay, x: Quantity, y: Quantity, linear: bool) -> None:
    places = [found.objectives.index(each.key) for each in (x, y)]
    fronts = [side.front[:, places] * (x.factor, y.factor) for side in found.sides]
    everything = np.concatenate(fronts)
    _scaled(axes, x, y, everything[:, 0], everything[:, 1], linear)
    for side, front, colour, mark in zip(found.sides, fronts, COLOURS, MARKS, strict=False):
        front = front[np.argsort(front[:, 0], kind="stable")]
        if len(found.objectives) == 2:
            axes.step(front[:, 0], front[:, 1], where="post", color=colour, lw=1)
        axes.plot(front[:, 0], front[:, 1], mark, color=colour, ms=5, label=_short(side.run))
    axes.set_title("fronts" if found.same_task else "fronts of runs with different tasks")
    axes.legend(loc="best", fontsize="small")


def draw_convergence(lab: Lab, refs: Sequence[str | int], file: Path) -> None:
    """How runs got there: hypervolume and the best of each objective over the designs evaluated.

    Raises:
        UserError: too many runs, or no step in any of them; or as `write`.
    """
    runs = [StoredRun.read(lab, ref) for ref in refs]
    if not 1 <= len(runs) <= MOST or len({run.row.id for run in runs}) < len(runs):
        raise UserError(f"1 to {MOST} different runs can be drawn together, got {', '.join(map(str, refs))}.")
    histories = [lab.history(run.row.id) for run in runs]
    if not any(histories):
        raise UserError("There is nothing to draw: no step has been made yet.")
    shared = [o for o in runs[0].task.objectives if all(o in run.task.objectives for run in runs)]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1 + len(shared), 1, sharex=True, squeeze=False)[:, 0]
        for run, steps, colour in zip(runs, histories, COLOURS, strict=False):
            designs = [step.points for step in steps]
            style: dict[str, Any] = {"where": "post", "color": colour, "label": _short(run)}
            panels[0].step(designs, [step.hypervolume or 0.0 for step in steps], **style)
            bests = [json.loads(step.best) for step in steps]
            for axes, objective in zip(panels[1:], shared, strict=True):
                factor = metric_quantity(objective).factor
                axes.step(designs, [best.get(objective, np.nan) * factor for best in bests], **style)
        panels[0].set_ylabel("hypervolume")
        for axes, objective in zip(panels[1:], shared, strict=True):
            values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
            _scale(axes.yaxis, metric_quantity(objective), values[np.isfinite(values)], linear=False)
            axes.set_ylabel(f"least {axes.get_ylabel()}")
        panels[-1].set_xlabel("designs")
        panels[0].legend(loc="best", fontsize="small")
        panels[0].set_title(_title(runs[0]) if len(runs) == 1 else "convergence")

    write(file, (SIZE[0], 1.2 + 2.1 * (1 + len(shared))), draw)


# What they share


def write(file: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """A picture in a new file.

    Raises:
        UserError: the ending is none of a picture's, or matplotlib is not there.
        StoreError: there is something at the file's place already, or it cannot be written.
    """
    form = picture_form(file)
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("Pictures need matplotlib: pip install 'dse-workbench[plot]'.") from None
    settings = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "dse", "axes.unicode_minus": False}
    with _DRAWING, new_file(file) as part, rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for it
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        metadata = {"Date": None} if form == "svg" else {}
        figure.savefig(part, format=form, dpi=DOTS_PER_INCH, metadata=metadata)


def picture_form(file: Path) -> str:
    """`svg` or `png`, by the ending.

    Raises:
        UserError: another ending, or none.
    """
    if file.suffix.lower() not in PICTURES:
        raise UserError(f"Nothing says in which form {file} shall be: let it end in {' or '.join(PICTURES)}.")
    return file.suffix.lower().removeprefix(".")


def _pair(look: Look, objectives: Sequence[str], known: Sequence[str]) -> tuple[str, str]:
    """What goes across and up: what was asked for, else the first objectives that are left."""
    for key in (look.x, look.y):
        if key is not None and key not in known:
            raise unknown_name("quantity to draw", key, known)
    usual = [key for key in (*objectives, *METRIC_UNITS) if key in known and key not in (look.x, look.y)]
    x = look.x or usual.pop(0)
    return x, look.y or usual[0]


def _scaled(axes: Axes, x: Quantity, y: Quantity, across: Floats, up: Floats, linear: bool) -> None:
    _scale(axes.xaxis, x, across, linear)
    _scale(axes.yaxis, y, up, linear)
    axes.grid(alpha=0.25)


def _scale(axis: Any, quantity: Quantity, values: Floats, linear: bool) -> None:
    """Logarithmic where it can be, with the ticks that the terminal has."""
    unit = f" [{quantity.unit}]" if quantity.unit else ""
    axis.set_label_text(plain(quantity.name) + unit)
    if quantity.categories:
        axis.set_ticks(range(len(quantity.categories)), [plain(name) for name in quantity.categories])
        return
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    scale = Scale.around(low, high)
    if linear or not quantity.positive:
        margin = 0.04 * (high - low) or 0.5 * (abs(high) or 1.0)
        scale = Scale(low - margin, high + margin, log=False)
    name = "x" if axis.axis_name == "x" else "y"
    getattr(axis.axes, f"set_{name}scale")("log" if scale.log else "linear")
    getattr(axis.axes, f"set_{name}lim")(scale.low, scale.high)
    ticks = scale.ticks(6)
    axis.set_ticks(ticks, [text.removesuffix(quantity.unit).rstrip() for text in labels(ticks, quantity.unit)])
    axis.set_ticks([], minor=True)


def _limit(axes: Axes, x: Quantity, y: Quantity, metric: str, bound: float) -> None:
    """A target as a line, where it lies within the plot."""
    style: dict[str, Any] = {"color": LIMIT, "ls": "--", "lw": 1}
    if metric == x.key and axes.get_xlim()[0] <= bound * x.factor <= axes.get_xlim()[1]:
        axes.axvline(bound * x.factor, **style)
    if metric == y.key and axes.get_ylim()[0] <= bound * y.factor <= axes.get_ylim()[1]:
        axes.axhline(bound * y.factor, **style)


def _key(name: str, which: NDArray[np.bool_]) -> str:
    return f"{name} ({count(int(which.sum()))})"


def _title(run: StoredRun) -> str:
    return _cut(f"run {run.row.id}: {run.row.arch} on {run.row.workload}, {run.row.search}, seed {run.row.seed}", 90)


def _short(run: StoredRun) -> str:
    return _cut(f"run {run.row.id}  {run.row.search}, seed {run.row.seed}", 48)


def _cut(text: str, most: int) -> str:
    shown = plain(text).replace("\n", "\\n")
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
