"""Laws of chip templates: totals that are never exceeded, every division of them within reach, faults as one line."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.chip import Chip, ChipTemplate, bundled_chips, load_chip
from workbench.problem.metrics import Infeasible
from workbench.problem.shares import granted
from workbench.problem.space import Design

NASAIC = load_chip("nasaic")
POCKET = load_chip("pocket")


@st.composite
def designs(draw: st.DrawFn, template: ChipTemplate = POCKET) -> Design:
    return tuple(draw(st.integers(0, size - 1)) for size in template.space.shape)


def nasaic(**values: int | str) -> Chip:
    """A chip by its axes."""
    space = NASAIC.space
    found = NASAIC.chip(space.design({**space.values(NASAIC.nominal), **values}))
    assert isinstance(found, Chip)
    return found


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(4, 60), st.integers(1, 8))
def test_shares_keep_the_total_and_are_what_was_asked_where_that_fits(asked: list[int], total: int, step: int):
    wanted, most = [step * amount for amount in asked], step * total
    shares = granted(wanted, most, step)
    assert sum(shares) == min(sum(wanted), most)
    if sum(wanted) <= most:
        assert list(shares) == wanted
    for amount, share in zip(wanted, shares, strict=True):
        assert share % step == 0
        assert share <= amount
        assert (share >= step) == (amount > 0)
    for i, amount in enumerate(wanted):
        assert all(abs(shares[i] - other) <= step for w, other in zip(wanted, shares, strict=True) if w == amount)


@given(designs())
def test_every_design_is_a_chip_within_its_totals(design: Design):
    chip, asked = POCKET.chip(design), POCKET.asked(design)
    assert isinstance(chip, Chip)
    assert sum(part.pes for part in chip.parts) <= 256
    assert sum(part.noc_bytes_per_cycle for part in chip.parts) <= 16
    assert sum(part.arch.memories[2].word_bits for part in chip.parts) <= 64
    assert [part.name for part in chip.parts] == [name for name, stated in asked.items() if stated["pes"]]
    for part in chip.parts:
        assert part.flow == asked[part.name]["dataflow"]
        assert 8 <= part.pes <= int(asked[part.name]["pes"])
        assert part.arch.memories[1].size_bits == asked[part.name]["l2_bits"]
        assert part.arch.memories[1].word_bits == 8 * part.noc_bytes_per_cycle


@given(designs())
def test_a_template_is_kept_as_content_and_comes_back_with_equal_chips(design: Design):
    again = ChipTemplate.from_content(loads(dumps(POCKET.content())))
    assert again.content() == POCKET.content()
    chip, other = POCKET.chip(design), again.chip(design)
    assert isinstance(chip, Chip)
    assert isinstance(other, Chip)
    assert chip == other
    assert chip.key == other.key


@pytest.mark.parametrize("one", [(2112, 48), (1088, 24), (576, 56), (2368, 56), (2112, 24), (2112, 40)])
def test_the_published_chips_are_designs(one: tuple[int, int]):
    others = {(2112, 48): 1984, (1088, 24): 2368, (576, 56): 1792, (2368, 56): 1728, (2112, 24): 1536, (2112, 40): 1184}
    chip = nasaic(pes_1=one[0], noc_1=one[1], pes_2=others[one], noc_2=64 - one[1])
    assert [(part.pes, part.noc_bytes_per_cycle) for part in chip.parts] == [one, (others[one], 64 - one[1])]


def test_what_is_asked_beyond_the_totals_is_divided_in_proportion():
    chip = nasaic(pes_1=4096, pes_2=2048, noc_1=64, noc_2=64)
    assert [part.pes for part in chip.parts] == [2720, 1376]  # two thirds and one, in steps of 32
    assert [part.noc_bytes_per_cycle for part in chip.parts] == [32, 32]


def test_a_sub_accelerator_without_pes_is_absent_and_its_bandwidth_is_free():
    chip = nasaic(pes_1=4096, noc_1=64, pes_2=0, noc_2=64)
    assert [(part.pes, part.noc_bytes_per_cycle) for part in chip.parts] == [(4096, 64)]


def test_equal_chips_have_one_key_whatever_they_are_called():
    content = {**NASAIC.content(), "name": "other", "description": "another"}
    other = ChipTemplate.from_content(content).chip(NASAIC.nominal)
    assert isinstance(other, Chip)
    assert other.key == nasaic().key
    assert nasaic(noc_1=40, noc_2=24).key != nasaic().key != nasaic(dataflow_2="rs").key


def test_a_chip_without_any_pes_says_which_axes_would_help():
    content = NASAIC.content()
    content["axes"]["pes_1"]["choices"] = [0, 2048]
    template = ChipTemplate.from_content(content)
    values = {**template.space.values(template.nominal), "pes_1": 0, "pes_2": 0}
    assert template.chip(template.space.design(values)) == Infeasible(
        "no sub-accelerator has any PEs", "pes", 32, 0, ("pes_1", "pes_2")
    )


def test_bundled_chips_are_listed_and_an_unknown_one_is_a_line():
    assert bundled_chips() == ["nasaic", "pocket"]
    with pytest.raises(UserError, match=r"^There is no chip named 'nasiac'\. Did you mean 'nasaic'\? Known: "):
        load_chip("nasiac")
    with pytest.raises(UserError, match="there is no such file"):
        load_chip("none.yaml")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"totals.pes.step": 7}, "totals.pes: most must be a multiple of step, got 4096 and 7"),
        ({"totals.noc_bytes_per_cycle.most": 8}, "2 sub-accelerators need a step of 8 each, got most 8"),
        ({"l2.banks": 100}, "l2.banks must be at most 64, one for each bit of the NoC's step, got 100"),
        ({"sub_accelerators.first.dataflow": "dal"}, "There is no dataflow named 'dal'. Did you mean 'dla'?"),
        ({"sub_accelerators.first.pes": 100}, "pes must be a multiple of 32 up to 4096, as totals says, got 100"),
        ({"axes.pes_1.choices": [32, 64]}, "states as 2048: that must be one of the choices"),
        ({"axes.pes_1.choices": "32:64:7:1"}, "axes.pes_1.choices: a range: '32:64:7:1' is no range"),
        ({"axes.pes_1.choices": [2048, 8192]}, "pes must be a multiple of 32 up to 4096, as totals says, got 8192"),
        ({"axes.pes_1.sets": "third.pes"}, "axes.pes_1.sets: There is no parameter named 'third.pes'"),
        ({"axes.pes_1.sets": "pes"}, "axes.pes_1.sets: There is no parameter named 'pes'"),
        ({"axes.pes_1.sets": "second.pes"}, "sets second.pes, but axes.pes_1 does already"),
        ({"axes.pes_1.choices": [2048, True]}, "axes.pes_1.choices"),
        ({"axes.dataflow_1.choices": ["dla", "ws"]}, "There is no dataflow named 'ws'. Known: dla, rs, shi"),
        ({"sub_accelerators.first.l3_bits": 1}, "unknown key 'sub_accelerators.first.l3_bits'"),
        ({"dram": {}}, "the key 'dram.bits_per_cycle' is missing"),
    ],
)
def test_a_faulty_file_is_one_line_that_names_it(change: dict[str, object], says: str, tmp_path: Path):
    content = NASAIC.content()
    for key, value in change.items():
        *path, last = key.split(".")
        part = content
        for name in path:
            part = part[name]
        part[last] = value
    file = tmp_path / "faulty.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as told:
        load_chip(str(file))
    assert says in str(told.value)
    assert str(told.value).startswith(f"{file}: ")
    assert "\n" not in str(told.value)
