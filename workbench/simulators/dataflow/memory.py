"""What DRAM has to move, as it follows from the size of the buffers on the chip.

The loops of the top level are cut somewhere for each tensor: what the loops inside the cut touch stays on the chip, so
that only loops outside of it that change the tensor, and all loops around those, fetch it again. A cut further out
needs more room and moves less. The cuts that fit together and move least are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.dataflow.levels import Bools, Ints
from workbench.simulators.dataflow.nest import Nest
from workbench.simulators.dataflow.tensors import IN, OUT, WINDOWS, WT
from workbench.simulators.dataflow.tiles import Shape, rows, volume_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cuts:
    """Per cut, from outside all loops to inside: (b, 3, p) elements that stay on the chip, double buffered where they
    change, and elements that move between chip and DRAM; of the output, those that leave, finished or not."""

    room: Ints
    moved: Ints


@dataclass(frozen=True)
class Traffic:
    """Elements that DRAM gives and takes of each tensor, (b, 3) each, and which designs fit on the chip at all (b,).

    `needed` (b, 3) are the elements that have to be there at least.
    """

    reads: Ints
    writes: Ints
    fits: Bools
    needed: Ints


def cuts_of(nest: Nest) -> Cuts:
    """Every cut of every design."""
    tiles, shape = nest.floors[0].steps.tiles, nest.shape
    dims = tiles.dims
    whole = np.stack([shape.extent[dim] for dim in dims], axis=1)
    wave = np.minimum(tiles.wave, whole)
    steps = -(-whole // wave)  # (b, j)
    room, moved = [], []
    for cut in range(len(dims) + 1):
        inside = np.arange(len(dims)) >= cut
        held = np.where(inside, whole, wave)
        volumes = volume_of(shape, {dim: held[:, i] for i, dim in enumerate(dims)})
        rooms, moves = [], []
        for tensor in (IN, WT, OUT):
            depends = np.array([dim in shape.relevant[tensor] for dim in dims])
            changing = depends & ~inside & (steps > 1)  # (b, j)
            last = np.where(changing.any(axis=1), len(dims) - 1 - np.argmax(changing[:, ::-1], axis=1), -1)
            around = (np.arange(len(dims)) < last[:, None]) & ~depends
            again = np.where(around, steps, 1).prod(axis=1)
            rooms.append(volumes[tensor] * np.where(last >= 0, 2, 1))
            moves.append(_touched(shape, dims, whole, held, last, tensor) * again)
        room.append(np.stack(rooms, axis=1))
        moved.append(np.stack(moves, axis=1))
    return Cuts(np.stack(room, axis=2), np.stack(moved, axis=2))


def _touched(shape: Shape, dims: tuple[str, ...], whole: Ints, held: Ints, last: Ints, tensor: int) -> Ints:
    """Elements of a tensor that one pass over its tiles fetches: rows that neighbours share again, unless the tiles
    slide along them (`last` is the innermost loop that changes the tensor)."""
    at = {dim: i for i, dim in enumerate(dims)}
    total = np.ones(len(whole), dtype=np.int64)
    for dim in sorted(shape.relevant[tensor]):
        size = whole[:, at[dim]]
        if tensor == IN and dim in WINDOWS.values():
            continue
        if tensor == IN and dim in WINDOWS:
            kernel, window = whole[:, at[WINDOWS[dim]]], held[:, at[WINDOWS[dim]]]
            stride, dilation = shape.stride[dim], shape.dilation[dim]
            tile = held[:, at[dim]]
            apart = size // tile * rows(tile, kernel, stride, dilation)
            apart = apart + np.where(size % tile > 0, rows(np.maximum(size % tile, 1), kernel, stride, dilation), 0)
            apart = np.where(window < kernel, -(-kernel // window) * size * window, apart)
            slides = (last == at[dim]) & (dilation == 1) & (window == kernel)
            total = total * np.where(slides, rows(size, kernel, stride, dilation), apart)
        else:
            total = total * size
    return total


def least(cuts: Cuts, bits: Ints, capacity: Ints, memory: tuple[int, ...]) -> Traffic:
    """The best cuts that fit: `bits` (b, 3) of an element of each tensor on the chip, `capacity` (b, m) of each buffer
    in bits, and the buffer of each tensor in `memory`, -1 for one that has none on the chip."""
    count = cuts.room.shape[2]
    ranges = [range(count) if buffer >= 0 else [count - 1] for buffer in memory]
    chosen = np.array(list(product(*ranges)))  # (x, 3)
    room = cuts.room * bits[:, :, None]
    used = np.zeros((len(bits), capacity.shape[1], len(chosen)), dtype=np.int64)
    traffic = np.zeros((len(bits), len(chosen)))
    for tensor, buffer in enumerate(memory):
        if buffer >= 0:
            used[:, buffer] += room[:, tensor, chosen[:, tensor]]
        moved = cuts.moved[:, tensor, chosen[:, tensor]]
        traffic += moved * bits[:, tensor, None] * (2.0 if tensor == OUT else 1.0)
    fits = np.logical_and.reduce(used <= capacity[:, :, None], axis=1)
    best = np.argmin(np.where(fits, traffic, np.inf), axis=1)
    row = np.arange(len(bits))
    moved = np.stack([cuts.moved[row, t, chosen[best, t]] for t in (IN, WT, OUT)], axis=1)
    unfinished = moved[:, OUT] - cuts.moved[:, OUT, 0]
    nothing = np.zeros_like(unfinished)
    return Traffic(
        reads=np.stack([moved[:, IN], moved[:, WT], unfinished], axis=1),
        writes=np.stack([nothing, nothing, moved[:, OUT]], axis=1),
        fits=np.logical_or.reduce(fits, axis=1),
        needed=cuts.room[:, :, -1],
    )
