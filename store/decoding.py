"""The bytes of chunks to arrays of designs: the inverse of `encoding`. The bytes may come from a stranger."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from store.designs import CHUNK_POINTS, FORMAT, MOST_AXES, Bounds, Designs, Floats, Mask, Words, groups
from store.rows import METRICS, ChunkHead

DAMAGE: Final = (ValueError, TypeError, LookupError, OverflowError, RecursionError, zlib.error, struct.error)
"""What decoding raises where the bytes are not what encoding makes."""


def decode(head: ChunkHead, content: bytes, bounds: Bounds) -> Designs:
    """The designs of a chunk, or those within the bounds: a design that lacks a bounded metric is not.

    Raises:
        One of `DAMAGE`: the content is not what `encoding` makes.
    """
    n = head.points
    if not 0 < n <= CHUNK_POINTS:
        raise ValueError(f"{n} points")
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    if header["format"] not in (1, FORMAT):
        raise ValueError(f"format {header['format']}")
    planes = _Planes(content, 4 + length)  # taken in the order in which they lie
    codes = _decode_codes(header["codes"], planes, n)
    found = {m: _decode_floats(header["columns"][m], planes) for m in METRICS if m in header["columns"]}
    known: Mask | None = None
    if "accuracy_known" in header["columns"]:
        known = planes.mask(header["columns"]["accuracy_known"], n)
    why: NDArray[np.uint32] | None = None
    reasons: tuple[str, ...] = ()
    built: Mask | None = None
    if "built" in header:
        built = planes.mask(header["built"], n)
        why = np.zeros(n, dtype=np.uint32)
        why[~built] = _decode_words(header["why"], planes) + np.uint64(1)
        reasons = tuple(map(str, header["reasons"]))
    latency, energy, area = (_spread(found[metric], built, n) for metric in METRICS[:3])
    accuracy = _spread(found["accuracy"], known, n) if "accuracy" in found else None
    designs = Designs(codes, latency, energy, area, accuracy, why, reasons)
    inside = _within(designs, head, bounds)
    return designs if inside is None else designs.take(inside)


def _spread(values: Floats, has: Mask | None, n: int) -> Floats:
    """(n,): the values where they belong, NaN elsewhere."""
    if has is None:
        if len(values) != n:
            raise ValueError(f"{len(values)} values for {n} designs")
        return values
    column = np.full(n, np.nan)
    column[has] = values
    return column


def _within(designs: Designs, head: ChunkHead, bounds: Bounds) -> Mask | None:
    """Which designs are within the bounds; None: all."""
    inside: Mask | None = None
    for metric, (low, high) in bounds.items():
        least, most = head.zones[METRICS.index(metric)]
        values = getattr(designs, metric)
        if values is None or least is None or most is None:
            return np.zeros(len(designs), dtype=np.bool_)
        tests = [values == values] if np.isnan(values).any() and (low is not None or high is not None) else []
        tests += [values >= low] if low is not None and least < low else []
        tests += [values <= high] if high is not None and most > high else []
        for test in tests:
            inside = test if inside is None else inside & test
    return inside


class _Planes:
    """The planes of a chunk, taken in their order."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = memoryview(content), at

    def take(self, width: int, stored: int, items: int) -> NDArray[Any]:
        """`items` unsigned numbers of `width` bytes, from `stored` bytes."""
        if not 0 <= items <= CHUNK_POINTS or not 0 <= stored <= width * items:
            raise ValueError(f"a plane of {items} items in {stored} bytes")
        raw: Any = self._content[self._at : self._at + stored]
        self._at += stored
        if stored < width * items:  # no more than is expected comes out, whatever somebody has put in
            raw = zlib.decompressobj().decompress(raw, width * items)
        return np.frombuffer(raw, dtype=f"<u{width}", count=items)

    def mask(self, stored: int, n: int) -> Mask:
        """(n,)"""
        return np.unpackbits(self.take(1, stored, (n + 7) // 8), count=n).view(np.bool_)


def _decode_floats(facts: Mapping[str, Any], planes: _Planes) -> Floats:
    values = _decode_values(facts, planes)
    if "runs" not in facts:
        return values
    lengths = _decode_words(facts["runs"], planes)
    if lengths.max() > CHUNK_POINTS or lengths.sum() > CHUNK_POINTS:
        raise ValueError(f"runs of {lengths.max()} designs")
    return np.repeat(values, lengths.view(np.int64))


def _decode_values(facts: Mapping[str, Any], planes: _Planes) -> Floats:
    kind = facts["kind"]
    if kind == "listed":
        stored, items = facts["table"]
        table = planes.take(8, stored, items).view(np.float64)
        values: Floats = table.take(_decode_words(facts, planes).view(np.int64))
        return values
    words = _decode_words(facts, planes)
    if kind == "whole":
        return words.view(np.int64).astype(np.float64)
    if kind == "bits":
        return words.view(np.float64)
    raise ValueError(f"kind {kind!r}")


def _decode_words(facts: Mapping[str, Any], planes: _Planes) -> Words:
    """(items,)"""
    words: Words | None = None
    items, at = facts["items"], 0
    for width, stored in facts["planes"]:
        plane = planes.take(width, stored, items).astype(np.uint64)
        if at:
            plane <<= np.uint64(at)
        words = plane if words is None else np.bitwise_or(words, plane, out=words)
        at += 8 * width
    if words is None:
        words = np.zeros(min(items, CHUNK_POINTS), dtype=np.uint64)
    if facts["shift"]:
        words <<= np.uint64(facts["shift"])
    if facts["base"]:
        words += np.uint64(facts["base"])
    return words


def _decode_codes(facts: Mapping[str, Any], planes: _Planes, n: int) -> NDArray[np.unsignedinteger[Any]]:
    """(n, k), column by column in memory, as small as the largest code allows."""
    least, spans = facts["least"], facts["spans"]
    if len(least) != len(spans) or not 1 <= len(spans) <= MOST_AXES:
        raise ValueError("axes")
    most = max(low + span - 1 for low, span in zip(least, spans, strict=True))
    columns = np.zeros((len(spans), n), dtype=np.min_scalar_type(most))  # (k, n)
    if "ranks" in facts:
        _from_ranks(columns, facts)
    else:
        for group, stored in zip(groups(spans), facts["words"], strict=True):
            _from_words(columns, group, _decode_words(stored, planes))
    for column, low in zip(columns, least, strict=True):
        if low:
            column += columns.dtype.type(low)
    return columns.T


def _from_ranks(columns: NDArray[Any], facts: Mapping[str, Any]) -> None:
    first, stride = facts["ranks"]
    n = columns.shape[1]
    kind = np.int32 if 0 <= first + max(stride, 0) * n < 2**31 and first + min(stride, 0) * n > -(2**31) else np.int64
    ranks = first + stride * np.arange(n, dtype=kind)
    for column, span in zip(columns[::-1], facts["spans"][::-1], strict=True):
        if span > 1:
            rest = ranks // span
            np.subtract(ranks, rest * span, out=column, casting="unsafe")
            ranks = rest


def _from_words(columns: NDArray[Any], group: list[tuple[int, int]], words: Words) -> None:
    at = 0
    for axis, bits in reversed(group):
        np.right_shift(words, np.uint64(at), out=columns[axis], casting="unsafe")
        columns[axis] &= columns.dtype.type((1 << bits) - 1)
        at += bits
