"""Owns the subject matter and the composition; guards that the `store` and `models` it imports are its own.

Both names are generic, so another distribution may have put its own top-level package of that name first on the
path. Importing the wrong one fails far away and obscurely; this check fails here and says which path is foreign.
"""

from importlib.util import find_spec
from pathlib import Path


class ForeignPackageError(ImportError):
    """The `store` or `models` that Python would import is not the one shipped beside `workbench`."""


def _refuse_foreign(name: str, root: Path) -> None:
    spec = find_spec(name)
    own = root / name
    places = set() if spec is None else {Path(place).resolve() for place in spec.submodule_search_locations or ()}
    if spec is not None and not places:  # a single-file module has no search locations
        places = {Path(spec.origin or "<built-in>")}
    if places != {own}:
        found = ", ".join(sorted(map(str, places))) or "nothing"
        raise ForeignPackageError(
            f"dse-workbench needs its own package '{name}' at {own}, but Python finds {found}. "
            f"Another package or folder named '{name}' comes first on the path: remove or rename it, "
            "or install dse-workbench in an environment of its own.",
            name=name,
        )


for _name in ("store", "models"):
    _refuse_foreign(_name, Path(__file__).resolve().parents[1])


def __getattr__(name: str) -> str:
    """`__version__`, read when it is asked for: the module that finds it takes a third of the time of `dse --help`."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dse-workbench")
    except PackageNotFoundError:  # imported from a checkout that was never installed
        return "0+uninstalled"
