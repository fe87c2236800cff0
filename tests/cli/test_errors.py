"""Owns the promise that what a user gets wrong is one clear line on stderr, exit code 2, and no file left behind."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Dse
from workbench.problem.datafiles import data_dir

QUICK = (
    *("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1"),
    *("--search", "anneal", "--budget", "8"),
)
EVALUATE = ("evaluate", "--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8")

COMPARE = ("fidelity", "--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--simulators")


def changed(options: Sequence[str], flag: str, value: str) -> list[str]:
    at = options.index(flag)
    return ["run", *options[: at + 1], value, *options[at + 2 :]]


WRONG: dict[str, tuple[Sequence[str], tuple[str, ...]]] = {
    "no such arch": (changed(QUICK, "--arch", "tpu_lik"), ("'tpu_lik'", "Did you mean 'tpu_like'?")),
    "no such workload": (changed(QUICK, "--workload", "alexnett"), ("'alexnett'", "Did you mean 'alexnet'?")),
    "no such layer": (changed(QUICK, "--layer", "fc9"), ("'fc9'", "fc8")),
    "layer twice": (["run", *QUICK, "--layer", "FC8"], ("fc8", "twice")),
    "no such search": (["run", *QUICK, "--search", "aneal"], ("'aneal'", "Did you mean 'anneal'?")),
    "no such simulator": (["run", *QUICK, "--simulator", "loopnets"], ("'loopnets'", "Did you mean 'loopnest'?")),
    "no such setting": (["run", *QUICK, "-s", "temprature=1"], ("'temprature'", "Did you mean 'temperature'?")),
    "setting without value": (["run", *QUICK, "-s", "temperature"], ("NAME=VALUE", "'temperature'")),
    "setting twice": (["run", *QUICK, "-s", "temperature=1", "-s", "temperature=2"], ("twice", "temperature")),
    "setting out of bounds": (["run", *QUICK, "-s", "temperature=-1"], ("temperature", "greater than 0", "'-1'")),
    "setting of the wrong type": (["run", *QUICK, "-s", "temperature=hot"], ("temperature", "number", "'hot'")),
    "a setting without end": (["run", *QUICK, "-s", "temperature=inf"], ("temperature", "finite", "'inf'")),
    "a setting where there are none": (["run", *QUICK, "--search", "uniform", "-s", "a=1"], ("'a'", "none here")),
    "no such preset": (["run", *QUICK, "--preset", "papers"], ("'papers'", "paper")),
    "no such simulator setting": (["run", *QUICK, "--sim", "factor=6"], ("'factor'", "Did you mean 'factors'?")),
    "no such objective": (["run", *QUICK, "--objective", "energy"], ("'energy'", "energy_pj")),
    "objective twice": (["run", *QUICK, *("--objective", "energy_pj") * 2], ("different objectives", "energy_pj")),
    "target on an unknown metric": (["run", *QUICK, "--target", "energi_pj<=1"], ("'energi_pj'", "'energy_pj'")),
    "target without a bound": (["run", *QUICK, "--target", "energy_pj"], ("metric<=number", "'energy_pj'")),
    "target that is no number": (["run", *QUICK, "--target", "energy_pj<=low"], ("'low'", "number")),
    "target below zero": (["run", *QUICK, "--target", "energy_pj<=-1"], ("positive", "-1")),
    "no such technology": (["run", *QUICK, "--technology", "comon"], ("'comon'", "'common'")),
    "no such criterion": (["run", *QUICK, "--criterion", "power"], ("'power'", "latency")),
    "budget of nothing": (changed(QUICK, "--budget", "0"), ("budget", "greater than or equal to 1", "0")),
    "batch of nothing": (["run", *QUICK, "--batch", "0"], ("batch", "0")),
    "batch beyond measure": (["run", *QUICK, "--batch", "9" * 20], ("batch", "2^31", "9" * 20)),
    "time without end": (["run", *QUICK, "--wall-seconds", "inf"], ("wall_seconds", "finite", "inf")),
    "seed below zero": (["run", *QUICK, "--seed", "-1"], ("seed", "-1")),
    "no number": (changed(QUICK, "--budget", "many"), ("--budget", "valid integer", "dse run --help")),
    "no such option": (["run", *QUICK, "--bugdet", "3"], ("--bugdet", "dse run --help")),
    "an option that is missing": (["run", "--arch", "tpu_like"], ("--workload", "dse run --help")),
    "no such command": (["rnu"], ("'rnu'", "dse --help")),
    "confirmed by itself": (
        ["run", *QUICK, "--confirm", "loopnest", "--confirm-sim", "factors=1"],
        ("confirms nothing",),
    ),
    "confirmed by nobody": (["run", *QUICK, "--confirm", "zigzig"], ("'zigzig'", "Did you mean 'zigzag'?")),
    "settings of no confirmation": (["run", *QUICK, "--confirm-sim", "factors=2"], ("--confirm-sim", "--confirm,")),
    "no jobs": (["run", *QUICK, "--jobs", "0"], ("--jobs", "dse run --help")),
    "no such executor": (["run", *QUICK, "--executor", "dusk"], ("'dusk'", "Did you mean 'dask'?")),
    "an executor with no use for an address": (
        ["run", *QUICK, "--executor", "loky://h:1"],
        ("Only dask", "'loky://h:1'"),
    ),
    "a limit that nobody keeps": (["run", *QUICK, "--executor", "serial", "--batch-seconds", "3"], ("needs workers",)),
    "a limit of nothing": (["run", *QUICK, "--batch-seconds", "0"], ("--batch-seconds", "above 0", "got 0")),
    "one simulator to compare": ([*COMPARE, "loopnest"], ("two names", "'loopnest'")),
    "three simulators to compare": ([*COMPARE, "loopnest,zigzag,loopnest"], ("two names",)),
    "a simulator against itself": ([*COMPARE, "loopnest,loopnest"], ("Both are 'loopnest", "--sim 1.NAME=VALUE")),
    "an unknown simulator to compare": ([*COMPARE, "loopnest,lopnest"], ("'lopnest'", "Did you mean 'loopnest'?")),
    "a setting of neither": ([*COMPARE, "loopnest,loopnest", "--sim", "3.factors=4"], ("'3'", "Known: 1, 2, loopnest")),
    "a setting of no simulator": (
        [*COMPARE, "loopnest,loopnest", "--sim", "factors=4"],
        ("WHICH.NAME=VALUE", "1.factors=4"),
    ),
    "two forms": (["archs", "--json", "--csv"], ("--json", "--csv")),
    "missing file": (["archs", "nowhere.yaml"], ("nowhere.yaml", "no such file")),
    "missing workload file": (["workloads", "nowhere.yaml"], ("nowhere.yaml", "no such file")),
    "broken YAML": (["archs", "broken.yaml"], ("broken.yaml", "line 2", "YAML")),
    "unknown key": (["archs", "unknown_key.yaml"], ("'clock_mhzz'", "Did you mean 'clock_mhz'?")),
    "negative size": (["archs", "negative.yaml"], ("size_bits", "greater than 0", "-")),
    "negative kernel": (["workloads", "negative_kernel.yaml"], ("kernel", "-3")),
    "a folder as architecture": (["archs", "folder/"], ("folder", "not a YAML file")),
    "no ONNX": (["import", "broken.yaml"], ("broken.yaml", "ONNX")),
    "missing ONNX": (["import", "nowhere.onnx"], ("nowhere.onnx", "no such file")),
    "a name too long for a lab": (["runs", "--db", "x" * 300], ("xxx", "too long")),
    "more runs than can be counted": (["runs", "--limit", "9" * 20], ("--limit", "dse runs --help")),
    "a point beyond measure": (["evaluate", "--run", "1", "--point", "9" * 20], ("--point", "dse evaluate --help")),
    "a run's point on another arch": (
        ["evaluate", "--run", "1", "--point", "0", "--arch", "tpu_like"],
        ("--run", "leave --arch out"),
    ),
    "a run's point at other costs": (
        ["evaluate", "--run", "1", "--point", "0", "--technology", "own"],
        ("--run", "leave --technology out"),
    ),
    "not a database": (["run", *QUICK, "--db", "broken.yaml"], ("broken.yaml", "not a lab database")),
    "not a database to look at": (["runs", "--db", "broken.yaml"], ("broken.yaml", "not a lab database")),
    "a folder as database": (["run", *QUICK, "--db", "folder"], ("folder",)),
    "a database in no folder": (["run", *QUICK, "--db", "nowhere/lab.db"], ("nowhere",)),
    "an unwritable database": (["run", *QUICK, "--db", "/proc/lab.db"], ("/proc",)),
    "no lab yet": (["runs"], ("no lab database", "lab.db", "dse run")),
    "no lab to resume in": (["resume", "1"], ("no lab database", "lab.db")),
    "no such axis": ([*EVALUATE, "--set", "act_sram_bit=1"], ("'act_sram_bit'", "Did you mean 'act_sram_bits'?")),
    "no such choice": ([*EVALUATE, "--set", "act_sram_bits=7"], ("'act_sram_bits'", "'7'", "Choices:")),
    "nothing to evaluate": (["evaluate"], ("--arch", "--workload", "--run")),
    "a run without its point": (["evaluate", "--run", "1"], ("--point",)),
}


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    good = (data_dir() / "archs" / "tpu_like.yaml").read_text(encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("name: [\n", encoding="utf-8")
    (tmp_path / "unknown_key.yaml").write_text(good.replace("clock_mhz:", "clock_mhzz:"), encoding="utf-8")
    (tmp_path / "negative.yaml").write_text(good.replace("size_bits: ", "size_bits: -", 1), encoding="utf-8")
    layer = "{name: a, op: conv, in_channels: 1, out_channels: 1, in_size: 9, kernel: -3}"
    (tmp_path / "negative_kernel.yaml").write_text(f"name: bad\nlayers:\n  - {layer}\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(case: str, dse: Dse, faulty: Path):
    arguments, words = WRONG[case]
    before = tree(faulty)
    done = dse(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line
    assert tree(faulty) == before


def test_a_run_or_point_that_is_not_there_is_named(dse: Dse):
    assert dse("run", *QUICK, "--seed", "1").returncode == 0
    for arguments, word in (
        (["show", "7"], "'7'"),
        (["front", "beef"], "'beef'"),
        (["resume", "x y"], "'x y'"),
        (["evaluate", "--run", "1", "--point", "99"], "99"),
        (["runs", "--status", "finished"], "'finished'"),
    ):
        done = dse(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert word in line


def test_hostile_names_are_shown_as_they_are(dse: Dse, tmp_path: Path):
    """No markup, no control characters, no second line."""
    for name in ("[bold red]x[/]", "a\nb", "\x1b[31mred", "x" * 3000, "\u202eright", "[/]"):
        done = dse("archs", name)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert "\x1b" not in line
        assert "Traceback" not in line
    assert "[bold red]x[/]" in dse("archs", "[bold red]x[/]").stderr


def test_hostile_names_in_a_file_do_nothing_to_the_terminal(dse: Dse, tmp_path: Path):
    layer = '{name: "[bold]a\\e[32m", op: gemm, rows: 1, reduction: 16, columns: 10}'
    (tmp_path / "evil.yaml").write_text(f'name: "[red]x[/] \\e[31mev"\nlayers:\n  - {layer}\n', encoding="utf-8")
    task = ("--arch", "tpu_like", "--workload", "evil.yaml", "--sim", "factors=1")
    for arguments in (
        ["workloads", "evil.yaml"],
        ["evaluate", *task],
        ["run", *task, "--budget", "4", "--note", "[/]\x1b[31m"],
        ["show", "last"],
        ["runs"],
    ):
        done = dse(*arguments)
        assert done.returncode == 0, done.stderr
        shown = done.stdout + done.stderr
        assert "\x1b" not in shown
        assert "[red]x[/] \\x1b[31mev" in shown


def test_a_terminal_without_unicode_gets_ascii(dse: Dse):
    task = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1")
    for arguments in (["run", *task, "--budget", "8", "--seed", "1"], ["evaluate", *task], ["archs"]):
        done = dse(*arguments, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert "?" not in done.stdout
