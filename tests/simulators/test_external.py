"""Owns the promise that whatever a lab's own simulator does, the workbench gets an answer or one clear error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.simulators.chosen import FAKE, fake_file
from tests.simulators.small import archs, layers
from tests.toy import SMALL, toy_task
from workbench.errors import SimulatorError, UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.external import External, ExternalSettings
from workbench.simulators.external.protocol import request_content, unrolling
from workbench.simulators.loopnest.spatial import fill

TASK = toy_task(SMALL)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Worker folders lie where the test can count them."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Fake:
    """Makes simulators of the fake script, and ends their workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.made: list[External] = []

    def __call__(self, behaviour: str = "well", **changes: Any) -> External:
        path = fake_file(self.folder, behaviour, **changes)
        self.made.append(External(ExternalSettings(file=str(path))))
        return self.made[-1]

    def logged(self, what: str) -> list[str]:
        if not self.log.exists():
            return []
        return [found for found in self.log.read_text(encoding="utf-8").splitlines() if found.startswith(what)]

    @property
    def pids(self) -> list[int]:
        return [int(found.split()[1]) for found in self.logged("start")]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    maker = Fake(tmp_path)
    yield maker
    for simulator in maker.made:
        simulator.close()


def alive(pid: int) -> bool:
    return running("pid", pid)


def running(what: str, number: int) -> bool:
    """Whether there is a process with this id, or one left of this session; Linux only."""
    place = {"pid": 0, "session": 5}[what]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = stat.read_text(encoding="utf-8", errors="replace").partition(" ")
            state, *fields = rest.rpartition(")")[2].split()
            if state != "Z" and int([pid, "", state, *fields][place]) == number:
                return True
    return False


def gone(pids: list[int], within_s: float = 8.0) -> bool:
    end = monotonic() + within_s
    while any(map(alive, pids)) and monotonic() < end:
        sleep(0.02)
    return not any(map(alive, pids))


def designs(count: int) -> list[Design]:
    return TASK.space.sample(count, np.random.default_rng(0))


def failure(simulator: External) -> str:
    with pytest.raises(SimulatorError) as caught:
        simulator.evaluate(TASK, designs(1))
    return str(caught.value)


def buffers(count: int) -> list[int]:
    return [TASK.arch(design).memories[0].size_bits for design in designs(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_outcomes_come_in_order_from_processes_that_stay(fake: Fake, workers: int):
    simulator = fake("slow", workers=workers)
    for _ in range(2):
        outcomes = simulator.evaluate(TASK, designs(9))
        assert [o.latency_cycles for o in outcomes if isinstance(o, Metrics)] == buffers(9)
    assert len(fake.pids) == workers
    assert len(set(fake.logged("ask"))) == 18
    assert simulator.evaluate(TASK, []) == []


def test_metrics_are_those_given_and_the_area_ours_unless_given(fake: Fake):
    (outcome,) = fake("well").evaluate(TASK, designs(1))
    assert isinstance(outcome, Metrics)
    assert (outcome.energy_pj, outcome.area_um2) == (2.5, 7)
    assert outcome.clock_mhz == TASK.arch(designs(1)[0]).clock_mhz


def test_an_infeasible_design_is_an_outcome_with_the_axes_that_would_help(fake: Fake):
    (outcome,) = fake("infeasible").evaluate(TASK, designs(1))
    assert outcome == Infeasible(
        "too small", "memories.buffer.size_bits", 9.0, 8.0, levers=("buffer_bits", "d1", "mapping")
    )


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("garbage", "Simulating... done!"),
        ("wrong-id", "instead of"),
        ("nan", "NaN"),
        ("infinite", "finite"),
        ("negative", "energy_pj"),
        ("text", "latency_cycles"),
        ("truth", "latency_cycles"),
        ("half", "energy_pj"),
        ("typo", "area_mm2"),
        ("both", "error"),
        ("empty", "id"),
        ("list", "object"),
        ("sums", "breakdown"),
        ("error", "licence server is away \N{SNOWMAN}"),
        ("version", "version '9'"),
        ("protocol", "protocol 2"),
    ],
)
def test_nonsense_is_an_error_that_names_design_layer_and_what_was_said(fake: Fake, behaviour: str, said: str):
    message = failure(fake(behaviour))
    assert message.startswith("external fake: toy with d1=")
    assert "on layer conv1" in message
    assert said in message
    assert "\n" not in message
    assert len(fake.logged("ask")) <= 1


