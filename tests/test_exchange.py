"""Sheets of evaluations: what leaves the lab as CSV or Parquet comes back to the last bit, and bad rows are named."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import loading
from store.database import Lab
from store.errors import BadExportError
from store.lines import Numbered
from store.merging import Merged
from store.rows import Evaluation
from workbench.exchange import rows, sheets
from workbench.exchange.rests import Rests
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.runner import RunSpec, run, start
from workbench.stop import Stop

needs_pyarrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="the extra parquet is not installed")
FORMS = ["csv", pytest.param("parquet", marks=needs_pyarrow)]
LAYERS = 8
"""Of AlexNet, all different."""


@pytest.fixture(scope="module")
def lab_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on other axes, one of them on a network; some designs cannot be built."""
    path = tmp_path_factory.mktemp("exchange") / "lab.db"
    network = load_workload("alexnet")
    with Lab.open(path) as lab:
        for arch, workload in (("tpu_like", network), ("eyeriss_like", network.single("fc8"))):
            task = Task(load_template(arch), workload)
            spec = RunSpec(task, "uniform", simulator_settings={"factors": 1}, stop=Stop(budget=12), seed=2)
            list(run(lab, start(lab, spec).id))
    return path


def write(sheet: rows.Sheet, file: Path, form: str) -> Path:
    if form == "parquet":
        sheets.write_parquet(sheet, file)
    else:
        with file.open("w", newline="", encoding="utf-8") as out:
            sheets.write_csv(sheet, out)
    return file


def numbered(file: Path) -> list[Numbered]:
    where = str(file)
    read = sheets.read_parquet if sheets.is_parquet(file.read_bytes()) else None
    with file.open("rb") as raw:
        return list(rows.records(read(file, where) if read else sheets.read_csv(raw, where), where))


def load(file: Path, into: Path) -> Merged:
    with loading.loaded(file, numbered(file), 1.0) as source, Lab.open(into) as lab:
        return lab.merge(source)


def evaluations(path: Path) -> dict[bytes, list[Evaluation]]:
    with Lab.open(path, readonly=True) as lab:
        return {context.key: lab.evaluations(context.key) for context in lab.contexts()}


@pytest.mark.parametrize("form", FORMS)
def test_the_evaluations_of_a_lab_come_back_as_they_were(lab_path: Path, tmp_path: Path, form: str) -> None:
    with Lab.open(lab_path, readonly=True) as lab:
        file = write(rows.of_contexts(lab, None), tmp_path / "sheet", form)
    load(file, tmp_path / "new.db")
    assert evaluations(tmp_path / "new.db") == evaluations(lab_path)
    assert load(file, tmp_path / "new.db") == Merged()
    assert evaluations(tmp_path / "new.db") == evaluations(lab_path)


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_of_runs_tells_designs_by_axis_and_brings_what_they_rest_on(lab_path, tmp_path, form: str) -> None:
    with Lab.open(lab_path, readonly=True) as lab:
        chosen = [Rests.of(each) for each in reversed(lab.runs())]
        points, members = lab.points(1), len(lab.points(2))
        file = write(rows.of_runs(lab, chosen), tmp_path / "sheet", form)
        told = [row for row in rows.of_runs(lab, chosen).rows if row["run"] == lab.run(1).uuid]
        axes = chosen[0].task.space.values(chosen[0].task.space.unpack(points[0].codes))
    assert sorted({row["seq"] for row in told}) == [point.seq for point in points]
    built = [point for point in points if point.infeasible is None]
    assert built
    for point in built:
        of_point = [row for row in told if row["seq"] == point.seq]
        assert len(of_point) == LAYERS
        assert sum(row["latency_cycles"] * row["layer.count"] for row in of_point) == pytest.approx(
            point.latency_cycles, rel=1e-12
        )
        assert {row["design.energy_pj"] for row in of_point} == {point.energy_pj}
    assert {name: told[0][rows.AXIS + name] for name in axes} == axes
    assert members
    load(file, tmp_path / "new.db")
    assert evaluations(tmp_path / "new.db") == evaluations(lab_path)


_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    told=_text, cost=st.floats(0, allow_nan=False, allow_infinity=False), accuracy=st.none() | st.floats(-1e300, 1e300)
)
def test_any_text_and_any_number_come_through_csv(told: str, cost: float, accuracy: float | None) -> None:
    row = {name: told if kind is str else cost for name, kind in rows.EVALUATION.items()} | {"accuracy": accuracy}
    out = io.StringIO(newline="")
    assert sheets.write_csv(rows.Sheet(rows.EVALUATION, iter([row, row])), out) == 2
    raw = io.BytesIO(out.getvalue().encode())
    for _, back in sheets.read_csv(raw, "x.csv"):
        for name, kind in rows.EVALUATION.items():
            value = back[name] if kind is str or back[name] is None else float(back[name])
            assert value == row[name]


