"""Small windows before the screen: a question, a line to type, a list to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from workbench.views.text import plain

_CSS = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > Vertical {{
    width: 90%; max-width: 110; height: auto; max-height: 90%;
    border: round $primary; background: $surface; padding: 0 1;
}}
{name} Horizontal {{ height: auto; align-horizontal: right; }}
{name} Button {{ margin: 0 0 0 2; }}
"""


class Question(ModalScreen[bool]):
    """Yes or no; No is what a hasty Enter says."""

    CSS = _CSS.format(name="Question")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, text: str, yes: str) -> None:
        super().__init__()
        self._text, self._yes = text, yes

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(plain(self._text)))
            with Horizontal():
                yield Button(Text("No"), id="no", compact=True)
                yield Button(Text(self._yes), id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class Line(ModalScreen[str | None]):
    """A line of text; None where the user thinks better of it."""

    CSS = _CSS.format(name="Line")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Never mind")]

    def __init__(self, text: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._text, self._value, self._hint = text, value, hint

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(plain(self._text)))
            yield Input(self._value, placeholder=self._hint, compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Choice(ModalScreen[str | None]):
    """One of a list, found by typing a part of it; each as (value, what is said of it)."""

    CSS = (
        _CSS.format(name="Choice") + "Choice OptionList { height: 1fr; border: none; background: $surface;"
        " text-wrap: nowrap; text-overflow: ellipsis; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Never mind"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    def __init__(self, text: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._text, self._choices = text, choices
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(plain(self._text)))
            yield Input(placeholder="a part of it", compact=True)
            yield OptionList(markup=False)

    def on_mount(self) -> None:
        self._find("")

    def on_resize(self) -> None:
        """As tall as the whole list if there is room, however little of it is found."""
        beside = 4  # the question, the line to type in, the frame
        self.query_one(Vertical).styles.height = min(len(self._choices) + beside, self.size.height * 4 // 5)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, part: str) -> None:
        listed = self.query_one(OptionList)
        matching = [(value, said) for value, said in self._choices if part.lower() in f"{value} {said}".lower()]
        self._found = [value for value, _ in matching]
        listed.clear_options()
        listed.add_options([Option(_option(value, said)) for value, said in matching])
        if matching:
            listed.highlighted = 0

    def action_move(self, by: int) -> None:
        listed = self.query_one(OptionList)
        if by > 0:
            listed.action_cursor_down()
        else:
            listed.action_cursor_up()

    def on_input_submitted(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and self._found:
            self.dismiss(self._found[at])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])


def _option(value: str, said: str) -> Text:
    text = Text(plain(value).replace("\n", "\\n"), "bold", no_wrap=True, overflow="ellipsis")
    return text.append(f"  {plain(said)}".replace("\n", " "), "not bold dim")
