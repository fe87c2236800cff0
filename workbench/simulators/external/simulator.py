"""A simulator of one's own: a command named in a YAML file, asked one line at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Criterion, Task
from workbench.problem.yamlfile import read_model
from workbench.simulators.external import batch
from workbench.simulators.external.interpreter import absolute
from workbench.simulators.external.process import Command, Pool
from workbench.simulators.external.protocol import PROTOCOL, outcome, request_content

Word = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Stamp = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s]+$")]


class ExternalFile(BaseModel):
    """The content of a simulator file.

    `version` is what the simulator's hello says; raise both with every change that can change a result. A word of
    `command` that names a file beside the YAML file stands for that file, wherever the workbench is started.
    `per_layer` states that layers are independent: a network's outcome is the sum over its layers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z][\w.\-]*$", max_length=64)]
    version: Stamp
    command: tuple[Word, ...] = Field(min_length=1)
    time_limit_s: Seconds = 600.0
    start_limit_s: Seconds = 60.0
    memory_limit_mb: int = Field(0, ge=0)
    workers: int = Field(1, ge=1, le=256)
    per_layer: Literal[True] = True


class ExternalSettings(BaseModel):
    """Which simulator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, AfterValidator(absolute)] = Field(
        "simulator.yaml", validate_default=True, description="the YAML file that names the simulator's command"
    )


class External:
    """Asks a simulator of your own, a command named in a YAML file: a line of JSON in, a line of JSON out."""

    name: ClassVar[str] = "external"
    Settings: ClassVar[type[BaseModel]] = ExternalSettings
    per_layer: ClassVar[bool] = True
    own_workers: ClassVar[bool] = True

    def __init__(self, settings: ExternalSettings) -> None:
        self.settings = settings
        path = Path(settings.file)
        self._file = read_model(path, ExternalFile)
        words = tuple(_beside(path.parent, word) for word in self._file.command)
        if os.name != "posix":
            raise UserError("The simulator 'external' needs Linux or macOS.")
        if shutil.which(words[0]) is None:
            raise UserError(f"{path}: command: there is no program {self._file.command[0]!r}.")
        self._pool = Pool(
            Command(
                words,
                self._file.version,
                self._file.start_limit_s,
                self._file.time_limit_s,
                self._file.memory_limit_mb,
            ),
            self._file.workers,
        )

    def __reduce__(self) -> tuple[type[External], tuple[ExternalSettings]]:
        """In another process, workers of its own."""
        return External, (self.settings,)

    @property
    def fingerprint(self) -> str:
        """Name, stated version, and a digest of what else decides the answers: the command and the protocol."""
        content = dumps([PROTOCOL, list(self._file.command)]).encode()
        digest = blake2b(content, digest_size=6).hexdigest()
        return f"{self.name} {self._file.name} {self._file.version} {digest}"

    def close(self) -> None:
        """End the worker processes; the next evaluation starts new ones."""
        self._pool.close()

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be."""
        return batch.evaluate(self, task, designs)

    def evaluate_layer(
        self, archs: Sequence[Arch], layer: Layer, criterion: Criterion, label: batch.Label
    ) -> list[Outcome]:
        """One outcome per architecture; `label` names them in errors."""
        return batch.asked(
            self._pool,
            [request_content(arch, layer, criterion) for arch in archs],
            lambda answer, i: outcome(answer, archs[i]),
            lambda i: f"{self.name} {self._file.name}: {label(i)}",
        )


def _beside(folder: Path, word: str) -> str:
    """The file beside the YAML file that a word names, or the word itself."""
    path = folder / word
    try:
        return str(path) if not Path(word).is_absolute() and path.is_file() else word
    except OSError:  # longer than a name can be
        return word
