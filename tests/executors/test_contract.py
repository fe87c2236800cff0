"""Every executor: the same results as in one process, and no worker that dies or blocks changes them or stops a run."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from store.database import Lab
from tests.executors.conftest import needing
from tests.faulty import Faulty, FaultySettings
from tests.toy import ToySettings, ToySimulator, toy_task
from workbench.errors import SimulatorError
from workbench.executor import Batch, evaluate
from workbench.executors.base import UNKNOWN, Call, work
from workbench.executors.table import NAMES
from workbench.library import history
from workbench.problem.metrics import Infeasible, given_up
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.workers import Workers

pytestmark = pytest.mark.slow

TASK = toy_task(layers=2)
DESIGNS = tuple(TASK.space.unrank(rank) for rank in range(0, TASK.space.size, 151))
POISON = DESIGNS[5]


def evaluated(simulator: ToySimulator, workers: Workers | None = None) -> Batch:
    return evaluate(simulator, TASK, DESIGNS, lambda *_: {}, workers)


ALONE = evaluated(ToySimulator(ToySettings()))


def faulty(**settings: object) -> Faulty:
    return Faulty(FaultySettings.model_validate(settings))


@pytest.fixture(params=[pytest.param(name, marks=needing(name)) for name in NAMES if name != "serial"], scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def two(name: str) -> Iterator[Workers]:
    """Two workers that get everything, also what would be done sooner here."""
    with Workers(2, name, batch_s=2.0) as workers:
        yield workers


def test_results_are_those_of_one_process_in_the_same_order(two: Workers):
    assert evaluated(ToySimulator(ToySettings()), two) == ALONE
    assert two.started
    assert two.jobs == 2


def test_a_result_says_which_process_it_comes_from(two: Workers):
    two.deeds.take()
    evaluated(ToySimulator(ToySettings()), two)
    deeds = two.deeds.take()
    assert {worker.host for worker in deeds} == {socket.gethostname()}
    assert 1 <= len(deeds) <= 2
    assert os.getpid() not in {worker.pid for worker in deeds}
    assert sum(deed.designs for deed in deeds.values()) >= len(ALONE.fresh)
    assert all(deed.seconds > 0 and not deed.failures for deed in deeds.values())


def test_a_run_is_the_run_in_one_process(two: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    spec = RunSpec(TASK, "anneal", simulator="toy", seed=7, batch=6, stop=Stop(budget=24))
    kept = []
    for lab_name, workers in (("one.db", Workers(1, "serial")), ("two.db", two)):
        with Lab.open(tmp_path / lab_name) as lab:
            row = start(lab, spec)
            assert list(run(lab, row.id, workers=workers))
            kept.append((lab.checkpoint(row.id), lab.points(row.id), history(lab, row.id, TASK.space)))
    assert kept[0] == kept[1]


def test_a_run_whose_workers_are_all_killed_is_the_run_in_one_process(
    two: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(SIMULATORS, "toy", Faulty)
    (tmp_path / "pids").mkdir()
    faults = {"pids": str(tmp_path / "pids"), "each_s": 0.02}
    spec = RunSpec(TASK, "anneal", simulator="toy", simulator_settings=faults, seed=7, batch=6, stop=Stop(budget=24))
    kept = []
    with Lab.open(tmp_path / "one.db") as lab:
        row = start(lab, spec)
        assert list(run(lab, row.id))
        kept.append((lab.checkpoint(row.id), lab.points(row.id)))
    with Lab.open(tmp_path / "two.db") as lab:
        row = start(lab, spec)
        steps = run(lab, row.id, workers=two)
        shown = [next(steps)]
        for found in (tmp_path / "pids").iterdir():
            with suppress(ProcessLookupError):
                os.kill(int(found.name), signal.SIGKILL)
        shown += steps
        assert [step.step for step in shown] == [1, 2, 3, 4]
        assert lab.run(row.id).status == "done"
        kept.append((lab.checkpoint(row.id), lab.points(row.id)))
        told = lab.workers(row.id)
        assert len([each for each in told if each.designs]) > 2  # others came in the place of those
    assert kept[0] == kept[1]


def test_an_error_is_the_simulators_own_and_the_next_batch_finds_workers(two: Workers):
    with pytest.raises(SimulatorError, match="broken on purpose"):
        evaluated(ToySimulator(ToySettings(breaks=True)), two)
    assert evaluated(ToySimulator(ToySettings()), two) == ALONE


def test_a_worker_that_dies_once_costs_nothing_but_time_and_is_counted(name: str, two: Workers, tmp_path: Path):
    two.deeds.take()
    assert evaluated(faulty(once=str(tmp_path / "once")), two) == ALONE
    assert (tmp_path / "once").exists()
    lost = {worker: deed for worker, deed in two.deeds.take().items() if deed.failures}
    assert 1 <= sum(deed.failures for deed in lost.values()) <= 2  # both may find no file
    assert all((worker == UNKNOWN) == (name != "dask") for worker in lost)


def test_workers_that_are_all_killed_cost_nothing_but_time(name: str, two: Workers, tmp_path: Path):
    killed: list[int] = []
    two.deeds.take()

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        for found in tmp_path.iterdir():
            killed.append(int(found.name))
            os.kill(killed[-1], signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    batch = evaluated(faulty(pids=str(tmp_path), each_s=0.05), two)
    killer.join()
    assert batch == ALONE
    assert killed
    lost = {worker: deed.failures for worker, deed in two.deeds.take().items() if deed.failures}
    assert 1 <= sum(lost.values()) <= len(killed)
    assert name != "dask" or {worker.pid for worker in lost} <= set(killed)
    assert {int(found.name) for found in tmp_path.iterdir()} > set(killed)  # others went on


@pytest.mark.parametrize("fault", ["crashes", "hangs"])
def test_a_design_that_no_worker_survives_is_marked_and_not_kept_as_simulated(two: Workers, fault: str):
    batch = evaluated(faulty(**{fault: (POISON,)}), two)
    for found, right in zip(batch.evaluated, ALONE.evaluated, strict=True):
        if found.design != POISON:
            assert found == right
            continue
        assert isinstance(found.outcome, Infeasible)
        assert found.outcome.reason == "conv1: toy ended its worker process, or took longer than 2 s, 2 times"
        assert found.outcome.resource == "simulator"
        assert not found.cached
    poisoned = TASK.arch(POISON).key
    assert not any(given_up(e.outcome) for e in batch.fresh)
    assert set(batch.fresh) == {e for e in ALONE.fresh if e.arch != poisoned}


@pytest.mark.parametrize("fault", ["crashes", "hangs"])
def test_a_run_completes_with_that_design_marked_and_the_lab_knows_no_simulation_of_it(
    two: Workers, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(SIMULATORS, "toy", Faulty)
    spec = RunSpec(TASK, "uniform", simulator="toy", seed=7, batch=6, stop=Stop(budget=12))
    with Lab.open(tmp_path / "one.db") as lab:
        row = start(lab, spec)
        assert list(run(lab, row.id))
        sound = history(lab, row.id, TASK.space)
    fatal = next(i for i, e in enumerate(sound) if not isinstance(e.outcome, Infeasible))
    failing = replace(spec, simulator_settings={fault: [sound[fatal].design]})
    with Lab.open(tmp_path / "two.db") as lab:
        row = start(lab, failing)
        assert list(run(lab, row.id, workers=two))
        assert lab.run(row.id).status == "done"
        found = history(lab, row.id, TASK.space)
        assert [i for i, (one, other) in enumerate(zip(sound, found, strict=True)) if one != other] == [fatal]
        assert given_up(found[fatal].outcome)
        again = start(lab, spec)
        assert list(run(lab, again.id))  # whoever can simulate it does
        assert [e.outcome for e in history(lab, again.id, TASK.space)] == [e.outcome for e in sound]


def test_where_nothing_ever_comes_back_the_simulator_is_to_blame(name: str, two: Workers):
    two.close()  # one Ray in a process
    with Workers(2, name, batch_s=60) as workers, pytest.raises(SimulatorError, match=r"toy died.* 6 times in a row"):
        evaluated(faulty(crashes=DESIGNS), workers)


def test_a_worker_refuses_another_version_of_the_simulator():
    call = Call(ToySimulator(ToySettings()), replace(TASK, workload=TASK.workload.single("conv1")), DESIGNS[:1])
    assert len(work(call, "toy 1").outcomes) == 1
    with pytest.raises(SimulatorError, match=r"'toy 1'.*'toy 2'"):
        work(call, "toy 2")
