"""Long-lived worker processes of one command: requests out, answers back in order, whatever the processes do.

Each works in a session and temporary folder of its own under `supervise.py`, so that nothing of it survives. One loop
over a selector serves them all, without threads: an interrupt ends it wherever it is, and takes busy workers along.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from workbench.errors import SimulatorError
from workbench.simulators.external.protocol import PROTOCOL, Answer, BadAnswerError, line, read_answer, read_hello

SUPERVISOR = Path(__file__).with_name("supervise.py")
LAST_LINES = 5
KEPT_BYTES = 4000
LONGEST_ANSWER = 64 << 20
CHUNK = 1 << 16
KEPT_CHUNKS = 16
TRIES = 2


@dataclass(frozen=True, slots=True)
class Command:
    """How workers are started, and what they may use. `version` is what their hello must say."""

    words: tuple[str, ...]
    version: str
    start_limit_s: float
    time_limit_s: float
    memory_limit_mb: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


class Pool:
    """Up to `workers` processes, started when they are first needed and kept until `close`, exit or a fault."""

    def __init__(self, command: Command, workers: int) -> None:
        self._command = command
        self._most = workers
        self._workers: list[_Worker] = []
        self._count = 0
        self._finalizer = weakref.finalize(self, _end, self._workers)

    def close(self) -> None:
        """End all workers and remove their folders."""
        self._finalizer()

    def map(self, requests: Sequence[Mapping[str, Any]], labels: Callable[[int], str]) -> list[Answer]:
        """The answers, in order. A request whose worker crashes is tried once more; `labels` name requests in errors.

        Raises:
            SimulatorError: a worker crashed twice over a request, took too long, or answered nonsense.
        """
        if not self._finalizer.alive:
            self._finalizer = weakref.finalize(self, _end, self._workers)
        round_ = _Round(self._command, requests, labels, self._count)
        self._count += len(requests)
        try:
            while not round_.done:
                self._assign(round_)
                round_.serve(self._workers)
                self._workers[:] = [worker for worker in self._workers if not worker.over]
        finally:
            busy = [worker for worker in self._workers if worker.task is not None]
            self._workers[:] = [worker for worker in self._workers if worker.task is None and not worker.over]
            _end(busy, at_once=True)
        return round_.in_order()

    def _assign(self, round_: _Round) -> None:
        """Work for everyone, and new workers while there are fewer than may be and more to do."""
        for worker in self._workers:
            if worker.task is None and round_.waiting:
                round_.give(worker)
        while round_.waiting and len(self._workers) < self._most:
            worker = _Worker(self._command)
            self._workers.append(worker)
            round_.give(worker)


class _Round:
    """One call of `Pool.map`: which requests wait, which are under way, and the answers so far."""

    def __init__(
        self,
        command: Command,
        requests: Sequence[Mapping[str, Any]],
        labels: Callable[[int], str],
        first_id: int,
    ) -> None:
        self._command, self._requests, self._labels, self._first_id = command, requests, labels, first_id
        self._answers: dict[int, Answer] = {}
        self._tries = [0] * len(requests)
        self.waiting = deque(range(len(requests)))

    @property
    def done(self) -> bool:
        return len(self._answers) == len(self._requests)

    def in_order(self) -> list[Answer]:
        return [self._answers[i] for i in range(len(self._requests))]

    def give(self, worker: _Worker) -> None:
        """The next request becomes the worker's; one that has not said hello yet gets it afterwards."""
        worker.task = self.waiting.popleft()
        self._tries[worker.task] += 1
        if worker.greeted:
            self._send(worker, worker.task)

    def _send(self, worker: _Worker, task: int) -> None:
        worker.send(line({"id": self._first_id + task, **self._requests[task]}), self._command.time_limit_s)

    def serve(self, workers: Sequence[_Worker]) -> None:
        """Wait until something happens, and handle it."""
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                worker.register(selector)
            nearest = min(worker.deadline for worker in workers)
            for key, _ in selector.select(max(0.0, nearest - monotonic())):
                worker, move = key.data
                move(worker)
        for worker in workers:
            for text in worker.take_lines():
                self._handle(worker, text)
            if worker.task is not None:
                self._watch(worker, worker.task)
            elif worker.ended:
                worker.end(at_once=True)

    def _handle(self, worker: _Worker, text: bytes) -> None:
        """A line of output: a hello first, then an answer to what was asked."""
        try:
            if not worker.greeted:
                self._greet(worker, text)
            elif worker.task is None:
                raise BadAnswerError(f"it wrote {text[:200].decode(errors='replace')!r} without being asked")
            else:
                self._answers[worker.task] = read_answer(text, self._first_id + worker.task)
                worker.task, worker.deadline = None, float("inf")
        except BadAnswerError as error:
            self._fail(worker, worker.task, str(error))

    def _greet(self, worker: _Worker, text: bytes) -> None:
        hello = read_hello(text)
        if hello.protocol != PROTOCOL:
            raise BadAnswerError(f"it speaks protocol {hello.protocol}, and this is {PROTOCOL}")
        if hello.version != self._command.version:
            raise BadAnswerError(f"it is version {hello.version!r}, and {self._command.version!r} is stated")
        worker.greeted = True
        if worker.task is not None:
            self._send(worker, worker.task)

    def _watch(self, worker: _Worker, task: int) -> None:
        """A busy worker that has ended, or taken too long, or too much to say."""
        if worker.ended:
            status = worker.end(at_once=False)
            if not worker.greeted or self._tries[task] >= TRIES:
                before = "" if worker.greeted else " before its hello"
                self._fail(worker, task, f"it ended{before} with {_status(status)}")
            worker.task = None
            self.waiting.appendleft(task)
        elif worker.swollen:
            self._fail(worker, task, f"its answer is longer than {LONGEST_ANSWER >> 20} MB")
        elif monotonic() >= worker.deadline:
            limit = self._command.time_limit_s if worker.greeted else self._command.start_limit_s
            what = "no answer" if worker.greeted else "no hello"
            self._fail(worker, task, f"{what} within {limit:g} s, so it was stopped")

    def _fail(self, worker: _Worker, task: int | None, what: str) -> None:
        worker.end(at_once=True)
        worker.task = None
        which = self._labels(task) if task is not None else "between two evaluations"
        said = worker.last_lines()
        tail = f" Its last lines: {' | '.join(said)}" if said else " It wrote nothing to stderr."
        raise SimulatorError(f"{which}: {what}. Command: {' '.join(self._command.words)}.{tail}")


