"""A fused schedule as a picture: the groups along the network, and the DRAM traffic of each, alone and fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workbench.views.pictures import CLOUD, COLOURS, write
from workbench.views.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH: Final = 8.0
ROW: Final = 0.3
"""Inches of a group."""
OPERANDS: Final = ("weights", "inputs", "outputs")
MEBIBITS: Final = 8 * 2**20


def draw_schedule(title: str, groups: Sequence[Mapping[str, Any]], file: Path) -> None:
    """The groups of a schedule, as `dse fuse --json` tells them, into a new SVG or PNG file.

    Raises:
        UserError: the ending is none of a picture's, or matplotlib is not there.
        StoreError: there is something at the file's place already, or it cannot be written.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(groups))
        alone = [group["layer_by_layer"]["dram_bits"] / MEBIBITS for group in groups]
        axes.barh(places - 0.21, alone, 0.36, color=CLOUD, label="layer by layer")
        left = np.zeros(len(groups))
        for operand, colour in zip(OPERANDS, COLOURS, strict=False):
            part = np.array([group["dram_bits_of"][operand] / MEBIBITS for group in groups])
            axes.barh(places + 0.21, part, 0.36, left=left, color=colour, label=f"fused: {operand}")
            left += part
        axes.set_yticks(places, [_label(group) for group in groups], fontsize="small")
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlabel("DRAM traffic [MiB]")
        axes.grid(axis="x", alpha=0.25)
        axes.set_title(plain(title))
        figure.legend(loc="outside lower center", ncols=1 + len(OPERANDS), fontsize="small")

    write(file, (WIDTH, 1.4 + ROW * max(len(groups), 6)), draw)


def _label(group: Mapping[str, Any]) -> str:
    """A layer's name, or the first and last of a group with how many they are and its tile."""
    if group["tile"] is None:
        return plain(group["first"])
    height, width = group["tile"]
    layers = f"{len(group['layers'])} layers" if len(group["layers"]) > 1 else "1 layer"
    return plain(f"{group['first']} .. {group['last']}\n{layers}, tiles of {height} x {width}")
