"""Columns of an enumeration that begin anew after some designs: found by the sizes of the fastest axes, deflated once.

What comes out is an ordinary zlib stream: a block is compressed to whole bytes and without looking back, so that the
bytes may stand behind one another as often as the block repeats (RFC 1950 and RFC 1951, 3.2.3).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import gcd
from operator import mul
from typing import Any, Final

from store.designs import Words

_LEAST: Final = 4096  # designs: fewer are not worth the look
_BLOCK: Final = 2048  # words that are deflated at once, if the period is shorter
_MODULUS: Final = 65521  # of Adler-32: RFC 1950, 8.2
_HEADER: Final = b"\x78\x01"  # deflate, with a window of 32 KiB
_END: Final = b"\x03\x00"  # a last block with nothing in it


def periods(codes: Mapping[str, Any], n: int) -> list[int]:
    """After how many designs some of the fastest axes begin anew, by what is stored of the codes; ascending."""
    if "ranks" not in codes or n < _LEAST:
        return []
    stride = max(abs(codes["ranks"][1]), 1)
    sizes = accumulate(reversed(codes["spans"]), mul)
    return list(dict.fromkeys(period for size in sizes if (period := size // gcd(size, stride)) <= n // 4))


def block_of(words: Words, candidates: Sequence[int]) -> int:
    """How many words there are until they repeat to the end, a multiple of a period; all of them if they do not."""
    for period in candidates:
        if (words[period : period + 64] == words[:64]).all() and (words[period:] == words[:-period]).all():
            return period * max(_BLOCK // period, 1)
    return len(words)


def deflated(block: bytes, size: int) -> bytes:
    """The zlib stream of a block that repeats up to so many bytes; the last time perhaps not to its end."""
    times, rest = divmod(size, len(block))
    check = _adler(zlib.adler32(block), len(block), times)
    check = zlib.adler32(block[:rest], check)
    last = _flushed(block[:rest]) if rest else b""
    return b"".join([_HEADER, _flushed(block) * times, last, _END, struct.pack(">I", check)])


def _flushed(block: bytes) -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)


def _adler(once: int, length: int, times: int) -> int:
    """The Adler-32 of what repeats, by that of one time.

    It is a pair of sums modulo 65521: of the bytes, from 1; and of what that sum was after each byte, from 0. A time
    that begins with a sum of 1 + s more adds `length` * s to the second.
    """
    low, high = (once & 0xFFFF) - 1, once >> 16
    second = times * high + length * low * (times * (times - 1) // 2)
    return second % _MODULUS << 16 | (1 + times * low) % _MODULUS
