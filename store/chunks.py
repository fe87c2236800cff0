"""Chunks: what a sweep or a bulk import leaves, designs by the ten thousands as compressed columns; arrays in and out.

A chunk is a header in JSON and, behind it, the planes of its columns. A column is a column of whole numbers: a metric
that is whole everywhere as such, another by its floats' bits (so that every float comes back as it was), either as
the distance from the least, without the zero bits that all share. Where few values occur they are listed once and
numbered. What is left is cut into planes of 4, 2 and 1 bytes, and a plane is deflated where a sample says that it
pays. Codes take as many bits per axis as its choices in the chunk need; of an enumeration only first rank and stride.
Of designs that cannot be built no metric takes space.

Beside it the table keeps each metric's least and most value, so that a search by bounds reads no chunk in vain.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from store.errors import BadRowError, DamagedLabError
from store.rows import METRICS, ChunkHead, Zone, check_json
from store.runs import by_id, fenced_out

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Bounds = Mapping[str, tuple[float | None, float | None]]
"""By metric, the least and the most that a design may have; None: no bound."""

CHUNK_POINTS: Final = 65_536
_FORMAT: Final = 1
_MOST_AXES: Final = 4096
_SAMPLE: Final = 1024  # bytes of a plane, from which it shows whether deflating pays
_PAYS: Final = 0.2  # of its bytes: deflating takes longer than all the rest
_FEW: Final = 0.97  # values that are different, of a sample, below which they are listed
_PLANES: Final = {1: "1", 2: "2", 3: "21", 4: "4", 5: "41", 6: "42", 7: "421", 8: "8"}  # bytes -> planes, lowest first
_DAMAGE: Final = (ValueError, TypeError, LookupError, OverflowError, RecursionError, zlib.error, struct.error)

_ZONES: Final = ", ".join(f"{metric}_least, {metric}_most" for metric in METRICS)
_HEAD: Final = f"number, first, points, feasible, {_ZONES}, digest"
_HEADS: Final = f"""
    SELECT {_HEAD}, length(content) FROM chunk WHERE run_id = ? AND number > ? ORDER BY number LIMIT ?
"""  # noqa: S608
_MATCHES: Final = " AND ".join(
    f"(?{i} IS NULL OR {metric}_most >= ?{i}) AND (?{i + 1} IS NULL OR {metric}_least <= ?{i + 1})"
    for i, metric in zip(range(3, 11, 2), METRICS, strict=True)
)
_NEXT: Final = f"""
    SELECT {_HEAD}, length(content), content FROM chunk WHERE run_id = ?1 AND number > ?2 AND {_MATCHES}
    ORDER BY number LIMIT 1
