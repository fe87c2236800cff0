"""Shares as bars of text: eighths of a block where the terminal has them, number signs where it has not."""

from __future__ import annotations

EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int, unicode: bool = True) -> str:
    """A bar of `share` (0..1) of `width` columns; whatever is not zero shows."""
    share = min(max(share, 0.0), 1.0)
    if not unicode:
        return "#" * max(round(share * width), 1 if share > 0 else 0)
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")


def percent(share: float) -> str:
    """`12.3 %`; what is less than the last digit says so."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"
