"""What a screen shows, to take along: a design into the clipboard, fronts, points, plots and reports into files.

Each is what a command of `dse` does, and says which. Files are written in a thread, on a connection of its own; none is
ever written over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.binding import Binding, BindingType

from workbench.tui.screens.base import LabScreen
from workbench.tui.screens.dialogs import Choice, Line

if TYPE_CHECKING:  # heavy libraries, which the first screen does not wait for
    from store.database import Lab
    from workbench.views.pictures import Look

FORMS: Final = (
    ("command", "the command that evaluates it again"),
    ("yaml", "axes, metrics and origin"),
    ("json", "the same for programs"),
)


@dataclass(frozen=True, slots=True)
class Export:
    """Something that can be written to a file: what it is, a name for the file, the command, and what writes it."""

    name: str
    said: str
    file: str
    command: Callable[[str], str]
    write: Callable[[Lab, Path], object]


class TakeAway(LabScreen[Any]):
    """A screen with something to take along."""

    EXPORT: ClassVar[BindingType] = Binding("e", "export", "Export", id="take.export")
    EXPORT_UNSAID: ClassVar[BindingType] = Binding("e", "export", "Export", id="take.export", show=False)
    COPY: ClassVar[BindingType] = Binding("y", "copy", "Copy", id="take.copy")
    COPY_UNSAID: ClassVar[BindingType] = Binding("y", "copy", "Copy", id="take.copy", show=False)

    def exports(self) -> Sequence[Export]:
        """What can be written now; nothing, if there is nothing."""
        raise NotImplementedError

    def design(self) -> tuple[int, int] | None:
        """The run and point that are meant; None where there is none."""
        return None

    # Into a file

    def action_export(self) -> None:
        known = {each.name: each for each in self.exports()}
        if known:
            choices = [(each.name, each.said) for each in known.values()]
            chosen = Choice("What to write to a file", choices)
            self.app.push_screen(chosen, lambda name: self._ask_where(known.get(name or "")))

    def _ask_where(self, export: Export | None) -> None:
        if export is not None:
            text = f"A new file for it\n\n{export.command('FILE')}"
            self.app.push_screen(Line(text, value=export.file), partial(self._export, export))

    def _export(self, export: Export, name: str | None) -> None:
        if name and name.strip():
            self.do(partial(self._write, export, name.strip()), None)

    def _write(self, export: Export, name: str) -> str:
        from workbench.views.places import place

        file = place(name)
        with self.lab.looking() as opened:
            export.write(opened, file)
        return f"{file}: {file.stat().st_size:,} bytes.  {export.command(quote(str(file)))}"

    # Into the clipboard

    def action_copy(self) -> None:
        meant = self.design()
        if meant is None:
            self.say("Put the cursor on a design first.", bad=True)
            return
        title = f"Copy point {meant[1]} of run {meant[0]} as"
        self.app.push_screen(Choice(title, FORMS), partial(self._copy, *meant))

    def _copy(self, run_id: int, seq: int, form: str | None) -> None:
        if form is not None:
            self.do(partial(_text, self.lab, run_id, seq, form), None, partial(self._copied, run_id, seq, form))

    def _copied(self, run_id: int, seq: int, form: str, found: Any) -> None:
        self.app.copy_to_clipboard(found.text)
        command = f"dse design {run_id} {seq} --as {form}"
        self.say(f"Copied, if the terminal takes it: point {seq} of run {run_id}.  {command}")


@dataclass(frozen=True, slots=True)
class Copied:
    """A design as text."""

    text: str


def _text(lab: Any, run_id: int, seq: int, form: str) -> Copied:
    from workbench.views.reproduce import design_text

    with lab.looking() as opened:
        return Copied(design_text(opened, opened.run(run_id), seq, form))


# Of one run


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which points of a run, as `dse points` and `dse plot` take it, and what of them is plotted."""

    where: str = ""
    sort: str = "seq"
    x: str | None = None
    y: str | None = None
    linear: bool = False

    @property
    def look(self) -> Look:
        from workbench.views.pictures import Look

        return Look(self.x, self.y, self.linear)

    @property
    def filter(self) -> str:
        return f" --where {quote(self.where)}" if self.where else ""

    @property
    def axes(self) -> str:
        named = "".join(f" {flag} {quote(key)}" for flag, key in (("-x", self.x), ("-y", self.y)) if key)
        return named + (" --linear" if self.linear else "")


