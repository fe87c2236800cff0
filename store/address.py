"""A lab on a PostgreSQL server, by its URL: told apart from a file, and shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_SCHEME = re.compile(r"(postgresql|postgres)(\+psycopg)?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """What libpq takes as a URI; two that differ in their password alone are one."""

    shown: str
    """The URL without its password, fit for a message, a log and a command line."""
    password: str | None = field(default=None, repr=False, compare=False)
    """The one that the URL named; None: libpq looks for it, in PGPASSWORD, PGPASSFILE or ~/.pgpass."""

    @classmethod
    def of(cls, url: str) -> Address:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        asked = [value for name, value in pairs if name == "password"]
        who, at, where = parts.netloc.rpartition("@")
        user, _, secret = who.partition(":")
        query = urlencode([pair for pair in pairs if pair[0] != "password"], safe="/:,")
        shown = f"postgresql+psycopg://{user}{at}{where}{parts.path}{'?' if query else ''}{query}"
        return cls(shown, asked[-1] if asked else unquote(secret) or None)

    @property
    def uri(self) -> str:
        """As libpq spells it, without the password."""
        return self.shown.replace("postgresql+psycopg:", "postgresql:", 1)

    def __str__(self) -> str:
        return self.shown


Where = Path | Address
"""Where a lab is: a file, or a database on a server."""


def is_url(name: str) -> bool:
    return _SCHEME.match(name) is not None


def where(name: str | Path | Address) -> Where:
    """What a user means by the name of a lab."""
    if isinstance(name, str):
        return Address.of(name) if is_url(name) else Path(name)
    return name
