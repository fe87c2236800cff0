"""Stacked bars of text: what a whole is made of, a bar for each part and in it the shares of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from workbench.tui.widgets.palette import has_colour, palette
from workbench.views.text import plain

FILLS: Final = "█▓▒░"
"""What tells kinds apart where there is no colour."""
_LABEL: Final = 26
"""Cells of a label in a narrow place; in a wide one they take up to a third of it."""
_LEAST: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: what it stands for, the amount of each kind in it, and what is written behind it."""

    label: str
    amounts: tuple[float, ...]
    text: str = ""


class Bars(Widget):
    """Bars on one scale, the greatest as long as there is room."""

    DEFAULT_CSS = """
    Bars {
        width: 1fr;
        height: auto;
        & > .bars--label { color: $foreground 80%; }
        & > .bars--text { color: $foreground 60%; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bars--label", "bars--text"}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title = ""
        self._kinds: tuple[str, ...] = ()
        self._bars: tuple[Bar, ...] = ()

    def show(self, title: str, bars: Sequence[Bar], kinds: Sequence[str] = ()) -> None:
        """Other bars under a title; `kinds` names what the amounts of each are, in order."""
        self._title, self._bars, self._kinds = title, tuple(bars), tuple(kinds)
        self.refresh(layout=True)

    def render(self) -> Text:
        label_style = self.get_component_rich_style("bars--label", partial=True)
        text_style = self.get_component_rich_style("bars--text", partial=True)
        widest = min(max(_LABEL, self.size.width // 3), max((cell_len(bar.label) for bar in self._bars), default=0))
        behind = max((cell_len(bar.text) for bar in self._bars), default=0)
        room = self.size.width - widest - behind - 2
        if room < _LEAST:
            widest = max(4, widest + room - _LEAST)
            room = _LEAST
        most = max((sum(bar.amounts) for bar in self._bars), default=0.0)
        drawn = Text(no_wrap=True, overflow="crop")
        if self._title:
            drawn.append(plain(self._title), Style(bold=True))
            for number, kind in enumerate(self._kinds):
                drawn.append("  ")
                drawn.append(self._fill(number), self._style(number))
                drawn.append(f" {plain(kind)}", text_style)
        for bar in self._bars:
            drawn.append("\n" if len(drawn) else "")
            drawn.append(set_cell_size(plain(bar.label).replace("\n", "\\n"), widest) + " ", label_style)
            drawn.append_text(self._stack(bar, room, most))
            drawn.append(f" {plain(bar.text):>{behind}}", text_style)
        return drawn

    def _stack(self, bar: Bar, room: int, most: float) -> Text:
        """The bar itself; one that is not zero shows. Edges are rounded, not widths, so that the parts add up."""
        ends = [round(sum(bar.amounts[: i + 1]) / most * room) if most > 0 else 0 for i in range(len(bar.amounts))]
        if ends and ends[-1] == 0 and sum(bar.amounts) > 0:
            greatest = bar.amounts.index(max(bar.amounts))
            ends = [0] * greatest + [1] * (len(ends) - greatest)
        text, edge = Text(), 0
        for number, end in enumerate(ends):
            text.append(self._fill(number) * (end - edge), self._style(number))
            edge = end
        text.append(" " * (room - edge))
        return text

    def _fill(self, number: int) -> str:
        return FILLS[0] if has_colour() else FILLS[number % len(FILLS)]

    def _style(self, number: int) -> Style:
        colours = palette(self.app.console.color_system)
        return colours.styles()[_ORDER[number % len(_ORDER)]]


_ORDER: Final = (3, 4, 1, 5, 6, 7, 2)
"""Colours of the kinds, by their numbers in the palette: quiet ones that stand well side by side."""
