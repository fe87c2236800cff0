"""A run as one HTML page that needs nothing else: what it found, how it got there, and where it comes from."""

from __future__ import annotations

from pathlib import Path

from store.database import Lab
from store.upkeep import new_file
from workbench.errors import UserError
from workbench.views.report.content import gathered
from workbench.views.report.page import plotly_script, rendered
from workbench.views.stored import StoredRun

ENDINGS = (".html", ".htm")


def write_report(lab: Lab, run: StoredRun, file: Path) -> None:
    """The report of a run in a new file.

    Raises:
        UserError: the file is to be no HTML, or plotly is not there.
        StoreError: there is something at the file's place already, or it cannot be written.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UserError(f"A report is an HTML page: let {file} end in {ENDINGS[0]}.")
    script = plotly_script()
    with new_file(file) as part:
        part.write_text(rendered(gathered(lab, run), script), encoding="utf-8")
