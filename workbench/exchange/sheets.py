"""Sheets as files: CSV, which everything reads, and Parquet, which is smaller and keeps the columns' types.

Numbers are written so that they come back to the last bit. An empty cell of CSV is no value.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from store.errors import BadExportError
from workbench.errors import UserError
from workbench.exchange.rows import Kind, Row, Sheet, check_columns

_LONGEST_CELL: Final = 2**24
_ROWS_AT_ONCE: Final = 5_000
_PARQUET: Final = b"PAR1"


def write_csv(sheet: Sheet, out: TextIO) -> int:
    """RFC 4180 with a header; `out` must leave line ends alone. Returns the number of rows."""
    writer, written = csv.writer(out, lineterminator="\r\n"), 0
    writer.writerow(sheet.columns)
    for row in sheet.rows:
        writer.writerow([row[name] for name in sheet.columns])
        written += 1
    return written


def read_csv(raw: Iterable[bytes], where: str) -> Iterator[tuple[int, Row]]:
    """The rows of a file by the lines that they end on.

    Raises:
        BadExportError: it is no sheet of ours, or not well formed.
    """
    csv.field_size_limit(_LONGEST_CELL)
    text = _Text(raw)
    reader = csv.reader(text, strict=True)
    try:
        columns = next(reader, None)
        if columns is None:
            raise BadExportError(f"{where} is empty: there is nothing to import.")
        check_columns(columns, where)
        for cells in reader:
            if len(cells) != len(columns):
                raise ValueError(f"it has {len(cells)} cells, the header {len(columns)}")
            yield text.line, {name: cell or None for name, cell in zip(columns, cells, strict=True)}
    except (csv.Error, ValueError) as error:
        raise BadExportError(f"{where}, line {text.line}: {error}.") from error


class _Text:
    """Lines of bytes as text, counted."""

    def __init__(self, raw: Iterable[bytes]) -> None:
        self._raw = iter(raw)
        self.line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = next(self._raw)
        self.line += 1
        if not raw.endswith(b"\n"):
            raise ValueError("it has no end: the file was cut off")
        try:
            return raw.decode("utf-8-sig" if self.line == 1 else "utf-8")  # spreadsheets begin with a mark
        except UnicodeDecodeError:
            raise ValueError("it is no UTF-8 text") from None


def write_parquet(sheet: Sheet, path: Path) -> int:
    """A Parquet file; returns the number of rows.

    Raises:
        UserError: pyarrow is not there.
    """
    arrow, parquet = _pyarrow()
    kinds: Mapping[Kind, Any] = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in sheet.columns.items()])
    rows = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while page := list(islice(sheet.rows, _ROWS_AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(page, schema=schema))
            rows += len(page)
    return rows


def read_parquet(path: Path, where: str) -> Iterator[tuple[int, Row]]:
    """The rows of a file, numbered from 1.

    Raises:
        UserError: pyarrow is not there.
        BadExportError: it is no sheet of ours, or damaged.
    """
    arrow, parquet = _pyarrow()
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            check_columns(file.schema_arrow.names, where)
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (arrow.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadExportError(f"{where}, after row {number}: it is damaged, or no Parquet file ({said}).") from error


def is_parquet(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith(_PARQUET)


def _pyarrow() -> tuple[Any, Any]:
    """The library, which loads slowly and which not everybody has."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError("Parquet needs pyarrow: pip install 'dse-workbench[parquet]'. CSV needs nothing.") from None
    return pyarrow, pyarrow.parquet
