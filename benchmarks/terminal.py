"""The terminal UI as a user meets it, in a terminal of its own: the first paint, answers to keys, what watching costs.

What it writes to its terminal is read by this process; times are from outside, so that nothing is left out.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from store.database import Lab

DSE = Path(sys.executable).with_name("dse")
TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1", "--jobs", "1")
OPENINGS = 7
KEYS = 40
WRITERS = 4
PAIRS = 9
WATCHED_S, SETTLING_S = 4.0, 2.0
ENDLESS = 10_000_000


class Screen:
    """A terminal of 80 x 24 with `dse ui` in it."""

    def __init__(self, lab: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:  # the child
            os.environ.update(
                {"TERM": "xterm-256color", "DSE_DB": str(lab), "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
            )
            os.execv(DSE, [str(DSE), "ui"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.text = ""

    def reads(self, seconds: float) -> str:
        """What is written within so many seconds; at once when something is."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return ""
        with suppress(OSError):
            said = os.read(self.fd, 1 << 16).decode(errors="replace")
            self.text += said
            return said
        return ""

    def waits_for(self, pattern: str, seconds: float = 30.0) -> float:
        """When it was on the screen."""
        deadline = time.perf_counter() + seconds
        while not re.search(pattern, _plain(self.text)):
            if time.perf_counter() > deadline:
                raise SystemExit(f"{pattern!r} is not on the screen: {_plain(self.text)[-2000:]}")
            self.reads(0.5)
        return time.perf_counter()

    def rests(self, seconds: float) -> None:
        """Until nothing has been written for a while, or it never stops."""
        deadline = time.perf_counter() + 10 * seconds
        while self.reads(seconds) and time.perf_counter() < deadline:
            continue

    def presses(self, key: bytes) -> None:
        os.write(self.fd, key)

    def ends(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def _plain(text: str) -> str:
    return re.sub(r"\x1b(\[[0-9;?<>=$]*[ -/]*[@-~]|[()][A-Z0-9]|[@-Z\\-_]|\].*?(\x07|\x1b\\))", "", text)


@contextmanager
def opened(lab: Path) -> Iterator[Screen]:
    screen = Screen(lab)
    try:
        yield screen
    finally:
        screen.ends()


def first_paint(lab: Path) -> dict[str, float]:
    """From the command to the first screen, and to the first page of runs on it."""
    paints, rows = list[float](), list[float]()
    for _ in range(OPENINGS):
        begin = time.perf_counter()
        with opened(lab) as screen:
            paints.append(1e3 * (screen.waits_for(r"Runs.*Quit|Quit.*Runs|Runs ") - begin))
            rows.append(1e3 * (screen.waits_for(r"eyeriss_like") - begin))
    found: dict[str, float] = {"first_paint_ms": round(median(paints)), "first_rows_ms": round(median(rows))}
    print(
        f"dse ui: the first screen after {found['first_paint_ms']} ms, the runs on it after {found['first_rows_ms']} ms"
    )
    return found


@contextmanager
def at_work(lab: Path, runs: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many runs that write to the lab all the while."""
    command = [str(DSE), "run", *TASK, "--search", "anneal", "--budget", str(ENDLESS), "--db", str(lab)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    started = [subprocess.Popen([*command, "--seed", str(seed)], **quiet) for seed in range(1, runs + 1)]  # type: ignore[call-overload]
    try:
        while not lab.exists() or _points(lab) < runs * 40:
            time.sleep(0.2)
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def _points(lab: Path) -> int:
    with Lab.open(lab) as opened_lab:
        return sum(run.points for run in opened_lab.runs())


def keys(folder: Path) -> dict[str, float]:
    """From a key to what it changes on the screen, while runs write."""
    lab, taken = folder / "keys.db", list[float]()
    with at_work(lab, WRITERS), opened(lab) as screen:
        screen.waits_for("tpu_like")
        screen.rests(0.5)
        for number in range(KEYS):
            down = number // (WRITERS - 1) % 2 == 0
            taken.append(_answer_ms(screen, b"j" if down else b"k"))
    found = {"key_ms": round(median(taken), 1), "key_worst_ms": round(max(taken), 1)}
    print(f"a key beside {WRITERS} writing runs: {found['key_ms']} ms, at most {found['key_worst_ms']} ms")
    return found


def _answer_ms(screen: Screen, key: bytes) -> float:
    """Waits for a rest first, so that what comes is the answer: between two looks at the lab nothing is painted."""
    while screen.reads(0.03):
        continue
    begin = time.perf_counter()
    screen.presses(key)
    screen.reads(5.0)
    return 1e3 * (time.perf_counter() - begin)


def watching(folder: Path) -> dict[str, float]:
    """What a run loses while it is watched: designs a second of wall, and of the processor time that it takes itself.

    One run, watched and not in turns; each time is compared with the mean of the two around it, as a run gets slower
    by and by.
    """
    lab, wall, cpu = folder / "watch.db", list[float](), list[float]()
    with at_work(lab, 1) as (process,), Lab.open(lab, readonly=True) as opened_lab:
        before = _rates(opened_lab, process.pid, None)
        for _ in range(PAIRS):
            with opened(lab) as screen:
                screen.waits_for("tpu_like")
                screen.presses(b"\r")
                screen.waits_for("hypervolume")
                _pass(SETTLING_S, screen)
                watched = _rates(opened_lab, process.pid, screen)
            after = _rates(opened_lab, process.pid, None)
            wall.append(2 * watched[0] / (before[0] + after[0]) - 1)
            cpu.append(2 * watched[1] / (before[1] + after[1]) - 1)
            before = after
    by_wall, by_cpu = 100 * median(wall), 100 * median(cpu)
    print(
        f"a run that is watched: {by_wall:+.1f} % designs a second of wall, {by_cpu:+.1f} % a second of its own "
        f"processor time (median of {PAIRS} pairs of {WATCHED_S:g} s)"
    )
    return {"watched_wall_percent": round(by_wall, 1), "watched_cpu_percent": round(by_cpu, 1)}


def _rates(lab: Lab, pid: int, screen: Screen | None) -> tuple[float, float]:
    """Designs a second of wall, and of the processor time of a process."""
    points, cpu, begin = lab.run(1).points, _cpu_s(pid), time.perf_counter()
    _pass(WATCHED_S, screen)
    done = lab.run(1).points - points
    return done / (time.perf_counter() - begin), done / (_cpu_s(pid) - cpu)


def _pass(seconds: float, screen: Screen | None) -> None:
    """Lets time go by; what a terminal is sent meanwhile is read."""
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        if screen is None:
            time.sleep(left)
        else:
            screen.reads(left)


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far; from field 3 of proc(5) on."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
