"""Agreement of the loop-nest engine with ZigZag 3.9.1: same mapping, same cost? Own search, as good a mapping?"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.golden import CRITERIA, Row, rows
from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.problem.template import load_template
from workbench.simulators.loopnest.engine import Criterion, evaluate_layer

FACTORS = 6
HALF_PERCENT = 0.005

# Printed by ZigZag 3.9.1 (LOMA, 6 factors, uneven, best latency): energy [pJ], latency [cycles] per layer, with the
# two faults of its example files corrected (the TPU's output register serves D2; the Tesla array is 32 x 8 x 4) and
# 14 x 12 channels on the Eyeriss array.
LAYERS = {
    "alex1": Layer.conv("alex1", 3, 96, 11, out_size=55, stride=4),
    "alex3": Layer.conv("alex3", 256, 384, 3, out_size=13, padding=1),
    "alex5": Layer.conv("alex5", 384, 256, 3, out_size=13, padding=1),
    "vgg2_1": Layer.conv("vgg2_1", 64, 128, 3, out_size=112, padding=1),
    "vgg4_1": Layer.conv("vgg4_1", 256, 512, 3, out_size=28, padding=1),
}
BEST_LATENCY: dict[str, dict[str, tuple[float, float]]] = {
    "tpu_like": {
        "alex1": (7.493e7, 1_120_100),
        "alex3": (1.180e8, 159_362),
        "alex5": (1.181e8, 160_934),
        "vgg2_1": (4.091e8, 1_015_210),
        "vgg4_1": (3.427e8, 969_662),
    },
    "tesla_npu_like": {
        "alex1": (6.282e7, 106_779),
        "alex3": (1.270e8, 221_194),
        "alex5": (1.275e8, 221_194),
        "vgg2_1": (4.244e8, 903_703),
        "vgg4_1": (3.715e8, 1_041_420),
    },
    "meta_prototype_like": {
        "alex1": (5.639e7, 143_340),
        "alex3": (1.375e8, 223_988),
        "alex5": (1.152e8, 223_622),
        "vgg2_1": (3.441e8, 905_324),
        "vgg4_1": (3.940e8, 912_399),
    },
    "eyeriss_like": {
        "alex1": (7.545e8, 2_570_710),
        "alex3": (1.313e9, 980_391),
        "alex5": (1.300e9, 954_879),
        "vgg2_1": (7.487e9, 6_919_230),
        "vgg4_1": (7.533e9, 6_005_290),
    },
}
BEST_ENERGY = {"alex3": (1.169e8, 255_880.0), "alex5": (1.174e8, 255_916.0), "vgg4_1": (3.358e8, 1_069_190.0)}
"""The same tool on the TPU with the best energy asked for."""

UNROLLED = {
    "tpu_like": {"D1": "K", "D2": "C"},
    "tesla_npu_like": {"D1": "K", "D2": "OX", "D3": "OY"},
    "meta_prototype_like": {"D1": "K", "D2": "C", "D3": "OX", "D4": "OY"},
    "eyeriss_like": {"D1": "K", "D2": "C"},
}


def shipped(name: str) -> Arch:
    """The bundled architecture at its file's own costs, with the unrolling the table was recorded with."""
    rule = tuple((dim, ((loop, None),)) for dim, loop in UNROLLED[name].items())
    return replace(load_template(name).nominal("own"), spatial_mapping=rule)


def best(arch: Arch, layer: Layer, criterion: Criterion) -> Metrics:
    """The engine's own best mapping."""
    outcome = evaluate_layer([arch], layer, criterion, FACTORS)[0]
    if not isinstance(outcome, Metrics):
        raise UserError(f"{arch.name} on {layer.name} cannot be built: {outcome.reason}.")
    return outcome


def excess(ours: float, theirs: float) -> float:
    """How far ours lies above theirs, in per cent."""
    return (ours / theirs - 1) * 100


def same_mapping(recorded: list[Row]) -> dict[str, float]:
    """Cost every recorded best mapping and compare."""
    print("\n== Same mapping, same cost? (energy pJ, latency cycles: theirs, ours, difference)")
    within = exact = total = 0
    for row in recorded:
        for criterion in CRITERIA:
            energy, latency = row.best(criterion)
            ours = row.ours(criterion)
            off = max(abs(ours.energy_pj / energy - 1), abs(ours.latency_cycles / latency - 1))
            assert ours.breakdown is not None
            same_work = row.layer.macs == row.content["macs"]
            exact += same_work and ours.breakdown.ideal_cycles == row.ideal_cycles(criterion)
            within += off <= HALF_PERCENT
            total += 1
            mark = "" if off <= HALF_PERCENT else "   <-- beyond 0.5 %"
            print(
                f"{row.name:<46} {criterion:<7} {energy:12.5g} {ours.energy_pj:12.5g} "
                f"{excess(ours.energy_pj, energy):+7.3f} %  {latency:12.1f} {ours.latency_cycles:12.1f} "
                f"{excess(ours.latency_cycles, latency):+7.3f} %{mark}"
            )
    print(f"{within} of {total} mappings within 0.5 % on both; MACs and ideal cycles exact on {exact} of {total}")
    return {
        "same_mapping_rows": total,
        "same_mapping_within_half_percent": within / total,
        "macs_exact": exact / total,
    }


def own_search(recorded: list[Row]) -> dict[str, float]:
    """Search every recorded case and compare the best latency and the best energy."""
    print("\n== Own search, as good a mapping? (best latency cycles and best energy pJ: theirs, ours, difference)")
    worst, count = -100.0, 0
    cases = [(row.name, row.arch, row.layer, row.best("latency")[1], row.best("energy")[0]) for row in recorded]
    for name, arch, layer, latency, energy in cases:
        fast, lean = best(arch, layer, "latency").latency_cycles, best(arch, layer, "energy").energy_pj
        worst = max(worst, excess(fast, latency), excess(lean, energy))
        count += 1
        print(
            f"{name:<46} {latency:12.1f} {fast:12.1f} {excess(fast, latency):+8.3f} %  "
            f"{energy:12.5g} {lean:12.5g} {excess(lean, energy):+8.3f} %"
        )
    print("\n-- the printed table: five layers on four architectures, best latency; best energy where it was asked for")
    for name, table in BEST_LATENCY.items():
        for layer_name, (energy, latency) in table.items():
            found = best(shipped(name), LAYERS[layer_name], "latency")
            off = [excess(found.latency_cycles, latency)]
            line = f"{name + ' ' + layer_name:<46} {latency:12.1f} {found.latency_cycles:12.1f} {off[0]:+8.3f} %"
            lean = best(shipped(name), LAYERS[layer_name], "energy").energy_pj
            asked = BEST_ENERGY[layer_name][0] if name == "tpu_like" and layer_name in BEST_ENERGY else energy
            off.append(excess(lean, asked))
            print(f"{line}  {asked:12.5g} {lean:12.5g} {off[1]:+8.3f} %")
            worst = max(worst, *off)
            count += 1
    print(f"worst of {count} cases: {worst:+.3f} %")
    return {"search_rows": count, "search_worst_excess_percent": round(worst, 4)}


def main() -> int:
    """Print both comparisons and, last, one JSON object of the headline figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, help="a gzipped JSON file of recorded rows")
    options = parser.parse_args()
    try:
        recorded = list(rows(options.golden))
        figures = same_mapping(recorded) | own_search(recorded)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
