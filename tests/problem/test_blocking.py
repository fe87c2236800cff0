"""Blocking: no traffic below what must move, none above what the best order needs, and more room never hurts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest

from tests.toy import SMALL, toy_content
from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.blocking import CHUNK, INDEXING, ORDERS, Blocked, _elements, blocked
from workbench.problem.features import _units
from workbench.problem.hardware import Hardware, hardware_of
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.problem.task import CRITERIA, Task
from workbench.problem.template import Template, bundled_archs, load_template
from workbench.problem.workload import Workload, load_workload


def of_network(name: str, layer: str) -> Layer:
    ((found, _),) = load_workload(name).single(layer).compute_layers()
    return found


LAYERS = {
    "strided": of_network("alexnet", "conv1"),
    "groups": of_network("alexnet", "conv2"),
    "linear": of_network("alexnet", "fc6"),
    "depthwise": next(layer for layer, _ in load_workload("mobilenetv2").compute_layers() if layer.size("G") > 1),
    "pointwise": next(layer for layer, _ in load_workload("mobilenetv2").compute_layers() if layer.size("FY") == 1),
    "dilated": Layer.conv("dilated", 16, 32, 3, in_size=30, dilation=2, padding=2),
    "skips pixels": Layer.conv("skips", 16, 32, 1, in_size=30, stride=2),
    "gemm": Layer.gemm("gemm", 128, 768, 3072),
    "one MAC": Layer.gemm("one", 1, 1, 1),
}
every_arch = pytest.mark.parametrize("name", bundled_archs())
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@dataclass(frozen=True)
class Case:
    """Designs of an architecture, with the loops of a layer on them."""

    arch: Arch
    layer: Layer
    hardware: Hardware
    units: np.ndarray
    left: np.ndarray

    def blocked(self, criterion: str = "edp") -> Blocked:
        return blocked(self.arch, self.layer, self.hardware, self.units, self.left, criterion)

    def on(self, hardware: Hardware) -> Case:
        """The same loops on other hardware."""
        return replace(self, hardware=hardware)

    def with_room(self, factor: float) -> Case:
        """All memories larger by a factor, at equal cost."""
        return self.on(replace(self.hardware, size_bits=self.hardware.size_bits * factor))

    def paying_dram_alone(self) -> Case:
        """1 pJ for each bit from or to DRAM, and for nothing else."""
        price = np.zeros_like(self.hardware.read_pj)
        price[:, -1] = self.hardware.width[:, -1]
        case = self.on(replace(self.hardware, read_pj=price, write_pj=price))
        return replace(case, arch=replace(case.arch, mac_energy_pj=0.0))

    def tensors(self) -> np.ndarray:
        """(3,): bits as they are kept."""
        of = self.layer
        return np.array(
            [
                of.elements("W") * of.weight_bits,
                of.elements("I") * of.input_bits,
                of.elements("O") * of.output_bits,
            ]
        )


def case_of(template: Template, layer: Layer, n: int = 12) -> Case:
    task = Task(template, Workload.chain("one", [layer]))
    hardware = hardware_of(task, task.space.sample(n, np.random.default_rng(0)))
    return Case(template.nominal(task.technology), layer, hardware, *_units(task, hardware, layer))


def scaled(column: np.ndarray, memory: int, factor: float) -> np.ndarray:
    found = column.copy()
    found[:, memory] *= factor
    return found


@every_arch
@every_layer
def test_everything_is_finite_and_no_cycle_or_bit_below_what_must_be(name, layer):
    case = case_of(load_template(name), layer)
    found = case.blocked()
    for field, values in vars(found).items():
        assert np.isfinite(values).all(), field
        assert (values > 0).all(), field
    assert np.all(found.cycles >= found.least_cycles)
    assert np.all(found.energy_pj >= found.least_pj)
    assert np.all(found.least_cycles >= case.left.prod(axis=1))
    assert np.all(found.cycles >= np.maximum(found.dram_cycles, found.port_cycles))
    assert np.all(found.dram_bits >= case.tensors() * (1 - 1e-12))
    assert np.all(found.chip_bits >= case.tensors() * (1 - 1e-12))
    assert np.all(found.energy_pj >= found.dram_pj)


@every_arch
@every_layer
def test_the_criterion_decides(name, layer):
    case = case_of(load_template(name), layer)
    by = {criterion: case.blocked(criterion) for criterion in CRITERIA}
    assert np.array_equal(by["latency"].cycles, by["latency"].least_cycles)
    assert np.array_equal(by["energy"].energy_pj, by["energy"].least_pj)
    product_of = {criterion: found.cycles * found.energy_pj for criterion, found in by.items()}
    assert np.all(product_of["edp"] <= np.minimum(product_of["latency"], product_of["energy"]) * (1 + 1e-9))
    for found in by.values():
        assert np.array_equal(found.least_cycles, by["edp"].least_cycles)
        assert np.array_equal(found.least_pj, by["edp"].least_pj)


@every_arch
@pytest.mark.parametrize("layer", ["groups", "depthwise", "gemm"])
def test_more_room_or_a_wider_port_at_equal_cost_never_hurts(name, layer):
    case = case_of(load_template(name), LAYERS[layer])
    before = case.blocked()
    for memory, factor in product(range(len(case.arch.memories)), (1.5, 64.0)):
        roomy = case.on(replace(case.hardware, size_bits=scaled(case.hardware.size_bits, memory, factor))).blocked()
        assert np.all(roomy.least_pj <= before.least_pj * (1 + 1e-12))
        assert np.all(roomy.least_cycles <= before.least_cycles * (1 + 1e-12))
        wide = case.on(replace(case.hardware, width=scaled(case.hardware.width, memory, factor))).blocked()
        assert np.all(wide.least_pj <= before.least_pj * (1 + 1e-12))
        assert np.all(wide.least_cycles <= before.least_cycles * (1 + 1e-12))


@every_arch
@every_layer
def test_a_larger_memory_never_raises_the_traffic_of_dram_where_dram_alone_is_paid_for(name, layer):
    case = case_of(load_template(name), layer).paying_dram_alone()
    traffic = [case.with_room(factor).blocked("energy").least_pj for factor in (1e-9, 0.1, 1.0, 3.0, 100.0, 1e9)]
    for smaller, larger in pairwise(traffic):
        assert np.all(larger <= smaller * (1 + 1e-12))


@every_arch
@every_layer
def test_of_endless_memories_each_tensor_leaves_the_last_but_once(name, layer):
    """But for what partly filled steps count too much."""
    case = case_of(load_template(name), layer)
    found = case.with_room(1e15).blocked()
    final = layer.elements("O") * (layer.partial_bits - layer.output_bits)
    partial = np.array([0, 0, final])  # what the last write of a sum saves
    moved, once = found.dram_bits + partial, case.tensors() + partial
    ragged = (case.left * case.units.prod(axis=1)).prod(axis=1) / layer.macs
    assert np.all(moved <= once * ragged[:, None] * (1 + 1e-12))


@every_arch
def test_energy_is_proportional_to_its_prices_and_cycles_do_not_depend_on_them(name):
    case = case_of(load_template(name), LAYERS["groups"])
    dear = replace(
        case.on(replace(case.hardware, read_pj=case.hardware.read_pj * 3, write_pj=case.hardware.write_pj * 3)),
        arch=replace(case.arch, mac_energy_pj=case.arch.mac_energy_pj * 3),
    )
    assert dear.blocked().least_pj == pytest.approx(3 * case.blocked().least_pj, rel=1e-12)
    assert np.array_equal(dear.blocked().least_cycles, case.blocked().least_cycles)


@every_arch
@pytest.mark.parametrize("layer", ["strided", "depthwise"])
def test_a_design_has_the_same_blocking_in_any_company(name, layer):
    case = case_of(load_template(name), LAYERS[layer], CHUNK + 9)
    together = case.blocked()
    for rows in (slice(0, 1), slice(3, 10), slice(CHUNK - 5, CHUNK + 5), slice(CHUNK + 8, None)):
        few = replace(case.on(case.hardware.take(rows)), units=case.units[rows], left=case.left[rows]).blocked()
        for field, values in vars(few).items():
            assert np.array_equal(values, getattr(together, field)[rows]), field


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_elements_are_the_distinct_ones(operand, stride, dilation):
    layer = replace(LAYERS["gemm"], op="conv", stride=(stride, 1), dilation=(dilation, 2))
    loops = [LOOP_DIMS.index(loop) for loop in INDEXING[operand]]
    units = np.random.default_rng(0).integers(1, 9, (200, 8))
    got = _elements(layer, units.astype(np.float64), loops)
    of = {loop: units[:, i] for i, loop in enumerate(LOOP_DIMS)}
    expected = {
        "W": of["G"] * of["K"] * of["C"] * of["FY"] * of["FX"],
        "I": of["B"]
        * of["G"]
        * of["C"]
        * distinct(stride, of["OY"], dilation, of["FY"])
        * distinct(1, of["OX"], 2, of["FX"]),
        "O": of["B"] * of["G"] * of["K"] * of["OY"] * of["OX"],
    }[operand]
    assert got == pytest.approx(expected, rel=1e-12)


def buffers(kept: dict[str, int]) -> Template:
    """One PE, a buffer of so many bits for each of these operands, and DRAM."""
    content = toy_content(SMALL)
    buffer, dram = content["memories"]
    made = [{**buffer, "name": operand, "size_bits": bits, "operands": [operand]} for operand, bits in kept.items()]
    content["array"]["dims"] = {"D1": 1}
    content["memories"] = [*made, dram]
    content["spatial_mappings"] = {"none": {}}
    content["axes"] = {"d1": {"sets": "array.D1", "choices": [1]}}
    return Template.from_content(content, "buffers")


def misses(order: list[str], dims: dict[str, int], room: dict[str, int]) -> dict[str, int]:
    """Of each operand, what a memory that forgets the least recently used has to fetch: by doing it."""
    sizes: list[int] = []
    for i, piece in enumerate(order):
        group, tile = piece[0], int(piece[1:] or 0)
        inside = prod(sizes[j] for j in range(i) if order[j][0] == group)
        sizes.append(min(tile, dims[group]) if tile else dims[group] // inside)
    held: dict[str, OrderedDict[tuple[int, int], None]] = {operand: OrderedDict() for operand in room}
    found = dict.fromkeys(room, 0)
    for steps in product(*(range(size) for size in reversed(sizes))):
        at = dict.fromkeys("KCP", 0)
        for piece, step, size in zip(reversed(order), steps, reversed(sizes), strict=True):
            at[piece[0]] = at[piece[0]] * size + step
        for operand, (first, second) in {"W": ("K", "C"), "I": ("C", "P"), "O": ("K", "P")}.items():
            element, memory = (at[first], at[second]), held[operand]
            if element not in memory:
                found[operand] += 1
                if len(memory) == room[operand]:
                    memory.popitem(last=False)
            memory[element] = None
            memory.move_to_end(element)
    return found


@pytest.mark.parametrize("room", [(1, 1, 1), (4, 8, 2), (16, 2, 16), (1, 64, 1), (8, 40, 4), (40, 9, 40), (64, 64, 64)])
def test_a_product_of_matrices_moves_what_the_best_order_misses_in_memories_that_forget_the_least_recently_used(room):
    """Where tiles divide the loops, filling a memory up exactly is no approximation."""
    layer, dims = Layer.gemm("gemm", 8, 16, 4), {"K": 4, "C": 16, "P": 8}
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
    rooms = dict(zip(OPERANDS, room, strict=True))
    template = buffers({operand: rooms[operand] * bits[operand] for operand in OPERANDS})
    case = case_of(template, layer, 1).paying_dram_alone()
    least = np.inf
    for order in ORDERS.replace("\n", " ").split(","):
        missed = misses(order.split(), dims, rooms)
        sums = missed["O"] + (missed["O"] - layer.elements("O"))  # written, and read but for the first time
        final = layer.elements("O") * (layer.partial_bits - layer.output_bits)
        least = min(least, missed["W"] * bits["W"] + missed["I"] * bits["I"] + sums * bits["O"] - final)
    assert case.blocked("energy").least_pj == pytest.approx([least], rel=1e-12)


@pytest.mark.parametrize("kept", ["WI", "IO", "O", ""])
def test_what_no_memory_on_chip_holds_comes_from_dram_for_every_mac(kept):
    layer = Layer.gemm("gemm", 8, 16, 4)
    template = buffers(dict.fromkeys(kept, 2**20))
    found = case_of(template, layer, 1).blocked()
    for values in vars(found).values():
        assert np.isfinite(values).all()
        assert (values > 0).all()
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
    for number, operand in enumerate(OPERANDS):
        if operand not in kept:
            reused = {"W": 8, "I": 4, "O": 1}[operand]  # by the innermost loop, without a memory
            least = layer.macs * bits[operand] / reused
            assert least <= found.dram_bits[0, number] <= layer.macs * bits[operand]
            assert found.dram_bits[0, number] == found.chip_bits[0, number]
