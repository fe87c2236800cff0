"""Layer fusion: buffers and traffic of Alwani et al. 2016, and what fusion changes per network and architecture."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import Any

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from benchmarks.fusion_rows import HEAD, gist_of, line_of, rows_of
from benchmarks.results import HERE
from workbench.problem.graph import Item, WorkloadLayer
from workbench.problem.template import bundled_archs, load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.order import OBJECTIVES
from workbench.simulators.fused.search import best_schedule
from workbench.simulators.fused.storage import Footprints, needs_of
from workbench.simulators.fused.tiling import Exits, Tilings

NETWORKS = ("vgg16", "resnet18", "mobilenetv2", "unet", "fsrcnn")
DESIGNS = 10
MIB = 8 * 2**20
REPEATS = 3
KEPT = HERE / "fusion.json"
CACHE = HERE / ".cache" / "fusion.jsonl"


def alwani() -> dict[str, float]:
    """Feature maps moved for the first five convolutions of VGGNet-E and the two poolings between, in 32 bits.

    Layer by layer every convolution reads what the one before wrote (a pooling is done where it is read) and writes
    its own map. Fused, tile by tile with rows and columns kept, it is the first map in and the last one out; what is
    kept are the reuse buffers, least for tiles of one position.
    """
    items: list[Item] = []
    for item in load_workload("vgg16").items[:7]:
        if isinstance(item, WorkloadLayer):
            layer = replace(item.layer, weight_bits=32, input_bits=32, partial_bits=32, output_bits=32)
            items.append(WorkloadLayer(layer, item.after))
        else:
            items.append(item)
    network = Network(Workload("vgg_front", tuple(items)))
    group = next(group for group in network.groups() if len(group.items) == len(items))
    written = [item.layer.elements("O") * 32 for item in items if isinstance(item, WorkloadLayer)]
    first = next(item.layer for item in items if isinstance(item, WorkloadLayer)).elements("I") * 32
    apart = first + sum(written[:-1]) + sum(written)
    return {"alwani_layer_by_layer_mb": apart / MIB, **_fused(network, group)}


def _fused(network: Network, group: Group) -> dict[str, float]:
    tilings = Tilings(Exits(network), group)
    tiling, ends = tilings.tiling("cached", -1, -1), frozenset((group.entry, group.exit))
    kept = needs_of(tilings, ends, Footprints()).at("cached", -1, -1, 0).caches
    moved = sum(tiling.area(n) * network.position_bits(group, n) for n in ends)
    return {"alwani_fused_mb": moved / MIB, "alwani_buffers_kb": kept / 8e3}


def grouping_seconds() -> dict[str, float]:
    """Seconds on the clock for ResNet-50's best grouping on each unmodified architecture, the least of some, once the
    engine is loaded; each time as a network that nothing is known of.
    """
    resnet50, found = load_workload("resnet50"), {}
    for name in bundled_archs():
        arch = load_template(name).nominal()
        best_schedule(arch, load_workload("alexnet"))
        taken = []
        for number in range(REPEATS):
            fresh = replace(resnet50, name=f"{resnet50.name} on {name} {number}")
            began = time.perf_counter()
            best_schedule(arch, fresh)
            taken.append(time.perf_counter() - began)
        found[name] = min(taken)
        print(f"ResNet-50's best grouping on {name}: {found[name]:.2f} s", flush=True)
    return found


def figures_of(options: argparse.Namespace) -> dict[str, Any]:
    """What is asked for, printed as it is found."""
    seconds = grouping_seconds()
    figures: dict[str, Any] = {**alwani(), "resnet50_grouping_s": max(seconds.values()), "grouping_by_arch_s": seconds}
    if not options.quick:
        archs, networks = options.arch or bundled_archs(), options.network or NETWORKS
        figures |= {"objective": options.objective, "designs": options.designs, "table": []}
        print(HEAD)
        for rows in rows_of(CACHE, archs, networks, options.objective, options.designs):
            figures["table"] += rows
            print("\n".join(map(line_of, rows)), flush=True)
        print("\n".join(gist_of(figures["table"])))
    return figures


def main() -> int:
    """Print the table and, last, one JSON object of the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the table out")
    parser.add_argument("--cached", action="store_true", help="print the figures of the last full run")
    parser.add_argument("--arch", action="append", choices=bundled_archs(), help="only this one; repeatable")
    parser.add_argument("--network", action="append", choices=NETWORKS, help="only this one; repeatable")
    parser.add_argument("--objective", choices=OBJECTIVES, default="edp", help="what the best grouping has least of")
    parser.add_argument("--designs", type=int, default=DESIGNS, help="designs drawn at random as searched hardware")
    options = parser.parse_args()
    if options.cached and not KEPT.exists():
        parser.error(f"{KEPT.name} is not there: no full run has ended yet; run it without --cached")
    if options.cached:
        figures = json.loads(KEPT.read_text(encoding="utf-8"))
        print("\n".join([HEAD, *map(line_of, figures["table"]), *gist_of(figures["table"])]))
    else:
        figures = figures_of(options)
        full = not (options.quick or options.arch or options.network)
        if full and (options.objective, options.designs) == ("edp", DESIGNS):
            KEPT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
