"""Kills runs at random moments and crowds writers onto one lab: nothing that was stored may be lost, or differ.

Runs of many kinds are killed by `kill -9` while they start, search, simulate and store, and resumed, again and again.
After each kill the file must be sound, its heads must agree with its points, and it must hold every step that a reader
has seen. Each run must end with the very points, outcomes and state of one that nobody killed.

The last line is a JSON object: how many kills, after how many of them the lab was `inconsistent` and steps were `lost`,
and how many runs ended `different`; then the `transactions` of the crowd, its `errors`, and the updates that it lost.

    .venv/bin/python -m benchmarks.crash --kills 200
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from store.connections import transaction, writer
from store.database import BUSY_SECONDS, Lab
from store.rows import Context, Evaluation, Point, Progress
from store.runs import NewRun

ROOT = Path(__file__).resolve().parents[1]
DSE = Path(sys.executable).with_name("dse")
FC8 = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8")
LOOPNEST = ("--simulator", "loopnest", "--sim", "factors=1")
LOOK_SECONDS = 0.002
STARTING = 0.15
"""So many of the kills hit a process before its first step; what it does then is quickly told."""
KILLS_A_RUN = 8
PATIENCE_SECONDS = 600.0

ROOFLINE = """
import json, math, sys, time
print(json.dumps({"protocol": 1, "version": "1"}), flush=True)
for line in sys.stdin:
    ask = json.loads(line)
    dims, memories = ask["layer"]["dims"], ask["arch"]["memories"]
    time.sleep(0.01)
    macs, words = math.prod(dims.values()), math.prod(dims[d] for d in ("G", "K", "C", "FY", "FX"))
    units = math.prod(size for _, size in ask["arch"]["array"])
    energy_pj = macs * ask["arch"]["mac_energy_pj"] + words * memories[0]["read_energy_pj"]
    print(json.dumps({"id": ask["id"], "latency_cycles": macs / units, "energy_pj": energy_pj}), flush=True)
"""
"""A simulator of the user's own, in processes of its own; slow enough to be killed in the middle."""


@dataclass(frozen=True)
class Kind:
    """What a run is asked to do. `before` are runs that its lab holds already, for it to learn from.

    `with_what` is said anew when it is resumed.
    """

    name: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    with_what: tuple[str, ...] = ()

    @property
    def run_id(self) -> int:
        """In a lab that holds the runs before it."""
        return len(self.before) + 1


def _kind(name: str, search: str, budget: int, *rest: str, before: tuple[tuple[str, ...], ...] = ()) -> Kind:
    return Kind(name, ("--search", search, "--budget", str(budget), "--seed", "5", *rest), before)


EARLIER = ("--arch", "eyeriss_like", *FC8[2:], *LOOPNEST, "--search", "uniform", "--budget", "60", "--seed", "2")
EXTERNAL = ("--simulator", "external", "--sim", "file=roofline.yaml")
KINDS = (
    _kind("anneal", "anneal", 300, *FC8, *LOOPNEST),
    _kind("genetic, batches of 16", "genetic", 640, *FC8, *LOOPNEST, "--batch", "16", "-s", "population=16"),
    _kind("bottleneck, one by one", "bottleneck", 100, *FC8, *LOOPNEST, "--batch", "1"),
    _kind("guided, with a lab", "guided", 24, *FC8, *LOOPNEST, before=(EARLIER,)),
    _kind("uniform, two jobs", "uniform", 64, *FC8[:4], "--batch", "16", "--jobs", "2"),
    _kind("anneal, a simulator of its own", "anneal", 80, *FC8, *EXTERNAL),
    replace(
        _kind("genetic, asynchronous", "genetic", 200, *FC8, *LOOPNEST, "--batch", "6", "--asynchronous"),
        with_what=("--executor", "serial"),  # in whose order designs come back, which other workers do as they like
    ),
)


@dataclass
class Found:
    """What the kills have shown."""

    kills: int = 0
    inconsistent: int = 0
    lost: int = 0
    different: int = 0
    runs: int = 0
    steps: int = field(default=0)
    """Seen stored by the reader, over all runs: a loop that kills before anything is stored shows nothing."""

    def __add__(self, other: Found) -> Found:
        return Found(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Found)))


