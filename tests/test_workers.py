"""Workers: where a simulation is made decides nothing but how long it takes, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from store.database import Lab
from tests.toy import ToySettings, ToySimulator, toy_task
from workbench import workers as module
from workbench.blame import Chunk
from workbench.errors import SimulatorError, UserError
from workbench.executor import Batch, evaluate
from workbench.library import history
from workbench.problem.metrics import Infeasible, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.workers import Piece, Workers

ROOT = Path(__file__).resolve().parents[1]
TASK = toy_task(layers=3)
DESIGNS = [TASK.space.unrank(rank) for rank in range(0, TASK.space.size, 97)]  # some fit no layer, some two of three


class Elsewhere(ToySimulator):
    """Notes where it runs."""

    @property
    def fingerprint(self) -> str:
        return f"elsewhere {self.settings.delay_s}"

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        with Path(self.settings.log).open("a") as log:
            log.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
        time.sleep(self.settings.delay_s * len(designs))
        return [super(Elsewhere, self)._outcome(task, task.workload.layers[0].layer, design) for design in designs]


class Starting(Elsewhere):
    """Compiles something before its first answer, as it were."""

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        if not Path(self.settings.log).exists():
            time.sleep(1.2)
        return super().evaluate(task, designs)


class Owning(Elsewhere):
    """Would run worker processes of its own."""

    own_workers: ClassVar[bool] = True


class Dying(ToySimulator):
    """Survives in the process that made it, so that only workers die."""

    def __init__(self, settings: ToySettings) -> None:
        super().__init__(settings)
        self.home = os.getpid()

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        if os.getpid() != self.home:
            os._exit(3)
        return super().evaluate(task, designs)


def work(simulator: ToySimulator, designs: Sequence[Design], workers: Workers | None = None) -> Batch:
    return evaluate(simulator, TASK, designs, lambda *_: {}, workers)


def children(pid: int) -> list[int]:
    """The processes that this one has begun, loky's keeper of resources left out."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = next(line for line in status.read_text().splitlines() if line.startswith("PPid:"))
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue  # gone meanwhile
        if int(parent.split()[1]) == pid and "resource_tracker" not in command and "loky" in command:
            found.append(int(status.parent.name))
    return found


