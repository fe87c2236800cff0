"""SCALE-Sim behind the workbench: what it is given and refused, what is made of its counts, and that these are its."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from tests.simulators.chosen import SCALESIM_PYTHON, made
from tests.simulators.small import with_memory
from workbench.errors import SimulatorError, UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Bits, Layer
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload
from workbench.runner import RunSpec, make_simulator, run, start
from workbench.simulators.external.protocol import Answer, outcome
from workbench.simulators.scalesim import ScaleSim, ScaleSimSettings, inputs, worker
from workbench.stop import Stop

LAYER = Layer.conv("small", 8, 16, 3, in_size=8, padding=1)
TPU = load_template("tpu_like").nominal("own")
EYERISS = load_template("eyeriss_like").nominal("own")
DATAFLOWS: tuple[inputs.Dataflow, ...] = ("ws", "os", "is")


def resized(arch: Arch, columns: int, rows: int) -> Arch:
    return replace(arch, array=(("D1", columns), ("D2", rows)))


def config_of(arch: Arch, layer: Layer = LAYER, dataflow: inputs.Dataflow = "ws") -> dict[str, str]:
    """The configuration's entries, whatever their section."""
    parser = ConfigParser()
    parser.read_string(inputs.files(arch, layer, inputs.folded(arch, layer, dataflow), dataflow, "user")["run.cfg"])
    return {key: value for section in parser.sections() for key, value in parser[section].items()}


def topology_of(layer: Layer) -> list[str]:
    files = inputs.files(TPU, layer, inputs.folded(TPU, layer, "ws"), "ws", "calc")
    header, row = files["topology.csv"].splitlines()
    assert len(header.split(",")) == len(row.split(",")) == 9
    return row.split(",")


def report(**changes: float) -> dict[str, float]:
    """What SCALE-Sim might say of `LAYER` on 8 x 8 PEs."""
    found = dict.fromkeys(worker.COUNTS, 0.0)
    return found | {"cycles": 2000.0, "stalls": 0.0, "prefetch": 30.0, "drain": 40.0} | changes


def request_of(arch: Arch, layer: Layer = LAYER, **settings: Any) -> dict[str, Any]:
    simulator = ScaleSim(ScaleSimSettings(python=sys.executable, **settings))
    return simulator._request(arch, layer, inputs.folded(arch, layer, simulator.settings.dataflow))


def metrics_of(found: dict[str, float], request: dict[str, Any], arch: Arch = TPU) -> Metrics:
    answered = outcome(Answer.model_validate({"id": 0, **_tuples(worker.costs(found, request))}), arch)
    assert isinstance(answered, Metrics)
    return answered


def _tuples(costs: dict[str, Any]) -> dict[str, Any]:
    """As the protocol's strict models take them from Python."""
    parts = costs["breakdown"]
    return {**costs, "breakdown": {**parts, "memory_energy_pj": tuple(map(tuple, parts["memory_energy_pj"]))}}


def test_partial_sums_run_along_the_height():
    config = config_of(resized(TPU, columns=8, rows=4))
    assert (config["arrayheight"], config["arraywidth"]) == ("4", "8")
    turned = with_memory(resized(TPU, columns=8, rows=4), "partial_rf", shared_over=("D1",))
    assert (config_of(turned)["arrayheight"], config_of(turned)["arraywidth"]) == ("8", "4")
    config = config_of(resized(EYERISS, columns=8, rows=4))
    assert (config["arrayheight"], config["arraywidth"]) == ("4", "8")


