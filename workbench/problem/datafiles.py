"""Owns where the bundled data lies: `data/` in a checkout, `workbench/data` in an installed wheel."""

from pathlib import Path

from workbench.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """The folder that holds `archs/`, `workloads/` and whatever else a user would edit or add to.

    Raises:
        UserError: the installation is incomplete.
    """
    checkout = PACKAGE.parent
    in_checkout, in_wheel = checkout / "data", PACKAGE / "data"
    if (checkout / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    if in_wheel.is_dir():
        return in_wheel
    raise UserError(
        f"The bundled data files are missing: neither {in_checkout} (a checkout) nor {in_wheel} (an installed "
        "package) exists. Install dse-workbench again."
    )
