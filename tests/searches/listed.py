"""The searches of the table as test parameters; one whose library is not installed is skipped, by its name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from workbench.searches import SEARCHES


def parameter(name: str, *more: Any) -> Any:
    """The values of one case, the search's name first."""
    needed = SEARCHES[name].needs
    missing = needed is not None and find_spec(needed) is None
    return pytest.param(name, *more, marks=pytest.mark.skipif(missing, reason=f"the extra {needed!r} is not installed"))


NAMES = [parameter(name) for name in SEARCHES]
EVERY = [parameter(name, preset) for name, search in SEARCHES.items() for preset in (None, *search.presets)]
"""Each with its defaults and with each of its presets."""
