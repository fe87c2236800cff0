"""Where output goes and in what form: data to stdout as a table, JSON or CSV; narration to stderr.

A user's string is never read as rich markup: cells are `Text`, and both consoles have markup turned off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.cli.options import Format
from workbench.views.quantity import count
from workbench.views.sheets import json_text, write_csv
from workbench.views.text import plain

Row = Mapping[str, Any]
PIPED_WIDTH = 160
"""Columns when stdout is no terminal: wide enough for `grep`, narrow enough for a log."""


class _Shown(Console):
    """A console that only shows: neither markup nor control characters in what is printed do anything."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(Text(plain(each)) if isinstance(each, str) else each for each in objects), **options)


class _Piped(_Shown):
    """One whose lines end where their text does: tables fill up with blanks, which a file need not keep."""

    def print(self, *objects: Any, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def stdout() -> Console:
    """The console for data."""
    if sys.stdout.isatty():
        return _Shown(file=sys.stdout, markup=False, emoji=False, highlight=False)
    return _Piped(file=sys.stdout, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH)


def stderr() -> Console:
    """The console for narration."""
    width = None if sys.stderr.isatty() else PIPED_WIDTH
    return _Shown(file=sys.stderr, markup=False, emoji=False, highlight=False, width=width)


def say(line: str = "") -> None:
    """One line of narration on stderr."""
    print(plain(line), file=sys.stderr, flush=True)


def words(text: str, style: str = "") -> Text:
    """Styled text that only shows."""
    return Text(plain(text), style=style)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its key in the rows, its header and how a value is shown to people.

    Where the terminal is narrow, `whole` columns stay whole, `cut` ones end in an ellipsis and all others wrap.
    """

    key: str
    header: str
    show: Callable[[Any], str] = str
    right: bool = False
    style: str | None = None
    cut: bool = False
    whole: bool = False


def number(key: str, header: str, show: Callable[[Any], str] = str) -> Column:
    """A right-aligned column."""
    return Column(key, header, show, right=True)


def name(key: str, header: str) -> Column:
    """The column that says what a row is about."""
    return Column(key, header, style="bold", whole=True)


def table(columns: Sequence[Column], rows: Sequence[Row], title: str | None = None) -> Table:
    """Rows for people."""
    heading = Text(title, style="bold") if title else None
    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), title=heading, title_justify="left"
    )
    for column in columns:
        made.add_column(
            Text(column.header),
            justify="right" if column.right else "left",
            style=column.style,
            overflow="fold",
            no_wrap=column.right or column.whole,
        )
    for row in rows:
        made.add_row(*(_text(column, row[column.key]) for column in columns))
    return made


def listed(facts: Sequence[tuple[str, str]]) -> Table:
    """Facts one below the other, each beside its label; a long one goes on below itself."""
    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    made.add_column(no_wrap=True, min_width=10)
    made.add_column(overflow="fold")
    for label, fact in facts:
        made.add_row(words(label), words(fact))
    return made


def _text(column: Column, value: Any) -> Text:
    shown = "-" if value is None else column.show(value)
    return Text(plain(shown), overflow="ellipsis", no_wrap=True) if column.cut else Text(plain(shown))


def emit(form: Format, columns: Sequence[Column], rows: Sequence[Row], payload: Any = None) -> None:
    """Prints rows in the form asked for. JSON prints `payload` where it says more than the rows do."""
    if form == "json":
        emit_json(list(rows) if payload is None else payload)
    elif form == "csv":
        emit_csv([c.key for c in columns], rows)
    else:
        stdout().print(table(columns, rows))


def emit_json(payload: Any) -> None:
    """Strict JSON: no NaN, no Infinity."""
    print(json_text(payload))


def told_file(file: Path, as_json: bool) -> None:
    """Says what was written, where."""
    if as_json:
        emit_json({"file": str(file), "format": file.suffix.lower().removeprefix("."), "bytes": file.stat().st_size})
    else:
        say(f"{file}: {count(file.stat().st_size)} bytes")


def emit_csv(keys: Sequence[str], rows: Iterable[Row]) -> None:
    """RFC 4180 with a header line; a missing value is empty, a value that has parts is JSON."""
    write_csv(sys.stdout, keys, rows)
