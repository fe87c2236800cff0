"""Laws of co-explorations as tasks: they come back from what a run stores, and their designs are chips and networks."""

from __future__ import annotations

from dataclasses import replace
from json import dumps, loads

import numpy as np
import pytest

from tests.cotasks import SMALL, cotask, network
from workbench.errors import UserError
from workbench.problem.bounds import box
from workbench.problem.chip import Chip
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS, Metrics, Target
from workbench.problem.tasks import hardware, task_of


def test_it_comes_back_from_json_with_the_same_key_space_and_designs():
    asked = cotask("energy_pj<=2e6", "accuracy>=0.9", seeds=2, fixed=SMALL)
    again = task_of(loads(dumps(asked.canonical())))
    assert isinstance(again, CoTask)
    assert (again.key, again.space, again.canonical()) == (asked.key, asked.space, asked.canonical())
    middle = asked.space.unrank(asked.space.size // 2)
    assert again.workloads(middle) == asked.workloads(middle)


def test_words_and_where_the_data_lies_make_no_other_task_and_what_is_trained_does():
    asked = cotask()
    first, second = asked.networks
    moved = replace(asked, networks=(replace(first, data_path="/elsewhere"), second))
    assert moved.key == asked.key
    for other in (
        replace(asked, networks=(replace(first, data_key="00"), second)),
        replace(asked, networks=(first, replace(second, weight=2.0))),
        replace(asked, seeds=2),
        replace(asked, targets=(Target("area_um2", 1e6),)),
        replace(asked, fixed=SMALL),
    ):
        assert other.key != asked.key


def test_the_subject_is_all_but_what_is_wanted_and_held():
    asked = cotask("energy_pj<=2e6")
    assert replace(asked, targets=(), objectives=(ERROR_RATE, "area_um2"), fixed=SMALL).subject == asked.subject
    assert replace(asked, seeds=3).subject != asked.subject


def test_an_axis_that_is_held_has_one_choice_in_the_space_and_that_value_in_every_design():
    asked = cotask(fixed=SMALL)
    assert asked.space.size * np.prod([4, 4, 3, 3, 3, 4, 4]) == cotask().space.size
    rng = np.random.default_rng(0)
    for design in asked.space.sample(20, rng):
        values = asked.space.values(design)
        assert SMALL.items() <= values.items()


def test_a_design_is_that_of_the_chip_and_of_every_network():
    asked, rng = cotask(), np.random.default_rng(1)
    for design in asked.space.sample(20, rng):
        values = asked.space.values(design)
        chip = asked.template.space.values(asked.chip_design(design))
        of_networks = asked.network_values(design)
        joined = chip | {
            each.axis(axis): value
            for each, some in zip(asked.networks, of_networks, strict=True)
            for axis, value in some.items()
        }
        assert joined == values
        for workload, blueprint in zip(asked.workloads(design), asked.blueprints(design), strict=True):
            assert workload.macs == blueprint.macs
        held = [design[i] for i in asked.of_networks]
        assert len(held) == sum(len(each.family.space.axes) for each in asked.networks)


def test_only_trained_networks_within_all_limits_solve_it():
    asked = cotask("energy_pj<=100", "accuracy>=0.9")
    good = Metrics(10, 90, 5, accuracy=0.95)
    assert asked.solves(good)
    for bad in (replace(good, accuracy=None), replace(good, accuracy=0.85), replace(good, energy_pj=110)):
        assert not asked.solves(bad)
    of_hardware = replace(asked, targets=asked.specification, objectives=("edp_js",))
    assert not of_hardware.trains
    assert of_hardware.solves(replace(good, accuracy=None))


def test_the_accuracy_is_the_weighted_mean():
    networks = (network(weight=3.0), network("unet", "unet_digits", "digits_strokes", weight=1.0))
    assert cotask(networks=networks).accuracy([0.8, 0.4]) == pytest.approx(0.7)


def test_the_box_holds_every_chip_with_its_networks_by_their_own_measures():
    asked = cotask(objectives=(*METRIC_UNITS, ERROR_RATE))
    limits = box(asked)
    assert all(low < high for low, high in zip(limits.lower, limits.upper, strict=True))
    areas = dict(zip(asked.objectives, zip(limits.lower, limits.upper, strict=True), strict=True))["area_um2"]
    for design in asked.space.sample(30, np.random.default_rng(2)):
        chip = asked.template.chip(asked.chip_design(design))
        if isinstance(chip, Chip):
            assert areas[0] <= sum(part.arch.area_um2 for part in chip.parts) <= areas[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fixed": {"pes_9": 8}}, "no axis named 'pes_9'"),
        ({"fixed": {"pes_1": 9}}, "'pes_1' has no choice 9"),
        ({"networks": ()}, "1 to 26 networks"),
        ({"networks": (network(), network())}, "labels of their own"),
        ({"seeds": 0}, "1 to 20 seeds"),
        ({"objectives": ("accuracy",)}, "no metric named 'accuracy'"),
    ],
)
def test_nonsense_is_refused_in_one_line(changes, says):
    with pytest.raises(UserError, match=says):
        cotask(**changes)


def test_what_needs_an_architecture_refuses_it():
    with pytest.raises(UserError, match="is a co-exploration"):
        hardware(cotask())


def test_an_accuracy_is_asked_for_as_a_limit_on_the_error_rate():
    assert Target.parse("accuracy>=0.9") == Target(ERROR_RATE, 0.1)
    for text in ("accuracy<=0.9", "accuracy>=1", "accuracy>=x"):
        with pytest.raises(UserError):
            Target.parse(text)


def test_an_error_rate_is_never_told_where_nothing_was_trained():
    bare = Metrics(1, 1, 1)
    assert ERROR_RATE not in bare.known((*METRIC_UNITS, ERROR_RATE))
    with pytest.raises(ValueError, match="no network was trained"):
        bare.get(ERROR_RATE)
    assert replace(bare, accuracy=0.75).get(ERROR_RATE) == 0.25