def test_an_sram_is_the_first_memory_that_the_array_shares_in_words_of_the_operand():
    config = config_of(EYERISS)
    sizes = {m.name: m.size_bits // 8 // 1024 for m in EYERISS.memories}
    assert int(config["filtersramszkb"]) == sizes["weight_sram"]
    assert int(config["ifmapsramszkb"]) == sizes["act_sram"] // 2  # the outputs have the other half
    assert int(config["ofmapsramszkb"]) == sizes["partial_sram"] // 2  # sums of 16 bits
    assert int(config_of(EYERISS, dataflow="os")["ofmapsramszkb"]) == sizes["partial_sram"]  # finished outputs of 8


def test_registers_are_the_sram_of_an_operand_that_has_no_other():
    register = next(m for m in TPU.memories if m.operands == ("W",))
    assert int(config_of(TPU)["filtersramszkb"]) == register.size_bits * TPU.pes // 8 // 1024


def test_the_dram_port_is_the_width_of_every_interface():
    bits = Bits(weight=16, input=4, partial=32, output=8)
    config = config_of(TPU, Layer.conv("bits", 8, 16, 3, in_size=8, bits=bits))
    assert config["filtersrambankbandwidth"] == "4"
    assert config["ifmapsrambankbandwidth"] == "16"
    assert config["bandwidth"] == "2"


def test_a_layer_is_written_with_its_padding():
    assert topology_of(LAYER)[1:-1] == ["10", "10", "3", "3", "8", "16", "1"]
    layer = Layer.conv("strided", 3, 4, (3, 1), in_size=(9, 8), stride=2)
    assert topology_of(layer)[1:-1] == ["9", "7", "3", "1", "3", "4", "2"]
    assert topology_of(Layer.gemm("product", rows=5, reduction=7, columns=9))[1:-1] == [
        "1",
        "5",
        "1",
        "1",
        "7",
        "9",
        "1",
    ]
    column = Layer.conv("column", 3, 4, (3, 8), in_size=(9, 8), stride=(2, 5))
    assert topology_of(column)[1:-1] == ["9", "8", "3", "8", "3", "4", "2"]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer.conv("grouped", 8, 8, 3, in_size=8, groups=4), "'grouped' has 4 groups"),
        (Layer.conv("batched", 8, 8, 3, in_size=8, batch=2), "'batched' has 2 images"),
        (Layer.depthwise("both", 8, 3, in_size=8, batch=2), "has 8 groups and 2 images"),
        (Layer.conv("dilated", 8, 8, 3, in_size=8, dilation=2), r"no dilation, and layer 'dilated' has \[2, 2\]"),
        (Layer.conv("strided", 8, 8, 3, in_size=9, stride=(1, 2)), r"one stride .* 'strided' has \[1, 2\]"),
    ],
)
def test_a_layer_that_scalesim_does_not_know_is_refused(layer: Layer, said: str):
    with pytest.raises(UserError, match=said):
        inputs.check(TPU, layer)


def test_what_makes_no_difference_is_not_refused():
    inputs.check(TPU, Layer.conv("point", 8, 8, 1, in_size=8, dilation=2))
    inputs.check(TPU, Layer.conv("column", 8, 8, (3, 8), in_size=(9, 8), stride=(2, 1)))


def test_an_architecture_that_scalesim_does_not_know_is_refused():
    with pytest.raises(UserError, match="two dimensions, and tesla_npu_like has 3: D1, D2, D3"):
        inputs.check(load_template("tesla_npu_like").nominal(), LAYER)
    bare = replace(TPU, memories=tuple(m for m in TPU.memories if m.operands != ("W",)))
    with pytest.raises(UserError, match="tpu_like has no memory for W on the chip"):
        inputs.check(bare, LAYER)


def test_another_dataflow_is_refused_since_scalesim_would_run_it_as_os():
    with pytest.raises(UserError, match="'ws', 'os' or 'is', got 'rs'"):
        make_simulator("scalesim", {"dataflow": "rs"})


@pytest.mark.parametrize(
    ("memory", "field", "value", "bandwidth", "said"),
    [
        ("weight_rf", "size_bits", 4, "calc", "a value of each operand needs 8 bits of weight_rf, which has 4"),
        ("act_sram", "size_bits", 32767, "calc", "1024 words of O, needs 32,768 bits of act_sram, which has 32,767"),
        ("dram", "size_bits", 20000, "calc", "the layer's tensors need .* bits of dram, which has 20,000"),
        ("dram", "bits_per_cycle", 4, "user", "whole words of W, which need 8 bits of dram, which has 4"),
    ],
)
def test_a_size_that_scalesim_cannot_have_makes_a_design_infeasible(
    memory: str, field: str, value: int, bandwidth: inputs.Bandwidth, said: str
):
    port = replace(TPU.memories[-1].ports[0], bits_per_cycle=4, min_bits_per_cycle=4)
    change: dict[str, Any] = {field: value} if field == "size_bits" else {"ports": (port,)}
    folding = inputs.folded(TPU, LAYER, "ws")
    assert inputs.unfit(TPU, LAYER, folding, bandwidth) is None
    found = inputs.unfit(with_memory(TPU, memory, **change), LAYER, folding, bandwidth)
    assert isinstance(found, Infeasible)
    assert found.resource == f"memories.{memory}.{field}"
    assert found.demand > found.bound == value
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(found.reason)


