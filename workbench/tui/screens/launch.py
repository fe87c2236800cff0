"""A new run: a form that is checked as it is typed, with what was chosen in words and as the command that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Static

from workbench import background
from workbench.executors.table import check
from workbench.knowledge import names_runs
from workbench.runner import start
from workbench.tui.labfile import LabFile
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.screens.dialogs import Choice
from workbench.tui.screens.run import RunScreen
from workbench.views.form import FIELDS, FIRST, SEARCH, SIMULATOR, Field, Verdict, choices, handling_of, judge
from workbench.views.text import plain

PAUSE_SECONDS: Final = 0.15
"""So long after the last key the form is checked."""
SETTINGS: Final = {"search": SEARCH, "simulator": SIMULATOR}
LISTS: Final = ("layers", "objectives", "sources", "targets")


class Entry(Input):
    """A field of the form, beside its label."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter", "app.focus_next", "Next field", id="launch.next", show=False),
        Binding("up", "app.focus_previous", "Field before", id="launch.previous", show=False),
    ]

    def __init__(self, field: Field, value: str = "") -> None:
        super().__init__(value, placeholder=field.default, compact=True, select_on_focus=False)
        self.field = field


@dataclass(frozen=True, slots=True)
class Launched:
    run_id: int


class Launch(LabScreen[Verdict]):
    """The form."""

    CSS = """
    Launch #form { height: 1fr; padding: 0 1; }
    Launch .row { height: 1; }
    Launch .row Label { width: 18; color: $foreground 70%; }
    Launch .row.setting Label { padding: 0 0 0 2; color: $foreground 50%; }
    Launch .row Input { width: 1fr; height: 1; border: none; background: $surface; }
    Launch .row Input:focus { background: $primary 30%; }
    Launch .settings { height: auto; }
    Launch #bottom { height: auto; max-height: 3; background: $surface; padding: 0 1; }
    Launch #verdict { width: 1fr; height: auto; max-height: 3; }
    Launch #said { height: 6; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    Launch #go { width: auto; margin: 0 0 0 1; }
    Launch.wide .row Label { width: 22; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.leave", "Back", id="app.back"),
        Binding("ctrl+s", "start", "Start", id="launch.start"),
        Binding("ctrl+o", "choose", "Choose", id="launch.choose"),
        Binding("up", "app.focus_previous", "Field before", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._verdict: Verdict | None = None
        self._pause: Timer | None = None
        self._kept: dict[str, str] = {}
        """What was typed for settings whose search or simulator is not the chosen one now."""

    def heading(self) -> str:
        return "New run"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="form", can_focus=False):
            for field in FIELDS:
                yield _row(field, FIRST.get(field.name, ""))
                if field.name in SETTINGS:
                    yield VerticalScroll(id=f"settings-{field.name}", classes="settings", can_focus=False)
        with Horizontal(id="bottom"):
            yield Static(id="verdict")
            yield Button("Start", id="go", variant="primary", compact=True)
        yield Static(id="said")

    def on_mount(self) -> None:
        super().on_mount()
        self.query(Entry).first().focus()

    def lab_changed(self, problem: str | None) -> None:
        """The form does not depend on the lab, which may not even be there yet."""

    def values(self) -> dict[str, str]:
        return {entry.field.name: entry.value for entry in self.query(Entry)}

    # Checking

    def on_input_changed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE_SECONDS, self.reload)

    def reload(self) -> None:
        self._asked = self.values()
        super().reload()

    def load(self, lab: LabFile) -> Verdict:
        return judge(self._asked)

    def present(self, data: Verdict) -> None:
        before, self._verdict = self._verdict, data
        if before is None or before.search != data.search:
            self._set_settings("search", data.search)
        if before is None or before.simulator != data.simulator:
            self._set_settings("simulator", data.simulator)
        self._say_verdict()

    def _set_settings(self, of: str, fields: Sequence[Field]) -> None:
        """The settings of another search or simulator; what was typed for the same name is kept."""
        place = self.query_one(f"#settings-{of}")
        self._kept |= {entry.field.name: entry.value for entry in place.query(Entry)}
        with self.app.batch_update():
            place.remove_children()
            place.mount_all(_row(field, self._kept.get(field.name, ""), "setting") for field in fields)

    def _say_verdict(self) -> None:
        data = self._verdict
        if data is None:
            return
        text, focused = Text(), self.focused
        if isinstance(focused, Entry) and focused.field.help:
            text.append(f"{one_line(focused.field.label)}: {one_line(focused.field.help)}\n", "italic")
        text.append("\n".join(map(one_line, data.lines)), "dim")
        self.query_one("#said", Static).update(text)
        good = data.problem is None
        told = Text(
            f"$ {one_line(data.command)}" if good else one_line(data.problem or ""), "bold" if good else "bold red"
        )
        self.query_one("#verdict", Static).update(told)
        self.query_one("#go", Button).disabled = data.problem is not None

    def on_descendant_focus(self) -> None:
        self._say_verdict()

    # Choosing and starting

    def action_choose(self) -> None:
        entry = self.focused
        if isinstance(entry, Entry):
            self.do(partial(self._choices, entry.field.name, self.values()), None, partial(self._offer, entry))

    def _choices(self, name: str, values: dict[str, str]) -> list[tuple[str, str]]:
        lab = self.lab.reading() if name == "sources" and self.lab.may_exist else None
        return list(choices(name, values, lab))

    def _offer(self, entry: Entry, found: Any) -> None:
        if not found:
            self.say(f"{entry.field.label} is free to type: {entry.field.help}")
            return
        self.app.push_screen(Choice(entry.field.label, found), partial(self._chosen, entry))

    def _chosen(self, entry: Entry, value: str | None) -> None:
        if value is None:
            return
        if entry.field.name in LISTS and entry.value.strip() and value not in ("auto", "none"):
            value = f"{entry.value.rstrip(', ')}, {value}"
        entry.value = value
        entry.cursor_position = len(value)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_start()

    def action_start(self) -> None:
        verdict = judge(self.values())  # what is typed now, not what was checked before the last key
        if verdict.problem is not None or verdict.request is None:
            self.say(verdict.problem or "The form is not right yet.", bad=True)
            return
        self.do(partial(_launch, self.lab, verdict, self.values()), None, self._launched)

    def _launched(self, launched: Any) -> None:
        self.say(f"Run {launched.run_id} goes on by itself.")
        self.workbench.action_go("runs")
        self.app.push_screen(RunScreen(launched.run_id))


def _row(field: Field, value: str, classes: str = "") -> Horizontal:
    return Horizontal(
        Label(Text(plain(field.label))),
        Entry(field, value),
        classes=f"row {classes}",
    )


def _launch(lab: LabFile, verdict: Verdict, values: dict[str, str]) -> Launched:
    if verdict.request is None:
        raise ValueError("a form that is not right is not launched")
    spec, how = verdict.request.spec(), handling_of(values)
    if how.executor is not None:
        check(how.executor, how.jobs)
    with lab.writing(create=not names_runs(spec.sources)) as opened:
        run = start(opened, spec)
        background.begin(
            opened, run, slots=how.slots, jobs=how.jobs, executor=how.executor, batch_seconds=how.batch_seconds
        )
    return Launched(run.id)