@needs_pyarrow
def test_parquet_keeps_the_types_of_columns(lab_path: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    with Lab.open(lab_path, readonly=True) as lab:
        file = write(rows.of_runs(lab, [Rests.of(lab.run(1))]), tmp_path / "x.parquet", "parquet")
    types = {field.name: str(field.type) for field in parquet.read_schema(file)}
    assert (types["seq"], types["energy_pj"], types["layer"]) == ("int64", "double", "string")
    assert types["axis.act_sram_bits"] == "int64"


Cells = list[list[str]]
Change = Callable[[Cells], object]


def cell(line: int, column: str, value: str) -> Change:
    def change(cells: Cells) -> None:
        cells[line - 1][cells[0].index(column)] = value

    return change


BAD: dict[str, tuple[Change, str]] = {
    "no column": (lambda cells: [line.pop() for line in cells], "line 1: it has no column detail"),
    "a column too many": (cell(1, "detail", "price"), "line 1: 'price' is no column of an export"),
    "a column twice": (cell(1, "detail", "key"), "line 1: it has the column 'key' twice"),
    "a cell less": (lambda cells: cells[4].pop(), "line 5: it has 10 cells, the header 11"),
    "a text for a number": (cell(3, "latency_cycles", "12 cycles"), "line 3: latency_cycles cannot be '12 cycles'"),
    "no number": (cell(3, "energy_pj", "nan"), "line 3: energy_pj of evaluation cannot be nan"),
    "an infinite cost": (cell(3, "energy_pj", "inf"), "line 3: energy_pj of evaluation cannot be inf"),
    "a negative cost": (cell(3, "energy_pj", "-1.0"), "line 3: no evaluation may be so: CHECK"),
    "no cost and no reason": (cell(3, "energy_pj", ""), "line 3: no evaluation may be so: CHECK"),
    "no key": (cell(3, "key", ""), "line 3: evaluation lacks its key"),
    "a key of odd digits": (cell(3, "key", "xyz"), "line 3: key of evaluation cannot be 'xyz'"),
    "a short context": (cell(2, "context", "abcd"), "line 2: no context may be so: CHECK"),
    "another layer": (cell(3, "layer", "{}"), "line 3: it does not say of context .* what a line before says"),
    "no JSON": (cell(3, "detail", "{"), "line 3: detail must be JSON"),
    "a row that contradicts": (
        lambda cells: cells.append([*cells[1][:5], "1.0", *cells[1][6:]]),
        "it does not say of its evaluation what a line before says",
    ),
}


@pytest.fixture(scope="module")
def cells(lab_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    with Lab.open(lab_path, readonly=True) as lab:
        file = write(rows.of_contexts(lab, [1]), tmp_path_factory.mktemp("cells") / "x.csv", "csv")
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_and_nothing_is_imported(cells: Cells, tmp_path: Path, case: str) -> None:
    change, says = BAD[case]
    changed = [list(line) for line in cells]
    change(changed)
    with (tmp_path / "x.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(changed)
    with pytest.raises(BadExportError, match=rf"x\.csv, .*{says}") as caught:
        load(tmp_path / "x.csv", tmp_path / "new.db")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"latency,energy\n1,2\n", "line 1: 'latency' is no column"),
        (b"\xff\xfe\x00\n", "line 1: it is no UTF-8 text"),
        (b'key,"lay', "line 1: it has no end"),
        (b'"key"x,layer\n', "line 1: "),
        (b"PAR1 and then something else\n", "damaged, or no Parquet file|pyarrow"),
        (b"PAR1", "damaged, or no Parquet file|pyarrow"),
    ],
)
def test_files_of_others_are_refused_in_one_line(tmp_path: Path, raw: bytes, says: str) -> None:
    (tmp_path / "x.csv").write_bytes(raw)
    if raw.startswith(b"PAR1") and find_spec("pyarrow") is None:
        pytest.skip("the extra parquet is not installed")
    with pytest.raises(BadExportError, match=says):
        load(tmp_path / "x.csv", tmp_path / "new.db")


def test_a_sheet_that_was_cut_off_anywhere_is_refused_or_whole_up_to_a_line(cells: Cells, tmp_path: Path) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(cells)
    raw, file = out.getvalue().encode(), tmp_path / "x.csv"
    ends = [at + 1 for at, byte in enumerate(raw) if byte == ord("\n")]
    for left in range(1, len(raw), 97):
        if left in ends:
            continue
        file.write_bytes(raw[:left])
        with pytest.raises(BadExportError):
            numbered(file)


@needs_pyarrow
def test_parquet_that_is_damaged_is_refused_or_sound(lab_path: Path, tmp_path: Path) -> None:
    with Lab.open(lab_path, readonly=True) as lab:
        file = write(rows.of_contexts(lab, None), tmp_path / "x.parquet", "parquet")
    raw = file.read_bytes()
    for left in range(4, len(raw), len(raw) // 20):
        file.write_bytes(raw[:left])
        with pytest.raises(BadExportError, match="damaged"):
            numbered(file)
