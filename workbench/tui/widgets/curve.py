"""Curves on the plane of a scatter plot: what grows or falls over a run, each with a sign so that it reads in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from workbench.tui.widgets.palette import RICH
from workbench.tui.widgets.plane import Key, Plane
from workbench.tui.widgets.raster import Line, Series

SIGNS: Final = "●◆■▲▼★○◇"
_MARKS: Final = 7
"""Signs along a curve."""


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """A curve: x must not fall. `steps` hold each value until the next one, as a best-so-far does."""

    name: str
    x: ArrayLike  # (n,)
    y: ArrayLike  # (n,)
    line: Line = "straight"


class Curve(Plane):
    """One or more curves over one axis."""

    def draw_traces(self, traces: Sequence[Trace]) -> None:
        """Other curves, in colours and signs that follow from their order."""
        series, keys = list[Series](), list[Key]()
        for number, trace in enumerate(traces):
            x, y = np.asarray(trace.x, dtype=np.float64), np.asarray(trace.y, dtype=np.float64)
            colour, sign = RICH.kind(number + 1), SIGNS[number % len(SIGNS)]
            places = np.arange(len(x))
            marked = np.unique(np.linspace(0, len(x) - 1, min(_MARKS, len(x))).round().astype(np.int64))
            if len(traces) == 1:
                marked = marked[-1:]
            series.append(Series(trace.name, x, y, places, colour, line=trace.line, selectable=False))
            series.append(Series("", x[marked], y[marked], marked, colour, mark=sign, selectable=False))
            keys.append(Key(sign, colour, trace.name))
        self.show(series, keys if len(traces) > 1 else ())
