"""Chunks: what a sweep or a bulk import leaves, designs by the ten thousands in a row each; arrays in and out.

How arrays become bytes is `encoding`'s. Beside them the table keeps each metric's least and most value, so that a
search by bounds reads no chunk in vain, and a digest of it all.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection

from store import decoding
from store.connections import Driver
from store.designs import Bounds, Designs
from store.encoding import Encoded
from store.errors import BadRowError, DamagedLabError, NotInTurnError
from store.rows import ALL, METRICS, ChunkHead, Zone

_ZONES: Final = ", ".join(f"{metric}_least, {metric}_most" for metric in METRICS)
_HEAD: Final = f"number, first, points, feasible, {_ZONES}, digest"
_HEADS: Final = f"""
    SELECT {_HEAD}, length(content) FROM chunk WHERE run_id = ? AND number > ? ORDER BY number LIMIT ?
"""  # noqa: S608
_MATCHES: Final = " AND ".join(
    f"(CAST(?{i} AS DOUBLE PRECISION) IS NULL OR {metric}_most >= ?{i})"
    f" AND (CAST(?{i + 1} AS DOUBLE PRECISION) IS NULL OR {metric}_least <= ?{i + 1})"
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


def add(driver: Driver, run_id: int, epoch: int, chunks: Sequence[Encoded]) -> None:
    """Put chunks behind those that the run has.

    Raises:
        NotInTurnError: whoever asks does not own the run.
    """
    now_ns, added = time.time_ns(), sum(chunk.points for chunk in chunks)
    rows = driver.execute(_GROW, (added, now_ns, now_ns, run_id, epoch)).fetchall()
    if not rows:
        raise NotInTurnError
    first = int(rows[0][0]) - added
    ((number,),) = driver.execute(_NEXT_NUMBER, (run_id,)).fetchall()
    for chunk in chunks:
        ends = tuple(end for zone in chunk.zones for end in zone)
        place = (number, first, chunk.points, chunk.feasible)
        key = chunk_digest(place, chunk.zones, chunk.content)
        driver.execute(_INSERT, (run_id, *place, *ends, key, chunk.content))
        number, first = number + 1, first + chunk.points


def heads(connection: Connection, run_id: int, after_number: int, limit: int | None) -> list[ChunkHead]:
    """Chunks without their content, in order."""
    rows = connection.exec_driver_sql(_HEADS, (run_id, after_number, ALL if limit is None else limit))
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


def decode(run_id: int, head: ChunkHead, content: bytes, bounds: Bounds | None = None) -> Designs:
    """The designs of a chunk, or those within the bounds: a design that lacks a bounded metric is not.

    Raises:
        DamagedLabError: the content is not what `encode` makes.
    """
    try:
        return decoding.decode(head, content, bounds or {})
    except decoding.DAMAGE as error:
        raise _damaged(run_id, head.number) from error
