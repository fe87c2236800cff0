"""Agreement of the data-centric engine with the public tool, and what the corrected mode puts right."""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from workbench.errors import UserError
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.corrected import moves_of
from workbench.simulators.dataflow.levels import Skeleton, batch_of, skeleton_of
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.nest import ALL_HELD, cycles, unroll
from workbench.simulators.dataflow.parse import parse_mapping
from workbench.simulators.dataflow.tensors import TENSORS, DataLayer, dims_of

ROWS = Path(__file__).parent.parent / "tests" / "golden" / "maestro.csv.gz"
CHUNK = 256
CLOSE = 1e-6
PRINTED_DIGITS = 5e-6
"""Area and power are recorded with six digits, so that this much is rounding."""

FIELDS = ("l1_rd", "l1_wr", "l2_rd", "l2_wr", "l1_req", "l2_req")
DELAYS = ("ingress", "egress", "compute")


@dataclass(frozen=True)
class Row:
    """One recorded run of the tool."""

    content: dict[str, str]
    layer: DataLayer
    mapping: Mapping

    @classmethod
    def of(cls, content: dict[str, str]) -> Row:
        """From a line of the table."""
        kind = content["layer_type"]
        extents = tuple((dim, int(content[dim])) for dim in dims_of(kind) if content[dim])
        stride = int(content["stride_y"] or 1), int(content["stride_x"] or 1)
        layer = DataLayer(f"row {content['id']}", kind, extents, stride)  # type: ignore[arg-type]
        return cls(content, layer, parse_mapping(content["mapping"], f"row {content['id']}"))

    def number(self, key: str) -> int:
        """A recorded integer; the table writes large ones as floats here and there."""
        return round(float(self.content[key]))

    @property
    def valid(self) -> bool:
        """Whether the tool gave a result that means something."""
        return self.content["q_valid"] == "1"


def rows(path: Path) -> list[Row]:
    """The rows of a CSV file, gzipped or not."""
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
        table = list(csv.DictReader(text.splitlines()))
        return [row for content in table if (row := _readable(content)) is not None]
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise UserError(f"{path}: it is no table of recorded runs: {error}.") from None


def _readable(content: dict[str, str]) -> Row | None:
    """A row, unless it states a layer or mapping that there cannot be: told, and left out."""
    try:
        return Row.of(content)
    except UserError as error:
        print(f"row {content['id']} ({content['status']}) is left out: {error}", file=sys.stderr)
        return None


def batches(recorded: list[Row]) -> Iterator[list[Row]]:
    """Rows that can be evaluated together."""
    groups: dict[Skeleton, list[Row]] = {}
    for row in recorded:
        groups.setdefault(skeleton_of(row.layer, row.mapping), []).append(row)
    for group in groups.values():
        for start in range(0, len(group), CHUNK):
            yield group[start : start + CHUNK]


def timing_of(group: list[Row]) -> Timing:
    """The settings of the rows, (b, 1) each."""
    table = [
        np.array([[row.number(key)] for row in group], dtype=np.int64)
        for key in ("noc_bw", "noc_latency", "offchip_bw", "simd")
    ]
    return Timing(*table)


def compatible_faults(group: list[Row]) -> list[list[str]]:
    """Per row, the columns that differ."""
    built = build(batch_of([(row.layer, row.mapping, row.number("num_pes")) for row in group]))
    timing = timing_of(group)
    found, timed = compatible.counts(built), compatible.cycles(built, timing)
    pes, noc, simd = built.batch.pes, timing.noc[:, 0], timing.simd[:, 0]
    l1, l2 = np.sum(found.l1_need, axis=0), np.sum(found.l2_need, axis=0)
    columns: dict[str, np.ndarray] = {"runtime_cycles": timed.runtime[:, 0], "num_macs": found.macs}
    tables = (found.l1_reads, found.l1_writes, found.l2_reads, found.l2_writes, found.l1_need, found.l2_need)
    for field, table in zip(FIELDS, tables, strict=True):
        columns |= {f"{tensor}_{field}": values for tensor, values in zip(TENSORS, table, strict=True)}
    columns |= {"l1_req_total": l1, "l2_req_total": l2}
    top = built.tables[0]
    for name in DELAYS:
        values = getattr(timed.delays, name)[:, 0]
        for kind, most, start in (("min", 2**62, np.minimum), ("max", -(2**62), np.maximum)):
            columns[f"{name}_delay_{kind}"] = start.reduceat(np.where(top.counted, values, most), top.cases.start)
        total = np.add.reduceat(top.weight * values, top.cases.start)
        columns[f"{name}_delay_avg"] = total // np.maximum(np.add.reduceat(top.weight, top.cases.start), 1)
    peak, offchip_need = compatible.bandwidths(built, timed)
    columns |= {"peak_noc_bw_req": peak[:, 0], "offchip_bw_req": offchip_need[:, 0]}
    reals = {
        "energy_total_exact": (found.energy, CLOSE),
        "area_um2": (compatible.area_um2(pes, simd, l1, l2, noc), PRINTED_DIGITS),
        "avg_active_pes": (compatible.active_pes(built), PRINTED_DIGITS),
        "power_mw": (compatible.power_mw(pes, simd, l1, l2, noc), PRINTED_DIGITS),
    }
    faults: list[list[str]] = []
    for i, row in enumerate(group):
        if not row.valid:
            crashed = row.content["status"] != "ok"
            faults.append([] if crashed == bool(timed.crashes[i, 0]) else ["status"])
            continue
        wrong = ["status"] if timed.crashes[i, 0] else []
        wrong += [name for name, values in columns.items() if int(values[i]) != row.number(name)]
        wrong += [name for name, (v, close) in reals.items() if abs(v[i] / float(row.content[name]) - 1) > close]
        faults.append(wrong)
    return faults