def wait_until(holds, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(holds())


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started for any work at all."""
    monkeypatch.setattr(module, "START_S", 0.0)
    monkeypatch.setattr(module, "HANDING_S", 0.0)


@pytest.fixture
def two() -> Iterator[Workers]:
    with Workers(2) as workers:
        yield workers


def toy(kind: type[ToySimulator] = ToySimulator, **settings: object) -> ToySimulator:
    return kind(ToySettings.model_validate(settings))


def places(log: Path) -> set[tuple[str, ...]]:
    return {tuple(line.split()) for line in log.read_text().splitlines()}


@pytest.mark.usefixtures("eager")
def test_workers_give_the_same_results_in_the_same_order(two: Workers):
    alone = work(toy(), DESIGNS)
    spread = work(toy(), DESIGNS, two)
    assert two.started
    assert spread == alone
    reasons = {e.outcome.reason for e in alone.evaluated if isinstance(e.outcome, Infeasible)}
    assert {reason.partition(":")[0] for reason in reasons} == {"conv1", "conv2", "conv3"}
    details = [[getattr(e.outcome, "breakdown", None) for e in batch.fresh] for batch in (alone, spread)]
    assert details[0] == details[1]


@pytest.mark.usefixtures("eager")
def test_what_arrives_in_any_order_counts_as_if_it_had_come_layer_by_layer():
    pieces = [Piece(TASK, tuple(DESIGNS[:2])) for _ in range(3)]
    results = module._Results(pieces)
    good, bad = evaluate(toy(), toy_task(), [(2, 2, 9, 2, 0), (2, 2, 0, 2, 0)], lambda *_: {}).evaluated
    for piece, outcome in ((2, good.outcome), (1, bad.outcome), (0, bad.outcome)):
        results.add(Chunk(piece, (DESIGNS[0],)), [outcome])
        results.add(Chunk(piece, (DESIGNS[1],)), [good.outcome])
    assert results.wanted(Chunk(2, tuple(DESIGNS[:2]))).designs == (DESIGNS[1],)
    first, second, third = results.in_order()
    assert first == {DESIGNS[0]: bad.outcome, DESIGNS[1]: good.outcome}
    assert second == third == {DESIGNS[1]: good.outcome}


def test_a_run_on_workers_is_the_run_in_one_process(tmp_path, monkeypatch, eager, two):
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    spec = RunSpec(TASK, "anneal", simulator="toy", seed=7, batch=6, stop=Stop(budget=48))
    kept = []
    for name, workers in (("one.db", None), ("two.db", two)):
        with Lab.open(tmp_path / name) as lab:
            row = start(lab, spec)
            assert list(run(lab, row.id, workers=workers))
            checkpoint = lab.checkpoint(row.id)
            kept.append((checkpoint, lab.points(row.id), history(lab, row.id, TASK.space), lab.run(row.id).fingerprint))
    assert two.started
    assert kept[0] == kept[1]


def test_cheap_work_stays_here_and_dear_work_does_not(tmp_path, two, monkeypatch):
    cheap, dear = (toy(Elsewhere, log=str(tmp_path / name), delay_s=s) for name, s in (("cheap", 0.0), ("dear", 0.02)))
    work(cheap, DESIGNS, two)
    assert not two.started
    assert {pid for pid, _ in places(tmp_path / "cheap")} == {str(os.getpid())}
    monkeypatch.setattr(module, "START_S", 0.3)
    designs = [(2, 2, 9, width, mapping) for width in range(5) for mapping in (0, 1)]
    work(dear, designs[:2], two)  # 6 x 0.02 s: to start workers would cost more
    assert not two.started
    work(dear, designs, two)
    assert two.started
    elsewhere = {place for place in places(tmp_path / "dear") if place[0] != str(os.getpid())}
    assert 1 <= len(elsewhere) <= 2
    assert {threads for _, threads in elsewhere} == {"1"}
    again = places(tmp_path / "dear")
    work(dear, designs, two)
    assert len(places(tmp_path / "dear") | again) <= 3  # the same workers as before


def test_a_slow_start_is_not_taken_for_the_pace(tmp_path, two):
    slow_once = toy(Starting, log=str(tmp_path / "log"))
    work(slow_once, DESIGNS, two)
    assert not two.started  # 1.2 s a design would be worth workers


@pytest.mark.usefixtures("eager")
def test_one_job_and_a_simulator_with_its_own_workers_get_none(tmp_path, two):
    for workers, kind in ((Workers(1), Elsewhere), (two, Owning)):
        work(toy(kind, log=str(tmp_path / "log")), DESIGNS[:4], workers)
        assert not workers.started
    assert {pid for pid, _ in places(tmp_path / "log")} == {str(os.getpid())}


@pytest.mark.usefixtures("eager")
def test_a_worker_that_dies_is_an_error_and_the_next_batch_finds_new_ones(two):
    with pytest.raises(SimulatorError, match=r"worker process of the simulator toy died.*--jobs 1"):
        work(toy(Dying), DESIGNS, two)
    assert not two.started
    assert work(toy(), DESIGNS, two) == work(toy(), DESIGNS)


@pytest.mark.usefixtures("eager")
def test_an_error_in_a_worker_is_the_simulators_own(two):
    work(toy(), DESIGNS[:2], two)  # the pace is known, so the next goes to the workers
    with pytest.raises(SimulatorError, match="broken on purpose"):
        work(toy(breaks=True), DESIGNS, two)
    assert children(os.getpid()) == []


@pytest.mark.usefixtures("eager")
def test_closed_workers_are_gone(two):
    work(toy(), DESIGNS, two)
    assert children(os.getpid())
    two.close()
    assert children(os.getpid()) == []


def test_there_must_be_a_job():
    with pytest.raises(UserError, match="at least 1"):
        Workers(0)


def long_run(folder: Path) -> subprocess.Popen[str]:
    """A search whose batches take seconds, once it has worker processes."""
    script = Path(sys.executable).with_name("dse")
    task = ("--arch", "tpu_like", "--workload", "resnet50", "--budget", "100000", "--batch", "1024", "--seed", "1")
    process = subprocess.Popen(
        [script, "run", *task, "--search", "anneal", "--jobs", "2", "--db", folder / "lab.db"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait_until(lambda: len(children(process.pid)) == 2, 60):
        process.kill()
        raise AssertionError(process.communicate())
    return process


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a process table to look at")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_signal_leaves_a_worker_behind(name: str, tmp_path: Path):
    process = long_run(tmp_path)
    begun = children(process.pid)
    process.send_signal(signal.Signals[name])
    if name != "SIGKILL":
        time.sleep(0.2)
        assert process.poll() is None  # the first asks for a stop after the batch in flight
        asked = time.monotonic()
        process.send_signal(signal.Signals[name])
    _, stderr = process.communicate(timeout=30)
    if name != "SIGKILL":
        assert time.monotonic() - asked < 5
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        assert "leaked" not in stderr
        assert "dse resume 1" in stderr
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in begun), 20)
