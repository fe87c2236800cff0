"""SCALE-Sim 3.0.0 as a process that answers requests: `PYTHON worker.py`, where PYTHON has scalesim and numpy<2.4.

A program of its own that needs nothing of the workbench, so that SCALE-Sim may live in another interpreter. A request
holds the contents of its files and the price of every word that it counts. Whatever it prints goes to stderr.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROTOCOL = 1
NUMPY_BELOW = (2, 4)
KEPT = 4096
"""Reports, a kB each: designs that differ in what SCALE-Sim does not see are simulated once."""

COUNTS = (
    *("ifmap_sram_reads", "filter_sram_reads", "ofmap_sram_writes"),
    *("ifmap_dram_reads", "filter_dram_reads", "ofmap_dram_writes"),
)


@lru_cache(maxsize=KEPT)
def simulate(files: tuple[tuple[str, str], ...]) -> dict[str, float]:
    """The report of one layer; raises what SCALE-Sim raises, SystemExit included."""
    from scalesim.scale_sim import scalesim

    with TemporaryDirectory() as folder:
        for name, content in files:
            Path(folder, name).write_text(content, encoding="utf-8")
        config, topology, layout = (str(Path(folder, name)) for name, _ in files)
        run = scalesim(save_disk_space=True, verbose=False, config=config, topology=topology, layout=layout)
        run.run_scale(top_path=folder)
        (layer,) = run.runner.single_layer_sim_object_list
        return report(layer.get_compute_report_items(), layer.get_detail_report_items())


def report(compute: Any, detail: Any) -> dict[str, float]:
    """SCALE-Sim's items by name: cycles from the first request on, stalls among them, those before and after, words.

    `detail` has first cycle, last cycle and words of each of `COUNTS`, and the cycles are numbers from 0.
    """
    first = {name: float(detail[3 * i]) for i, name in enumerate(COUNTS)}
    last_written = float(detail[3 * COUNTS.index("ofmap_dram_writes") + 1])
    last = float(compute[1])
    return {
        "cycles": last + 1,
        "stalls": float(compute[2]),
        "prefetch": max(0.0, -min(first["ifmap_dram_reads"], first["filter_dram_reads"])),
        "drain": max(0.0, last_written - last),
        **{name: float(detail[3 * i + 2]) for i, name in enumerate(COUNTS)},
    }


def costs(found: dict[str, float], request: dict[str, Any]) -> dict[str, Any]:
    """Metrics from a report: words times their prices, and cycles by their cause."""
    words = {**found, "ofmap_sram_writes": found["ofmap_sram_writes"] - request["surplus_writes"]}
    energies = [
        [memory, operand, sum(words[name] * pj for name, pj in prices.items())]
        for memory, operand, prices in request["prices"]
    ]
    onload, offload = (found["prefetch"], found["drain"]) if request["edges"] else (0.0, 0.0)
    return {
        "latency_cycles": onload + found["cycles"] + offload,
        "energy_pj": request["mac_energy_pj"] + sum(energy for _, _, energy in energies),
        "breakdown": {
            "mac_energy_pj": request["mac_energy_pj"],
            "memory_energy_pj": energies,
            "ideal_cycles": request["ideal_cycles"],
            "spatial_stall_cycles": found["cycles"] - found["stalls"] - request["ideal_cycles"],
            "temporal_stall_cycles": found["stalls"],
            "onload_cycles": onload,
            "offload_cycles": offload,
        },
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return costs(simulate(tuple(request["files"].items())), request)
    except MemoryError as error:
        return {"error": f"out of memory; --sim memory_limit_mb=N allows more, --sim workers=1 shares less ({error})"}
    except (Exception, SystemExit) as error:  # the worker's edge: what SCALE-Sim raises is the design's error
        logging.exception("evaluation failed")
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def main() -> None:
    numpy = version("numpy")
    if tuple(map(int, numpy.split(".")[:2])) >= NUMPY_BELOW:
        sys.exit(f"scalesim 3.0.0 fails under numpy {numpy}: pip install 'numpy<2.4' where it is")
    logging.basicConfig(level=logging.ERROR)
    answers = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        print(json.dumps({"protocol": PROTOCOL, "version": version("scalesim")}), file=out, flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps({"id": request["id"], **answer(request)}), file=out, flush=True)


if __name__ == "__main__":
    main()
