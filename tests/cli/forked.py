"""`dse` without the second that its imports take: a process that has them answers each line on stdin with a fork.

The child is what the console script would be: the main thread of a process of its own, with the arguments, folder,
environment and streams that the line says. Only what Python looks at when it starts, as PYTHONPATH or the locale, is
the parent's, and at the end nothing is taken apart that the system takes apart anyway.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import sys
import threading
from typing import Any

PRELOADED = (
    "numpy", "scipy.optimize", "scipy.stats", "sklearn.ensemble", "torch", "numba", "joblib.externals.loky",
    "rich.table", "workbench.cli.launch", "workbench.simulators.loopnest.fast", "workbench.background",
)  # fmt: skip


def asked() -> dict[str, Any] | None:
    """In the child what it is to do; in the parent, once there are no more lines, nothing."""
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            return dict(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return None


def become(what: dict[str, Any]) -> None:
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (what["stdout"], os.O_WRONLY), (what["stderr"], os.O_WRONLY))
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(what["folder"])
    os.environ.clear()
    os.environ.update(what["environment"])
    sys.modules["__main__"].__package__ = None  # or completion takes it for `python -m`
    sys.argv = [what["program"], *what["arguments"]]


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    from workbench.cli import main

    gc.collect()
    gc.freeze()  # or each child's collector would copy what the parent holds
    request = asked()
    if request is not None:
        become(request)
        code = 0
        try:
            main()
        except SystemExit as error:
            code = int(error.code or 0)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
