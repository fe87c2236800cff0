"""`dse serve`: the terminal workbench in a browser of this machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Annotated

import typer

from workbench.cli.options import Db, Json, lab_path, make_folder
from workbench.errors import UserError

Port = Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Of the address.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(serve)


def serve(port: Port = 8000, db: Db = None, json: Json = False) -> None:
    """Serve the terminal workbench to a browser of this machine, until Ctrl-C.

    Prints the address to open; its key lets nobody else in. It listens on this machine alone (127.0.0.1): from another
    one, forward the port by ssh -L. Each tab is a 'dse ui' of its own, and runs go on when it is closed. Needs the
    extra 'web'.
    """
    from workbench.cli.output import emit_json, say

    if find_spec("textual_serve") is None:
        raise UserError("'dse serve' needs textual-serve: pip install 'dse-workbench[web]'. 'dse ui' needs nothing.")
    from workbench.tui.serving import LocalServer

    path = lab_path(db)
    make_folder(path, db)

    def told(address: str) -> None:
        say(f"serving {path}; Ctrl-C ends it")
        if json:
            emit_json({"address": address, "port": port, "lab": str(path)})
        else:
            print(address, flush=True)

    _check_free(port)
    LocalServer(path, port, told).serve()


def _check_free(port: int) -> None:
    """Before an address is told that is somebody else's."""
    with socket() as tried:
        if os.name == "posix":  # as the server does: a port whose last connection has just ended is free
            tried.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"Port {port} cannot be had ({error.strerror}): give another one, --port N.") from None