def of_run(run_id: int, wanted: Wanted | None = None) -> list[Export]:
    """What can be written of a run."""
    asked = wanted or Wanted()
    which = f"the points for which {asked.where}" if asked.where else "all points"
    return [
        Export(
            "front",
            "the members of the front, as CSV or JSON",
            f"run{run_id}-front.csv",
            lambda file: f"dse front {run_id} {_flag(file)} > {file}",
            partial(_front, run_id),
        ),
        Export(
            "points",
            f"{which}, as CSV or JSON",
            f"run{run_id}-points.csv",
            lambda file: f"dse points {run_id}{asked.filter} --sort {quote(asked.sort)} --all {_flag(file)} > {file}",
            partial(_points, run_id, asked),
        ),
        Export(
            "picture",
            "the plot, as SVG or PNG",
            f"run{run_id}-front.svg",
            lambda file: f"dse plot {run_id}{asked.axes}{asked.filter} -o {file}",
            partial(_picture, run_id, asked),
        ),
        _convergence((run_id,), f"run{run_id}-convergence.svg"),
        Export(
            "report",
            "all of it as one HTML page",
            f"run{run_id}.html",
            lambda file: f"dse report {run_id} -o {file}",
            partial(_report, run_id),
        ),
    ]


def of_runs(run_ids: Sequence[int]) -> list[Export]:
    """What can be written of runs that lie over each other."""
    refs = " ".join(map(str, run_ids))
    name = f"runs-{'-'.join(map(str, run_ids))}"
    return [
        Export(
            "fronts",
            "the fronts over each other, as SVG or PNG",
            f"{name}-fronts.svg",
            lambda file: f"dse plot {refs} -o {file}",
            partial(_fronts, tuple(run_ids)),
        ),
        _convergence(run_ids, f"{name}-convergence.svg"),
        Export(
            "table",
            "the lines of the table, as CSV or JSON",
            f"{name}.csv",
            lambda file: f"dse runs overlay {refs} {_flag(file)} > {file}",
            partial(_table, tuple(run_ids)),
        ),
    ]


def _convergence(run_ids: Sequence[int], name: str) -> Export:
    refs = " ".join(map(str, run_ids))
    return Export(
        "convergence",
        "hypervolume and bests over the designs evaluated, as SVG or PNG",
        name,
        lambda file: f"dse plot {refs} --of convergence -o {file}",
        partial(_curves, tuple(run_ids)),
    )


def _flag(file: str) -> str:
    return "--json" if file.rstrip("'").lower().endswith(".json") else "--csv"


# In threads


def _front(run_id: int, lab: Lab, file: Path) -> None:
    from workbench.views.export import write_front
    from workbench.views.stored import StoredRun

    write_front(StoredRun.read(lab, run_id), file)


def _points(run_id: int, wanted: Wanted, lab: Lab, file: Path) -> None:
    from workbench.views.export import Listing, write_points
    from workbench.views.filter import parse
    from workbench.views.points import names, sort_term
    from workbench.views.stored import StoredRun

    run = StoredRun.read(lab, run_id)
    by = sort_term(run.task, wanted.sort.removeprefix("-"))
    listing = Listing(parse(wanted.where, names(run.task)), by, wanted.sort.startswith("-"))
    write_points(lab, run, listing, file)


def _picture(run_id: int, wanted: Wanted, lab: Lab, file: Path) -> None:
    from workbench.views.filter import parse
    from workbench.views.pictures import draw_front
    from workbench.views.points import names
    from workbench.views.stored import StoredRun

    run = StoredRun.read(lab, run_id)
    draw_front(lab, run, wanted.look, parse(wanted.where, names(run.task)), file)


def _report(run_id: int, lab: Lab, file: Path) -> None:
    from workbench.views.report import write_report
    from workbench.views.stored import StoredRun

    write_report(lab, StoredRun.read(lab, run_id), file)


def _fronts(run_ids: Sequence[int], lab: Lab, file: Path) -> None:
    from workbench.views.pictures import Look, draw_overlay

    draw_overlay(lab, run_ids, Look(), file)


def _curves(run_ids: Sequence[int], lab: Lab, file: Path) -> None:
    from workbench.views.pictures import draw_convergence

    draw_convergence(lab, run_ids, file)


def _table(run_ids: Sequence[int], lab: Lab, file: Path) -> None:
    from workbench.views.export import write_rows
    from workbench.views.overlay import as_data, overlay

    found = overlay(lab, run_ids)
    rows = [as_data(side) for side in found.sides]
    payload = {"objectives": list(found.objectives), "same_task": found.same_task, "runs": rows}
    write_rows(file, list(rows[0]), rows, payload)
