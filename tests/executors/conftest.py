"""Owns that Ray asks for no password: it keeps one in the home folder, which is another one for each test."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def ray_without_password() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield
