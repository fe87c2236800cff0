"""Laws of tasks: they come back from what a run stores, equal ones share a key, and others do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from json import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.layer import Layer
from workbench.problem.metrics import METRIC_UNITS, Metrics, Target
from workbench.problem.task import CRITERIA, Task
from workbench.problem.technology import SCALES
from workbench.problem.template import Template, bundled_archs, load_template
from workbench.problem.workload import Workload

WORKLOAD = Workload.chain("two", [Layer.conv("c1", 3, 8, 3, in_size=10), Layer.conv("c2", 8, 8, 1, in_size=8)])


@cache
def template(name: str) -> Template:
    return load_template(name)


def task() -> Task:
    return Task(template("eyeriss_like"), WORKLOAD)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    metrics = st.lists(st.sampled_from(sorted(METRIC_UNITS)), min_size=1, max_size=4, unique=True)
    bounds = st.floats(1e-9, 1e12)
    return Task(
        template(draw(st.sampled_from(bundled_archs()))),
        WORKLOAD,
        objectives=tuple(draw(metrics)),
        targets=tuple(Target(metric, draw(bounds)) for metric in draw(metrics)),
        technology=draw(st.sampled_from(SCALES)),
        criterion=draw(st.sampled_from(CRITERIA)),
    )


@given(tasks())
def test_a_task_comes_back_from_json_with_the_same_key_and_the_same_content(asked: Task) -> None:
    again = Task.from_canonical(loads(dumps(asked.canonical())))
    assert again.key == asked.key
    assert again.canonical() == asked.canonical()
    assert again.space == asked.space
    assert again.workload == asked.workload
    assert (again.objectives, again.targets) == (asked.objectives, asked.targets)
    assert (again.technology, again.criterion) == (asked.technology, asked.criterion)
    middle = again.space.unrank(again.space.size // 2)
    assert again.arch(middle) == asked.arch(middle)


def test_the_key_changes_with_all_that_a_task_asks() -> None:
    asked = task()
    other_bits = Workload.chain("two", [Layer.conv("c1", 3, 8, 3, in_size=10), Layer.conv("c2", 8, 9, 1, in_size=8)])
    others = [
        replace(asked, template=template("tpu_like")),
        replace(asked, workload=other_bits),
        replace(asked, workload=WORKLOAD.single("c1")),
        replace(asked, objectives=("energy_pj", "latency_cycles")),
        replace(asked, objectives=("latency_cycles",)),
        replace(asked, targets=(Target("energy_pj", 1e9),)),
        replace(asked, targets=(Target("energy_pj", 2e9),)),
        replace(asked, technology="own"),
        replace(asked, criterion="latency"),
    ]
    assert len({other.key for other in others} | {asked.key}) == len(others) + 1


def test_the_key_ignores_how_the_architecture_is_described_and_nothing_else_of_it() -> None:
    asked = task()
    content = asked.canonical()["arch"]
    described = Template.from_content({**content, "description": "another", "source": "elsewhere"})
    assert replace(asked, template=described).key == asked.key
    faster = Template.from_content({**content, "clock_mhz": 900.0})
    assert replace(asked, template=faster).key != asked.key


def test_values_are_the_objectives_in_their_order() -> None:
    asked = replace(task(), objectives=("area_um2", "latency_cycles"))
    assert asked.values(Metrics(1.0, 2.0, 3.0)) == (3.0, 1.0)


def test_a_design_is_priced_by_the_tasks_technology() -> None:
    own, common = replace(task(), technology="own"), task()
    design = own.space.unrank(0)
    assert own.arch(design) == own.template.arch(design, "own")
    assert common.arch(design) == common.template.arch(design, "common")
    assert own.arch(design).key != common.arch(design).key


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: replace(task(), objectives=()), ["one or more", "[]"]),
        (lambda: replace(task(), objectives=("energy_pj", "energy_pj")), ["different objectives", "energy_pj"]),
        (lambda: replace(task(), objectives=("energy",)), ["metric", "'energy'", "Did you mean 'energy_pj'?"]),
        (
            lambda: replace(task(), targets=(Target("energy_pj", 1.0), Target("energy_pj", 2.0))),
            ["two targets", "energy_pj<=1", "energy_pj<=2"],
        ),
        (
            lambda: replace(task(), technology="comon"),  # type: ignore[arg-type]
            ["technology", "'comon'", "Did you mean 'common'?", "own"],
        ),
        (
            lambda: replace(task(), criterion="energi"),  # type: ignore[arg-type]
            ["criterion", "'energi'", "Did you mean 'energy'?", "edp"],
        ),
    ],
)
def test_a_task_that_asks_nonsense_is_refused_in_one_line(make: Callable[[], Task], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        make()
    line = str(error.value)
    assert "\n" not in line
    assert all(word in line for word in words), line
