"""Owns sweeps as runs: stopped anywhere, one ends as if it never was; what is kept; and that others learn from it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from store.database import Lab
from tests.sweep.small import every_valid, plan, single, swept
from workbench.knowledge import choose, load
from workbench.pareto import non_dominated
from workbench.runner import RunSpec, start
from workbench.sweep import plan as plans
from workbench.sweep import running
from workbench.sweep.summary import counts_of, summaries


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PES_AT_ONCE", 2)
    monkeypatch.setattr(running, "STEP_BLOCKS", 2)


@pytest.fixture
def lab(tmp_path: Path):
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def left(lab: Lab, run_id: int):
    """All of a sweep but for the time it took."""
    row = lab.run(run_id)
    history = [progress._replace(seconds=0.0) for progress in lab.history(run_id)]
    checkpoint = lab.checkpoint(run_id)
    assert checkpoint is not None
    chunks = [(head.first, head.points, head.digest) for head in lab.chunk_heads(run_id)]
    return row.status, lab.points(run_id), lab.front(run_id), history, checkpoint, chunks, row.chunk_points


@pytest.mark.parametrize("keep", [{"keep": "front"}, {"keep": "best", "best": 20}, {"keep": "all"}])
def test_a_sweep_that_was_stopped_or_killed_ends_as_if_it_never_was(
    lab: Lab, keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = plan(tiles=True, limits=keep)
    whole, broken = (lab.create_run(running.asked(sweep)).id for _ in range(2))
    steps = list(running.run(lab, whole))
    assert len(steps) > 4
    assert steps[-1].over
    assert len(list(islice(running.run(lab, broken), 2))) == 2  # closed: paused
    assert lab.run(broken).status == "paused"

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("store.steps.set_checkpoint", killed)
        with pytest.raises(SystemExit):
            list(running.run(lab, broken))
    assert lab.run(broken).status == "interrupted"
    asks = iter([False, False, True])
    assert len(list(running.run(lab, broken, lambda: next(asks)))) == 2
    list(running.run(lab, broken))
    assert left(lab, broken) == left(lab, whole)
    assert list(running.run(lab, broken)) == []
    assert lab.problems() == []
    study, counts = swept(sweep)
    front = [sweep.task.space.rank(sweep.task.space.unpack(point.codes)) for point in lab.front(whole)]
    assert sorted(front) == sorted(study.front.ids)
    assert counts_of(lab, whole)[:2] == counts[:2]
    assert len(summaries(lab, whole)) == len(steps) == lab.run(whole).steps


@pytest.mark.parametrize("keep", [{"keep": "best", "best": 20}, {"keep": "all"}])
def test_what_is_kept_lies_in_chunks(lab: Lab, keep) -> None:
    sweep = plan(limits=keep, ranges={plans.PES: (16, 40), plans.NOC: (3, 50)})
    run_id = lab.create_run(running.asked(sweep)).id
    list(running.run(lab, run_id))
    found = list(lab.chunks(run_id))
    codes = np.concatenate([chunk.codes for chunk in found])
    latency, energy, area = (
        np.concatenate([getattr(chunk, name) for chunk in found])
        for name in ("latency_cycles", "energy_pj", "area_um2")
    )
    valid = every_valid(sweep)
    ranks = np.ravel_multi_index(codes.T, sweep.task.space.shape)
    for rank, *values in zip(ranks.tolist(), latency, energy, area, strict=True):
        assert values == pytest.approx(valid[rank], rel=1e-12)
    if keep["keep"] == "all":
        assert sorted(ranks) == sorted(valid)
    else:
        best = sorted(valid.values(), key=lambda v: v[0] * v[1])[19]
        assert len(ranks) == 20
        assert max(latency * energy) == pytest.approx(best[0] * best[1], rel=1e-12)


def test_other_searches_of_the_simulator_learn_from_its_points(lab: Lab) -> None:
    sweep = plan(limits={"area_mm2": None, "power_mw": None})
    run_id = lab.create_run(running.asked(sweep)).id
    list(running.run(lab, run_id))
    knowledge = choose(lab, sweep.task, "dataflow", sweep.simulator.fingerprint, ["auto"])
    assert [source.uuid for source in knowledge.sources] == [lab.run(run_id).uuid]
    spec = RunSpec(sweep.task, "transfer", simulator="dataflow", simulator_settings={"dataflow": "kcp"})
    (source,), _ = load(lab, start(lab, spec).id)
    assert len(source.points) == lab.run(run_id).points
    values = [sweep.task.values(each.outcome) for each in source.points]  # type: ignore[arg-type]
    assert non_dominated(values).sum() == lab.run(run_id).front_size
    for each in source.points[:5]:
        assert sweep.task.values(each.outcome) == pytest.approx(single(sweep, each.design), rel=1e-12)  # type: ignore[arg-type]
