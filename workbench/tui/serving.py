"""The terminal UI in a browser of this machine, by textual-serve: each tab that opens it is a `dse ui` of its own.

Whoever reaches the UI can launch processes as the user who serves it. So it listens on the loopback address alone, and
a request is answered only where it carries the key of the address that was printed (in the address at first, in a
cookie from then on) and comes from the page itself: another user of the machine does not have the key, and a page of
somebody else that the browser happens to show does not get past its name.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from hmac import compare_digest
from logging import WARNING, basicConfig
from secrets import token_urlsafe
from typing import Any, Final

from aiohttp import web
from textual_serve.server import Server

from store.address import Where
from workbench.background import full_name, secrets

LOOPBACK: Final = "127.0.0.1"
NAMES: Final = (LOOPBACK, "localhost")
"""What a browser of this machine calls it; the port may be another where ssh forwards it."""


class LocalServer(Server):
    """Serves one lab."""

    def __init__(self, lab: Where, port: int, told: Callable[[str], None]) -> None:
        """`told` gets the address once it answers."""
        super().__init__(command(lab), host=LOOPBACK, port=port, title="dse")
        os.environ.update(secrets(lab))  # the tabs inherit it
        self._key = token_urlsafe(18)
        self._told = told

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/?key={self._key}"

    def initialize_logging(self) -> None:
        basicConfig(level=WARNING, format="dse: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """Nothing: what is told here would be told before anybody listens."""

    def serve(self, debug: bool = False) -> None:
        """Until Ctrl-C or SIGTERM."""
        self.initialize_logging()
        web.run_app(self._make_app(), host=self.host, port=self.port, print=lambda *_: self._told(self.address))

    async def handle_index(self, request: web.Request) -> Any:
        self._admit(request, request.query.get("key", ""), request.cookies.get(self._cookie, ""))
        self.public_url = f"http://{request.host}"  # read before anything else is awaited
        response = await super().handle_index(request)
        response.set_cookie(self._cookie, self._key, httponly=True, samesite="Strict")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws://{request.host}; frame-ancestors 'none'"
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def handle_websocket(self, request: web.Request) -> Any:
        self._admit(request, request.cookies.get(self._cookie, ""))
        if request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden(text="This page does not belong to dse.")
        return await super().handle_websocket(request)

    async def handle_download(self, request: web.Request) -> Any:
        self._admit(request, request.cookies.get(self._cookie, ""))
        return await super().handle_download(request)

    @property
    def _cookie(self) -> str:
        """Browsers keep one jar for all ports of a machine."""
        return f"dse-{self.port}"

    def _admit(self, request: web.Request, *keys: str) -> None:
        known = any(compare_digest(key.encode(), self._key.encode()) for key in keys)
        if not known or request.host.partition(":")[0] not in NAMES:
            raise web.HTTPForbidden(text="Open the address that 'dse serve' has printed.")


def command(lab: Where) -> str:
    """What each tab runs, for the shell."""
    words = [sys.executable, "-P", "-m", "workbench.cli", "ui", "--db", full_name(lab)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
