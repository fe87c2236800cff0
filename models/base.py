"""What surrogates learn from, and the file they are kept in: safetensors with a JSON header, which runs no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """What one task has to teach: encoded designs X (n, inputs) and outputs Y (n, outputs) in their units."""

    X: Floats
    Y: Floats

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.Y.ndim != 2 or len(self.X) != len(self.Y):
            raise ValueError(f"X must be (n, inputs) and Y (n, outputs), got {self.X.shape} and {self.Y.shape}")


def pack(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> bytes:
    """Named arrays and a JSON-able header as the content of one safetensors file; equal input gives equal bytes."""
    # One metadata key only: safetensors writes several in an order that differs from process to process.
    text = json.dumps(header, sort_keys=True, allow_nan=False)
    return save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata={"header": text})


def unpack(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The inverse of `pack`.

    Raises:
        ValueError: not the content of such a file.
    """
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")  # the format: 8 bytes of length, a JSON header, the arrays
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["header"])
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file with the header of a surrogate: {error}") from None
    if not isinstance(header, dict):
        raise ValueError(f"the header of a surrogate must be a JSON object, got {type(header).__name__}")
    return arrays, header


def training_hash(X: Floats, Y: Floats) -> str:
    """32 hex digits that equal training sets share: (n, inputs) and (n, outputs), in the same order."""
    parts = [np.asarray(part, dtype="<f8") for part in (X, Y)]
    digest = blake2b(json.dumps([part.shape for part in parts]).encode(), digest_size=16)
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