def compatible_mode(recorded: list[Row]) -> dict[str, float]:
    """Compare every column of every row."""
    print("== compatible: every column as the tool has it?")
    wrong: Counter[str] = Counter()
    equal = valid = missed = 0
    began = time.process_time()
    for group in batches(recorded):
        for row, faults in zip(group, compatible_faults(group), strict=True):
            if row.valid:
                valid += 1
                equal += not faults
            else:
                missed += bool(faults)
            for name in faults:
                wrong[name] += 1
                if wrong[name] <= 3:
                    print(f"{row.content['id']:>8} {row.layer.type:<7} {row.content['dataflow']:<12} differs in {name}")
    crashed = sum(row.content["status"] != "ok" for row in recorded)
    print(f"{equal} of {valid} valid rows equal in every column")
    print(f"{crashed} runs crashed the tool; whether one does is told wrongly for {missed} of those without a result")
    print(f"{(time.process_time() - began):.2f} cpu-s for {len(recorded)} rows, comparisons included")
    return {"rows": valid, "compatible_exact": equal / max(valid, 1)}


def corrected_mode(recorded: list[Row]) -> dict[str, float]:
    """Check what has to hold on every row, those that crash the tool included; a failure of ours is counted."""
    print("\n== corrected: true MACs, PEs never busier than they can be, no crash?")
    true = kept = crashes = 0
    slower: list[float] = []
    began = time.process_time()
    for row, found in _corrected(recorded):
        if found is None:
            crashes += 1
            continue
        macs, total, pes = found
        true += macs == row.layer.macs
        kept += row.layer.macs <= total * pes * row.number("simd")
        if row.valid:
            slower.append(row.number("runtime_cycles") / total)
    low, middle, high = np.percentile(slower, [5, 50, 95])
    theirs = sum(row.valid and row.number("num_macs") == row.layer.macs for row in recorded)
    print(f"MACs true on {true} of {len(recorded)} rows (the tool's: {theirs}), PE bound held on {kept}")
    print(f"crashes: {crashes}")
    print(f"the tool's cycles over these, 5 %, median, 95 %: {low:.3f} {middle:.3f} {high:.3f}")
    print(f"{(time.process_time() - began):.2f} cpu-s")
    rows_all = max(len(recorded), 1)
    return {"corrected_macs_exact": true / rows_all, "pe_bound_held": kept / rows_all, "crashes": crashes}


def _corrected(recorded: list[Row]) -> Iterator[tuple[Row, tuple[int, int, int] | None]]:
    """Of each row MACs, cycles and PEs; None where the analysis fails."""
    for group in batches(recorded):
        try:
            batch = batch_of([(row.layer, row.mapping, row.number("num_pes")) for row in group])
            nest = unroll(batch)
            macs, total = moves_of(nest, ALL_HELD).macs, cycles(nest, timing_of(group)).total[:, 0]
        except Exception as error:  # noqa: BLE001 - a crash is what is counted here
            print(f"{group[0].content['id']:>8} and {len(group) - 1} like it: {type(error).__name__}: {error}")
            yield from ((row, None) for row in group)
            continue
        for i, row in enumerate(group):
            yield row, (int(macs[i]), int(total[i]), int(batch.pes[i]))


def main() -> int:
    """Print both comparisons and, last, one JSON object of the headline figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--golden", type=Path, help="a CSV table of recorded runs, gzipped or not (default: the tests')"
    )
    parser.add_argument("--rows", type=Path, help="other recorded runs, to be measured instead")
    options = parser.parse_args()
    try:
        recorded = rows(options.rows or options.golden or ROWS)
        figures = compatible_mode(recorded) | corrected_mode(recorded)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
