"""An architecture and a layer as SCALE-Sim 3.0.0 wants them: its three files, and what its counts cost.

What stands for what, and why, is in the package's docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from workbench.errors import UserError
from workbench.problem.arch import OPERANDS, Arch, Memory
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible

Dataflow = Literal["ws", "os", "is"]
Bandwidth = Literal["calc", "user"]

KILO = 1024
NAMES = {"I": "ifmap", "W": "filter", "O": "ofmap"}
LAYOUT_COLUMNS = 20
"""Of the layout file, which SCALE-Sim reads and, with layouts off, does not use."""

Prices = list[tuple[str, str, dict[str, float]]]
"""(memory, operand, count -> pJ for each word counted)."""

CONFIG = """\
[general]
run_name = run

[architecture_presets]
ArrayHeight = {height}
ArrayWidth = {width}
IfmapSramSzkB = {ifmap_kb}
FilterSramSzkB = {filter_kb}
OfmapSramSzkB = {ofmap_kb}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = {ofmap_words}
ReadRequestBuffer = 64
WriteRequestBuffer = 64

[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = {ifmap_words}
IfmapSRAMBankNum = 1
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = {filter_words}
FilterSRAMBankNum = 1
FilterSRAMBankPort = 2

[sparsity]
SparsitySupport = false

[run_presets]
InterfaceBandwidth = {mode}
UseRamulatorTrace = False
"""


@dataclass(frozen=True, slots=True)
class Folding:
    """A layer's matrix product, cut into pieces of the array's size that run one after another.

    `sums` is how many of them add to one output.
    """

    height: int
    width: int
    folds: int
    sums: int
    cycles: int


@dataclass(frozen=True, slots=True)
class Store:
    """What holds an operand: its SRAM, how many times its size there is for this operand, the memories up to the last.

    `port` is how many bits the last one moves of it in a cycle.
    """

    memory: Memory
    share: float
    above: tuple[Memory, ...]
    port: int

    @property
    def last(self) -> Memory:
        """The last memory."""
        return self.above[-1]

    def words(self, bits: int) -> int:
        """How many words of some bits the SRAM holds."""
        return int(self.memory.size_bits * self.share // bits)


def check(arch: Arch, layer: Layer) -> None:
    """Refuse what SCALE-Sim does not know.

    Raises:
        UserError: naming what it is.
    """
    if len(arch.array) != 2:
        raise UserError(
            f"SCALE-Sim knows arrays of two dimensions, and {arch.name} has {len(arch.array)}: "
            f"{', '.join(dim for dim, _ in arch.array)}."
        )
    for operand in OPERANDS:
        if len(arch.levels(operand)) < 2:
            raise UserError(
                f"SCALE-Sim has an SRAM for each operand, and {arch.name} has no memory for {operand} on the chip."
            )
    many = [f"{layer.size(dim)} {what}" for dim, what in (("G", "groups"), ("B", "images")) if layer.size(dim) > 1]
    dilated = any(d > 1 < layer.size(k) for d, k in zip(layer.dilation, ("FY", "FX"), strict=True))
    if many:
        raise UserError(f"SCALE-Sim knows one group and one image, and layer {layer.name!r} has {' and '.join(many)}.")
    if dilated:
        raise UserError(f"SCALE-Sim knows no dilation, and layer {layer.name!r} has {list(layer.dilation)}.")
    if len(_strides(layer)) > 1:
        raise UserError(
            f"SCALE-Sim knows one stride for rows and columns, and layer {layer.name!r} has {list(layer.stride)}."
        )


def _strides(layer: Layer) -> set[int]:
    """The strides between outputs, where there are several."""
    return {stride for stride, dim in zip(layer.stride, ("OY", "OX"), strict=True) if layer.size(dim) > 1}


def folded(arch: Arch, layer: Layer, dataflow: Dataflow) -> Folding:
    """How the layer is cut, and the cycles without stalls.

    Samajdar et al. 2020 (SCALE-Sim), eq. 3, less the draining that version 3 hides under `os`: a piece takes its steps,
    the skew along the array's width and height, and, unless outputs stay, the height once more to load what stays.
    """
    sums_along = arch.memories[arch.levels("O")[0]].shared_over
    (first, first_size), (_, second_size) = arch.array
    height, width = (first_size, second_size) if sums_along == (first,) else (second_size, first_size)
    window = prod(layer.size(dim) for dim in ("C", "FY", "FX"))
    outputs = layer.size("OY") * layer.size("OX")
    rows, columns, steps = {
        "ws": (window, layer.size("K"), outputs),
        "is": (window, outputs, layer.size("K")),
        "os": (outputs, layer.size("K"), window),
    }[dataflow]
    row_folds, folds = -(-rows // height), -(-rows // height) * -(-columns // width)
    piece = steps + height + width - 2 + (0 if dataflow == "os" else height)
    return Folding(height, width, folds, 1 if dataflow == "os" else row_folds, folds * piece)


def stores(arch: Arch) -> dict[str, Store]:
    """What holds each operand."""
    whole = set(arch.array_size)
    found: dict[str, Store] = {}
    for operand in OPERANDS:
        *chip, last = (arch.memories[level] for level in arch.levels(operand))
        at = next((i for i, memory in enumerate(chip) if set(memory.shared_over) == whole), len(chip) - 1)
        sram = chip[at]
        port = last.ports[last.port_of(operand, "from_low" if operand == "O" else "to_low")]
        share = arch.instances(sram) / len(sram.operands)
        found[operand] = Store(sram, share, (*chip[at + 1 :], last), port.bits_per_cycle)
    return found


def word_bits(layer: Layer, folding: Folding) -> dict[str, int]:
    """Bits of a word of each operand where it is stored."""
    sums = layer.partial_bits if folding.sums > 1 else layer.output_bits
    return {"W": layer.weight_bits, "I": layer.input_bits, "O": sums}


def unfit(arch: Arch, layer: Layer, folding: Folding, bandwidth: Bandwidth) -> Infeasible | None:
    """The first thing that an architecture lacks, if any."""
    words = word_bits(layer, folding)
    values = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
    *chip, last = arch.memories
    needs: list[tuple[str, Memory, str, float, float]] = []
    for memory in chip:
        value = sum(values[operand] for operand in memory.operands)
        needs.append(("a value of each operand needs", memory, "size_bits", value, memory.size_bits))
    whole = sum(layer.elements(operand) * values[operand] for operand in ("W", "I"))
    whole += layer.elements("O") * words["O"]
    needs.append(("the layer's tensors need", last, "size_bits", whole, last.size_bits))
    for operand, store in stores(arch).items():
        least = KILO * words[operand] / store.share
        what = f"SCALE-Sim's smallest SRAM, {KILO} words of {operand}, needs"
        needs.append((what, store.memory, "size_bits", least, store.memory.size_bits))
        if bandwidth == "user":
            what = f"SCALE-Sim moves whole words of {operand}, which need"
            needs.append((what, last, "bits_per_cycle", words[operand], store.port))
    for what, memory, field, demand, bound in needs:
        if demand > bound:
            reason = f"{what} {demand:,.0f} bits of {memory.name}, which has {bound:,}"
            return Infeasible(reason, f"memories.{memory.name}.{field}", demand, bound)
    return None


def files(arch: Arch, layer: Layer, folding: Folding, dataflow: Dataflow, bandwidth: Bandwidth) -> dict[str, str]:
    """The configuration, topology and layout file, by name."""
    words = word_bits(layer, folding)
    sizes: dict[str, int] = {}
    for operand, store in stores(arch).items():
        sizes[f"{NAMES[operand]}_kb"] = store.words(words[operand]) // KILO
        sizes[f"{NAMES[operand]}_words"] = max(1, store.port // words[operand])
    top, bottom, left, right = layer.padding
    rows, columns = layer.input_size
    kernel = (layer.size(dim) for dim in ("FY", "FX", "C", "K"))
    shape = (rows + top + bottom, columns + left + right, *kernel, max(_strides(layer), default=1))
    return {
        "run.cfg": CONFIG.format(
            height=folding.height, width=folding.width, dataflow=dataflow, mode=bandwidth.upper(), **sizes
        ),
        "topology.csv": "Layer,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Filters,Stride,\n"
        f"layer,{','.join(map(str, shape))},\n",
        "layout.csv": f"Layer,{'Factor,' * LAYOUT_COLUMNS}\nlayer,{'1,' * LAYOUT_COLUMNS}\n",
    }


def prices(arch: Arch, layer: Layer, folding: Folding) -> Prices:
    """What each word that SCALE-Sim counts costs, for every memory of every operand from its SRAM on."""
    partial = layer.partial_bits * (folding.sums - 1)
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": (partial + layer.output_bits) / folding.sums}
    found: Prices = []
    for operand, store in stores(arch).items():
        moved = "writes" if operand == "O" else "reads"
        array, dram = f"{NAMES[operand]}_sram_{moved}", f"{NAMES[operand]}_dram_{moved}"
        for memory in (store.memory, *store.above):
            share = bits[operand] / memory.word_bits
            read, write = memory.read_energy_pj * share, memory.write_energy_pj * share
            asked, passed = (write, read) if operand == "O" else (read, write)
            if memory is store.memory:
                found.append((memory.name, operand, {array: asked, dram: passed}))
            else:
                found.append((memory.name, operand, {dram: asked if memory is store.last else read + write}))
    return found
