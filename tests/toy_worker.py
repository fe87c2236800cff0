"""Works on a run of the toy simulator as a process of its own: `python -m tests.toy_worker LAB RUN`."""

from __future__ import annotations

import sys

from store.database import Lab
from tests.toy import ToySimulator
from workbench.runner import run
from workbench.simulators import SIMULATORS


def main(path: str, run_id: str) -> None:
    SIMULATORS["toy"] = ToySimulator
    with Lab.open(path) as lab:
        print("working", flush=True)
        for step in run(lab, int(run_id)):
            print(step.step, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
