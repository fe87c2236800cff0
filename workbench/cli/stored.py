"""How the commands that look open the lab."""

from __future__ import annotations

from store.address import Address, Where
from store.database import Lab
from workbench.cli.options import lab_path
from workbench.errors import UserError


def open_to_look(db: Where | None) -> Lab:
    """The lab, read-only: looking can hurt nobody's run."""
    return Lab.open(there(lab_path(db)), create=False, readonly=True)


def there(path: Where) -> Where:
    """The path, if it leads anywhere; of a server, its lab tells when it is opened."""
    if isinstance(path, Address):
        return path
    try:
        exists = path.exists()
    except OSError as error:  # too long, or in a folder that may not be entered
        raise UserError(f"{path}: {error.strerror}.") from None
    if not exists:
        raise UserError(f"There is no lab database at {path} yet; 'dse run' makes one.")
    return path
