"""How a run is watched on stderr: a live display in a terminal, now and then a plain line anywhere else."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from workbench.cli.output import say, stderr
from workbench.cli.signals import StopRequest
from workbench.views.quantity import METRIC_WORDS, count, duration, metric

RATE_SECONDS = 30.0
"""The rate is that of the last so many seconds: what the run does now, not what it did an hour ago."""
LINE_SECONDS = 5.0
REFRESH_PER_SECOND = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a run is: what both displays show. `budget` is None for a run that only another rule ends."""

    points: int
    budget: int | None
    simulated: int
    hits: int
    feasible: int
    front_size: int
    hypervolume: float | None
    best: dict[str, float]


@dataclass(slots=True)
class Pace:
    """Points a second, lately, and what is left to do."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)  # (seconds, points)

    def mark(self, now: float, points: int) -> None:
        """So many points were done now."""
        self.marks.append((now, points))
        while len(self.marks) > 2 and self.marks[1][0] < now - RATE_SECONDS:
            self.marks.popleft()

    @property
    def per_second(self) -> float | None:
        """Unknown before two marks."""
        (begun, first), (ended, last) = (self.marks[0], self.marks[-1]) if self.marks else ((0.0, 0), (0.0, 0))
        return (last - first) / (ended - begun) if ended > begun else None

    def seconds_left(self, reading: Reading) -> float | None:
        """Until the budget is used up."""
        rate = self.per_second
        if reading.budget is None or not rate:
            return None
        return max(0, reading.budget - reading.points) / rate


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


def done_text(reading: Reading, pace: Pace) -> str:
    """`187/300 designs  23/s  5 s left`."""
    goal = "" if reading.budget is None else f"/{count(reading.budget)}"
    parts = [f"{count(reading.points)}{goal} designs"]
    rate, left = pace.per_second, pace.seconds_left(reading)
    if rate is not None:
        parts.append(f"{rate:.3g}/s")
    if left:
        parts.append(f"{duration(round(left))} left")
    return "  ".join(parts)


def best_text(reading: Reading) -> str:
    """The best so far, each objective for itself."""
    best = "  ".join(f"{METRIC_WORDS.get(name, name)} {metric(name, value)}" for name, value in reading.best.items())
    hypervolume = "" if reading.hypervolume is None else f"  hypervolume {reading.hypervolume:.4g}"
    return f"best {best or '-'}  front {reading.front_size}{hypervolume}"


def counts_text(reading: Reading) -> str:
    """Where the outcomes came from, and how many were none."""
    lost = reading.points - reading.feasible
    share = f" ({reading.hits / (reading.hits + reading.simulated):.0%})" if reading.hits else ""
    from_lab = f"from the lab {count(reading.hits)}{share}"
    return f"simulated {count(reading.simulated)}  {from_lab}  cannot be built {count(lost)}"
