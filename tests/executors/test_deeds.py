"""What workers have done: nothing is counted twice or lost between the one who counts and the one who stores."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from workbench.executors.base import UNKNOWN, Worker
from workbench.executors.deeds import Deed, Deeds

WORKERS = (Worker("a", 1), Worker("a", 2), Worker("b", 1), UNKNOWN)
EVENTS = st.lists(
    st.tuples(st.sampled_from(WORKERS), st.sampled_from(["done", "lost", "stored", "not stored"]), st.integers(1, 9))
)


@given(EVENTS)
def test_what_is_stored_and_what_is_left_is_all_there_was(events: list[tuple[Worker, str, int]]) -> None:
    deeds, stored = Deeds(), dict[Worker, Deed]()
    designs, lost = dict.fromkeys(WORKERS, 0), dict.fromkeys(WORKERS, 0)

    def keep(taken: Mapping[Worker, Deed]) -> None:
        stored.update({worker: stored[worker] + deed if worker in stored else deed for worker, deed in taken.items()})

    for worker, event, n in events:
        if event == "done":
            deeds.done(worker, n, n / 8)
            designs[worker] += n
        elif event == "lost":
            deeds.lost(worker)
            lost[worker] += 1
        elif event == "stored":
            keep(deeds.take())
        else:
            deeds.put_back(deeds.take())
    keep(deeds.take())
    assert deeds.take() == {}
    assert {worker: n for worker, n in designs.items() if n} == {w: d.designs for w, d in stored.items() if d.designs}
    for worker, deed in stored.items():
        assert deed.seconds == designs[worker] / 8
        assert deed.failures == (lost[worker] if worker == UNKNOWN else min(1, lost[worker])), "a process dies once"
