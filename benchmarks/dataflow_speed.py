"""Speed of the data-centric analysis on arbitrary mappings, each unlike the last: evaluations per CPU-second."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.dataflow_agreement import ROWS, Row, batches, rows, timing_of
from workbench.errors import UserError
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import build
from workbench.simulators.dataflow.corrected import moves_of
from workbench.simulators.dataflow.levels import batch_of
from workbench.simulators.dataflow.memory import cuts_of
from workbench.simulators.dataflow.nest import ALL_HELD, cycles, unroll

SINGLE, COMPILED = 1000, 20_000


def design(row: Row, pes: int):
    """A row's layer and mapping on some PEs."""
    return row.layer, row.mapping, pes


def singles(some: list[tuple[Row, int]]) -> dict[str, float]:
    """One design at a time, in plain numpy: both modes."""
    began = time.process_time()
    for row, pes in some:
        built = build(batch_of([design(row, pes)]))
        compatible.counts(built)
        compatible.cycles(built, timing_of([row]))
    middle = time.process_time()
    for row, pes in some:
        nest = unroll(batch_of([design(row, pes)]))
        moves_of(nest, ALL_HELD)
        cycles(nest, timing_of([row]))
        cuts_of(nest)
    end = time.process_time()
    return {
        "plain_per_cpu_s": len(some) / (middle - began),
        "plain_corrected_per_cpu_s": len(some) / (end - middle),
    }


def together(recorded: list[Row]) -> dict[str, float]:
    """Designs of one skeleton in a batch, in plain numpy."""
    count, began = 0, time.process_time()
    for group in batches(recorded):
        built = build(batch_of([design(row, row.number("num_pes")) for row in group]))
        compatible.counts(built)
        compatible.cycles(built, timing_of(group))
        count += len(group)
    return {"batched_per_cpu_s": count / (time.process_time() - began)}


def compiled(some: list[tuple[Row, int]]) -> dict[str, float]:
    """One design at a time, compiled; nothing without the extra."""
    if find_spec("numba") is None:
        print("the extra 'fast' is not installed: no compiled figure")
        return {}
    from workbench.simulators.dataflow import fast

    designs = fast.packed([design(row, pes) for row, pes in some])
    timing = np.concatenate([np.hstack([*timing_of([row]).__dict__.values()]) for row, _ in some])
    fast.evaluate(fast.packed([design(*some[0])]), timing[:1])
    began = time.process_time()
    fast.evaluate(designs, timing)
    return {"fast_per_cpu_s": len(some) / (time.process_time() - began)}


def main() -> int:
    """Print the rates and, last, one JSON object of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROWS, help="recorded runs whose mappings are taken")
    options = parser.parse_args()
    try:
        recorded = rows(options.rows)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    rng = random.Random(1)
    some = [(row, row.number("num_pes") + rng.randrange(64)) for row in rng.choices(recorded, k=COMPILED)]
    figures = singles(some[:SINGLE]) | together(recorded * (1 + COMPILED // 10 // len(recorded))) | compiled(some)
    for name, rate in figures.items():
        print(f"{name:<26} {rate:12,.0f}")
    print(json.dumps({name: round(rate) for name, rate in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
