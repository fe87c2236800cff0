"""Questions that a screen asks in a thread: the newest of a kind counts, and one of a kind is under way at a time.

The thread posts its answer as a message; only the handler touches widgets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from textual.message import Message

from store.errors import StoreError
from workbench.errors import WorkbenchError
from workbench.tui.screens.base import Data, LabScreen

Found = TypeVar("Found")


@dataclass
class Answered(Message):
    """What a job found, or why it found nothing."""

    kind: str
    then: Callable[[Any], None]
    found: Any
    failure: str | None


class AskingScreen(LabScreen[Data]):
    """A screen that asks more than what it shows at first."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way: set[str] = set()
        self._next: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}

    def ask(self, kind: str, job: Callable[[], Found], then: Callable[[Found], None]) -> None:
        """Has a job done in a thread and `then` called with what it found; later, if one of the kind is at work."""
        if kind in self._under_way:
            self._next[kind] = (job, then)
            return
        self._under_way.add(kind)
        self.run_worker(partial(self._answer, kind, job, then), thread=True, group=kind, exit_on_error=False)

    def _answer(self, kind: str, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            answered = Answered(kind, then, job(), None)
        except (StoreError, WorkbenchError) as error:
            answered = Answered(kind, then, None, str(error))
        except Exception as error:  # a worker's edge: the UI stays, and says what it met
            logging.getLogger(__name__).exception("a question could not be answered")
            answered = Answered(kind, then, None, f"{type(error).__name__}: {error}")
        self.post_message(answered)

    def on_answered(self, message: Answered) -> None:
        message.stop()
        self._under_way.discard(message.kind)
        waiting = self._next.pop(message.kind, None)
        if waiting is not None:
            self.ask(message.kind, *waiting)
        if not self.is_mounted:
            return
        if message.failure is not None:
            self.say(message.failure, bad=True)
        else:
            message.then(message.found)

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to come."""
        return self._loading or bool(self._under_way)
