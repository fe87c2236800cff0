"""What can be done with a run wherever one is shown; each is what a command of `dse` does, and says which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from workbench.tui.screens.dialogs import Line, Question
from workbench.tui.screens.takeaway import Export, TakeAway, of_run

if TYPE_CHECKING:
    from store.rows import Run, Wish
    from workbench.tui.labfile import LabFile


class RunActions(TakeAway):
    """Pause, resume, cancel, clone, tag, delete, export the run under the cursor; look at its front and importance."""

    RUN_BINDINGS: ClassVar[tuple[BindingType, ...]] = (
        Binding("p", "pause", "Pause", id="run.pause"),
        Binding("r", "resume", "Resume", id="run.resume"),
        Binding("x", "cancel", "Cancel", id="run.cancel"),
        Binding("c", "clone", "Clone", id="run.clone"),
        Binding("t", "tag", "Tag", id="run.tag", show=False),
        Binding("d", "delete", "Delete", id="run.delete"),
        Binding("f", "front", "Front", id="run.front"),
        Binding("i", "importance", "Importance", id="run.importance", show=False),
        TakeAway.EXPORT_UNSAID,
    )

    @property
    def run_id(self) -> int | None:
        """The run that is meant; None where there is none."""
        raise NotImplementedError

    def removed(self) -> None:
        """The run is gone."""

    def exports(self) -> Sequence[Export]:
        return () if self.run_id is None else of_run(self.run_id)

    # To other screens

    def open_run(self, run_id: int) -> None:
        from workbench.tui.screens.run import RunScreen

        self.app.push_screen(RunScreen(run_id))

    def action_front(self) -> None:
        if self.run_id is not None:
            from workbench.tui.screens.front import FrontScreen

            self.app.push_screen(FrontScreen(self.run_id))

    def action_importance(self) -> None:
        if self.run_id is not None:
            from workbench.tui.screens.importance import ImportanceScreen

            self.app.push_screen(ImportanceScreen(self.run_id))

    def compare(self, run_ids: Sequence[int]) -> None:
        from workbench.tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(tuple(run_ids)))

    # To the run

    def action_pause(self) -> None:
        self._ask("pause")

    def action_cancel(self) -> None:
        run_id = self.run_id
        if run_id is None:
            return
        text = f"Cancel run {run_id} after the step under way? What it has found stays.\n\ndse cancel {run_id}"
        self.app.push_screen(Question(text, "Cancel the run"), lambda yes: self._ask("cancel") if yes else None)

    def _ask(self, wish: Wish) -> None:
        if self.run_id is not None:
            self.do(partial(ask, self.lab, self.run_id, wish), None)

    def action_resume(self) -> None:
        if self.run_id is not None:
            self.do(partial(resume, self.lab, self.run_id), None)

    def action_clone(self) -> None:
        run_id = self.run_id
        if run_id is None:
            return
        text = f"Run {run_id} again with a fresh seed; or say otherwise, as in: --search genetic --budget 500 --seed 3"
        self.app.push_screen(Line(text), partial(self._clone, run_id))

    def _clone(self, run_id: int, flags: str | None) -> None:
        if flags is not None:
            self.do(partial(clone, self.lab, run_id, flags), None)

    def action_tag(self) -> None:
        run_id = self.run_id
        if run_id is None:
            return
        self.app.push_screen(Line(f"Words for run {run_id}; -word takes one away"), partial(self._tag, run_id))

    def _tag(self, run_id: int, words: str | None) -> None:
        if words:
            self.do(partial(tag, self.lab, run_id, words.split()), None)

    def action_delete(self) -> None:
        if self.run_id is not None:
            self.do(partial(what_is_lost, self.lab, self.run_id), None, partial(self._confirm_delete, self.run_id))

    def _confirm_delete(self, run_id: int, lost: Any) -> None:
        question = Question(f"{lost.text}\n\nDelete it for good?\n\ndse runs rm {run_id}", "Delete")
        self.app.push_screen(question, lambda yes: self._delete(run_id) if yes else None)

    def _delete(self, run_id: int) -> None:
        self.do(partial(delete, self.lab, run_id), None, lambda _: self.removed())


# In threads: each returns what is to be said


def ask(lab: LabFile, run_id: int, wish: Wish) -> str:
    with lab.writing() as opened:
        status = opened.ask(run_id, wish)
    return f"Run {run_id} stops after the step under way." if status == "running" else f"Run {run_id} is {status}."


def resume(lab: LabFile, run_id: int) -> str:
    from workbench import background

    with lab.writing() as opened:
        begun = background.begin(opened, opened.run(run_id))
    return f"Run {run_id} goes on by itself, process {begun.pid}.  dse resume {run_id} --detach"


def clone(lab: LabFile, run_id: int, flags: str) -> str:
    from workbench import background
    from workbench.runner import start
    from workbench.views.request import changes_of

    changes = changes_of(flags)
    with lab.writing() as opened:
        run = start(opened, changes.applied(opened.run(run_id)))
        background.begin(opened, run)
    return f"Run {run.id} goes on by itself.  dse clone {run_id} {flags} --detach"


def tag(lab: LabFile, run_id: int, words: Sequence[str]) -> str:
    with lab.writing() as opened:
        for word in words:
            if word.startswith("-"):
                opened.untag(run_id, word[1:])
            else:
                opened.tag(run_id, word)
        return f"Run {run_id}: {' '.join(opened.tags(run_id)) or 'no tags'}"


class Lost:
    """What a removal takes along, in words."""

    def __init__(self, text: str) -> None:
        self.text = text


def what_is_lost(lab: LabFile, run_id: int) -> Lost:
    from store.removing import check_removable
    from workbench.views.runs import removal

    opened = lab.reading()
    run: Run = opened.run(run_id)
    check_removable(run)
    return Lost("\n".join(removal(opened, run, opened.dependents(run))))


def delete(lab: LabFile, run_id: int) -> str:
    with lab.writing() as opened:
        opened.remove_runs((run_id,))
    return f"Run {run_id} is removed; what was simulated for it stays known."
