"""Who owns a run: a process, named so that no other can be taken for it, and whether it still lives.

On one host this is certain at once: a process id counts only with the boot and the pid namespace it belongs to and
with the time its process started, so neither a reboot nor a reused id deceives. Of a process elsewhere we know only
when it last wrote; it counts as dead when it has been silent for longer than the lease. So an owner says from time to
time that it lives, however long its step takes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

from store.errors import FencedOutError, StoreError

LEASE_SECONDS: Final = 300.0
BEAT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, and where it runs. Empty text or None: this system does not tell."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    process_start: int | None


def this_process() -> Owner:
    return Owner(
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid_namespace=_pid_namespace(),
        pid=os.getpid(),
        process_start=process_start(os.getpid()),
    )


def is_alive(owner: Owner, silent_seconds: float, here: Owner) -> bool:
    """Whether `owner`, who last wrote `silent_seconds` ago, still lives, as far as a process at `here` can know."""
    if owner.host == here.host and owner.boot_id != here.boot_id:
        return False  # this host has been restarted since
    if owner.host != here.host or owner.pid_namespace != here.pid_namespace or owner.process_start is None:
        return silent_seconds <= LEASE_SECONDS
    return process_start(owner.pid) == owner.process_start


def process_start(pid: int) -> int | None:
    """When the process started, in the system's own unit; None if there is none, or it is dead but not yet reaped."""
    if not Path("/proc/self/stat").exists():
        return _process_start_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # from field 3 of proc(5); the name before may hold anything
    return None if fields[0] in "ZXx" else int(fields[19])


def _process_start_by_ps(pid: int) -> int | None:
    """Where there is no /proc, as on macOS: `ps` tells the date and time, in seconds since 1970 here."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        state, _, started = answer.stdout.strip().partition(" ")
        return None if state.startswith("Z") else int(time.mktime(time.strptime(started.strip())))
    except (OSError, ValueError):
        return None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@contextmanager
def beating(beat: Callable[[], None], every_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Meanwhile a thread calls `beat` from time to time, to say that the owner of a run lives.

    A lab that is locked or full at the moment may not be so the next time. One who was fenced out stops.
    """
    over = Event()

    def go_on() -> None:
        while not over.wait(every_seconds):
            try:
                beat()
            except FencedOutError:
                return  # whoever stores the next step is told
            except StoreError:
                continue

    thread = Thread(target=go_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
