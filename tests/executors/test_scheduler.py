"""A Dask scheduler that was there before: runs use its workers, stop in one line when it dies, and are resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Lab
from tests.executors.conftest import needing
from tests.faulty import Faulty, FaultySettings
from tests.toy import ToySettings, ToySimulator, toy_task
from workbench.errors import UserError
from workbench.executor import evaluate
from workbench.executors import dask as module
from workbench.executors.base import GoneError
from workbench.executors.table import check
from workbench.library import history
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.workers import Workers

pytestmark = [pytest.mark.slow, needing("dask")]

ROOT = Path(__file__).resolve().parents[2]
TASK = toy_task(layers=2)
DESIGNS = tuple(TASK.space.unrank(rank) for rank in range(0, TASK.space.size, 151))


class Cluster:
    """A scheduler and a worker command with two worker processes."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "scheduler.log").open("w")
        self.scheduler = self._begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._address(folder / "scheduler.log")
        self.workers = self._begin(
            "worker", f"tcp://{self.address}", "--nworkers", "2", "--nthreads", "1", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(folder),
        )  # fmt: skip

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _address(self, log: Path) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if found := re.search(r"Scheduler at:\s+tcp://(\S+)", log.read_text()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    def kill(self, *processes: subprocess.Popen[bytes]) -> None:
        """The processes and all that they have begun."""
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def end(self) -> None:
        """All of it."""
        self.kill(self.scheduler, self.workers)
        self._log.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    begun = Cluster(tmp_path)
    try:
        yield begun
    finally:
        begun.end()


def test_a_run_stops_when_its_scheduler_dies_and_is_resumed_as_if_it_had_not(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(SIMULATORS, "toy", Faulty)
    slow = {"each_s": 0.02}
    spec = RunSpec(TASK, "anneal", simulator="toy", simulator_settings=slow, seed=7, batch=6, stop=Stop(budget=48))
    with Lab.open(tmp_path / "one.db") as lab:
        row = start(lab, spec)
        assert list(run(lab, row.id))
        whole = lab.checkpoint(row.id), history(lab, row.id, TASK.space)
    with Lab.open(tmp_path / "two.db") as lab, Workers(None, f"dask://{cluster.address}") as workers:
        row = start(lab, spec)
        steps = run(lab, row.id, workers=workers)
        seen = [next(steps), next(steps)]
        cluster.kill(cluster.scheduler)
        with pytest.raises(GoneError, match=r"^The Dask scheduler dask://127\S+ [^\n]*safe\.$"):
            seen += steps
        assert lab.run(row.id).status == "failed"
        assert len(history(lab, row.id, TASK.space)) >= seen[-1].points  # what was shown is there
        assert list(run(lab, row.id))
        assert (lab.checkpoint(row.id), history(lab, row.id, TASK.space)) == whole


def test_a_design_that_kills_its_workers_is_marked_by_a_scheduler_with_its_own_patience(cluster: Cluster):
    alone = evaluate(ToySimulator(ToySettings()), TASK, DESIGNS, lambda *_: {})
    simulator = Faulty(FaultySettings(crashes=(DESIGNS[5],)))
    with Workers(None, f"dask://{cluster.address}") as workers:
        found = evaluate(simulator, TASK, DESIGNS, lambda *_: {}, workers)
    differing = [e for e, right in zip(found.evaluated, alone.evaluated, strict=True) if e != right]
    assert [e.design for e in differing] == [DESIGNS[5]]


def test_a_scheduler_without_workers_is_given_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PATIENCE_S", 1.0)
    monkeypatch.setattr(module, "LOOK_S", 0.5)
    cluster.kill(cluster.workers)
    with Workers(None, f"dask://{cluster.address}") as workers, pytest.raises(GoneError, match="no worker for 1 s"):
        evaluate(ToySimulator(ToySettings()), TASK, DESIGNS, lambda *_: {}, workers)


def test_no_scheduler_is_refused_before_anything_is_done(cluster: Cluster):
    check(f"dask://{cluster.address}", None)
    with pytest.raises(UserError, match="--jobs is for workers that are started here"):
        check(f"dask://{cluster.address}", 2)
    cluster.kill(cluster.scheduler)
    with pytest.raises(UserError, match=f"dask://{cluster.address}: nothing answers there"):
        check(f"dask://{cluster.address}", None)
