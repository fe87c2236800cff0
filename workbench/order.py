"""The how manieth of all that an asynchronous run asked for each design is: in what order they come back is its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from json import loads

from store.rows import Json, Progress
from workbench.problem.space import Design, Space

UnderWay = list[tuple[int, str]]
"""Numbers and packed designs in hex, as a checkpoint keeps them."""


class Order:
    """Numbers the designs as they are asked for, from 0 on."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._under_way: dict[Design, int] = {}
        self._asked = 0

    def restore(self, told: Sequence[Design], steps: Iterable[Progress], under_way: UnderWay) -> list[Design]:
        """Go to where a run's last step ended; all that it had asked for by then, in order."""
        back = [number for progress in steps for number in loads(progress.asked or "[]")]
        self._under_way = {self._space.unpack(bytes.fromhex(codes)): number for number, codes in under_way}
        asked = dict(zip(back, told, strict=True)) | {number: design for design, number in self._under_way.items()}
        self._asked = len(asked)
        return [asked[number] for number in range(len(asked))]

    def step(self, asked: Sequence[Design], back: Iterable[Design]) -> Json:
        """Those asked for now are under way, and those that are back no more: their numbers."""
        self._under_way.update(zip(asked, count(self._asked)))
        self._asked += len(asked)
        return Json.of([self._under_way.pop(design) for design in back])

    def under_way(self) -> UnderWay:
        """What is under way, in the order in which it was asked for."""
        return [(number, self._space.pack(design).hex()) for design, number in self._under_way.items()]
