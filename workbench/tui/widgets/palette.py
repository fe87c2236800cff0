"""The colours of plots: those that tell kinds apart, and a ramp for what has an order; for terminals of 16, too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from rich.style import Style

from workbench.tui.widgets.raster import MARKERS


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by number: first those for kinds, then those of the ramp from low to high."""

    kinds: tuple[str, ...]
    ramp: tuple[str, ...]

    def styles(self) -> tuple[Style, ...]:
        return tuple(Style(color=colour) for colour in (*self.kinds, *self.ramp))

    def kind(self, number: int) -> int:
        """The number of a kind's colour; they repeat."""
        return number % len(self.kinds)

    @property
    def ramp_start(self) -> int:
        """The number of the ramp's first colour."""
        return len(self.kinds)


CLOUD: Final = 0
"""The kind that steps back behind the others."""
FRONT: Final = 1
REFUSED: Final = 2

RICH: Final = Palette(
    kinds=("#7f8c9b", "#2fbf71", "#e0564f", "#4d9de0", "#e0a030", "#b57edc", "#3fc6c6", "#d870a8"),
    ramp=("#5b4fa2", "#3b76bb", "#3ea1a5", "#67bb72", "#a8cc56", "#e3c948", "#ef9a3d", "#dd5a3f"),
)
SIXTEEN: Final = Palette(
    kinds=(
        "white",
        "bright_green",
        "bright_red",
        "bright_blue",
        "bright_yellow",
        "bright_magenta",
        "bright_cyan",
        "red",
    ),
    ramp=("blue", "bright_blue", "cyan", "bright_cyan", "green", "bright_green", "yellow", "bright_red"),
)


def palette(color_system: str | None) -> Palette:
    """That of a terminal, by what rich calls its colour system."""
    return SIXTEEN if color_system in ("standard", "windows") else RICH


def has_colour() -> bool:
    """Whether the user wants any: see no-color.org."""
    return not os.environ.get("NO_COLOR")


def marker() -> str:
    """What plots are drawn with: braille, or what `DSE_PLOT` says; the Linux console has no braille, but quadrants."""
    wanted = os.environ.get("DSE_PLOT", "")
    if wanted in MARKERS:
        return wanted
    return "quadrant" if os.environ.get("TERM") == "linux" else "braille"
