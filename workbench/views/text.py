"""A user's strings as they may be shown: literally, whatever they hold."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with every character that a terminal would act on written out, line ends kept."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
