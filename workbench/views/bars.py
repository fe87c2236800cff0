"""Shares as bars of text: eighths of a block where the terminal has them, number signs where it has not."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▏▎▍▌▋▊▉"
LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = ".:-=+*#"


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


def sparkline(values: Sequence[float], width: int, unicode: bool = True) -> str:
    """Values between their least and greatest as a line of bars, the last of each stretch standing for it."""
    levels = LEVELS if unicode else ASCII_LEVELS
    places = min(width, len(values))
    chosen = [values[(i + 1) * len(values) // places - 1] for i in range(places)]
    low, span = min(values), max(values) - min(values)
    return "".join(levels[round((value - low) / span * (len(levels) - 1)) if span else -1] for value in chosen)
