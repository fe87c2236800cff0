"""What all screens share: a heading, a footer, and data that come from a thread and never by a query of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from store.errors import StoreError
from workbench.errors import UserError
from workbench.views.text import plain

if TYPE_CHECKING:
    from workbench.tui.app import Workbench
    from workbench.tui.labfile import LabFile

Data = TypeVar("Data")


def one_line(text: str) -> str:
    """A user's text on one line, with nothing in it that a terminal would act on."""
    return plain(text).replace("\n", "\\n")


class Heading(Static):
    """The first line: what is shown, of which lab, and what is wrong with it."""

    DEFAULT_CSS = """
    Heading { height: 1; width: 1fr; background: $primary 30%; color: $foreground; }
    """

    def tell(self, title: str, lab: str, problem: str | None) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f" {one_line(title)} ", "bold")
        if problem is None:
            text.append(f" {one_line(lab)}", "dim")
        else:
            text.append(f" {one_line(problem)} ", "bold reverse")
        self.update(text)


@dataclass
class Loaded(Message):
    """What a thread has read for a screen, or why it could not."""

    data: Any
    failure: str | None


@dataclass
class Finished(Message):
    """What a thread has done for a user, in words, or why it could not; `then` is called with what it gave back."""

    told: str | None
    failure: str | None
    then: Callable[[Any], None] | None = None
    result: Any = None


class LabScreen(Screen[None], Generic[Data]):
    """A screen whose data are read again whenever the lab has changed.

    `load` runs in a thread and only reads; `present` gets what it returned, on the UI's own thread.
    """

    TITLE = "dse"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.leave", "Back", id="app.back"),
        Binding("question_mark", "app.help", "Help", id="app.help", key_display="?"),
        Binding("ctrl+p", "app.command_palette", "Palette", id="app.palette", show=False),
        Binding("ctrl+l", "reload", "Read again", id="app.reload", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._loading = self._dirty = False
        self._problem: str | None = None

    @property
    def workbench(self) -> Workbench:
        return cast("Workbench", self.app)

    @property
    def lab(self) -> LabFile:
        return self.workbench.lab

    def compose(self) -> ComposeResult:
        yield Heading()
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        yield from ()

    def heading(self) -> str:
        """What the heading says is shown."""
        return self.TITLE or ""

    def on_mount(self) -> None:
        self.tell()
        self.reload()

    def tell(self) -> None:
        self.query_one(Heading).tell(self.heading(), str(self.lab.path), self._problem)

    # Reading

    def load(self, lab: LabFile) -> Data:
        """Reads what the screen shows; in a thread."""
        raise NotImplementedError

    def present(self, data: Data) -> None:
        """Shows it."""

    def lab_changed(self, problem: str | None) -> None:
        """Somebody has written to the lab; or it cannot be read, which the heading says."""
        if problem != self._problem:
            self._problem = problem
            self.tell()
        if problem is None:
            self.reload()

    @property
    def is_waiting(self) -> bool:
        """Whether something that was asked for is still under way in a thread."""
        return self._loading or any(worker.group == "do" and not worker.is_finished for worker in self.workers)

    def action_reload(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Reads again; where it is being read already, once more afterwards and no oftener."""
        if self._loading:
            self._dirty = True
            return
        self._loading = True
        self.run_worker(self._load, thread=True, group="load", exit_on_error=False)

    def _load(self) -> None:
        try:
            loaded = Loaded(self.load(self.lab), None)
        except (StoreError, UserError) as error:
            loaded = Loaded(None, str(error))
        except Exception as error:  # a worker's edge: the UI stays, and says what it met
            logging.getLogger(__name__).exception("a screen could not be read")
            loaded = Loaded(None, f"{type(error).__name__}: {error}")
        self.post_message(loaded)

    def on_loaded(self, message: Loaded) -> None:
        message.stop()
        self._loading = False
        if message.failure != self._problem:
            self._problem = message.failure
            self.tell()
        if message.failure is None and self.is_mounted:
            with self.app.batch_update():  # one repaint, however much of the screen changes
                self.present(message.data)
        if self._dirty:
            self._dirty = False
            self.reload()

    # Doing

    def do(self, work: Callable[[], Any], told: str | None, then: Callable[[Any], None] | None = None) -> None:
        """Does what a user asked for in a thread, and tells how it went."""
        self.run_worker(partial(self._do, work, told, then), thread=True, group="do", exit_on_error=False)

    def _do(self, work: Callable[[], Any], told: str | None, then: Callable[[Any], None] | None) -> None:
        try:
            result = work()
            self.post_message(Finished(result if isinstance(result, str) else told, None, then, result))
        except (StoreError, UserError) as error:
            self.post_message(Finished(None, str(error)))
        except Exception as error:  # as above
            logging.getLogger(__name__).exception("what was asked for could not be done")
            self.post_message(Finished(None, f"{type(error).__name__}: {error}"))

    def on_finished(self, message: Finished) -> None:
        message.stop()
        if message.failure is not None:
            self.say(message.failure, bad=True)
            return
        if message.told:
            self.say(message.told)
        if message.then is not None:
            message.then(message.result)
        self.reload()

    def say(self, text: str, *, bad: bool = False) -> None:
        """A note in the corner, literally as it is."""
        self.notify(plain(text), severity="error" if bad else "information", markup=False)
