"""How a run is watched on stderr: a live display in a terminal, now and then a plain line anywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from workbench.cli.output import say, stderr
from workbench.cli.signals import StopRequest
from workbench.views.pace import Pace, Reading, best_text, counts_text, done_text

LINE_SECONDS = 5.0
REFRESH_PER_SECOND = 8


class Watch(Protocol):
    """A display of a run: entered once, told of each step."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def show(self, reading: Reading) -> None:
        """The run is now so far."""
        ...


def watch(start: Reading, stop: StopRequest, plain: bool) -> Watch:
    """Live where stderr is a terminal and nobody asked for plain lines."""
    console = stderr()
    if plain or not console.is_terminal or console.is_dumb_terminal:
        return Lines(start)
    return Display(console, start, stop)


class Display:
    """A few lines that are painted over and over, and leave nothing behind."""

    def __init__(self, console: Console, start: Reading, stop: StopRequest) -> None:
        self._stop = stop
        self._reading, self._pace = start, Pace()
        self._pace.mark(time.monotonic(), start.points)
        self._live = Live(
            console=console, get_renderable=self._render, transient=True, refresh_per_second=REFRESH_PER_SECOND
        )

    def __enter__(self) -> Self:
        self._stop.displayed = True
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.__exit__(kind, error, at)
        self._stop.displayed = False

    def show(self, reading: Reading) -> None:
        self._reading = reading
        self._pace.mark(time.monotonic(), reading.points)

    def _render(self) -> RenderableType:
        """What the display's own thread paints, from the last reading."""
        reading = self._reading
        head = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
        head.add_column(ratio=1)
        head.add_column(justify="right")
        bar = ProgressBar(total=reading.budget, completed=reading.points, pulse=reading.budget is None)
        head.add_row(bar, Text(done_text(reading, self._pace)))
        lines: list[RenderableType] = [head]
        lines += [Text(line, overflow="ellipsis", no_wrap=True) for line in (best_text(reading), counts_text(reading))]
        if self._stop:
            notice = "stopping after the batch in flight; Ctrl-C again stops at once (all stored steps are safe)"
            lines.append(Text(notice, style="yellow", overflow="ellipsis", no_wrap=True))
        return Group(*lines)


class Lines:
    """A line every few seconds, and one for the last step: for log files and pipes."""

    def __init__(self, start: Reading) -> None:
        self._pace, self._said, self._last = Pace(), time.monotonic(), start
        self._pace.mark(self._said, start.points)
        self._shown = start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._last is not self._shown:
            self._say()

    def show(self, reading: Reading) -> None:
        now = time.monotonic()
        self._last = reading
        self._pace.mark(now, reading.points)
        if now - self._said >= LINE_SECONDS:
            self._said = now
            self._say()

    def _say(self) -> None:
        self._shown = self._last
        say("  ".join((done_text(self._last, self._pace), best_text(self._last), counts_text(self._last))))
