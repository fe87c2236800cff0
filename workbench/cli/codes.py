"""The exit codes of `dse`, and the error that stops a command with one of them."""

from __future__ import annotations

from typing import Final

OK: Final = 0
BROKEN: Final = 1
"""The simulator or the workbench itself failed."""
USER: Final = 2
"""What was asked for cannot be done as it was asked."""
INTERRUPTED: Final = 130
"""A run was stopped by Ctrl-C or another signal; everything up to its last step is stored."""

EPILOG: Final = (
    "Data goes to stdout, everything said along the way to stderr. "
    "Exit codes: 0 done; 1 broken (a simulator failed, or a check found something wrong); "
    "2 what was asked for cannot be done (one line on stderr says "
    "why); 130 interrupted (the run is stored up to its last step and can be resumed)."
)
