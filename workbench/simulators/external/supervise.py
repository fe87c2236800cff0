"""Runs one command in a session and folder of its own, and outlives neither it nor whoever asked for it.

A program of its own, with nothing but the standard library: `python supervise.py LIFELINE MEMORY_MB FOLDER COMMAND...`.
Standard input and output go straight to the command. LIFELINE is the reading end of a pipe whose other end only the
asking process holds: when it closes, that process wants the end or was killed. The command's input has closed with it,
so the command gets GRACE_S to leave by itself; a byte on the lifeline means at once. Then its process group is killed
and FOLDER removed. Memory is limited by RLIMIT_AS, 0 for no limit. The status is the command's, or 128 + its signal.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import shutil
import signal
import sys
from contextlib import suppress

GRACE_S = 1.0
PR_SET_PDEATHSIG = 1
CANNOT_START = 127


def main(lifeline: int, memory_mb: int, folder: str, command: list[str]) -> int:
    ended, wake = os.pipe()  # a byte at every end of a child, also one that comes before the waiting begins
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    supervisor = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(lifeline)
        _become(command, folder, memory_mb, supervisor)
    for stream in (0, 1):  # the command's alone, so that its end is seen at the other end
        os.close(stream)
    select.select([lifeline, ended], [], [])
    status = _gone(child)
    if status is None and not os.read(lifeline, 1):
        select.select([lifeline, ended], [], [], GRACE_S)
        status = _gone(child)
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in the group, or it is not yet one
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    shutil.rmtree(folder, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _gone(child: int) -> int | None:
    """How the child ended, if it has."""
    pid, status = os.waitpid(child, os.WNOHANG)
    return status if pid else None


def _become(command: list[str], folder: str, memory_mb: int, supervisor: int) -> None:
    """Turns this process into the command; it dies with its supervisor where the system can see to that."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                os._exit(CANNOT_START)
        if memory_mb:
            resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        os.chdir(folder)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(CANNOT_START)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