"""  # noqa: S608
_INSERT: Final = f"""
    INSERT INTO chunk (run_id, {_HEAD}, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608
_GROW: Final = """
    UPDATE run SET chunk_points = chunk_points + ?, heartbeat_ns = ?, updated_ns = ?
    WHERE id = ? AND epoch = ? AND status = 'running' RETURNING chunk_points
"""
_NEXT_NUMBER: Final = "SELECT coalesce(max(number) + 1, 0) FROM chunk WHERE run_id = ?"


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """n designs of k axes with their outcomes, as arrays. NaN is how arrays write that there is no such metric."""

    codes: NDArray[np.unsignedinteger[Any]]  # (n, k): one choice per axis, as that choice's index; best in columns
    latency_cycles: Floats  # (n,): NaN where the design cannot be built
    energy_pj: Floats  # (n,): likewise
    area_um2: Floats  # (n,): likewise
    accuracy: Floats | None = None  # (n,): NaN where it is not known
    why: NDArray[np.unsignedinteger[Any]] | None = None  # (n,): i + 1 for reasons[i], 0 where built; None: all are
    reasons: tuple[str, ...] = ()  # JSON, why designs cannot be built

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, which: slice | Mask) -> Designs:
        """Some of them."""
        return Designs(
            self.codes[which],
            self.latency_cycles[which],
            self.energy_pj[which],
            self.area_um2[which],
            None if self.accuracy is None else self.accuracy[which],
            None if self.why is None else self.why[which],
            self.reasons,
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """A chunk on its way into the table."""

    points: int
    feasible: int
    zones: tuple[Zone, ...]  # in the order of METRICS
    content: bytes


# The table


def add(connection: Connection, run_id: int, epoch: int, chunks: list[Encoded]) -> None:
    """Put chunks behind those that the run has; refuses whoever does not own the run."""
    now_ns, added = time.time_ns(), sum(chunk.points for chunk in chunks)
    row = connection.exec_driver_sql(_GROW, (added, now_ns, now_ns, run_id, epoch)).first()
    if row is None:
        by_id(connection, run_id)
        raise fenced_out(connection, run_id, epoch)
    first = int(row[0]) - added
    number = int(connection.exec_driver_sql(_NEXT_NUMBER, (run_id,)).scalar_one())
    for chunk in chunks:
        ends = tuple(end for zone in chunk.zones for end in zone)
        place = (number, first, chunk.points, chunk.feasible)
        key = chunk_digest(place, chunk.zones, chunk.content)
        connection.exec_driver_sql(_INSERT, (run_id, *place, *ends, key, chunk.content))
        number, first = number + 1, first + chunk.points


def heads(connection: Connection, run_id: int, after_number: int, limit: int | None) -> list[ChunkHead]:
    """Chunks without their content, in order."""
    rows = connection.exec_driver_sql(_HEADS, (run_id, after_number, -1 if limit is None else limit))
    return [_head(tuple(row)) for row in rows]


def next_chunk(
    connection: Connection, run_id: int, after_number: int, bounds: Bounds | None
) -> tuple[ChunkHead, bytes] | None:
    """The first chunk above a number that may hold a design within the bounds; its digest is checked."""
    ends = [end for metric in METRICS for end in (bounds or {}).get(metric, (None, None))]
    row = connection.exec_driver_sql(_NEXT, (run_id, after_number, *ends)).first()
    if row is None:
        return None
    head, content = _head(tuple(row[:-1])), bytes(row[-1])
    check(run_id, head, content)
    return head, content


def check(run_id: int, head: ChunkHead, content: bytes) -> None:
    """Raise `DamagedLabError` unless a chunk is as it was stored."""
    if chunk_digest(head[:4], head.zones, content) != head.digest:
        raise _damaged(run_id, head.number)


def chunk_digest(place: tuple[int, ...], zones: tuple[Zone, ...], content: bytes) -> bytes:
    """Of all that a chunk says, but not of the run's number: that changes where labs are merged.

    `place` is (number, first, points, feasible).
    """
    ends = [float("nan") if end is None else end for zone in zones for end in zone]
    key = blake2b(struct.pack(f"<{len(place)}q{len(ends)}d", *place, *ends), digest_size=16)
    key.update(content)
    return key.digest()


def check_bounds(bounds: Bounds | None) -> None:
    for metric in bounds or {}:
        if metric not in METRICS:
            raise BadRowError(f"There are no bounds on {metric!r}, only on {', '.join(METRICS)}.")


def _head(row: tuple[Any, ...]) -> ChunkHead:
    number, first, points, feasible, *ends, digest, size = row
    return ChunkHead(number, first, points, feasible, tuple(zip(ends[::2], ends[1::2], strict=True)), digest, size)


def _damaged(run_id: int, number: int) -> DamagedLabError:
    return DamagedLabError(f"Chunk {number} of run {run_id} is damaged: restore a backup of the lab database.")


# Arrays to bytes


def encode(designs: Designs) -> list[Encoded]:
    """Chunks of designs, each as large as may be.

    Raises:
        BadRowError: the arrays' shapes, types or values do not fit together.
    """
    _check(designs)
    return [_encode(designs.take(slice(at, at + CHUNK_POINTS))) for at in range(0, len(designs), CHUNK_POINTS)]


def _check(designs: Designs) -> None:
    codes, n = designs.codes, len(designs)
    if codes.ndim != 2 or codes.dtype.kind not in "ui" or not 1 <= codes.shape[1] <= _MOST_AXES:
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
            columns[metric] = _encode_floats(np.ascontiguousarray(values, np.float64), planes, "ranks" not in codes)
            if metric == "accuracy" and has is not None:
                columns["accuracy_known"] = _store(np.packbits(has), planes)
    header: dict[str, Any] = {"format": _FORMAT, "codes": codes, "columns": columns}
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


def _encode_floats(values: Floats, planes: list[Any], scattered: bool) -> dict[str, Any]:
    """Values (n,) as whole numbers: their own where they are whole, else their bits.

    Few values are listed where designs are scattered; in an enumeration neighbours are alike, which deflating finds.
    """
    bits = values.view(np.uint64)
    words = _whole(values, bits)
    if words is not None:
        return {"kind": "whole", **_encode_words(words, planes)}
    sample = bits[:: max(len(bits) // 1024, 1)]
    if scattered and len(np.unique(sample)) < _FEW * len(sample):
        listed, places = np.unique(bits, return_inverse=True)
        if len(listed) < len(bits) // 2:
            table = [_store(listed, planes), len(listed)]
            return {"kind": "listed", "table": table, **_encode_words(places.astype(np.uint64), planes)}
    return {"kind": "bits", **_encode_words(bits, planes)}


def _whole(values: Floats, bits: Words) -> Words | None:
    """The values as the bits of 64-bit whole numbers, if all of them are such (-0.0 is not)."""
    head = values[:64]
    if not len(values) or not (np.rint(head) == head).all() or not -(2**53) < values.min() <= values.max() < 2**53:
        return None
    numbers = values.astype(np.int64)
    return numbers.view(np.uint64) if (numbers.astype(np.float64).view(np.uint64) == bits).all() else None


def _encode_words(words: Words, planes: list[Any]) -> dict[str, Any]:
    """Words (n,) as distances from the least, in planes."""
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
        stored.append([width, _store(plane, planes)])
        at += width
    return {"base": int(base), "shift": shift, "planes": stored, "items": len(words)}


def _store(plane: NDArray[Any], planes: list[Any]) -> int:
    """Put a plane behind the others, and tell its bytes: fewer than its items take where it is deflated."""
    raw: Any = plane.data.cast("B")
    middle = max(len(raw) - _SAMPLE, 0) // 2
    sample = raw[middle : middle + _SAMPLE]
    if len(zlib.compress(sample, 1)) < _PAYS * len(sample):
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
        "words": [_encode_words(_joined(columns, least, group), planes) for group in _groups(facts["spans"])]
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


def _groups(spans: list[int]) -> Iterator[list[tuple[int, int]]]:
    """Which axes share a word, with the bits that each takes: (axis, bits)."""
    group = list[tuple[int, int]]()
    for axis, span in enumerate(spans):
        bits = (span - 1).bit_length()
        if group and sum(taken for _, taken in group) + bits > 64:
            yield group
            group = []
        if bits:
            group.append((axis, bits))
    if group:
        yield group


def _joined(columns: NDArray[Any], least: list[int], group: list[tuple[int, int]]) -> Words:
    words: Words = np.zeros(columns.shape[1], dtype=np.uint64)
    for axis, bits in group:
        words <<= np.uint64(bits)
        words |= (columns[axis] - columns.dtype.type(least[axis])).astype(np.uint64)
    return words


# Bytes to arrays


def decode(run_id: int, head: ChunkHead, content: bytes, bounds: Bounds | None = None) -> Designs:
    """The designs of a chunk, or those within the bounds: a design that lacks a bounded metric is not.

    Raises:
        DamagedLabError: the content is not what `encode` makes.
    """
    try:
        return _decode(head, content, bounds or {})
    except _DAMAGE as error:
        raise _damaged(run_id, head.number) from error


def _decode(head: ChunkHead, content: bytes, bounds: Bounds) -> Designs:
    n = head.points
    if not 0 < n <= CHUNK_POINTS:
        raise ValueError(f"{n} points")
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    if header["format"] != _FORMAT:
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
    if len(least) != len(spans) or not 1 <= len(spans) <= _MOST_AXES:
        raise ValueError("axes")
    most = max(low + span - 1 for low, span in zip(least, spans, strict=True))
    columns = np.zeros((len(spans), n), dtype=np.min_scalar_type(most))  # (k, n)
    if "ranks" in facts:
        _from_ranks(columns, facts)
    else:
        for group, stored in zip(_groups(spans), facts["words"], strict=True):
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
