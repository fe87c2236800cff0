"""Laws of templates: what a design changes, what it then costs, and how a faulty architecture file is refused."""

from __future__ import annotations

from dataclasses import replace
from json import dumps, loads
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.arch import Arch, Memory
from workbench.problem.space import Design
from workbench.problem.technology import MAC_PJ, access_energy, memory_area_um2
from workbench.problem.template import ArchFile, Template, bundled_archs, load_template

TEXT = """
name: small
clock_mhz: 500
array: {dims: {D1: 4, D2: 2}, mac_energy_pj: 0.3, systolic: [D1]}
memories:
  - name: rf
    kind: register_file
    size_bits: 64
    operands: [W]
    read_energy_pj: 0.5
    write_energy_pj: 0.7
    ports: [{kind: read, bits_per_cycle: 8}, {kind: write, bits_per_cycle: 8}]
  - name: sram
    kind: sram
    size_bits: 65536
    banks: 4
    operands: [O, I]
    shared_over: all
    read_energy_pj: 11
    write_energy_pj: 13
    ports: [{kind: read_write, bits_per_cycle: 128, min_bits_per_cycle: 64}]
  - name: dram
    kind: dram
    size_bits: 10000000000
    operands: [W, I, O]
    shared_over: all
    read_energy_pj: 1000
    write_energy_pj: 1100
    ports: [{kind: read_write, bits_per_cycle: 64}]
spatial_mappings:
  first: {D1: [K, G], D2: [C]}
  second: {D1: [OX]}
  auto: auto
axes:
  pe_rows: {sets: array.D1, choices: [2, 4, 8]}
  rf_bits: {sets: memories.rf.size_bits, choices: [32, 64, 128]}
  sram_bits: {sets: memories.sram.size_bits, choices: [32768, 65536, 131072]}
  bits_per_cycle: {sets: [memories.sram.bits_per_cycle, memories.dram.bits_per_cycle], choices: [32, 64, 128]}
  spatial_mapping: {sets: spatial_mapping, choices: [first, second, auto]}
"""
NOMINAL = (1, 1, 1, 2, 0)  # but for the DRAM's width, which the axis sets as well


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return load_template(written(tmp_path_factory.mktemp("arch"), TEXT))


designs = st.tuples(*(st.integers(0, 2) for _ in NOMINAL))


def named(arch: Arch, name: str) -> Memory:
    return next(memory for memory in arch.memories if memory.name == name)


def test_the_unmodified_template_costs_under_own_exactly_what_its_file_says(template: Template) -> None:
    arch = template.nominal("own")
    assert [(m.read_energy_pj, m.write_energy_pj) for m in arch.memories] == [(0.5, 0.7), (11, 13), (1000, 1100)]
    assert arch.mac_energy_pj == 0.3


@pytest.mark.parametrize("name", bundled_archs())
def test_every_bundled_template_costs_under_own_exactly_what_its_file_says(name: str) -> None:
    bundled = load_template(name)
    for memory, file in zip(bundled.nominal("own").memories, bundled.file.memories, strict=True):
        assert (memory.read_energy_pj, memory.write_energy_pj) == (file.read_energy_pj, file.write_energy_pj)
    assert bundled.nominal("own").mac_energy_pj == bundled.file.array.mac_energy_pj


def test_under_common_equal_memories_cost_the_same_in_every_architecture() -> None:
    costs: dict[object, tuple[float, float, float]] = {}
    shared = 0
    for name in bundled_archs():
        arch = load_template(name).nominal("common")
        assert arch.mac_energy_pj == MAC_PJ
        for memory in arch.memories:
            what = memory.kind, memory.size_bits, memory.word_bits, memory.banks
            cost = memory.read_energy_pj, memory.write_energy_pj, memory.area_um2
            shared += what in costs
            assert costs.setdefault(what, cost) == cost
    assert shared >= 10


@given(designs)
def test_under_common_a_memory_costs_the_law_whatever_the_file_says(template: Template, design: Design) -> None:
    for memory in template.arch(design, "common").memories:
        law = access_energy(memory.kind, memory.size_bits, memory.word_bits, memory.banks)
        assert (memory.read_energy_pj, memory.write_energy_pj) == (law.read_pj, law.write_pj)
        assert memory.area_um2 == memory_area_um2(memory.kind, memory.size_bits, memory.word_bits, memory.banks)


@given(designs)
def test_under_own_costs_keep_the_files_ratio_to_the_law(template: Template, design: Design) -> None:
    own, common = template.arch(design, "own"), template.arch(design, "common")
    at_own, at_common = template.nominal("own"), template.nominal("common")
    for memory, law, nominal, nominal_law in zip(
        own.memories, common.memories, at_own.memories, at_common.memories, strict=True
    ):
        ratio = nominal.read_energy_pj / nominal_law.read_energy_pj
        assert isclose(memory.read_energy_pj, law.read_energy_pj * ratio)
    assert own.area_um2 == common.area_um2