def test_too_long_a_simulation_is_refused_before_anything_runs():
    small = resized(TPU, 8, 8)
    assert inputs.folded(small, LAYER, "ws").cycles == 9 * 2 * (64 + 8 + 8 - 2 + 8)
    assert inputs.folded(small, LAYER, "is").cycles == 9 * 8 * (16 + 8 + 8 - 2 + 8)
    assert inputs.folded(small, LAYER, "os").cycles == 8 * 2 * (72 + 8 + 8 - 2)
    found = ScaleSim(ScaleSimSettings(python=sys.executable, max_cycles=1547))
    with pytest.raises(UserError, match=r"scalesim: 1: 1,548 cycles .* than the 1,547 allowed\. --sim max_cycles=N"):
        found.evaluate_layer([TPU, small], LAYER, "edp")


def test_a_missing_extra_and_another_numpy_are_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    where = "workbench.simulators.scalesim.simulator"
    monkeypatch.setattr(f"{where}.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs scalesim: pip install scalesim==3\.0\.0 'numpy<2\.4' .* python=PATH"):
        ScaleSim(ScaleSimSettings())
    monkeypatch.setattr(f"{where}.find_spec", lambda name: name)
    monkeypatch.setattr(f"{where}.version", lambda name: "2.10.0")
    with pytest.raises(UserError, match=r"fails under the workbench's numpy 2\.10\.0: pip install"):
        ScaleSim(ScaleSimSettings())
    with pytest.raises(UserError, match="'/no/python', and there is no such program"):
        ScaleSim(ScaleSimSettings(python="/no/python"))


