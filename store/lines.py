"""A lab, or some of it, as JSON lines: a head that says what follows, then a line for each row, to the last bit.

The head counts the rows of each table, so a file that was cut off is told from a whole one. Keys and digests are in
hexadecimal, other bytes in base64; JSON that a row holds stays text, because it has to come back by the letter.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from store.dumping import Record
from store.errors import BadExportError
from store.migrations import SCHEMA
from store.tables import Base

FORMAT: Final = "dse lab"
VERSION: Final = 1
_LONG: Final = ("content", "state")
"""Columns of bytes that nobody compares by eye."""
_LONGEST_SHOWN: Final = 40

Numbered = tuple[int, Record]
"""A record with the number of the line that it came from; the first line is 1."""


def write(records: Iterable[Record], counts: Mapping[str, int]) -> Iterator[str]:
    """The lines of a file, each with its end."""
    head = {"format": FORMAT, "version": VERSION, "schema": SCHEMA.version, "rows": counts}
    yield _line(head)
    for name, values in records:
        columns = Base.metadata.tables[name].columns
        row = {column.name: _outward(column, value) for column, value in zip(columns, values, strict=True)}
        yield _line({"table": name, **row})


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"


def _outward(column: Column[Any], value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    return b64encode(value).decode() if column.name in _LONG else value.hex()


def read(lines: Iterable[bytes], where: str) -> Iterator[Numbered]:
    """The records of a file; `where` is what its user calls it.

    Raises:
        BadExportError: a line is not what `write` makes, or lines are missing.
    """
    number, counts, found = 0, dict[str, int](), Counter[str]()
    for number, raw in enumerate(lines, 1):
        try:
            content = _parsed(raw)
            if number == 1:
                counts = _head(content)
                continue
            found_row = record(content)
        except ValueError as error:
            raise BadExportError(f"{where}, line {number}: {error}.") from error
        found[found_row.table] += 1
        yield number, found_row
    if not number:
        raise BadExportError(f"{where} is empty: there is nothing to import.")
    for name in counts.keys() | found.keys():
        if found[name] != counts.get(name, 0):
            raise BadExportError(
                f"{where}: line 1 says {counts.get(name, 0)} rows of {name}, there are {found[name]} up to line "
                f"{number}: it was cut off or changed. Export it again."
            )


def _parsed(raw: bytes) -> dict[str, Any]:
    if not raw.endswith(b"\n"):
        raise ValueError("it has no end: the file was cut off")
    try:
        content = json.loads(raw.decode(), parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is no JSON of ours: too deep") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is no UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error.msg} at column {error.colno})") from error
    if not isinstance(content, dict):
        raise ValueError(f"it is no JSON object but {_shown(content)}")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _head(content: Mapping[str, Any]) -> dict[str, int]:
    if content.get("format") != FORMAT:
        raise ValueError("it is not the head of an export of a lab, as 'dse db export' writes it")
    version, schema, rows = (content.get(key) for key in ("version", "schema", "rows"))
    if not isinstance(version, int) or not isinstance(schema, int) or not isinstance(rows, dict):
        raise ValueError("the head of the export lacks its version, schema or rows")
    if version > VERSION or schema > SCHEMA.version:
        raise ValueError(
            f"a newer program has written it (version {version}, schema {schema}; this one knows {VERSION} and "
            f"{SCHEMA.version}): update the program to import it"
        )
    return rows


def record(content: dict[str, Any]) -> Record:
    """A row of the table that `content` names, its values checked against the columns' types.

    Raises:
        ValueError: there is no such table or column, one is missing, or a value is of another type.
    """
    name = content.pop("table", None)
    table = Base.metadata.tables.get(name) if isinstance(name, str) else None
    if table is None:
        raise ValueError(f"a lab has no table {_shown(name)}")
    unknown = content.keys() - table.columns.keys()
    if unknown:
        raise ValueError(f"{table.name} has no {_shown(min(unknown))}")
    return Record(table.name, tuple(_value(table, column, content) for column in table.columns))


def _value(table: Table, column: Column[Any], content: Mapping[str, Any]) -> Any:
    value = content.get(column.name)
    if value is None:
        if column.name not in content and column.server_default is not None:  # the column is younger than the file
            return int(str(column.server_default.arg))  # type: ignore[attr-defined]
        if not column.nullable:
            raise ValueError(f"{table.name} lacks its {column.name}")
        return None
    try:
        return _inward(column)(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{column.name} of {table.name} cannot be {_shown(value)}") from None


def _inward(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return _from_base64 if column.name in _LONG else _from_hex
    if isinstance(column.type, Integer):
        return _whole
    return _text if isinstance(column.type, Text) else _finite


def _from_hex(value: Any) -> bytes:
    return bytes.fromhex(value)


def _from_base64(value: Any) -> bytes:
    return b64decode(value, validate=True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half of a surrogate pair is no text
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise TypeError
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
