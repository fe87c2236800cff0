"""Ctrl-C and its relatives: the first asks a run to stop after the batch in flight, the second stops it at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

WATCHED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
NOTICE = "dse: stopping after the batch in flight; once more stops at once (all stored steps are safe)\n"


@dataclass(slots=True)
class StopRequest:
    """Whether somebody wants the run to stop, and whether a live display tells so."""

    signal: signal.Signals | None = None
    displayed: bool = False

    def __bool__(self) -> bool:
        return self.signal is not None

    def handle(self, number: int, _: FrameType | None) -> None:
        """What a signal does."""
        if number == getattr(signal, "SIGHUP", None):
            _let_go_of_the_terminal()
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
        if not self.displayed:
            os.write(sys.stderr.fileno(), NOTICE.encode())  # print() may be what the signal interrupted


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catches the signals for a while. One that is ignored stays ignored: `nohup dse run` means what it says."""
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in WATCHED}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, request.handle)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_go_of_the_terminal() -> None:
    """After a hang-up nobody reads the terminal, and writing to it would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            os.dup2(nowhere, stream.fileno())
