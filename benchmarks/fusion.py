"""Layer fusion: buffers and traffic of Alwani et al. 2016, and what fusion changes per network and architecture."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import numpy as np

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from workbench.problem.graph import Item, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.template import Template, bundled_archs, load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.order import OBJECTIVES, Objective, Order
from workbench.simulators.fused.search import DoesNotFitError, Schedule, best_schedule
from workbench.simulators.fused.storage import Footprints, needs_of
from workbench.simulators.fused.tiling import Exits, Tilings

NETWORKS = ("vgg16", "resnet18", "mobilenetv2", "unet", "fsrcnn_like")
CLAIMED = {"dram": -0.556, "latency": -0.367, "energy": -0.492}
"""Yang & Chang 2022, abstract: less memory bandwidth, latency and energy; networks and settings are not published."""
MIB = 8 * 2**20
REPEATS = 3
SEED = 1


def fsrcnn_like() -> Workload:
    """FSRCNN (Dong et al. 2016: d = 56, s = 12, m = 4) on 960 x 540; its last step as a 9 x 9 convolution."""

    def conv(name: str, channels: int, filters: int, kernel: int) -> Layer:
        return Layer.conv(name, channels, filters, kernel, in_size=(540, 960), padding=kernel // 2)

    middle = [conv(f"map{i}", 12, 12, 3) for i in range(1, 5)]
    ends = conv("feature", 1, 56, 5), conv("shrink", 56, 12, 1), conv("expand", 12, 56, 1), conv("image", 56, 1, 9)
    return Workload.chain("fsrcnn_like", [ends[0], ends[1], *middle, ends[2], ends[3]])


def network_named(name: str) -> Workload:
    """A bundled one, or the one above."""
    return fsrcnn_like() if name == "fsrcnn_like" else load_workload(name)


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


def grouping_seconds() -> float:
    """CPU seconds of ResNet-50's best grouping on one design, once the engine is loaded: the least of some."""
    arch, workload = load_template("tpu_like").nominal(), load_workload("resnet50")
    best_schedule(arch, load_workload("alexnet"))
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        best_schedule(arch, workload)
        taken.append(time.process_time() - began)
    return min(taken)


def change(fused: Cost, alone: Cost) -> dict[str, float]:
    """Relative change by fusion."""
    return {
        "dram": fused.traffic_bits / alone.traffic_bits - 1,
        "latency": fused.latency_cycles / alone.latency_cycles - 1,
        "energy": fused.energy_pj / alone.energy_pj - 1,
    }


def schedules(template: Template, workload: Workload, objective: Objective, designs: int) -> list[Schedule]:
    """The best ones of the unmodified architecture and of designs drawn at random, those that can be built."""
    drawn = template.space.sample(designs, np.random.default_rng(SEED))
    found = []
    for arch in (template.nominal(), *(template.arch(design) for design in drawn)):
        with suppress(DoesNotFitError):
            found.append(best_schedule(arch, workload, objective))
    return found


def table(archs: Iterable[str], networks: Iterable[str], objective: Objective, designs: int) -> list[dict[str, object]]:
    """What fusion changes on every architecture, lines as they are found.

    `nominal` is the unmodified one. `searched` compares the best design without fusion with the best design with it,
    of the same designs.
    """
    rows: list[dict[str, object]] = []
    order = Order(objective)
    print(f"{'network':12} {'architecture':22} {'hardware':9} {'DRAM':>8} {'latency':>8} {'energy':>8}  reaches")
    for workload in map(network_named, networks):
        for name in archs:
            found = schedules(load_template(name), workload, objective, designs)
            if not found:
                print(f"{workload.name:12} {name:22} cannot be built")
                continue
            pairs = {"nominal": (found[0].cost, found[0].layer_by_layer)}
            if designs:
                fused = min((each.cost for each in found), key=order.key)
                alone = min((each.layer_by_layer for each in found), key=order.key)
                pairs["searched"] = fused, alone
            for hardware, pair in pairs.items():
                changed = change(*pair)
                reached = [what for what, claim in CLAIMED.items() if changed[what] <= claim]
                shown = " ".join(f"{100 * value:+7.1f}%" for value in changed.values())
                print(f"{workload.name:12} {name:22} {hardware:9} {shown}  {', '.join(reached) or '-'}", flush=True)
                rows.append(
                    {"network": workload.name, "arch": name, "hardware": hardware, **changed, "reached": reached}
                )
    return rows


def main() -> int:
    """Print the table and, last, one JSON object of the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the table out")
    parser.add_argument("--arch", action="append", choices=bundled_archs(), help="only this one; repeatable")
    parser.add_argument("--network", action="append", choices=NETWORKS, help="only this one; repeatable")
    parser.add_argument("--objective", choices=OBJECTIVES, default="edp", help="what the best grouping has least of")
    parser.add_argument("--designs", type=int, default=0, help="designs drawn at random for the searched hardware")
    options = parser.parse_args()
    figures: dict[str, object] = {**alwani(), "resnet50_grouping_s": grouping_seconds()}
    if not options.quick:
        archs, networks = options.arch or bundled_archs(), options.network or NETWORKS
        figures["table"] = table(archs, networks, options.objective, options.designs)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
