"""Rows as text that other programs read: CSV by RFC 4180, strict JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO


def write_csv(out: TextIO, keys: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A header line and the rows; a missing value is empty, a value that has parts is JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        writer.writerow([_cell(row.get(key)) for key in keys])


def _cell(value: Any) -> Any:
    return json_text(value, indent=None) if isinstance(value, list | tuple | dict) else value


def json_text(payload: Any, indent: int | None = 2) -> str:
    """Strict JSON: no NaN, no Infinity."""
    return json.dumps(payload, indent=indent, allow_nan=False, ensure_ascii=False)