@given(designs)
def test_a_design_sets_what_its_axes_name_and_nothing_else(template: Template, design: Design) -> None:
    arch, nominal, values = template.arch(design), template.nominal(), template.space.values(design)
    assert arch.array_size == {"D1": values["pe_rows"], "D2": 2}
    assert named(arch, "rf").size_bits == values["rf_bits"]
    assert named(arch, "sram").size_bits == values["sram_bits"]
    width = values["bits_per_cycle"]
    assert named(arch, "sram").word_bits == named(arch, "dram").word_bits == width
    assert named(arch, "sram").ports[0].min_bits_per_cycle == min(64, int(width))
    first = (("D1", (("K", None), ("G", None))), ("D2", (("C", None),)))
    rules = {"first": first, "second": (("D1", (("OX", None),)),), "auto": "auto"}
    assert arch.spatial_mapping == rules[str(values["spatial_mapping"])]
    free = {"size_bits": 1, "ports": (), "read_energy_pj": 0.0, "write_energy_pj": 0.0, "area_um2": 0.0}
    for memory, base in zip(arch.memories, nominal.memories, strict=True):
        assert replace(memory, **free) == replace(base, **free)  # type: ignore[arg-type]
        assert [port.kind for port in memory.ports] == [port.kind for port in base.ports]
    assert (arch.name, arch.clock_mhz, arch.systolic) == ("small", 500, ("D1",))


@given(designs)
def test_equal_designs_are_equal_architectures_and_different_ones_are_not(template: Template, design: Design) -> None:
    assert template.arch(design).key == template.arch(design).key
    for neighbour in template.space.neighbours(design):
        assert template.arch(neighbour).key != template.arch(design).key


@given(designs, st.sampled_from(["own", "common"]))
def test_a_larger_memory_costs_more_for_an_access_and_more_area(
    template: Template, design: Design, technology: Any
) -> None:
    for axis, name in ((1, "rf"), (2, "sram")):
        small, large = (template.arch((*design[:axis], choice, *design[axis + 1 :]), technology) for choice in (0, 2))
        assert named(small, name).read_energy_pj < named(large, name).read_energy_pj
        assert named(small, name).write_energy_pj < named(large, name).write_energy_pj
        assert small.area_um2 < large.area_um2


@given(designs)
def test_a_larger_array_has_a_larger_area(template: Template, design: Design) -> None:
    small, large = (template.arch((choice, *design[1:])) for choice in (0, 2))
    assert small.area_um2 < large.area_um2


def test_a_template_comes_back_from_its_content_through_json(template: Template) -> None:
    again = Template.from_content(loads(dumps(template.content())))
    assert again.file == template.file
    assert again.content() == template.content()
    assert again.nominal("own") == template.nominal("own")


def test_operands_are_in_one_order_whatever_the_file_says(template: Template) -> None:
    assert named(template.nominal(), "sram").operands == ("I", "O")


def test_a_memory_shared_over_all_serves_every_dimension_of_the_array(template: Template) -> None:
    assert named(template.nominal(), "sram").shared_over == ("D1", "D2")
    assert named(template.nominal(), "rf").shared_over == ()


