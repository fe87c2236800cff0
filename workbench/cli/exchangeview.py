"""Labs as files for other programs: what of the lab is wanted, in which form, and what an import has brought."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedReader
from pathlib import Path
from typing import Final, TextIO

from store import dumping, lines, loading
from store.address import Where
from store.database import BUSY_SECONDS, Lab
from store.errors import BadExportError
from store.lines import Numbered
from store.upkeep import new_file
from workbench.cli.databaseview import show_merged
from workbench.cli.options import MOST, lab_path, make_folder
from workbench.cli.output import emit_json, say
from workbench.cli.stored import open_to_look
from workbench.errors import UserError, unknown_name
from workbench.exchange import rows, sheets
from workbench.exchange.rests import Rests

FORMS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
STDOUT: Final = "-"
_SQLITE: Final = b"SQLite format 3\0"


class Choice:
    """What of the lab: all of it, some contexts, some runs, or all runs on the task of one."""

    def __init__(self, runs: Sequence[str], task: str | None, contexts: Sequence[int]) -> None:
        if sum(map(bool, (runs, task, contexts))) > 1:
            raise UserError("--run, --task and --context exclude each other; give one of them, or none for the lab.")
        self._runs, self._task, self._contexts = runs, task, contexts

    def rests(self, lab: Lab) -> list[Rests]:
        """The runs chosen; empty where none are."""
        found = [lab.run(ref) for ref in self._runs]
        if self._task is not None:
            found = lab.runs(task_key=lab.run(self._task).task_key, limit=MOST)
        return [Rests.of(run) for run in {run.id: run for run in found}.values()]

    def wanted(self, lab: Lab) -> dumping.Wanted:
        """As rows of the lab."""
        if chosen := self.rests(lab):
            rests_on = dict[bytes, set[bytes]]()
            for each in chosen:
                for context, keys in each.keys(lab).items():
                    rests_on.setdefault(context, set()).update(keys)
            return dumping.of_runs([each.run.id for each in chosen], rests_on)
        if self._contexts:
            return dumping.of_contexts([context.key for context in lab.contexts(self._contexts)])
        return dumping.everything()

    def sheet(self, lab: Lab) -> rows.Sheet:
        """As a sheet."""
        if chosen := self.rests(lab):
            self._warn(chosen)
            return rows.of_runs(lab, chosen)
        return rows.of_contexts(lab, self._contexts or None)

    def _warn(self, chosen: Sequence[Rests]) -> None:
        swept = [str(each.run.id) for each in chosen if each.run.chunk_points]
        if swept:
            say(f"warning: run {', '.join(swept)} has designs of a sweep, which only JSON lines hold")


def export(file: Path, form: str | None, choice: Choice, db: Where | None, as_json: bool) -> None:
    """Writes a file, or to stdout."""
    chosen = _form(file, form)
    with open_to_look(db) as lab:
        if str(file) == STDOUT:
            _to_stdout(lab, chosen, choice)
            return
        written = _to_file(lab, file, chosen, choice)
    if as_json:
        emit_json({"file": str(file), "format": chosen, "rows": written, "bytes": file.stat().st_size})
    else:
        say(f"{written:,} rows are in {file}")


def _form(file: Path, form: str | None) -> str:
    known = sorted(set(FORMS.values()))
    if form is None:
        form = FORMS.get(file.suffix.lower())
        if form is None:
            endings = ", ".join(FORMS)
            raise UserError(f"Nothing says in which form {file} shall be: let it end in {endings}, or give --format.")
    elif form not in known:
        raise unknown_name("format", form, known)
    return form


def _to_file(lab: Lab, file: Path, form: str, choice: Choice) -> int:
    """The number of rows."""
    with new_file(file) as part:
        if form == "parquet":
            return sheets.write_parquet(choice.sheet(lab), part)
        with part.open("w", encoding="utf-8", newline="") as out:
            return _write(lab, out, form, choice)


def _to_stdout(lab: Lab, form: str, choice: Choice) -> None:
    if form == "parquet":
        raise UserError("Parquet is no text: give a file to write it to.")
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    _write(lab, sys.stdout, form, choice)


def _write(lab: Lab, out: TextIO, form: str, choice: Choice) -> int:
    if form == "csv":
        return sheets.write_csv(choice.sheet(lab), out)
    written = -1  # the head is no row
    for line in lab.export(choice.wanted(lab)):
        out.write(line)
        written += 1
    return written


def import_file(file: Path, db: Where | None, as_json: bool) -> None:
    """Takes a file over, and tells what that has brought."""
    path = lab_path(db)
    with _records(file) as records, loading.loaded(file, records, BUSY_SECONDS) as source:
        make_folder(path, db)
        with Lab.open(path) as lab:
            merged = lab.merge(source)
    if as_json:
        emit_json(asdict(merged))
    else:
        show_merged("imported", file, path, merged)


@contextmanager
def _records(file: Path) -> Iterator[Iterator[Numbered]]:
    """The records of a file, whose first bytes tell its form."""
    raw = _opened(file)
    with raw:
        head = raw.peek(len(_SQLITE))[: len(_SQLITE)]
        if head == _SQLITE:
            raise BadExportError(f"{file} is an SQLite database, not an export: 'dse db merge' takes over a lab.")
        if sheets.is_parquet(head):
            yield rows.records(sheets.read_parquet(file, str(file)), str(file))
        elif head.lstrip().startswith(b"{"):
            yield lines.read(raw, str(file))
        else:
            yield rows.records(sheets.read_csv(raw, str(file)), str(file))


def _opened(file: Path) -> BufferedReader:
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise UserError(f"{file} is no ordinary file: give one that 'dse db export' has written.")
        return file.open("rb")
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
