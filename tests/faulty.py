"""Simulators for tests that end or block their worker process: by design, once, or always; never the test's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from tests.toy import ToySettings, ToySimulator
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task


class FaultySettings(ToySettings):
    """What goes wrong, and where."""

    crashes: tuple[Design, ...] = Field((), description="Designs that end the process.")
    hangs: tuple[Design, ...] = Field((), description="Designs that never come to an end.")
    once: str = Field("", description="A file; where there is none, it is made and the process ends.")
    pids: str = Field("", description="A folder that gets a file for each process that simulates, named by its number.")
    each_s: float = Field(0.0, description="Pause for each design.")


class Faulty(ToySimulator):
    """The toy, whose answers are right where it lives to give them."""

    Settings: ClassVar[type[BaseModel]] = FaultySettings

    def __init__(self, settings: FaultySettings) -> None:
        super().__init__(settings)
        self.faults = settings
        self.home = os.getpid()

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        faults = self.faults
        if os.getpid() != self.home:
            if faults.pids:
                (Path(faults.pids) / str(os.getpid())).touch()
            if set(faults.crashes) & set(designs) or (faults.once and not Path(faults.once).exists()):
                if faults.once:
                    Path(faults.once).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            while set(faults.hangs) & set(designs):
                time.sleep(0.1)
        time.sleep(faults.each_s * len(designs))
        return super().evaluate(task, designs)