def test_what_nobody_asked_for_is_an_error_at_the_latest_with_the_next_request(fake: Fake):
    simulator = fake("chatter")
    with pytest.raises(SimulatorError, match="and another thing"):
        simulator.evaluate(TASK, designs(3))


def test_a_crash_is_tried_once_more_and_then_an_error_with_command_and_last_lines(fake: Fake):
    message = failure(fake("crash"))
    assert len(fake.pids) == len(fake.logged("ask")) == 2
    assert "status 3" in message
    assert str(FAKE) in message
    assert "about to ?[31mfall?[0m over: \N{SNOWMAN}" in message


def test_a_single_crash_costs_nothing_but_a_new_process(fake: Fake):
    outcomes = fake("crash-once").evaluate(TASK, designs(5))
    assert [o.latency_cycles for o in outcomes if isinstance(o, Metrics)] == buffers(5)
    assert len(fake.pids) == 2


def test_a_signal_is_named(fake: Fake):
    assert "SIGABRT" in failure(fake("abort"))


def test_a_process_that_ends_before_its_hello_is_not_started_again(fake: Fake):
    message = failure(fake("dead"))
    assert "before its hello with status 1" in message
    assert "no licence" in message
    assert len(fake.pids) == 1


def test_too_long_is_an_error_and_ends_the_whole_process_group(fake: Fake, temporary: Path):
    begun = monotonic()
    assert "no answer within 0.5 s" in failure(fake("hang", time_limit_s=0.5))
    assert monotonic() - begun < 8
    assert gone(fake.pids)
    assert not any(running("session", pid) for pid in fake.pids)
    assert list(temporary.iterdir()) == []


def test_no_hello_in_time_is_an_error(fake: Fake):
    assert "no hello within 0.3 s" in failure(fake("mute", start_limit_s=0.3))
    assert gone(fake.pids)


def test_a_slow_start_does_not_count_as_evaluation(fake: Fake):
    (outcome,) = fake("late", time_limit_s=1.2).evaluate(TASK, designs(1))
    assert isinstance(outcome, Metrics)


def test_after_an_error_the_simulator_works_on(fake: Fake):
    simulator = fake("hang-second", time_limit_s=2.0)
    with pytest.raises(SimulatorError):
        simulator.evaluate(TASK, designs(4))
    assert len(simulator.evaluate(TASK, designs(4))) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept only by Linux")
def test_memory_is_limited(fake: Fake):
    assert "MemoryError" in failure(fake("memory", memory_limit_mb=2000))


def test_a_flood_on_stderr_neither_blocks_nor_shows(fake: Fake, capfd: pytest.CaptureFixture[str]):
    assert len(fake("flood").evaluate(TASK, designs(3))) == 3
    assert capfd.readouterr() == ("", "")


def test_each_worker_has_a_folder_of_its_own_that_is_removed(fake: Fake, temporary: Path):
    simulator = fake("litter", workers=2)
    simulator.evaluate(TASK, designs(6))
    folders = {found.split()[2] for found in fake.logged("start")}
    assert {str(path) for path in temporary.iterdir()} == folders
    assert {path.read_text(encoding="utf-8") for path in temporary.glob("*/left-behind")} <= folders
    simulator.close()
    assert list(temporary.iterdir()) == []
    assert gone(fake.pids)


def test_a_simulator_that_is_forgotten_leaves_nothing(fake: Fake, temporary: Path):
    simulator = fake()
    simulator.evaluate(TASK, designs(1))
    fake.made.clear()
    del simulator
    assert gone(fake.pids)
    assert list(temporary.iterdir()) == []


PARENT = """
import sys
import numpy as np
from tests.toy import SMALL, toy_task
from workbench.simulators.external import External, ExternalSettings
task = toy_task(SMALL)
simulator = External(ExternalSettings(file=sys.argv[1]))
simulator.evaluate(task, task.space.sample(2, np.random.default_rng(0)))
"""


