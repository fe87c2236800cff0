"""Arrays of designs to the bytes of chunks; `decoding` is the inverse.

A chunk is a header in JSON and, behind it, the planes of its columns. A column is a column of whole numbers: a metric
that is whole everywhere as such, another by its floats' bits (so that every float comes back as it was), either as
the distance from the least, without the zero bits that all share. Where few values occur they are listed once and
numbered. What is left is cut into planes of 4, 2 and 1 bytes, and a plane is deflated where a sample says that it
pays. Codes take as many bits per axis as its choices in the chunk need; of an enumeration only first rank and stride.
There, of a column that repeats, only its first part is looked at: see `repeating`; and where the fastest axes do not
touch a metric, each value is stored once, with how often it comes.
Of designs that cannot be built no metric takes space.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from store.designs import CHUNK_POINTS, FORMAT, MOST_AXES, Designs, Floats, Mask, Words, groups
from store.errors import BadRowError
from store.repeating import block_of, deflated, periods
from store.rows import METRICS, Zone, check_json

_SAMPLE: Final = 1024  # bytes of a plane, from which it shows whether deflating pays
_PAYS: Final = 0.2  # of its bytes: deflating takes longer than all the rest
_LONG: Final = 8  # designs in a run of equal values, on average, from which each is stored once
_FEW: Final = 0.97  # values that are different, of a sample, below which they are listed
_PLANES: Final = {1: "1", 2: "2", 3: "21", 4: "4", 5: "41", 6: "42", 7: "421", 8: "8"}  # bytes -> planes, lowest first


@dataclass(frozen=True, slots=True)
class Encoded:
    """A chunk on its way into the table."""

    points: int
    feasible: int
    zones: tuple[Zone, ...]  # in the order of METRICS
    content: bytes


def encode(designs: Designs) -> list[Encoded]:
    """Chunks of designs, each as large as may be.

    Raises:
        BadRowError: the arrays' shapes, types or values do not fit together.
    """
    _check(designs)
    return [_encode(designs.take(slice(at, at + CHUNK_POINTS))) for at in range(0, len(designs), CHUNK_POINTS)]


def _check(designs: Designs) -> None:
    codes, n = designs.codes, len(designs)
    if codes.ndim != 2 or codes.dtype.kind not in "ui" or not 1 <= codes.shape[1] <= MOST_AXES:
        raise BadRowError(f"codes must be whole numbers of shape (n, axes), not {codes.dtype} of {codes.shape}.")
    for name in (*METRICS, "why"):
        column = getattr(designs, name)
        if column is not None and (column.shape != (n,) or column.dtype.kind not in ("ui" if name == "why" else "f")):
            raise BadRowError(
                f"{name} must be of shape ({n},), one for each design, not {column.dtype} {column.shape}."
            )
    if designs.why is not None and n and not 0 <= designs.why.min() <= designs.why.max() <= len(designs.reasons):
        raise BadRowError(f"why must be from 0 to {len(designs.reasons)}, the number of reasons.")
    for reason in designs.reasons:
        check_json("reasons", reason)


def _encode(designs: Designs) -> Encoded:
    n, planes = len(designs), list[Any]()
    built = None if designs.why is None or not designs.why.any() else designs.why == 0  # (n,)
    codes = _encode_codes(designs.codes, planes)
    again = periods(codes, n)
    columns: dict[str, Any] = {}
    zones = list[Zone]()
    for metric in METRICS:
        values = getattr(designs, metric)
        has = built
        if metric == "accuracy" and values is not None:
            known = ~np.isnan(values)
            has = None if known.all() else known
        values = values if values is None or has is None else values[has]
        zones.append(_zone(metric, values))
        if values is not None:
            columns[metric] = _encode_floats(
                np.ascontiguousarray(values, np.float64), planes, "ranks" not in codes, again if has is None else ()
            )
            if metric == "accuracy" and has is not None:
                columns["accuracy_known"] = _store(np.packbits(has), planes)
    header: dict[str, Any] = {"format": FORMAT, "codes": codes, "columns": columns}
    if built is not None and designs.why is not None:
        _check_unbuilt(designs, ~built)
        header["built"] = _store(np.packbits(built), planes)
        header["why"] = _encode_words(designs.why[~built].astype(np.uint64) - np.uint64(1), planes)
        header["reasons"] = designs.reasons
    text = json.dumps(header, separators=(",", ":")).encode()
    feasible = n if built is None else int(built.sum())
    return Encoded(n, feasible, tuple(zones), b"".join([struct.pack("<I", len(text)), text, *planes]))


def _check_unbuilt(designs: Designs, unbuilt: Mask) -> None:
    for metric in METRICS:
        values = getattr(designs, metric)
        if values is not None and not np.isnan(values[unbuilt]).all():
            raise BadRowError(f"{metric} must be NaN where a design cannot be built.")


def _zone(metric: str, values: Floats | None) -> Zone:
    """The least and most value; refuses what is no outcome."""
    if values is None or not len(values):
        return (None, None)
    least, most = float(values.min()), float(values.max())
    if not (np.isfinite(least) and np.isfinite(most)) or (metric != "accuracy" and least < 0):
        wanted = "finite" if metric == "accuracy" else "finite and not negative where a design can be built"
        raise BadRowError(f"{metric} must be {wanted}, got values from {least} to {most}.")
    return least, most


def _encode_floats(values: Floats, planes: list[Any], scattered: bool, again: Sequence[int]) -> dict[str, Any]:
    """Values (n,) as whole numbers: their own where they are whole, else their bits; `again` may be their periods.

    Few values are listed where designs are scattered; in an enumeration neighbours are alike, which deflating finds.
    """
    n, bits = len(values), values.view(np.uint64)
    block = block_of(bits, again)
    values, bits = values[:block], bits[:block]
    if again and block == n and (starts := _starts(bits)) is not None:
        lengths = np.diff(starts, append=n).view(np.uint64)
        once = _encode_floats(values[starts], planes, scattered, ())
        return once | {"runs": _encode_words(lengths, planes)}
    words = _whole(values, bits)
    if words is not None:
        return {"kind": "whole", **_encode_words(words, planes, n)}
    sample = bits[:: max(len(bits) // 1024, 1)]
    if scattered and len(np.unique(sample)) < _FEW * len(sample):
        listed, places = np.unique(bits, return_inverse=True)
        if len(listed) < len(bits) // 2:
            table = [_store(listed, planes), len(listed)]
            return {"kind": "listed", "table": table, **_encode_words(places.astype(np.uint64), planes)}
    return {"kind": "bits", **_encode_words(bits, planes, n)}


def _starts(words: Words) -> NDArray[np.int64] | None:
    """Where runs of equal words begin; None where they are short."""
    changes = words[1:] != words[:-1]
    if (np.count_nonzero(changes) + 1) * _LONG > len(words):
        return None
    return np.concatenate([[0], np.flatnonzero(changes) + 1])


def _whole(values: Floats, bits: Words) -> Words | None:
    """The values as the bits of 64-bit whole numbers, if all of them are such (-0.0 is not)."""
    head = values[:64]
    if not len(values) or not (np.rint(head) == head).all() or not -(2**53) < values.min() <= values.max() < 2**53:
        return None
    numbers = values.astype(np.int64)
    return numbers.view(np.uint64) if (numbers.astype(np.float64).view(np.uint64) == bits).all() else None


def _encode_words(words: Words, planes: list[Any], items: int | None = None) -> dict[str, Any]:
    """Words (n,) as distances from the least, in planes; they repeat up to so many `items` (None: n)."""
    items = len(words) if items is None else items
    if not len(words):
        return {"base": 0, "shift": 0, "planes": [], "items": 0}
    base = words.view(np.int64).min().view(np.uint64)
    distances = np.subtract(words, base, dtype="<u8")
    every = int(np.bitwise_or.reduce(distances))
    shift = (every & -every).bit_length() - 1 if every else 0
    if shift:
        distances >>= np.uint64(shift)
    size = ((every >> shift).bit_length() + 7) // 8
    stored, at = [], 0
    for width in map(int, _PLANES[size]) if size else ():
        plane = np.ascontiguousarray(distances.view(f"<u{width}")[at // width :: 8 // width])
        stored.append([width, _store(plane, planes, items)])
        at += width
    return {"base": int(base), "shift": shift, "planes": stored, "items": items}


def _store(plane: NDArray[Any], planes: list[Any], items: int | None = None) -> int:
    """Put a plane behind the others, and tell its bytes: fewer than its items take where it is deflated.

    It repeats up to so many `items` (None: as many as it has).
    """
    if items is not None and items > len(plane):
        packed = deflated(plane.tobytes(), items * plane.itemsize)
        planes.append(packed if len(packed) < items * plane.itemsize else np.resize(plane, items).data.cast("B"))
        return len(planes[-1])
    raw: Any = plane.data.cast("B")
    middle = max(len(raw) - _SAMPLE, 0) // 2
    sample = raw[middle : middle + _SAMPLE]
    trial = zlib.compressobj(1, zlib.DEFLATED, -10, 4)  # made in a tenth of the time of one for large windows
    if len(trial.compress(sample)) + len(trial.flush()) < _PAYS * len(sample):
        packed = zlib.compress(raw, 1)
        raw = packed if len(packed) < len(raw) else raw
    planes.append(raw)
    return len(raw)


def _encode_codes(codes: NDArray[Any], planes: list[Any]) -> dict[str, Any]:
    """Codes (n, k) as a progression of ranks, or so many bits for each axis, in as few words as hold them."""
    columns = np.ascontiguousarray(codes.T)  # (k, n)
    least, most = columns.min(axis=1).tolist(), columns.max(axis=1).tolist()
    if min(least) < 0 or max(most) >= 2**32:
        raise BadRowError(f"codes must be from 0 to 2^32 - 1, got {min(least)} to {max(most)}.")
    facts: dict[str, Any] = {"least": least, "spans": [high - low + 1 for low, high in zip(least, most, strict=True)]}
    ranks = _progression(columns, facts)
    if ranks is not None:
        return facts | {"ranks": ranks}
    return facts | {
        "words": [_encode_words(_joined(columns, least, group), planes) for group in groups(facts["spans"])]
    }


def _progression(columns: NDArray[Any], facts: Mapping[str, list[int]]) -> list[int] | None:
    """The first rank and the stride, where the designs are an enumeration; the last axis counts fastest."""
    varying = [(axis, span) for axis, span in enumerate(facts["spans"]) if span > 1]
    size, origin = 1, 0
    for axis, span in varying:
        size, origin = size * span, origin * span + facts["least"][axis]
    if size + origin >= 2**62:
        return None
    kind = np.int32 if size + origin < 2**31 else np.int64
    for some in (columns[:, :64], columns):
        ranks: Any = np.zeros(some.shape[1], dtype=kind)
        for axis, span in varying:
            ranks *= span
            ranks += some[axis].astype(kind, copy=False)
        strides = ranks[1:] - ranks[:-1]
        if len(strides) and not (strides == strides[0]).all():
            return None
    return [int(ranks[0]) - origin, int(strides[0]) if len(strides) else 0]


def _joined(columns: NDArray[Any], least: list[int], group: list[tuple[int, int]]) -> Words:
    words: Words = np.zeros(columns.shape[1], dtype=np.uint64)
    for axis, bits in group:
        words <<= np.uint64(bits)
        words |= (columns[axis] - columns.dtype.type(least[axis])).astype(np.uint64)
    return words
