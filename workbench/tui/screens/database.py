"""The lab as a whole: counted, checked, copied, merged with another. All of it in threads; runs go on meanwhile."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from store import merging, upkeep
from store.database import BUSY_SECONDS
from workbench.tui.labfile import LabFile
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.screens.dialogs import Line
from workbench.views.lab import brought, statistics_words
from workbench.views.places import lab_place, place
from workbench.views.quantity import bits, count


class Database(LabScreen[None]):
    """What is done here is what `dse db` does."""

    CSS = """
    Database #told { padding: 0 1; height: auto; }
    Database #doing { height: 1; padding: 0 1; color: $foreground 70%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "statistics", "Statistics", id="database.statistics"),
        Binding("v", "verify", "Verify", id="database.verify"),
        Binding("b", "backup", "Backup", id="database.backup"),
        Binding("m", "merge", "Merge", id="database.merge"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._busy: str | None = None

    def heading(self) -> str:
        return "Database"

    def body(self) -> ComposeResult:
        yield Static(id="doing")
        with VerticalScroll():
            yield Static(id="told")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(VerticalScroll).focus()
        self._tell(
            ["s counts all that lies in the lab, v checks it, b copies it, m takes over what another one knows."]
        )

    def load(self, lab: LabFile) -> None:
        """Nothing is read before it is asked for: to count a large lab takes long."""

    def lab_changed(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            self.tell()

    def _tell(self, lines: list[str]) -> None:
        self.query_one("#told", Static).update(Text("\n".join(map(one_line, lines))))

    def _begin(self, doing: str, command: str, work: Any) -> None:
        """One thing at a time."""
        if self._busy is not None:
            self.say(f"{self._busy} goes on still.", bad=True)
            return
        self._busy = doing
        self.query_one("#doing", Static).update(Text(one_line(f"{doing} ...   $ {command}")))
        self.do(partial(self._work, work), None, self._ended)

    def _work(self, work: Any) -> list[str]:
        try:
            lines: list[str] = work()
            return lines
        finally:
            self._busy = None

    def _ended(self, lines: Any) -> None:
        self.query_one("#doing", Static).update("")
        self._tell(lines)

    def action_statistics(self) -> None:
        self._begin("counting", "dse db stats", partial(_statistics, self.lab))

    def action_verify(self) -> None:
        self._begin("checking", "dse db verify", partial(_verify, self.lab))

    def action_backup(self) -> None:
        self.app.push_screen(Line("A new file for the copy", hint="lab-backup.db"), self._backup)

    def _backup(self, name: str | None) -> None:
        if name:
            self._begin("copying", f"dse db backup {name}", partial(_back_up, self.lab, name))

    def action_merge(self) -> None:
        self.app.push_screen(Line("Another lab database, which stays as it is", hint="other.db"), self._merge)

    def _merge(self, name: str | None) -> None:
        if name:
            self._begin("merging", f"dse db merge {name}", partial(_merge, self.lab, name))


# In threads, each on a connection of its own, so that what the other screens read does not wait for it


def _statistics(lab: LabFile) -> list[str]:
    with lab.looking() as opened:
        return statistics_words(opened.statistics())


def _verify(lab: LabFile) -> list[str]:
    with lab.looking() as opened:
        found = opened.problems()
    told = [f"{problem.table} {problem.key}: {problem.what}" for problem in found]
    return told or ["The lab is sound."]


def _back_up(lab: LabFile, name: str) -> list[str]:
    copy = place(name)
    size = upkeep.back_up(lab.path, copy, BUSY_SECONDS)
    return [f"{lab.path} is backed up in {copy} ({bits(size * 8)})."]


def _merge(lab: LabFile, name: str) -> list[str]:
    other = lab_place(name)
    with merging.opened(other, BUSY_SECONDS) as source, lab.writing() as opened:
        merged = opened.merge(source)
    lines = [f"merged {other}", *(f"{label}: {text}" for label, text in brought(merged))]
    if merged.differing:
        lines.append(f"{count(merged.differing)} evaluations differ between the labs; this lab's stay.")
    return lines