class _Worker:
    """One process under its supervisor: pipes, what is yet to be sent, what came, and until when there is time."""

    def __init__(self, command: Command) -> None:
        self.task: int | None = None
        self.greeted = self.ended = self.over = False
        self.deadline = monotonic() + command.start_limit_s
        self._outbox = b""
        self._inbox = bytearray()
        self._stderr = bytearray()
        self._stderr_open = True
        self._folder = tempfile.mkdtemp(prefix="dse-simulator-")
        there, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(SUPERVISOR)),
                    *(str(there), str(command.memory_limit_mb), self._folder),
                    *command.words,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[there],
                start_new_session=True,
                env={**os.environ, "TMPDIR": self._folder, **command.environment},
            )
        except BaseException:
            os.close(self._lifeline)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(there)
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._in, self._out, self._err = self._process.stdin, self._process.stdout, self._process.stderr
        for stream in (self._in, self._out, self._err):
            os.set_blocking(stream.fileno(), False)

    @property
    def swollen(self) -> bool:
        """Whether a line has come that is longer than any answer."""
        return len(self._inbox) > LONGEST_ANSWER

    def send(self, content: bytes, time_limit_s: float) -> None:
        """Queue a request; the time for its answer begins."""
        self._outbox += content
        self.deadline = monotonic() + time_limit_s
        self._write()

    def register(self, selector: selectors.BaseSelector) -> None:
        """Names what to wait for, each with the method that then moves on."""
        selector.register(self._out, selectors.EVENT_READ, (self, _Worker._read))
        if self._stderr_open:
            selector.register(self._err, selectors.EVENT_READ, (self, _Worker._listen))
        if self._outbox:
            selector.register(self._in, selectors.EVENT_WRITE, (self, _Worker._write))

    def take_lines(self) -> list[bytes]:
        """The complete lines that have come."""
        *lines, rest = bytes(self._inbox).split(b"\n") if b"\n" in self._inbox else [bytes(self._inbox)]
        if lines:
            self._inbox[:] = rest
        return [found for found in lines if found.strip()]

    def last_lines(self) -> list[str]:
        """The last lines of stderr, without what a terminal would obey."""
        text = self._stderr.decode(errors="replace").replace("\r", "\n")
        shown = ("".join(c if c.isprintable() else "?" for c in found).strip() for found in text.split("\n"))
        return [found for found in shown if found][-LAST_LINES:]

    def end(self, *, at_once: bool) -> int:
        """Stop the process if it still runs, remove its folder, and say how it ended."""
        self.leave(at_once=at_once)
        if self.over:
            return self._process.returncode
        self.over = True
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        with suppress(OSError):
            for _ in range(KEPT_CHUNKS):
                self._listen()
        self._out.close()
        self._err.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return status

    def leave(self, *, at_once: bool) -> None:
        """Ask the process to end, without waiting for it."""
        if self._lifeline < 0:
            return
        if at_once:
            with suppress(BrokenPipeError):
                os.write(self._lifeline, b"k")
        os.close(self._lifeline)
        self._lifeline = -1
        with suppress(OSError):
            self._in.close()

    def _read(self) -> None:
        chunk: bytes | None = self._out.read(CHUNK)
        if chunk is not None:
            self._inbox += chunk
            self.ended = self.ended or not chunk

    def _listen(self) -> bool:
        chunk: bytes | None = self._err.read(CHUNK)  # None: nothing now
        if chunk is None:
            return False
        self._stderr_open = bool(chunk)
        self._stderr = (self._stderr + chunk)[-KEPT_BYTES:]
        return bool(chunk)

    def _write(self) -> None:
        try:
            sent = self._in.write(self._outbox)
        except BrokenPipeError:
            self._outbox = b""
            return
        self._outbox = self._outbox[sent or 0 :]


def _end(workers: list[_Worker], at_once: bool = False) -> None:
    """End workers together: all are asked before the first is waited for."""
    for worker in workers:
        worker.leave(at_once=at_once)
    for worker in workers:
        worker.end(at_once=at_once)
    workers.clear()


def _status(status: int) -> str:
    """An exit status in words."""
    if status <= 128:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(status - 128).name}"
    except ValueError:
        return f"status {status}"