def test_an_interpreter_that_cannot_run_it_is_an_error_with_its_last_lines(tmp_path: Path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n', encoding="utf-8")
    bare.chmod(0o755)
    found = ScaleSim(ScaleSimSettings(python=str(bare), workers=1))
    with pytest.raises(SimulatorError, match=r"scalesim: 0: it ended before its hello .* No package metadata .* numpy"):
        found.evaluate_layer([TPU], LAYER, "edp")


def test_its_items_are_read_by_their_place():
    detail = [
        n
        for first, last, words in zip(range(6), range(100, 106), range(10, 16), strict=True)
        for n in (first, last, words)
    ]
    detail[9:12], detail[12:15], detail[15:18] = [-50, 90, 13], [-70, -1, 14], [20, 1300, 15]
    found = worker.report([1370, 1199, 5, 50.0, 60.0, 70.0], detail)
    assert {name: found[name] for name in worker.COUNTS} == dict(zip(worker.COUNTS, range(10, 16), strict=True))
    assert (found["cycles"], found["stalls"], found["prefetch"], found["drain"]) == (1200, 5, 70, 101)


def test_words_cost_their_part_of_an_access_of_what_holds_them():
    words = {"ifmap_sram_reads": 10.0, "ifmap_dram_reads": 3.0, "filter_sram_reads": 20.0, "filter_dram_reads": 5.0}
    words |= {"ofmap_sram_writes": 30.0, "ofmap_dram_writes": 7.0}
    found = metrics_of(report(**words), request_of(EYERISS))
    m = {memory.name: memory for memory in EYERISS.memories}
    act, weight, partial, dram = m["act_sram"], m["weight_sram"], m["partial_sram"], m["dram"]
    sums = inputs.folded(EYERISS, LAYER, "ws").sums
    bits = (16 * (sums - 1) + 8) / sums  # every sum but the last is partial
    assert sums == 6
    assert found.breakdown is not None
    assert {(memory, operand): pj for memory, operand, pj in found.breakdown.memory_energy_pj} == pytest.approx(
        {
            ("act_sram", "I"): (10 * act.read_energy_pj + 3 * act.write_energy_pj) * 8 / act.word_bits,
            ("dram", "I"): 3 * dram.read_energy_pj * 8 / dram.word_bits,
            ("weight_sram", "W"): (20 * weight.read_energy_pj + 5 * weight.write_energy_pj) * 8 / weight.word_bits,
            ("dram", "W"): 5 * dram.read_energy_pj * 8 / dram.word_bits,
            ("partial_sram", "O"): (30 * partial.write_energy_pj + 7 * partial.read_energy_pj) * bits / 128,
            ("act_sram", "O"): 7 * (act.write_energy_pj + act.read_energy_pj) * bits / act.word_bits,
            ("dram", "O"): 7 * dram.write_energy_pj * bits / dram.word_bits,
        }
    )


def test_macs_cost_by_their_widths_and_area_is_the_workbenchs():
    wide = replace(LAYER, weight_bits=16)
    once, twice = (metrics_of(report(), request_of(TPU, layer)) for layer in (LAYER, wide))
    assert once.breakdown is not None
    assert twice.breakdown is not None
    assert once.breakdown.mac_energy_pj == TPU.mac_energy_pj * LAYER.macs
    assert twice.breakdown.mac_energy_pj == 2 * once.breakdown.mac_energy_pj
    assert once.area_um2 == TPU.area_um2


def test_prefetch_and_draining_count_where_dram_has_a_bandwidth():
    parts: dict[str, Any] = {}
    for bandwidth in ("calc", "user"):
        found = metrics_of(report(stalls=300.0), request_of(resized(TPU, 8, 8), bandwidth=bandwidth))
        parts[bandwidth] = found.latency_cycles, found.breakdown
    assert parts["calc"][0] == 2000
    assert parts["user"][0] == 2070
    assert (parts["user"][1].onload_cycles, parts["user"][1].offload_cycles) == (30, 40)
    for _, breakdown in parts.values():
        assert breakdown.temporal_stall_cycles == 300
        assert breakdown.ideal_cycles + breakdown.spatial_stall_cycles == 1700


def test_outputs_under_os_are_written_without_what_scalesim_adds_in_each_fold():
    request = request_of(resized(TPU, 8, 4), dataflow="os")
    assert request["surplus_writes"] == 16 * 2 * (8 + 4)  # 64 outputs on 4 rows, 16 filters on 8 columns
    assert request_of(TPU)["surplus_writes"] == 0


def test_leaving_is_an_error_of_the_evaluation(monkeypatch: pytest.MonkeyPatch):
    """As SCALE-Sim does where it misses a file."""

    def leave(files: object) -> None:
        sys.exit("no\nfile")

    monkeypatch.setattr(worker, "simulate", leave)
    assert worker.answer(request_of(TPU)) == {"error": "SystemExit: no file"}


@pytest.fixture(scope="module", params=DATAFLOWS)
def scalesim(request: pytest.FixtureRequest) -> Iterator[ScaleSim]:
    found = made("scalesim", {"python": SCALESIM_PYTHON, "workers": 1, "dataflow": request.param})
    assert isinstance(found, ScaleSim)
    yield found
    found.close()


def single(found: ScaleSim, arch: Arch, layer: Layer = LAYER) -> Metrics:
    (answered,) = found.evaluate_layer([arch], layer, "edp")
    assert isinstance(answered, Metrics)
    return answered


LAYERS = [
    LAYER,
    Layer.conv("strided", 3, 20, 5, in_size=13, stride=2, padding=2),
    Layer.conv("uneven", 5, 7, (1, 3), in_size=(4, 9)),
    Layer.conv("column", 3, 4, (3, 8), in_size=(9, 8), stride=(2, 5)),
    Layer.gemm("product", rows=5, reduction=40, columns=9),
    Layer.gemm("vector", rows=1, reduction=64, columns=64),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize(("columns", "rows"), [(8, 8), (12, 5), (16, 32)])
def test_its_cycles_are_those_of_the_formula(scalesim: ScaleSim, layer: Layer, columns: int, rows: int):
    arch = resized(TPU, columns, rows)
    found = single(scalesim, arch, layer)
    folding = inputs.folded(arch, layer, scalesim.settings.dataflow)
    assert found.latency_cycles == folding.cycles
    assert found.breakdown is not None
    assert found.breakdown.temporal_stall_cycles == found.breakdown.onload_cycles == 0
    # what it calls the overall utilisation, of the cycles that there are
    assert found.breakdown.ideal_cycles == -(-layer.macs // prod((columns, rows)))
    assert found.breakdown.ideal_cycles <= found.latency_cycles


def test_what_fits_is_fetched_once(scalesim: ScaleSim):
    """Inputs with their padding, and outputs once where they stay, or once in every fold of the window."""
    arch = resized(TPU, 8, 8)
    found = single(scalesim, arch)
    assert found.breakdown is not None
    energies = {(memory, operand): pj for memory, operand, pj in found.breakdown.memory_energy_pj}
    dram = arch.memories[-1]
    word, sums = dram.read_energy_pj * 8 / dram.word_bits, inputs.folded(arch, LAYER, scalesim.settings.dataflow).sums
    assert energies["dram", "I"] == pytest.approx(10 * 10 * 8 * word)
    assert energies["dram", "W"] == pytest.approx(LAYER.elements("W") * word)
    written = LAYER.elements("O") * ((sums - 1) * 16 + 8)
    assert energies["dram", "O"] == pytest.approx(written * dram.write_energy_pj / dram.word_bits, rel=0.01)
    sram = next(memory for memory in arch.memories if memory.name == "act_sram")
    once = (sram.write_energy_pj + sram.read_energy_pj) / sram.word_bits
    assert energies["act_sram", "O"] == pytest.approx(written * once, rel=0.01)


def test_a_smaller_sram_costs_traffic(scalesim: ScaleSim):
    layer = Layer.conv("larger", 16, 16, 3, in_size=14, padding=1)
    large, small = (
        single(scalesim, with_memory(resized(TPU, 8, 8), "act_sram", size_bits=bits), layer) for bits in (2**24, 2**16)
    )
    assert small.energy_pj > large.energy_pj
    assert small.latency_cycles == large.latency_cycles


def test_a_repeat_in_another_process_is_identical(scalesim: ScaleSim):
    arch = resized(TPU, 8, 8)
    again = ScaleSim(scalesim.settings)
    first, second = single(scalesim, arch), single(again, arch)
    again.close()
    assert (first, first.breakdown) == (second, second.breakdown)


def test_stalls_count_where_dram_has_a_bandwidth():
    narrow = replace(TPU.memories[-1].ports[0], bits_per_cycle=16, min_bits_per_cycle=16)
    arch = with_memory(resized(TPU, 8, 8), "act_sram", size_bits=2**16)
    settings = {"python": SCALESIM_PYTHON, "workers": 1, "bandwidth": "user"}
    found = made("scalesim", settings)
    assert isinstance(found, ScaleSim)
    slow, fast = single(found, with_memory(arch, "dram", ports=(narrow,))), single(found, arch)
    found.close()
    assert slow.latency_cycles > fast.latency_cycles > inputs.folded(arch, LAYER, "ws").cycles
    assert slow.breakdown is not None
    assert slow.breakdown.onload_cycles > 0
    assert slow.breakdown.offload_cycles > 0


def test_what_it_raises_names_the_design(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inputs, "CONFIG", inputs.CONFIG.replace("InterfaceBandwidth = {mode}", ""))
    found = made("scalesim", {"python": SCALESIM_PYTHON, "workers": 1})
    assert isinstance(found, ScaleSim)
    with pytest.raises(SimulatorError, match="scalesim: 0: NoOptionError: No option 'interfacebandwidth'"):
        single(found, TPU)
    monkeypatch.undo()
    assert single(found, TPU).latency_cycles == inputs.folded(TPU, LAYER, "ws").cycles
    found.close()


def test_too_little_memory_is_an_error_of_the_evaluation_alone():
    settings = {"python": SCALESIM_PYTHON, "workers": 1, "memory_limit_mb": 600, "max_cycles": 10_000_000}
    found = made("scalesim", settings)
    assert isinstance(found, ScaleSim)
    with pytest.raises(SimulatorError, match=r"scalesim: 0: out of memory; --sim memory_limit_mb=N"):
        single(found, resized(TPU, 8, 8), Layer.conv("large", 64, 64, 3, in_size=64))
    assert single(found, TPU).latency_cycles == inputs.folded(TPU, LAYER, "ws").cycles
    found.close()


def test_a_second_run_is_all_known(tmp_path: Path):
    settings = {"python": SCALESIM_PYTHON, "workers": 1}
    made("scalesim", settings)
    task = Task(load_template("tpu_like"), Workload.chain("one", [LAYER]))
    spec = RunSpec(task, "uniform", simulator="scalesim", simulator_settings=settings, seed=2, stop=Stop(budget=5))
    with Lab.open(tmp_path / "lab.db") as lab:
        first = list(run(lab, start(lab, spec).id))
        second = list(run(lab, start(lab, spec).id))
    assert first[-1].hits < first[-1].points
    assert second[-1].hits == second[-1].points == 5
