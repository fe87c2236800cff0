"""Where CI is set, no executor goes untested for want of its package."""

import pytest

from tests.executors import conftest


def test_what_is_not_installed_is_skipped_but_not_where_ci_is_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conftest, "find_spec", lambda name: None)
    monkeypatch.delenv("CI", raising=False)
    assert [conftest.needing(name).args[0] for name in ("loky", "dask", "ray")] == [False, True, True]
    monkeypatch.setenv("CI", "true")
    assert [conftest.needing(name).args[0] for name in ("loky", "dask", "ray")] == [False, False, False]
