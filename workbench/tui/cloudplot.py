"""A run's points as the series of a scatter plot: which are shown, in which colours, and what the key says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.palette import CLOUD, FRONT, REFUSED, RICH
from workbench.tui.widgets.plane import Key
from workbench.tui.widgets.raster import Series
from workbench.views.cloud import Cloud, Mask, Quantity
from workbench.views.quantity import count, si

PLAIN: Final = ""
"""The colour by which nothing is told but front and others."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a cloud is plotted, and how."""

    x: str
    y: str
    x_log: bool = True
    y_log: bool = True
    colour: str = PLAIN
    dominated: bool = True
    infeasible: bool = False


def axis(quantity: Quantity, log: bool) -> Axis:
    return Axis(quantity.name, quantity.unit, log and quantity.positive, quantity.categories)


def plotted(cloud: Cloud, shown: Shown, among: Mask) -> tuple[list[Series], list[Key]]:
    """Series and key for those points of the cloud that are among some."""
    feasible, on_front = cloud.points.feasible, cloud.on_front
    x, y = cloud.values(shown.x), cloud.values(shown.y)
    colours, ramp = _colours(cloud, shown.colour)
    series, keys = list[Series](), list[Key]()

    def add(name: str, which: Mask, colour: int, mark: str, sign: str) -> None:
        chosen = colour if colours is None or mark == "×" else colours[which]
        series.append(Series(name, x[which], y[which], cloud.points.seq[which], chosen, mark))
        if colours is None or mark:
            keys.append(
                Key(sign, colour if colours is None or mark == "×" else CLOUD, f"{name} {count(int(which.sum()))}")
            )

    if shown.infeasible and (refused := among & ~feasible).any():
        x, y = _at_the_edge(x, y, refused)
        add("infeasible", refused, REFUSED, "×", "×")
    if shown.dominated:
        add("dominated", among & feasible & ~on_front, CLOUD, "", "⣿")
    if {shown.x, shown.y} <= set(cloud.task.metrics) and shown.x != shown.y:
        best = cloud.best_over(shown.x, shown.y, among & feasible & (on_front | shown.dominated))
        order = np.flatnonzero(best)[np.argsort(x[best], kind="stable")]
        edge = Series("edge", x[order], y[order], cloud.points.seq[order], FRONT, line="steps", selectable=False)
        series.append(edge)
    add("front", among & on_front, FRONT, "●", "●")
    return series, [*reversed(keys), *ramp]


def _at_the_edge(x: NDArray[np.float64], y: NDArray[np.float64], which: Mask) -> tuple[NDArray[np.float64], ...]:
    """What cannot be built has no metrics: it stands at the far edge of an axis of one, if the other axis has none."""
    gone_x, gone_y = np.isnan(x) & which, np.isnan(y) & which
    return np.where(gone_x & ~gone_y, np.inf, x), np.where(gone_y & ~gone_x, np.inf, y)


def _colours(cloud: Cloud, key: str) -> tuple[NDArray[np.uint8] | None, list[Key]]:
    """A colour for each point and what they mean; None where no quantity decides."""
    if key == PLAIN or not len(cloud.points):
        return None, []
    quantity, values = cloud.quantities[key], cloud.values(key)
    if quantity.categories:
        kinds = np.array([RICH.kind(i + 1) for i in range(len(quantity.categories))], dtype=np.uint8)
        present = np.unique(values[np.isfinite(values)]).astype(int)
        keys = [Key("⣿", int(kinds[i]), quantity.categories[i]) for i in present]
        return kinds[np.nan_to_num(values).astype(int)], keys
    fit = np.isfinite(values)
    if not fit.any():
        return None, []
    scaled = np.log10(np.where(values > 0, values, np.nan)) if quantity.positive else values
    low, high = float(np.nanmin(scaled)), float(np.nanmax(scaled))
    steps = len(RICH.ramp)
    share = np.nan_to_num((scaled - low) / (high - low) if high > low else scaled * 0.0)
    colours = RICH.ramp_start + np.clip((share * steps).astype(int), 0, steps - 1)
    least, most = float(values[fit].min()), float(values[fit].max())
    keys = [
        Key("⣿", RICH.ramp_start, f"{quantity.name} {_told(least, quantity)}"),
        Key("⣿", RICH.ramp_start + steps - 1, _told(most, quantity)),
    ]
    return colours.astype(np.uint8), keys


def _told(value: float, quantity: Quantity) -> str:
    return si(value, quantity.unit, 3) if quantity.unit else f"{value:,.6g}"
