"""Numbers as people read them: SI prefixes on metrics, durations, ages. Files and JSON keep the full number."""

from __future__ import annotations

import re
from math import floor, isfinite, log10

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}

METRIC_WORDS = {
    "latency_cycles": "latency",
    "energy_pj": "energy",
    "area_um2": "area",
    "edp_js": "EDP",
    "power_mw": "power",
    "accuracy": "accuracy",
    "error_rate": "error rate",
}
BASE_UNITS: dict[str, tuple[str, float]] = {
    "latency_cycles": ("cycles", 1.0),
    "energy_pj": ("J", 1e-12),
    "edp_js": ("J*s", 1.0),
    "power_mw": ("W", 1e-3),
}
"""Metric -> (unit, factor) under which an SI prefix reads well; area has its own rule."""

PARTS = ("accuracy", "error_rate")
"""Metrics that are parts of 1, told in percent."""


def si(value: float, unit: str = "", digits: int = 4) -> str:
    """`1.235 MHz`; a value out of the prefixes' reach is written with an exponent."""
    if value == 0:
        return f"0 {unit}".rstrip()
    if not isfinite(value):
        return f"{value} {unit}".rstrip()
    mantissa = float(f"{value:.{digits - 1}e}")  # rounded first, so that 999.96 becomes 1.000 k
    exponent = 3 * floor(log10(abs(mantissa)) / 3 + 1e-12)
    if exponent not in PREFIXES:
        return f"{value:.{digits - 1}e} {unit}".rstrip()
    scaled = mantissa / 10.0**exponent
    decimals = max(0, digits - 1 - floor(log10(abs(scaled)) + 1e-12))
    return f"{scaled:.{decimals}f} {PREFIXES[exponent]}{unit}".rstrip()


def metric(name: str, value: float | None, digits: int = 4) -> str:
    """A metric with its unit: `1.235 Mcycles`, `2.1 mJ`, `4.56 mm2`."""
    if value is None:
        return "-"
    if name == "area_um2":
        return _area(value, digits)
    if name in PARTS:
        return f"{100 * value:.{max(digits - 2, 0)}f} %"
    if name not in BASE_UNITS:
        return f"{value:.{digits}g}"
    unit, factor = BASE_UNITS[name]
    if name == "latency_cycles" and value < 1000:
        return f"{value:.{digits}g} {unit}"
    return si(value * factor, unit, digits)


def _area(um2: float, digits: int) -> str:
    """Areas take the prefix on the length, so the steps are a million wide: um2 up to 0.01 mm2, then mm2."""
    value, unit = (um2, "um2") if abs(um2) < 1e4 else (um2 / 1e6, "mm2")
    decimals = max(0, digits - 1 - floor(log10(abs(value)))) if value else 0
    return f"{value:.{decimals}f} {unit}"


def count(value: int) -> str:
    """A whole number in groups of three."""
    return f"{value:,}"


def amount(value: int) -> str:
    """A count that may be large: whole below ten thousand, with a prefix from there on."""
    return count(value) if value < 10_000 else si(value)


def magnitude(value: int) -> str:
    """Whole up to a million, from there on with an exponent: how many designs a space has."""
    return count(value) if value < 1_000_000 else f"{value:.2e}".replace("e+0", "e").replace("e+", "e")


def bits(size: int) -> str:
    """A memory size in the largest binary unit of bytes that divides well; below a byte in bits."""
    if size % 8:
        return f"{size} bit"
    amount = size / 8
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            return f"{amount:.4g} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def gist(text: str) -> str:
    """The first clause of a description."""
    return re.split(r"[.:;](?= |$)", " ".join(text.split()), maxsplit=1)[0]


def duration(seconds: float) -> str:
    """`1.7 ms`, `4.2 s`, `12 s`, `3 min 05 s`, `2 h 14 min`, `3 d 4 h`."""
    if seconds < 1:
        return si(seconds, "s")
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age(seconds: float) -> str:
    """How long ago, roughly: `12 s`, `5 min`, `3 h`, `9 d`."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (129600, "h", 3600)):
        if seconds < limit:
            return f"{max(0, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400)} d"
