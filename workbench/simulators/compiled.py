"""Whether compiled kernels (extra `fast`) can be had."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec


@cache
def fast_available() -> bool:
    """Whether numba is installed and `DSE_NUMPY_ONLY` is not set."""
    return not os.environ.get("DSE_NUMPY_ONLY") and find_spec("numba") is not None
