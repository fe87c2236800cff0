"""The content of a chip file: totals, dataflows to choose from, sub-accelerators and free axes, checked when read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from workbench.errors import UserError, unknown_name
from workbench.problem.ranges import values_of
from workbench.problem.space import Choice
from workbench.problem.template import Clock, Count, Name, Value, no_truth

MOST_PARTS = 4
FIELDS = ("dataflow", "pes", "noc_bytes_per_cycle", "l1_bits", "l2_bits")
"""What a sub-accelerator states, and an axis may set."""

TOTALS = ("pes", "noc_bytes_per_cycle")
"""What of it comes out of a total."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TotalFile(_Part):
    """What the sub-accelerators share: at most so much together, in steps."""

    most: Count
    step: Count = 1

    @model_validator(mode="after")
    def _whole_steps(self) -> TotalFile:
        if self.most % self.step:
            raise ValueError(f"most must be a multiple of step, got {self.most} and {self.step}")
        return self


class TotalsFile(_Part):
    """Both totals."""

    pes: TotalFile
    noc_bytes_per_cycle: TotalFile


class FlowFile(_Part):
    """A dataflow by its name or file, and sizes that take the place of its own."""

    dataflow: str
    sizes: dict[Name, Count] = {}

    @field_validator("dataflow")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        """A file is kept by its full path, as the simulator 'dataflow' keeps it: a run is resumed from anywhere."""
        return str(Path(value).expanduser().resolve()) if value.endswith(".m") or "/" in value else value


class L1File(_Part):
    """The memory of each PE, for all operands."""

    kind: Literal["register_file", "sram"] = "register_file"
    bits_per_cycle: Count


class L2File(_Part):
    """The memory of each sub-accelerator, as wide as its part of the NoC."""

    kind: Literal["register_file", "sram"] = "sram"
    banks: Count = 1


class DramFile(_Part):
    """The link to DRAM, which is divided as the NoC is."""

    bits_per_cycle: Count


class PartFile(_Part):
    """A sub-accelerator; one of 0 PEs is absent."""

    dataflow: Name
    pes: Annotated[int, BeforeValidator(no_truth), Field(ge=0, le=2**40)]
    noc_bytes_per_cycle: Count
    l1_bits: Count
    l2_bits: Count


class ChipAxisFile(_Part):
    """A free axis: what it sets (`NAME.FIELD`, one or several), and the choices: names, numbers, or a range."""

    sets: str | Annotated[tuple[str, ...], Field(min_length=1)]
    choices: tuple[Value, ...] = Field(min_length=1)

    @field_validator("choices", mode="before")
    @classmethod
    def _range(cls, value: Any) -> Any:
        try:
            return values_of(value, "a range", least=0) if isinstance(value, str) else value
        except UserError as error:
            raise ValueError(str(error).rstrip(".")) from None

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """What it sets, as (sub-accelerator, field)."""
        given = (self.sets,) if isinstance(self.sets, str) else self.sets
        return tuple((head, field) for head, _, field in (path.partition(".") for path in given))


class ChipFile(_Part):
    """The content of a chip file."""

    name: Name
    description: str = ""
    source: str = ""
    clock_mhz: Clock = 1000.0
    totals: TotalsFile
    dataflows: dict[Name, FlowFile] = Field(min_length=1)
    l1: L1File
    l2: L2File = L2File()
    dram: DramFile
    sub_accelerators: dict[Name, PartFile] = Field(min_length=1, max_length=MOST_PARTS)
    axes: dict[Name, ChipAxisFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _parts_suit(self) -> ChipFile:
        noc = self.totals.noc_bytes_per_cycle
        if len(self.sub_accelerators) * noc.step > noc.most:
            raise ValueError(
                f"totals.noc_bytes_per_cycle: {len(self.sub_accelerators)} sub-accelerators need a step of {noc.step} "
                f"each, got most {noc.most}"
            )
        if self.l2.banks > 8 * noc.step:
            raise ValueError(
                f"l2.banks must be at most {8 * noc.step}, one for each bit of the NoC's step, got {self.l2.banks}"
            )
        for name, part in self.sub_accelerators.items():
            for field in FIELDS:
                self._check_value(f"sub_accelerators.{name}", field, getattr(part, field))
        return self

    @model_validator(mode="after")
    def _axes_suit(self) -> ChipFile:
        known = [f"{name}.{field}" for name in self.sub_accelerators for field in FIELDS]
        setter: dict[tuple[str, str], str] = {}
        for axis, content in self.axes.items():
            for name, field in content.paths:
                if f"{name}.{field}" not in known:
                    wrong = unknown_name("parameter", f"{name}.{field}".rstrip("."), known)
                    raise ValueError(f"axes.{axis}.sets: {wrong}".rstrip("."))
                if (name, field) in setter:
                    raise ValueError(f"axes.{axis} sets {name}.{field}, but axes.{setter[name, field]} does already")
                setter[name, field] = axis
                for choice in content.choices:
                    self._check_value(f"axes.{axis}", field, choice)
                own = getattr(self.sub_accelerators[name], field)
                if own not in content.choices:
                    raise ValueError(
                        f"axes.{axis} sets {name}.{field}, which sub_accelerators states as {own!r}: that must be one "
                        "of the choices"
                    )
        return self

    def _check_value(self, where: str, field: str, value: Choice) -> None:
        if field == "dataflow":
            if value not in self.dataflows:
                raise ValueError(f"{where}: {unknown_name('dataflow', str(value), self.dataflows)}".rstrip("."))
            return
        least = 0 if field == "pes" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 2**53:
            raise ValueError(f"{where}: {field} must be a whole number from {least} up, got {value!r}")
        if field in TOTALS:
            total: TotalFile = getattr(self.totals, field)
            if value > total.most or value % total.step:
                raise ValueError(
                    f"{where}: {field} must be a multiple of {total.step} up to {total.most}, as totals says, "
                    f"got {value}"
                )