@pytest.mark.parametrize(
    ("behaviour", "end"),
    [("well", None), ("hang-second", signal.SIGKILL), ("hang-second", signal.SIGINT), ("hang-second", signal.SIGTERM)],
)
def test_nothing_outlives_the_workbench_however_it_ends(
    fake: Fake, temporary: Path, behaviour: str, end: signal.Signals | None
):
    file = fake(behaviour).settings.file
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(FAKE.parents[2])}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, file], env=environment, stderr=subprocess.DEVNULL)
    if end is not None:
        waiting = monotonic() + 30
        while not fake.logged("child") and monotonic() < waiting:
            sleep(0.02)
        parent.send_signal(end)
    parent.wait(timeout=30)
    assert fake.pids
    assert gone(fake.pids)
    waiting = monotonic() + 5
    while list(temporary.iterdir()) and monotonic() < waiting:
        sleep(0.02)
    assert list(temporary.iterdir()) == []


def test_the_fingerprint_is_name_version_and_command(fake: Fake):
    base = fake().fingerprint
    assert base.startswith("external fake 1 ")
    assert fake(time_limit_s=5, workers=2, memory_limit_mb=9).fingerprint == base
    assert len({base, fake("slow").fingerprint, fake(version="2").fingerprint, fake(name="other").fingerprint}) == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"name": "a", "command": ["sh"]}, "version"),
        ({"name": "a", "version": "1", "command": []}, "command"),
        ({"name": "a", "version": "1", "command": ["no-such-program"]}, "'no-such-program'"),
        ({"name": "a", "version": "1", "command": ["sh"], "timelimit_s": 3}, "time_limit_s"),
        ({"name": "a", "version": "1", "command": ["sh"], "time_limit_s": 0}, "time_limit_s"),
        ({"name": "a", "version": 1, "command": ["sh"]}, "version"),
    ],
)
def test_a_faulty_file_is_one_line_that_names_it(tmp_path: Path, content: dict[str, Any], said: str):
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        External(ExternalSettings(file=str(path)))
    assert str(path) in str(caught.value)


def test_the_file_is_kept_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert ExternalSettings(file="mine.yaml").file == str(tmp_path / "mine.yaml")
    assert ExternalSettings().file == str(tmp_path / "simulator.yaml")


def test_a_word_that_names_a_file_beside_the_yaml_file_is_that_file(tmp_path: Path):
    script = tmp_path / "mine" / "sim.py"
    script.parent.mkdir()
    script.write_text(
        textwrap.dedent("""
            import json, sys
            print('{"protocol": 1, "version": "1"}', flush=True)
            for line in sys.stdin:
                answer = {"id": json.loads(line)["id"], "latency_cycles": 1, "energy_pj": 1}
                print(json.dumps(answer), flush=True)
        """),
        encoding="utf-8",
    )
    file = script.with_name("sim.yaml")
    file.write_text(json.dumps({"name": "a", "version": "1", "command": [sys.executable, "sim.py"]}), encoding="utf-8")
    simulator = External(ExternalSettings(file=str(file)))
    (outcome,) = simulator.evaluate(TASK, designs(1))
    simulator.close()
    assert isinstance(outcome, Metrics)


def test_a_request_holds_all_that_decides_and_no_names():
    arch, (layer, _) = TASK.arch(designs(1)[0]), TASK.workload.compute_layers()[0]
    content = request_content(arch, layer, "energy")
    assert json.loads(json.dumps(content))["layer"]["dims"]["K"] == layer.size("K")
    assert content["arch"] == arch.canonical()
    assert content["criterion"] == "energy"
    assert "name" not in content["layer"]


@given(archs(), layers())
def test_the_unrolling_of_a_request_is_that_of_the_loop_nest_engine(arch: Arch, layer: Layer):
    assert not isinstance(arch.spatial_mapping, str)
    found, spatial = unrolling(arch, layer), fill(arch, layer, arch.spatial_mapping)
    assert found is not None
    assert [(dim, tuple(loops)) for dim, loops in found.items()] == [
        (dim, tuple(loop for loop, _ in loops)) for dim, loops in spatial.whole
    ]
    asked = [(dim, int(np.prod(list(loops.values()), initial=1))) for dim, loops in found.items()]
    assert tuple(asked) == spatial.asked


def test_a_copy_of_the_task_gives_the_same(fake: Fake):
    simulator = fake()
    again = Task.from_canonical(json.loads(json.dumps(TASK.canonical())))
    assert simulator.evaluate(again, designs(3)) == simulator.evaluate(TASK, designs(3))
