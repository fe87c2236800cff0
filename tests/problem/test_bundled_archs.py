"""The bundled architectures against their published facts, and each template's space against its laws."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from workbench.problem.arch import AUTO, Arch, Memory, check_arch
from workbench.problem.layer import Layer
from workbench.problem.space import Choice, Design
from workbench.problem.technology import SCALES
from workbench.problem.template import Template, bundled_archs, load_template

# seeds 1.4: name, operands, bits, word, smallest step, read pJ, write pJ, ports, dimensions shared over, banks
FACTS = {
    "tpu_like": (
        {"D1": 32, "D2": 32},
        0.04,
        """
        weight_rf      W   1024        8    8    0.095   0.095   r,w      -     1
        partial_rf     O   16         16   16    0.021   0.021   r,r,w,w  D2    1
        act_sram       IO  16777216 2048   64  416.16  378.40    r,w      all  16
        dram           WIO 1e10       64   64  700     750       rw       all   1
        """,
    ),
    "eyeriss_like": (
        {"D1": 14, "D2": 12},
        0.5,
        """
        input_rf       I   512         8    8    1.0     1.5     r,w      -     1
        weight_rf      W   512         8    8    1.0     1.5     r,w      -     1
        partial_rf     O   128        24   24    1.5     2.0     r,w      -     1
        partial_sram   O   65536     128  128   10      15       rw       all   1
        weight_sram    W   524288    128  128   20      25       r,w      all   1
        act_sram       IO  8388608   384  384  100     130       rw       all   8
        dram           WIO 1e10       64   64 1000    1000       rw       all   1
        """,
    ),
    "tesla_npu_like": (
        {"D1": 32, "D2": 8, "D3": 4},
        0.04,
        """
        weight_rf      W   8           8    8    0.010   0.010   r,w      D2,D3 1
        partial_rf     O   32         16   16    0.022   0.022   r,r,w,w  -     1
        input_buffer   I   8192      256   64    4.78    5.59    r,w      all   1
        weight_buffer  W   8192      256   64    4.78    5.59    r,w      all   1
        act_sram       IO  8388608  1024   64  208.08  189.20    r,w      all   8
        weight_sram    W   8388608  1024   64  208.08  189.20    r,w      all   8
        dram           WIO 1e10       64   64  700     750       rw       all   1
        """,
    ),
    "meta_prototype_like": (
        {"D1": 32, "D2": 2, "D3": 4, "D4": 4},
        0.04,
        """
        weight_rf      W   8           8    8    0.010   0.010   r,w      D3,D4 1
        partial_rf     O   16         16   16    0.020   0.020   r,r,w,w  D2    1
        weight_buffer  W   524288    512   64   26.56   30.80    r,w      all   8
        input_buffer   I   262144    256   64   13.28   15.40    r,w      all   4
        weight_sram    W   8388608  1024   64  208.08  189.20    r,w      all   8
        act_sram       IO  8388608  1024   64  208.08  189.20    r,w      all   8
        dram           WIO 1e10       64   64  700     750       rw       all   1
        """,
    ),
    "edge_tpu_like": (
        {"D1": 8, "D2": 8, "D3": 4, "D4": 4},
        0.04,
        """
        weight_rf      W   8           8    8    0.010   0.010   r,w      D3,D4 1
        partial_rf     O   16         16   16    0.020   0.020   r,r,w,w  D2    1
        weight_sram    W   262144    512   64   22.9    52.01    r,w      all   1
        act_sram       IO  16777216 2048   64  416.16  378.40    r,w      all  16
        dram           WIO 1e10       64   64  700     750       rw       all   1
        """,
    ),
    "ascend_like": (
        {"D1": 16, "D2": 16, "D3": 2, "D4": 2},
        0.04,
        """
        weight_rf      W   8           8    8    0.010   0.010   r,w      D3,D4 1
        partial_rf     O   16         16   16    0.020   0.020   r,r,w,w  D2    1
        input_buffer   I   524288    512   64   26.56   30.72    r,w      all   8
        weight_buffer  W   524288   2048   64   50.16  108.0     r,w      all   8
        output_buffer  O   2097152  2048   64  123.2   212.8     r,w      all   8
        act_sram       IO  8388608  4096   64  465.6   825.6     r,w      all   8
        weight_sram    W   8388608  4096   64  465.6   825.6     r,w      all   8
        dram           WIO 1e10       64   64  700     750       rw       all   1
        """,
    ),
}
FACTS["data_centric"] = (
    {"PE": 256},
    0.04,
    """
    l1             WIO 4096       16   16    0.31    0.33    r,r,r,w,w,w -  1
    l2             WIO 1048576   128    8   26      37       rw,w     all  4
    dram           WIO 8e10       64   64  700     750       rw       all   1
    """,
)
PORTS = {"read": "r", "write": "w", "read_write": "rw"}
ARCHS = tuple(FACTS)


@cache
def template(name: str) -> Template:
    return load_template(name)


def facts_of(memory: Memory, arch: Arch) -> tuple[object, ...]:
    """A memory as a row of `FACTS`."""
    widths = {port.bits_per_cycle for port in memory.ports}
    steps = {port.min_bits_per_cycle for port in memory.ports}
    shared = "all" if len(memory.shared_over) == len(arch.array) else ",".join(memory.shared_over) or "-"
    ports = ",".join(PORTS[port.kind] for port in memory.ports)
    costs = memory.read_energy_pj, memory.write_energy_pj
    operands = "".join(memory.operands)
    return memory.name, operands, memory.size_bits, *widths, *steps, *costs, ports, shared, memory.banks


def row(text: str) -> tuple[object, ...]:
    """A line of `FACTS`."""
    name, operands, size, width, step, read, write, ports, shared, banks = text.split()
    return name, operands, int(float(size)), int(width), int(step), float(read), float(write), ports, shared, int(banks)


def nominal_design(name: str) -> Design:
    """The design whose every axis is as in the file."""
    arch = template(name).nominal()
    values: dict[str, Choice] = {}
    memories = {memory.name: memory for memory in arch.memories}
    for axis, content in template(name).file.axes.items():
        first = content.sets if isinstance(content.sets, str) else content.sets[0]
        head, *rest = first.split(".")
        if head == "spatial_mapping":
            values[axis] = next(iter(template(name).file.spatial_mappings))
        elif head == "array":
            values[axis] = arch.array_size[rest[0]]
        elif head == "dataflow":
            values[axis] = dict(arch.dataflow)[rest[0]]
        else:
            memory = memories[rest[0]]
            values[axis] = memory.size_bits if rest[1] == "size_bits" else memory.word_bits
    return template(name).space.design(values)


def test_the_bundled_architectures_are_those_with_facts() -> None:
    assert bundled_archs() == sorted(ARCHS)


@pytest.mark.parametrize("name", ARCHS)
def test_the_nominal_numbers_are_the_published_ones_with_the_stated_corrections(name: str) -> None:
    array, mac_energy_pj, memories = FACTS[name]
    arch = template(name).nominal("own")
    assert arch.array_size == array
    assert arch.mac_energy_pj == mac_energy_pj
    assert [facts_of(memory, arch) for memory in arch.memories] == [row(line) for line in memories.strip().split("\n")]
    assert arch.clock_mhz == 1000
    assert arch.systolic == (("D1", "D2") if name == "tpu_like" else ())
    assert arch.pes == {"eyeriss_like": 168, "data_centric": 256}.get(name, 1024)


@pytest.mark.parametrize("name", ARCHS)
def test_a_file_is_named_as_its_architecture_and_says_where_its_numbers_are_from(name: str) -> None:
    file = template(name).file
    assert file.name == name
    assert file.description
    assert ("MAESTRO" if name == "data_centric" else "ZigZag") in file.source


def test_spaces_have_different_numbers_of_axes() -> None:
    axes = [len(template(name).space.axes) for name in ARCHS]
    assert len(set(axes)) == len(axes)
    assert min(axes) >= 7
    assert max(axes) <= 15


@pytest.mark.parametrize("name", ARCHS)
def test_a_space_has_ten_to_the_five_to_ten_to_the_nine_designs(name: str) -> None:
    assert 1e5 <= template(name).space.size <= 1e9


@pytest.mark.parametrize("name", ARCHS)
def test_the_nominal_architecture_is_a_design_of_its_space(name: str) -> None:
    design = nominal_design(name)
    for technology in SCALES:
        arch = template(name).arch(design, technology)
        assert arch == template(name).nominal(technology)
        assert arch.key == template(name).nominal(technology).key


@pytest.mark.parametrize("name", ARCHS)
def test_every_on_chip_memorys_size_and_the_whole_array_are_free(name: str) -> None:
    file = template(name).file
    paths = [p for axis in file.axes.values() for p in ((axis.sets,) if isinstance(axis.sets, str) else axis.sets)]
    on_chip = {f"memories.{memory.name}.size_bits" for memory in file.memories if memory.kind != "dram"}
    assert on_chip | {f"array.{dim}" for dim in file.array.dims} | {"spatial_mapping"} <= set(paths)
    assert not any(path.startswith("memories.dram") for path in paths)


@pytest.mark.parametrize("name", ARCHS)
def test_random_designs_build_architectures_that_simulators_accept(name: str) -> None:
    space = template(name).space
    designs = space.sample(200, np.random.default_rng(7))
    keys: dict[bytes, Design] = {}
    for design in designs:
        assert space.design(space.values(design)) == design
        for technology in SCALES:
            arch = template(name).arch(design, technology)
            check_arch(arch, name)
            assert arch.area_um2 > 0
            assert all(memory.size_bits // memory.banks > 0 for memory in arch.memories)
            assert keys.setdefault(arch.key + technology.encode(), design) == design


@pytest.mark.parametrize("name", ARCHS)
def test_spatial_mappings_are_three_or_more_rules_of_different_kinds_and_auto(name: str) -> None:
    file = template(name).file
    *rules, last = file.spatial_mappings.values()
    assert last == AUTO
    assert 3 <= len(rules) <= 5
    assert tuple(file.spatial_mappings) == file.axes["spatial_mapping"].choices
    for rule in rules:
        assert isinstance(rule, dict)
        assert list(rule) == list(file.array.dims)
    assert len({str(rule) for rule in rules}) == len(rules)


# Loops that do not move an operand: unrolled over a dimension that a register is shared over, they ask it for one
# value only. A rule that unrolled another loop there could not run on the nominal register of one value.
IRRELEVANT = {"W": {"B", "OY", "OX"}, "O": {"C", "FY", "FX"}, "I": {"K"}}


@pytest.mark.parametrize("name", ARCHS)
def test_every_rule_leaves_a_shared_register_its_one_value(name: str) -> None:
    file = template(name).file
    bits = {"W": 8, "I": 8, "O": 16}
    for memory in file.memories:
        if memory.kind != "register_file" or memory.shared_over == "all":
            continue
        for dim in memory.shared_over:
            for operand in memory.operands:
                assert memory.size_bits >= bits[operand]
                for rule in file.spatial_mappings.values():
                    assert isinstance(rule, str) or set(rule[dim]) <= IRRELEVANT[operand]


DENSE = Layer.conv("dense", 256, 256, 3, in_size=28, padding=1)
DEPTHWISE = Layer.depthwise("depthwise", 64, 3, in_size=28, padding=1)
PRODUCT = Layer.gemm("product", 128, 768, 768)


@pytest.mark.parametrize("layer", [DENSE, DEPTHWISE, PRODUCT], ids=lambda layer: layer.name)
@pytest.mark.parametrize("name", ARCHS)
def test_some_rule_keeps_a_quarter_of_the_array_busy_on_every_usual_kind_of_layer(name: str, layer: Layer) -> None:
    """Whole loops only: what a dimension has left after a loop goes to the next loop in the rule."""
    file, busy = template(name).file, []
    for rule in file.spatial_mappings.values():
        if isinstance(rule, str):
            continue
        left, used = Counter({dim: layer.size(dim) for dim in IRRELEVANT["W"] | IRRELEVANT["O"] | {"K", "G"}}), 1
        for dim, loops in rule.items():
            room = file.array.dims[dim]
            for loop in loops:
                units = min(room, left[loop])
                used, room, left[loop] = used * units, room // units, -(-left[loop] // units)
        busy.append(used / template(name).nominal().pes)
    assert max(busy) >= 0.25
