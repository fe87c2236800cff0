"""A run small enough to kill: random designs, made-up metrics, everything through the lab's own door.

`python -m tests.store.toy_run DB RUN LAST_STEP` works on a run and prints each step once it is stored.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import blake2b, sha256

import numpy as np

from store.database import Lab
from store.rows import Context, Evaluation, Point, Progress
from store.runs import NewRun

BATCH = 8
CONTEXT = Context(key=b"context-of-16-by", simulator="toy", fingerprint="toy 1", layer='{"k": 3}')


def new_run(seed: int = 1, arch: str = "toy_array") -> NewRun:
    return NewRun(
        task='{"arch": "toy"}',
        task_key=b"task",
        arch=arch,
        workload="toynet",
        search="uniform",
        search_settings="{}",
        simulator="toy",
        simulator_settings="{}",
        fingerprint="toy 1",
        seed=seed,
        batch=BATCH,
        stop='{"designs": 100}',
    )


def key_of(codes: bytes) -> bytes:
    return blake2b(codes, digest_size=16).digest()


def simulate(codes: bytes) -> Evaluation:
    """Every seventh design or so is infeasible."""
    total = sum(codes)
    if total % 7 == 0:
        return Evaluation(CONTEXT.key, key_of(codes), None, None, None, infeasible='{"reason": "too big"}')
    return Evaluation(CONTEXT.key, key_of(codes), total + 0.1, 1 / total, codes[0] * 3.0, detail=f'{{"sum": {total}}}')


def work(lab: Lab, run_id: int, last_step: int, *, epoch: int | None = None, salt: int = 0) -> Iterator[Progress]:
    """Go on with the run, from its checkpoint if it has one; yields each step once it is stored."""
    epoch = lab.claim(run_id) if epoch is None else epoch
    run = lab.run(run_id)
    rng = np.random.default_rng((run.seed, salt))
    saved = lab.checkpoint(run_id)
    if saved is not None:
        rng.bit_generator.state = json.loads(saved.state)
    head = Progress(0, run.points, run.evaluations, run.hits, run.feasible, run.front_size, run.hypervolume, "{}", 0.0)
    front = {point.seq for point in lab.front(run_id)}
    for step in range(run.steps + 1, last_step + 1):
        designs = [row.tobytes() for row in rng.integers(0, 5, (BATCH, 4), dtype=np.uint8)]
        known = lab.lookup(CONTEXT.key, [key_of(codes) for codes in designs])
        new = {codes: simulate(codes) for codes in designs if key_of(codes) not in known}
        points = [
            Point(head.points + index, step, codes, *answer[2:7], cached=codes not in new, detail=answer.detail)
            for index, codes in enumerate(designs)
            for answer in [new[codes] if codes in new else known[key_of(codes)]]
        ]
        front = set(sorted(front | {p.seq for p in points if p.infeasible is None})[-5:])
        feasible = sum(p.infeasible is None for p in points)
        head = Progress(
            step=step,
            points=head.points + BATCH,
            evaluations=head.evaluations + len(new),
            hits=head.hits + sum(p.cached for p in points),
            feasible=head.feasible + feasible,
            front_size=len(front),
            hypervolume=float(step),
            best='{"latency_cycles": 1.0}',
            seconds=0.25,
        )
        state = json.dumps(rng.bit_generator.state).encode()
        lab.commit_step(
            run_id,
            epoch,
            history=head,
            points=points,
            front=front,
            checkpoint=state,
            contexts=[CONTEXT],
            evaluations=list(new.values()),
        )
        yield head


def fingerprint(lab: Lab, run_id: int) -> str:
    """Of all that must not depend on when and how often the run was interrupted."""
    content = (lab.points(run_id), lab.front(run_id), lab.checkpoint(run_id), lab.history(run_id))
    return sha256(repr(content).encode()).hexdigest()


def main(db: str, run_id: str, last_step: str) -> None:
    with Lab.open(db) as lab:
        epoch = lab.claim(int(run_id))
        print("claimed", flush=True)
        for progress in work(lab, int(run_id), int(last_step), epoch=epoch):
            print(progress.step, flush=True)
        lab.finish(int(run_id), epoch, "done")


if __name__ == "__main__":
    main(*sys.argv[1:])
