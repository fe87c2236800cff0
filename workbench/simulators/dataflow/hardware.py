"""Hardware for a mapping: PEs, buffers, bandwidths; and the tool's hardware files, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.errors import UserError, unknown_name
from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.faults import PlacedError
from workbench.simulators.dataflow.tokens import Reader

UNBOUNDED = 2**31 - 1
"""What the tool takes a bound to be that a hardware file leaves out (Q18)."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`l1` (of one PE) and `l2` in elements, `noc` and `offchip` in elements per cycle, `latency` in cycles."""

    pes: int
    l1: int = UNBOUNDED
    l2: int = UNBOUNDED
    noc: int = UNBOUNDED
    offchip: int = UNBOUNDED
    latency: int = 1
    simd: int = 1

    def __post_init__(self) -> None:
        for name in ("pes", "l1", "l2", "noc", "offchip", "simd"):
            if getattr(self, name) < 1:
                raise UserError(f"Hardware: {name} must be at least 1, got {getattr(self, name)}.")
        if self.latency < 0:
            raise UserError(f"Hardware: latency must be 0 or more cycles, got {self.latency}.")

    @property
    def timing(self) -> Timing:
        """Its bandwidths as (1, 1) arrays."""
        one = (np.array([[v]], dtype=np.int64) for v in (self.noc, self.latency, self.offchip, self.simd))
        return Timing(*one)


KEYS = {
    "num_pes": "pes",
    "l1_size_cstr": "l1",
    "l2_size_cstr": "l2",
    "noc_bw_cstr": "noc",
    "offchip_bw_cstr": "offchip",
    "NoC_NumHops": "latency",
}
"""A hardware file's keys; the number of hops is the latency (Q8)."""


def parse_hardware(text: str, where: str = "hardware") -> Hardware:
    """From `key: value` lines; a key that is left out is unbounded, PEs and latency are 1.

    Raises:
        UserError: file, line, column and what is wrong there.
    """
    found = {"pes": 1}
    try:
        reader = Reader(text)
        while reader.peek() is not None:
            key = reader.next("a key")
            if key.text not in KEYS:
                raise PlacedError(str(unknown_name("hardware key", key.text, KEYS)).rstrip("."), key.place)
            value = reader.next(f"the value of {key.text}")
            if not (value.text.isascii() and value.text.isdigit()) or not 1 <= int(value.text) <= UNBOUNDED:
                raise PlacedError(
                    f"{key.text} must be a whole number in 1..{UNBOUNDED}, got {value.text!r}", value.place
                )
            found[KEYS[key.text]] = int(value.text)
    except PlacedError as error:
        raise error.within(where) from None
    return Hardware(**found)


def read_hardware(path: Path) -> Hardware:
    """A hardware file of the disk."""
    try:
        return parse_hardware(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: it cannot be read: {error}.") from None


def hardware_text(hardware: Hardware) -> str:
    """As a hardware file; vector width has no key there."""
    return "".join(f"{key}: {getattr(hardware, name)}\n" for key, name in KEYS.items())
