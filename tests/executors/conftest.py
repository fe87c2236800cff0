"""Owns which executors are tested, and that Ray asks for no password: it keeps one in the home folder."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from workbench.executors.table import NEEDS


def needing(name: str) -> pytest.MarkDecorator:
    """Skips the tests of an executor that is not installed; where CI is set, they fail for want of it."""
    missing = name in NEEDS and find_spec(NEEDS[name]) is None
    return pytest.mark.skipif(missing and not os.environ.get("CI"), reason=f"the extra {name!r} is not installed")


@pytest.fixture(autouse=True, scope="module")
def ray_without_password() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield
