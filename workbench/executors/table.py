"""The executors by name, checked before anything is done: what is not installed or does not answer is named."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from workbench.errors import UserError, unknown_name
from workbench.executors.base import Executor

SERIAL: Final = "serial"
LOKY: Final = "loky"
NAMES: Final = (SERIAL, LOKY, "dask", "ray")
NEEDS: Final = {"dask": "distributed", "ray": "ray"}
"""The package that an executor stands on, where it is an extra of its own name."""
SAID: Final = {
    SERIAL: "the process of the run alone",
    LOKY: "worker processes of this machine, where they pay",
    "dask": "a Dask cluster on this machine; type dask://HOST:PORT for one that is there",
    "ray": "a Ray on this machine",
}
"""Who simulates with each."""
ANSWER_S: Final = 5.0
"""A scheduler that takes no connection within this time is not there."""


def installed(kind: str) -> bool:
    """Whether what a kind of executor stands on is there."""
    return kind not in NEEDS or find_spec(NEEDS[kind]) is not None


def check(name: str, jobs: int | None) -> None:
    """Refuse an executor that cannot work: see `check_here`, or its scheduler does not answer.

    Raises:
        UserError: so it is.
    """
    check_here(name, jobs)
    _, address = parts(name)
    if address is None:
        return
    try:
        socket.create_connection(address, ANSWER_S).close()
    except OSError as error:
        raise UserError(
            f"--executor {name}: nothing answers there: {error.strerror or error}. Is 'dask scheduler' running?"
        ) from None


def check_here(name: str, jobs: int | None) -> None:
    """Refuse an executor that is unknown or not installed, without a look at the network.

    Raises:
        UserError: so it is, or `jobs` are given to a scheduler, whose workers are there already.
    """
    kind, address = parts(name)
    if not installed(kind):
        raise UserError(f"--executor {kind} needs the package {NEEDS[kind]}: pip install 'dse-workbench[{kind}]'.")
    if address is not None and jobs is not None:
        raise UserError(f"--jobs is for workers that are started here; those of {name} are there. Leave it out.")


def parts(name: str) -> tuple[str, tuple[str, int] | None]:
    """The kind of executor that a name means, and the host and port of the scheduler, if it names one.

    Raises:
        UserError: there is no such kind, or the address is none.
    """
    kind, separator, _ = name.partition("://")
    if kind not in NAMES:
        raise unknown_name("executor", kind, NAMES)
    if not separator:
        return kind, None
    if kind != "dask":
        raise UserError(f"Only dask takes an address, as dask://HOST:PORT; got {name!r}.")
    try:
        found = urlsplit(name)
        host, port = found.hostname, found.port
    except ValueError:
        host = port = None
    if not host or not port or found.path or found.query or found.username:
        raise UserError(f"The address of a Dask scheduler is dask://HOST:PORT, got {name!r}.")
    return kind, (host, port)


def made(name: str, jobs: int) -> Executor:
    """The executor of this name; it starts nothing before it is handed work. There is none named `serial`.

    Raises:
        UserError: see `parts`.
    """
    kind, address = parts(name)
    if kind == "dask":
        from workbench.executors.dask import Dask

        return Dask(address, jobs)
    if kind == "ray":
        from workbench.executors.ray import Ray

        return Ray(jobs)
    from workbench.executors.loky import Loky

    return Loky(jobs)
