"""A PostgreSQL server for the tests, on a port of its own; each test gets a fresh database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import Any

USER = "postgres"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; the newest where there are several."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: float(each.parts[4]))
    return folders[-1].parent if folders else None


def missing() -> str | None:
    """Why there can be no server here."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'dse-workbench[postgres]'"
    return None if programs() else "PostgreSQL is not installed: there is no initdb"


class Server:
    """A server that may be restarted under whoever is connected; `durable` at the price of waiting for the disk."""

    def __init__(self, folder: Path, durable: bool = False) -> None:
        self._data, self._log, self._databases = folder / "data", folder / "log", 0
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        (self._data / "postgresql.auto.conf").write_text(
            f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\n"
            f"fsync = {'on' if durable else 'off'}\nmax_connections = 200\n"
        )
        self._control("start")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def restart(self) -> None:
        """As after a crash: no connection is told."""
        self._control("restart", "-m", "immediate")

    def _control(self, *what: str) -> None:
        self._run("pg_ctl", "-w", "-D", self._data, "-l", self._log, *what)

    def _run(self, name: str, *arguments: str | Path) -> None:
        """The server refuses to run as root."""
        owner: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        folder = programs()
        assert folder is not None
        command = [str(folder / name), *map(str, arguments)]
        subprocess.run(
            command, check=True, cwd="/", stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"}, **owner
        )

    def url(self, database: str, user: str = USER) -> str:
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple]:
        """A statement behind the lab's back; the rows that it answers."""
        import psycopg

        where = f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self) -> str:
        """The URL of a new one."""
        self._databases += 1
        name = f"lab{self._databases}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)


@contextmanager
def serving(durable: bool = False) -> Iterator[Server]:
    """A server while the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="dse-postgres-"))
    try:
        server = Server(folder, durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
