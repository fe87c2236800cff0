"""`?`: every key that works where it was asked, with the name under which it can be given another; searchable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

Entry = tuple[str, str, str]
"""Keys, what they do, and the name in the keymap."""


class Help(ModalScreen[None]):
    """The list of keys, and below it what the user can set up."""

    CSS = """
    Help { align: center middle; background: $background 60%; }
    Help > Vertical { width: 90%; max-width: 100; height: 90%; border: round $primary; background: $surface; }
    Help VerticalScroll { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark", "dismiss", "Close", key_display="esc"),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, entries: Sequence[Entry], foot: str) -> None:
        super().__init__()
        self._title, self._entries, self._foot = title, entries, foot

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(f"{self._title}: keys", "bold"))
            yield Input(placeholder="type to search", compact=True)
            with VerticalScroll(can_focus=False):
                yield Static(id="keys")
            yield Static(Text(self._foot, "dim"), id="foot")

    def on_mount(self) -> None:
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def _list(self, part: str) -> None:
        found = [entry for entry in self._entries if part.lower() in " ".join(entry).lower()]
        text = Text()
        for keys, does, name in found:
            text.append(f"{keys:>16}  ", "bold")
            text.append(f"{does:<44}")
            text.append(f"{name}\n", "dim")
        self.query_one("#keys", Static).update(text if found else Text("No key does that here.", "dim"))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=3 * by, animate=False)