class Process:
    """`dse` at work on a run, and what a reader has seen it store."""

    def __init__(self, folder: Path, db: Path, run_id: int, *arguments: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DSE_")}
        self.db, self.run_id, self.begun = db, run_id, time.monotonic()
        self.before = self.steps = stored_steps(db, run_id) or 0
        self._errors = folder / "stderr"
        with self._errors.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [DSE, *arguments, "--db", str(db)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def watch(self, until: Callable[[], bool]) -> None:
        """Read what is stored until then, or until the process ends.

        No connection stays open: it would keep the index of the log alive, which a kill would then not cost.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.ended and not until() and time.monotonic() < deadline:
            self.steps = max(self.steps, stored_steps(self.db, self.run_id) or 0)
            time.sleep(LOOK_SECONDS)

    def advanced(self) -> bool:
        """Whether it has stored a step."""
        return self.steps > self.before

    def kill(self) -> bool:
        """Whether it still lived."""
        lived = not self.ended
        self._process.kill()
        self._process.wait()
        return lived

    def finish(self) -> None:
        """Wait for its end, which must be a good one."""
        if self._process.wait(PATIENCE_SECONDS):
            raise RuntimeError(f"dse failed: {self._errors.read_text(encoding='utf-8')}")


@contextmanager
def looking_at(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection that owes nothing to what is tested. It may write, as whoever opens a lab after a kill."""
    with closing(sqlite3.connect(db.absolute().as_uri() + "?mode=rw", uri=True, timeout=BUSY_SECONDS)) as connection:
        yield connection


def stored_steps(db: Path, run_id: int) -> int | None:
    """None where there is no such run yet, nor perhaps a lab."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(db.absolute().as_uri() + "?mode=ro", uri=True)) as reading:
        row = reading.execute("SELECT steps FROM run WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else int(row[0])
    return None


HEADS = """
    SELECT run.id FROM run WHERE
        steps <> (SELECT count(*) FROM history WHERE run_id = run.id)
        OR steps <> coalesce((SELECT max(step) FROM history WHERE run_id = run.id), 0)
        OR steps <> coalesce((SELECT max(step) FROM point WHERE run_id = run.id), 0)
        OR steps <> coalesce((SELECT step FROM checkpoint WHERE run_id = run.id), 0)
        OR points <> (SELECT count(*) FROM point WHERE run_id = run.id)
        OR points <> coalesce((SELECT max(seq) + 1 FROM point WHERE run_id = run.id), 0)
        OR points <> evaluations + hits
        OR hits <> (SELECT count(*) FROM point WHERE run_id = run.id AND cached)
        OR feasible <> (SELECT count(*) FROM point WHERE run_id = run.id AND infeasible IS NULL)
        OR front_size <> (SELECT count(*) FROM front WHERE run_id = run.id)
"""
"""Runs whose head, history, checkpoint, front and points do not agree."""


def faults(db: Path) -> list[str]:
    """What is wrong with the file, or with what is in it."""
    with looking_at(db) as connection:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        found = [] if said == ["ok"] else said
        found += [f"a row of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]
        try:
            found += [f"run {row[0]} does not agree with its points" for row in connection.execute(HEADS)]
        except sqlite3.OperationalError:  # killed before the tables were made, all of which is one transaction
            found += [] if connection.execute("PRAGMA application_id").fetchone() == (0,) else ["tables are missing"]
    return found


RUN = "steps, points, evaluations, hits, feasible, front_size, hypervolume, best, status, task, seed"
KEPT = (
    f"SELECT {RUN} FROM run ORDER BY id",  # noqa: S608 - no text of anybody else's
    "SELECT * FROM point ORDER BY run_id, seq",
    "SELECT * FROM point_detail ORDER BY run_id, seq",
    "SELECT * FROM front ORDER BY run_id, seq",
    "SELECT * FROM checkpoint ORDER BY run_id",
    "SELECT run_id, step, points, evaluations, hits, feasible, front_size, hypervolume FROM history ORDER BY 1, 2",
    "SELECT c.key, c.layer, e.* FROM evaluation AS e JOIN context AS c ON c.id = e.context_id ORDER BY c.key, e.key",
    "SELECT * FROM evaluation_detail ORDER BY context_id, key",
)


def kept(db: Path) -> list[list[Any]]:
    """All that must not depend on how often a run was killed: everything but times and owners."""
    with looking_at(db) as connection:
        return [connection.execute(query).fetchall() for query in KEPT]


@dataclass(frozen=True)
class Whole:
    """A kind of run that nobody killed: what it came to, and how long it took to begin and to work."""

    kind: Kind
    start: Path
    content: list[list[Any]]
    starting_s: float
    working_s: float


def uninterrupted(kind: Kind, folder: Path) -> Whole:
    """Its lab as it was before, and what the run made of it."""
    simulator = folder / "roofline.py"
    simulator.write_text(ROOFLINE, encoding="utf-8")
    settings = {"name": "roofline", "version": "1", "command": [sys.executable, "roofline.py"], "workers": 2}
    (folder / "roofline.yaml").write_text(json.dumps(settings), encoding="utf-8")
    start, whole = folder / "start.db", folder / "whole.db"
    for number, arguments in enumerate(kind.before, 1):
        Process(folder, start, number, "run", *arguments).finish()
    _copy(start, whole)
    process = Process(folder, whole, kind.run_id, "run", *kind.arguments, *kind.with_what)
    process.watch(process.advanced)
    begun = time.monotonic()
    process.finish()
    return Whole(kind, start, kept(whole), begun - process.begun, time.monotonic() - begun)


def _copy(start: Path, db: Path) -> None:
    for old in db.parent.glob(f"{db.name}*"):
        old.unlink()
    if start.exists():
        shutil.copy(start, db)


def at_work(kind: Kind, folder: Path, db: Path) -> Process:
    """On the run of this kind, which it begins where there is none yet."""
    begun = stored_steps(db, kind.run_id) is not None
    words = ("resume", str(kind.run_id)) if begun else ("run", *kind.arguments)
    return Process(folder, db, kind.run_id, *words, *kind.with_what)


def one_run(whole: Whole, folder: Path, kills: int, moments: random.Random) -> Found:
    """A run killed so many times at the most, resumed, and compared with the one that nobody killed."""
    db, found = folder / "killed.db", Found(runs=1)
    _copy(whole.start, db)
    while found.kills < kills:
        process = at_work(whole.kind, folder, db)
        since, span = process.begun, whole.starting_s
        if moments.random() >= STARTING:
            process.watch(process.advanced)
            since, span = time.monotonic(), whole.working_s / max(2, kills)
        moment = since + moments.uniform(0.0, span)
        process.watch(lambda end=moment: time.monotonic() >= end)  # type: ignore[misc]
        if not process.kill():
            break  # it was done before
        found.kills += 1
        found.steps += process.steps - process.before
        wrong = faults(db) if db.exists() and db.stat().st_size else []
        found.inconsistent += bool(wrong)
        found.lost += (stored_steps(db, process.run_id) or 0) < process.steps
        for line in wrong:
            print(f"after kill {found.kills}: {line}", file=sys.stderr)
    at_work(whole.kind, folder, db).finish()
    found.inconsistent += bool(faults(db))
    found.different += kept(db) != whole.content
    return found


def kill_runs(kind: Kind, kills: int, folder: Path, seed: int) -> Found:
    """Runs of this kind killed so many times altogether."""
    moments, whole, found = random.Random(seed), uninterrupted(kind, folder), Found()
    while found.kills < kills:
        found += one_run(whole, folder, min(KILLS_A_RUN, kills - found.kills), moments)
    return found


# The crowd

CONTEXT = Context(key=b"context-of-crowd", simulator="none", fingerprint="none", layer="{}")


def new_run(seed: int) -> NewRun:
    """A run that no search works on."""
    words: dict[str, Any] = dict.fromkeys(("arch", "workload", "search", "simulator", "fingerprint"), "none")
    settings: dict[str, Any] = dict.fromkeys(("task", "search_settings", "simulator_settings", "stop"), "{}")
    return NewRun(task_key=b"crowd", seed=seed, batch=1, **words, **settings)


def write(db: str, number: str, transactions: str) -> None:
    """One of the crowd: each step of its own run is followed by an update of a row that all share."""
    path, me = Path(db), int(number)
    with Lab.open(path) as lab:
        run = lab.create_run(new_run(me)).id
        epoch = lab.claim(run)
        engine = writer(path, BUSY_SECONDS)
        for step in range(1, int(transactions) + 1):
            lab.commit_step(
                run,
                epoch,
                history=Progress(step, step, step, 0, step, 1, 1.0, "{}", 0.1),
                points=[Point(step - 1, step, bytes(4), 1.0, 1.0, 1.0)],
                front=[step - 1],
                checkpoint=str(step).encode(),
                contexts=[CONTEXT],
                evaluations=[Evaluation(CONTEXT.key, f"{me}.{step}".encode(), 1.0, 1.0, 1.0)],
            )
            with transaction(engine, path) as connection:
                shared = connection.exec_driver_sql("SELECT value FROM shared").scalar_one()
                connection.exec_driver_sql("UPDATE shared SET value = ?", (int(shared) + 1,))
        engine.dispose()
        lab.finish(run, epoch, "done")


@dataclass(frozen=True, slots=True)
class Crowd:
    """What writers did to one lab at the same time."""

    transactions: int
    errors: int
    lost_updates: int
    seconds: float


def crowd(db: Path, writers: int, transactions: int) -> Crowd:
    """So many processes, each with so many steps of its own and as many updates of one row."""
    Lab.open(db).close()
    with looking_at(db) as connection:
        connection.execute("CREATE TABLE shared (value INTEGER NOT NULL) STRICT")
        connection.execute("INSERT INTO shared VALUES (0)")
        connection.commit()
    begun = time.monotonic()
    script = "import sys; from benchmarks.crash import write; write(*sys.argv[1:])"
    command = [sys.executable, "-c", script, str(db)]
    started = [
        subprocess.Popen([*command, str(me), str(transactions)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for me in range(writers)
    ]
    said = [(process.communicate()[1], process.returncode) for process in started]
    seconds = time.monotonic() - begun
    for text in (text for text, code in said if code or text):
        print(text, file=sys.stderr)
    counts = ("SELECT value FROM shared", "SELECT sum(steps) FROM run", "SELECT count(*) FROM evaluation")
    with looking_at(db) as connection:
        there = [int(connection.execute(query).fetchone()[0]) for query in counts]
    lost = sum(writers * transactions - count for count in there)
    return Crowd(2 * writers * transactions, sum(bool(code or text) for text, code in said), lost, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kind and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="over all kinds of run")
    parser.add_argument("--writers", type=int, default=8, help="processes that write to one lab at once")
    parser.add_argument(
        "--transactions", type=int, default=1000, help="of each writer, and as many on a row they share"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    total = Found()
    for number, kind in enumerate(KINDS):
        kills = options.kills // len(KINDS) + (number < options.kills % len(KINDS))
        if not kills:
            continue
        with TemporaryDirectory(prefix="dse-crash-") as name:
            found = kill_runs(kind, kills, Path(name), options.seed + number)
        total += found
        print(
            f"{kind.name:32}{found.kills:4} kills of {found.runs:3} runs, {found.steps:5} steps seen: "
            f"{found.inconsistent} inconsistent, {found.lost} lost, {found.different} different",
            flush=True,
        )
    with TemporaryDirectory(prefix="dse-crash-") as name:
        done = crowd(Path(name) / "lab.db", options.writers, options.transactions)
    print(f"{options.writers} writers: {done.transactions} transactions in {done.seconds:.0f} s", flush=True)
    figures = {name: getattr(total, name) for name in ("kills", "inconsistent", "lost", "different")}
    figures |= {"transactions": done.transactions, "errors": done.errors, "lost_updates": done.lost_updates}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
