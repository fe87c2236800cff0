"""Laws of the technology model: what more bits, wider words and more banks cost, and how near the fit is."""

from __future__ import annotations

from itertools import pairwise
from math import isclose
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.problem.arch import MemoryKind
from workbench.problem.technology import access_energy, fit_residual, memory_area_um2

on_chip = st.sampled_from(["register_file", "sram"])
sizes = st.integers(8, 2**28)
words = st.sampled_from([8, 16, 24, 64, 128, 256, 384, 1024, 4096])
banks = st.sampled_from([1, 2, 4, 8, 16])


@given(on_chip, sizes, sizes, words, banks)
def test_an_access_to_a_larger_memory_never_costs_less(
    kind: MemoryKind, a: int, b: int, word_bits: int, n: int
) -> None:
    small, large = (access_energy(kind, size, word_bits, n) for size in sorted((a, b)))
    assert small.read_pj <= large.read_pj
    assert small.write_pj <= large.write_pj


@given(on_chip, sizes, words, banks)
def test_a_wider_word_costs_more_for_an_access_and_less_for_a_bit(
    kind: MemoryKind, size_bits: int, word_bits: int, n: int
) -> None:
    narrow, wide = access_energy(kind, size_bits, word_bits, n), access_energy(kind, size_bits, 2 * word_bits, n)
    assert narrow.read_pj < wide.read_pj < 2 * narrow.read_pj
    assert narrow.write_pj < wide.write_pj < 2 * narrow.write_pj


@given(sizes, words, banks)
def test_n_banks_cost_n_times_a_bank_of_an_nth_of_size_and_word(size_bits: int, word_bits: int, n: int) -> None:
    whole = access_energy("sram", n * size_bits, n * word_bits, n)
    bank = access_energy("sram", size_bits, word_bits)
    assert isclose(whole.read_pj, n * bank.read_pj)
    assert isclose(whole.write_pj, n * bank.write_pj)


@given(sizes, words, banks)
def test_an_access_to_dram_costs_by_the_bit_whatever_its_size(size_bits: int, word_bits: int, n: int) -> None:
    assert access_energy("dram", size_bits, word_bits, n) == access_energy("dram", 8, word_bits)
    assert access_energy("dram", 8, 64).read_pj == 700
    assert access_energy("dram", 8, 64).write_pj == 750


@pytest.mark.parametrize(("kind", "bound"), [("register_file", 0.28), ("sram", 0.50)])
def test_the_fitted_law_is_as_near_its_points_as_the_docstring_may_claim(
    kind: Literal["register_file", "sram"], bound: float
) -> None:
    """A power law is smooth, CACTI is not: a 1 KB bank of 256-bit words is priced far above its neighbours, and a
    128 KB bank of 128-bit words writes for less than it reads, which no law increasing in both can follow."""
    assert 0 < fit_residual(kind) <= bound


def test_the_hierarchy_costs_what_a_designer_expects() -> None:
    """Per byte: a register file below a MAC's order of magnitude, SRAM far above it, DRAM far above SRAM."""
    register = access_energy("register_file", 512, 8).read_pj
    sram = access_energy("sram", 8 * 2**20, 1024, 8).read_pj / 128
    dram = access_energy("dram", 10**10, 64).read_pj / 8
    assert 0.04 < register < 0.4
    assert 5 < sram / register < 50
    assert 20 < dram / sram < 200


@given(on_chip, sizes, st.integers(1, 2**20), words, banks)
def test_area_grows_with_size(kind: MemoryKind, size_bits: int, more: int, word_bits: int, n: int) -> None:
    assert memory_area_um2(kind, size_bits, word_bits, n) < memory_area_um2(kind, size_bits + more, word_bits, n)


@given(sizes, words, banks)
def test_a_wider_or_more_divided_sram_is_larger_and_a_register_file_pays_for_bits_only(
    size_bits: int, word_bits: int, n: int
) -> None:
    area = memory_area_um2("sram", size_bits, word_bits, n)
    assert area < memory_area_um2("sram", size_bits, 2 * word_bits, n)
    assert area < memory_area_um2("sram", size_bits, word_bits, 2 * n)
    assert memory_area_um2("register_file", size_bits, word_bits, n) == 2.2 * size_bits
    assert memory_area_um2("dram", size_bits, word_bits, n) == 0


def test_sram_is_plausible_at_28_nm_and_denser_the_larger_it_is() -> None:
    """A 28 nm high-density cell has 0.127 um2; published macros of tens of KB lie near twice that, 1 MB near 0.2."""
    per_bit = [memory_area_um2("sram", kib * 8192, 128) / (kib * 8192) for kib in (1, 8, 32, 128, 1024)]
    assert all(a > b > 0.127 for a, b in pairwise(per_bit))
    assert isclose(per_bit[2], 0.25, rel_tol=0.05)
    assert per_bit[-1] < 0.2
