"""The program `dse`: its commands, and the one place where an error becomes a line on stderr and an exit code."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Annotated, TextIO

import typer

from store.errors import BadRowError, StoreError
from workbench.cli import (
    accuracy,
    catalogue,
    chip,
    coexplore,
    compare,
    control,
    database,
    dataflow,
    design,
    doctor,
    evaluate,
    fidelity,
    fuse,
    importance,
    importing,
    learning,
    plotting,
    points,
    report,
    run,
    runs,
    serve,
    show,
    sweep,
    ui,
    workers,
)
from workbench.cli.codes import BROKEN, EPILOG, INTERRUPTED, OK, USER
from workbench.errors import SimulatorError, UserError

app = typer.Typer(
    name="dse",
    help="Search the design space of a neural-network accelerator, and keep every design that was ever simulated.",
    epilog=EPILOG,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from workbench import __version__

        print(f"dse {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


COMMANDS = (
    *(run, control, runs, show, points, design, importance, plotting, report, workers),
    *(compare, learning, evaluate, dataflow, fuse, chip, coexplore, sweep, fidelity, catalogue, accuracy),
    *(importing, database, doctor, ui, serve),
)
for module in COMMANDS:
    module.register(app)


def main() -> None:
    """The console script."""
    codecs.register_error("legible", _legible)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="legible")  # type: ignore[union-attr]
    sys.exit(_outcome())


def _legible(error: UnicodeError) -> tuple[str, int]:
    """What a terminal without Unicode gets instead: no character it lacks is a reason to stop."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join({"µ": "u", "…": "~"}.get(c, "?") for c in error.object[error.start : error.end]), error.end


def _outcome() -> int:
    """Runs the command; every failure that has a reason is one line."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        return _refuse(_usage(error), USER)
    except (UserError, StoreError) as error:
        return _refuse(str(error), BROKEN if isinstance(error, BadRowError) else USER)
    except SimulatorError as error:
        return _refuse(str(error), BROKEN)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _closed_early()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer turns a closed pipe into an exit of its own
            return _closed_early()
        raise
    except OSError as error:
        return _refuse(f"{error.filename or 'the system'}: {error.strerror or error}", BROKEN)
    return code if isinstance(code, int) else OK


def _closed_early() -> int:
    """`dse runs | head` closes the pipe before all is written, which is what was wanted."""
    _detach(sys.__stdout__ or sys.stdout)
    return OK


def _usage(error: typer.TyperException) -> str:
    """A mistake on the command line itself, with the way to the help of the command it belongs to."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dse"
    return f"{error.format_message().rstrip('.')}. See '{path} --help'."


def _refuse(message: str, code: int) -> int:
    """Says why on one line of stderr, whatever the message holds."""
    line = " ".join(message.split())
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    try:
        print(f"dse: {shown}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        _detach(sys.stderr)
    return code


def _detach(stream: TextIO) -> None:
    """Lets the interpreter flush at exit without a second complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