FAULTS = [
    ("clock_mhz", "clok_mhz", ["unknown key 'clok_mhz'", "Did you mean 'clock_mhz'?"]),
    ("banks: 4", "bank: 4", ["unknown key 'memories[1].bank'", "Did you mean 'banks'?"]),
    ("{sets: array.D1", "{set: array.D1", ["unknown key 'axes.pe_rows.set'", "'sets'"]),
    ("    size_bits: 64\n", "", ["the key 'memories[0].size_bits' is missing"]),
    ("size_bits: 64", "size_bits: -64", ["memories[0].size_bits", "greater than 0", "-64"]),
    ("size_bits: 64", "size_bits: 8 B", ["memories[0].size_bits", "integer", "'8 B'"]),
    ("size_bits: 64", "size_bits: 1.5", ["memories[0].size_bits", "integer", "1.5"]),
    ("size_bits: 64", "size_bits: yes", ["memories[0].size_bits", "number", "True"]),
    ("size_bits: 64", "size_bits: " + "9" * 400, ["memories[0].size_bits", "less than or equal to"]),
    ("read_energy_pj: 11", "read_energy_pj: -1", ["memories[1].read_energy_pj", "greater than or equal to 0", "-1"]),
    ("read_energy_pj: 11", "read_energy_pj: .inf", ["memories[1].read_energy_pj", "less than or equal to", "inf"]),
    (
        "read_energy_pj: 11",
        "read_energy_pj: 1.0e+300",
        ["memories[1].read_energy_pj", "less than or equal to", "1e+300"],
    ),
    ("clock_mhz: 500", "clock_mhz: 0", ["clock_mhz", "greater than or equal to", "got 0"]),
    ("clock_mhz: 500", "clock_mhz: 1.0e+300", ["clock_mhz", "less than or equal to", "1e+300"]),
    ("banks: 4", "banks: 129", ["memories[1]", "banks", "at most 128", "129"]),
    ("kind: sram", "kind: flash", ["memories[1].kind", "'register_file', 'sram' or 'dram'", "'flash'"]),
    ("operands: [O, I]", "operands: [O, X]", ["memories[1].operands[1]", "'W', 'I' or 'O'", "'X'"]),
    ("operands: [O, I]", "operands: O", ["memories[1].operands", "a list", "'O'"]),
    ("operands: [O, I]", "operands: [O]\n    shared_over: [D1]", ["line ", "'shared_over' is given twice"]),
    ("    shared_over: all\n", "    shared_over: some\n", ["memories[1].shared_over", "a list", "'all'", "'some'"]),
    ("    shared_over: all\n", "    shared_over: [D7]\n", ["'sram'", "D7", "D1", "D2"]),
    ("name: sram", "name: rf", ["different names", "rf"]),
    ("name: sram", "name: my sram", ["memories[1].name", "my sram"]),
    ("systolic: [D1]", "systolic: [D3]", ["array.systolic", "'D3'", "D1", "D2"]),
    ("min_bits_per_cycle: 64", "min_bits_per_cycle: 256", ["min_bits_per_cycle", "1..bits_per_cycle (128)", "256"]),
    (
        "[{kind: read_write, bits_per_cycle: 128",
        "[{kind: read, bits_per_cycle: 128",
        ["'sram'", "no port that can write"],
    ),
    ("D2: [C]", "D9: [C]", ["spatial_mappings.first", "'D9'", "D1", "D2"]),
    ("D2: [C]", "D2: [CC]", ["spatial_mappings.first.D2", "'CC'", "'FX'"]),
    ("D2: [C]", "D2: C", ["spatial_mappings.first.D2", "a list", "'C'"]),
    ("D1: [OX]", "D1: []", ["spatial_mappings.second.D1", "nothing"]),
    ("auto: auto", "auto: automatic", ["spatial_mappings.auto", "'auto'", "'automatic'"]),
    ("sets: array.D1", "sets: array.D4", ["axes.pe_rows.sets", "'array.D4'", "Did you mean", "array.D2"]),
    ("memories.rf.size_bits", "memories.rg.size_bits", ["axes.rf_bits.sets", "Did you mean 'memories.rf.size_bits'"]),
    ("memories.rf.size_bits", "memories.rf.banks", ["axes.rf_bits.sets", "'memories.rf.banks'"]),
    ("memories.rf.size_bits", "array.D1", ["axes.rf_bits sets array.D1", "axes.pe_rows"]),
    ("memories.rf.size_bits", "[]", ["axes.rf_bits.sets", "at least 1"]),
    ("[2, 4, 8]", "[0, 4, 8]", ["axes.pe_rows", "positive whole numbers", "[0, 4, 8]"]),
    ("[2, 4, 8]", "[2.5, 4, 8]", ["axes.pe_rows", "positive whole numbers", "2.5"]),
    ("[2, 4, 8]", "[2, 4, many]", ["axes.pe_rows", "positive whole numbers", "'many'"]),
    ("[2, 4, 8]", "[8, 4, 2]", ["'pe_rows'", "ascending", "[8, 4, 2]"]),
    ("[2, 4, 8]", "[2, 2, 8]", ["'pe_rows'", "twice"]),
    ("[2, 4, 8]", "[]", ["axes.pe_rows.choices", "at least 1"]),
    ("[2, 4, 8]", "[on, 4, 8]", ["axes.pe_rows.choices[0]", "truth value", "True"]),
    ("[first, second, auto]", "[first, third]", ["axes.spatial_mapping", "'third'", "second"]),
    ("name: small", "name: small\nname: big", ["line 3", "'name' is given twice"]),
    ("dims: {D1: 4, D2: 2}", "dims: {D1: 4, D2: 2", ["line ", "not valid YAML"]),
]


@pytest.mark.parametrize(("old", "new", "words"), FAULTS, ids=[new.strip()[:40] or old for old, new, _ in FAULTS])
def test_a_faulty_file_is_refused_in_one_line_with_file_key_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        load_template(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_a_file_that_leaves_nothing_to_search_is_refused(tmp_path: Path) -> None:
    text = TEXT[: TEXT.index("axes:")] + "axes:\n  pe_rows: {sets: array.D1, choices: [4]}\n"
    with pytest.raises(UserError, match=r"small\.yaml: .*only one design"):
        load_template(written(tmp_path, text))


def test_an_unknown_architecture_is_told_the_nearest_and_all_there_are() -> None:
    with pytest.raises(UserError) as error:
        load_template("eyeris_like")
    line = str(error.value)
    assert line.startswith("There is no architecture named 'eyeris_like'. Did you mean 'eyeriss_like'? Known: ")
    assert all(name in line for name in bundled_archs())


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load_template(str(tmp_path / "none.yaml"))
    with pytest.raises(UserError, match="this is a folder"):
        load_template(f"{tmp_path}/")


def test_the_schema_of_a_file_states_units_in_its_keys() -> None:
    keys = set(ArchFile.model_json_schema()["$defs"]["MemoryFile"]["properties"])
    assert {"size_bits", "read_energy_pj", "write_energy_pj"} <= keys
