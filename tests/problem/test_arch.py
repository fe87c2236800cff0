"""Contracts of a concrete architecture: ports, instances, areas, the content key, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.arch import Arch, Memory, Port, PortKind, check_arch

WORD = 16


def ports(*kinds: PortKind) -> tuple[Port, ...]:
    return tuple(Port(kind, WORD, WORD) for kind in kinds)


REGISTER = Memory("rf", "register_file", 64, ("O",), ("D2",), ports("read", "write"), 0.1, 0.2, area_um2=5.0)
SRAM = Memory("sram", "sram", 4096, ("I", "O"), ("D1", "D2"), ports("read_write"), 1.0, 2.0, area_um2=100.0)
DRAM = Memory("dram", "dram", 10**9, ("W", "I", "O"), ("D1", "D2"), ports("read_write"), 100.0, 100.0)
ARCH = Arch(
    name="small",
    array=(("D1", 4), ("D2", 3)),
    mac_energy_pj=0.04,
    memories=(REGISTER, SRAM, DRAM),
    spatial_mapping=(("D1", (("K", None),)), ("D2", (("C", 2), ("FX", None)))),
    mac_area_um2=10.0,
)


def with_memory(index: int, **changes: object) -> Arch:
    memories = list(ARCH.memories)
    memories[index] = replace(memories[index], **changes)  # type: ignore[arg-type]
    return replace(ARCH, memories=tuple(memories))


def test_a_memory_has_one_instance_for_each_position_on_the_dimensions_it_is_not_shared_over() -> None:
    assert [ARCH.instances(memory) for memory in ARCH.memories] == [4, 1, 1]
    assert ARCH.instances(replace(REGISTER, shared_over=())) == ARCH.pes == 12


def test_the_area_is_that_of_every_mac_and_every_instance() -> None:
    assert ARCH.area_um2 == 12 * 10.0 + 4 * 5.0 + 100.0


def test_levels_list_an_operands_memories_innermost_first() -> None:
    assert {operand: ARCH.levels(operand) for operand in "WIO"} == {"W": (2,), "I": (1, 2), "O": (0, 1, 2)}


def test_the_word_is_the_widest_port() -> None:
    assert replace(SRAM, ports=(Port("read", 64, 8), Port("write", 16, 8))).word_bits == 64


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("read", "write"), {"to_low": 0, "to_high": 0, "from_low": 1, "from_high": 1}),
        (("read", "read", "write", "write"), {"to_low": 0, "to_high": 1, "from_low": 3, "from_high": 2}),
        (("read_write",), {"to_low": 0, "to_high": 0, "from_low": 0, "from_high": 0}),
        (("write", "read"), {"to_low": 1, "to_high": 1, "from_low": 0, "from_high": 0}),
        (("read", "read_write"), {"to_low": 0, "to_high": 0, "from_low": 1, "from_high": 1}),
    ],
)
def test_outputs_meet_the_level_above_and_the_level_below_at_different_ports_where_there_are_two(
    kinds: tuple[PortKind, ...], expected: dict[str, int]
) -> None:
    memory = replace(REGISTER, ports=ports(*kinds))
    assert {direction: memory.port_of("O", direction) for direction in expected} == expected  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["read", "write", "read_write"]), min_size=1, max_size=5))
def test_no_transfer_takes_a_port_that_cannot_make_it(kinds: list[PortKind]) -> None:
    memory = replace(SRAM, ports=ports(*kinds))
    for operand in ("W", "I", "O"):
        if "read" in kinds or "read_write" in kinds:
            assert kinds[memory.port_of(operand, "to_low")] != "write"
            assert kinds[memory.port_of(operand, "to_high")] != "write"
        if "write" in kinds or "read_write" in kinds:
            assert kinds[memory.port_of(operand, "from_low")] != "read"
            assert kinds[memory.port_of(operand, "from_high")] != "read"


def test_the_key_ignores_the_name_and_nothing_else() -> None:
    assert replace(ARCH, name="other").key == ARCH.key
    changed: dict[str, object] = {
        "array": (("D1", 4), ("D2", 6)),
        "mac_energy_pj": 0.05,
        "memories": (REGISTER, DRAM),
        "spatial_mapping": "auto",
        "clock_mhz": 900.0,
        "systolic": ("D1",),
        "mac_area_um2": 11.0,
        "dataflow": (("TileK", 2),),
    }
    assert set(changed) == {field.name for field in fields(Arch)} - {"name"}
    others = {replace(ARCH, **{name: value}).key for name, value in changed.items()}  # type: ignore[arg-type]
    assert len(others | {ARCH.key}) == len(changed) + 1


def test_the_key_changes_with_every_field_of_a_memory() -> None:
    changed: dict[str, object] = {
        "name": "other",
        "kind": "register_file",
        "size_bits": 8192,
        "operands": ("O",),
        "shared_over": ("D1",),
        "ports": ports("read", "write"),
        "read_energy_pj": 1.5,
        "write_energy_pj": 2.5,
        "banks": 2,
        "area_um2": 200.0,
    }
    assert set(changed) == {field.name for field in fields(Memory)}
    others = {with_memory(1, **{name: value}).key for name, value in changed.items()}
    assert len(others | {ARCH.key}) == len(changed) + 1


def test_the_key_changes_with_a_ports_width_step_and_kind_and_with_a_loops_limit() -> None:
    limited = replace(ARCH, spatial_mapping=(("D1", (("K", 2),)), ("D2", (("C", 2), ("FX", None)))))
    keys = {
        ARCH.key,
        limited.key,
        with_memory(1, ports=(Port("read_write", WORD, 8),)).key,
        with_memory(1, ports=(Port("read_write", 32, WORD),)).key,
        with_memory(1, ports=ports("read_write", "read")).key,
    }
    assert len(keys) == 5


def test_an_arch_that_simulators_can_use_is_accepted() -> None:
    check_arch(ARCH, "here")
    check_arch(replace(ARCH, spatial_mapping="auto"), "here")


@pytest.mark.parametrize(
    ("arch", "words"),
    [
        (lambda: with_memory(0, shared_over=("D3",)), ["'rf'", "D3", "D1", "D2"]),
        (lambda: with_memory(1, ports=ports("read")), ["'sram'", "no port that can write"]),
        (lambda: with_memory(1, ports=ports("write")), ["'sram'", "no port that can read"]),
        (lambda: with_memory(2, operands=("I", "O")), ["'W'"]),
        (lambda: with_memory(2, operands=("W", "O")), ["'dram'", "'I'"]),
        (lambda: with_memory(1, shared_over=("D1",)), ["'sram'", "D2", "'O'"]),
        (lambda: with_memory(2, shared_over=()), ["'dram'", "D1", "D2"]),
        (lambda: replace(ARCH, spatial_mapping=(("D9", (("K", None),)),)), ["'D9'", "D1", "D2"]),
        (lambda: replace(ARCH, spatial_mapping=(("D1", ()),)), ["'D1'", "nothing"]),
    ],
)
def test_an_arch_that_no_simulator_can_use_is_refused_in_one_line(arch: Callable[[], Arch], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        check_arch(arch(), "a.yaml")
    line = str(error.value)
    assert line.startswith("a.yaml: ")
    assert "\n" not in line
    assert all(word in line for word in words), line


@pytest.mark.parametrize("step", [0, -8, 17])
def test_a_port_whose_smallest_step_is_not_within_its_width_is_refused(step: int) -> None:
    with pytest.raises(UserError, match=r"min_bits_per_cycle.*16.*got"):
        Port("read", 16, step)
