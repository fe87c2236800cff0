"""Who is to blame when workers die: what was under way is made again alone, in halves, down to single designs.

A worker that dies takes with it what it was at, what it was to do next, and with some executors what the others were
at. So the chunks that were lost are suspects. They are handed over again with nothing beside them: one that comes back
is cleared; one that is lost alone is cut in two; and one design that is lost alone `TRIES` times is to blame. It is
recorded as a design that cannot be built, since nobody will ever know what it comes to: the run goes on. Such an
outcome says something of this machine and this limit, and nothing of the design, so no other run is told (see
`given_up`).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from workbench.errors import SimulatorError
from workbench.problem.metrics import SIMULATOR, Infeasible
from workbench.problem.space import Design

TRIES: Final = 2
"""A design is to blame when it was lost so often with nothing beside it: once may be chance."""
HOPELESS: Final = 6
"""So many losses in a row before anything ever came back, and the simulator is to blame, not a design."""


class Chunk(NamedTuple):
    """Some designs of a piece: what one worker does at a time."""

    piece: int
    designs: tuple[Design, ...]


@dataclass
class Blame:
    """The suspects of one batch; `limit_s` is what a worker may take for a chunk, if there is a limit."""

    simulator: str
    limit_s: float | None = None
    suspects: deque[Chunk] = field(default_factory=deque)
    _lost: Counter[tuple[int, Design]] = field(default_factory=Counter)

    def next_suspect(self) -> Chunk | None:
        """Of the earliest piece first: a design that fails there is not wanted in later ones. Else the oldest, so that
        the half that does come back comes soon.
        """
        if not self.suspects:
            return None
        chunk = min(self.suspects, key=lambda suspect: suspect.piece)
        self.suspects.remove(chunk)
        return chunk

    def lost(self, chunk: Chunk, alone: bool) -> Infeasible | None:
        """What is made of a chunk whose worker died: the outcome of its one design, if that is to blame."""
        if not alone:
            self.suspects.append(chunk)
            return None
        if len(chunk.designs) > 1:
            middle = len(chunk.designs) // 2
            self.suspects.extend(Chunk(chunk.piece, part) for part in (chunk.designs[:middle], chunk.designs[middle:]))
            return None
        key = chunk.piece, chunk.designs[0]
        self._lost[key] += 1
        if self._lost[key] < TRIES:
            self.suspects.append(chunk)
            return None
        # Which of the two it was, not every executor tells; the outcome must not depend on that.
        longer = "" if self.limit_s is None else f", or took longer than {self.limit_s:g} s"
        reason = f"{self.simulator} ended its worker process{longer}, {TRIES} times"
        return Infeasible(reason, SIMULATOR, 1, 0)

    def hopeless(self, said: str) -> SimulatorError:
        """The error where no worker brings anything back."""
        limit = "" if self.limit_s is None else f", or took longer than the {self.limit_s:g} s of --batch-seconds,"
        return SimulatorError(
            f"A worker process of the simulator {self.simulator} died{limit} {HOPELESS} times in a row, perhaps for "
            f"want of memory, and none has brought a result. {said}--jobs 1 simulates without worker processes."
        )
