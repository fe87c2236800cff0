"""ZigZag 3.9.1 as a process that answers requests: `PYTHON worker.py`, where PYTHON has zigzag-dse and six.

A program of its own that needs nothing of the workbench, so that ZigZag may live in another interpreter. Runs ZigZag's
stages on the contents of its files without any file. Whatever ZigZag prints or logs goes to stderr.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
from importlib.metadata import version
from typing import Any

from zigzag.mapping.temporal_mapping import TemporalMappingType
from zigzag.opt.loma.engine import NoValidLoopOrderingFoundException
from zigzag.parser.accelerator_factory import AcceleratorFactory
from zigzag.parser.accelerator_validator import AcceleratorValidator
from zigzag.parser.mapping_validator import MappingValidator
from zigzag.parser.workload_factory import WorkloadFactory
from zigzag.parser.workload_validator import WorkloadValidator
from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_conversion import SpatialMappingConversionStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
from zigzag.stages.results.reduce_stages import MinimalEDPStage, MinimalEnergyStage, MinimalLatencyStage
from zigzag.stages.workload_iterator import WorkloadStage

PROTOCOL = 1
BEST = {"latency": MinimalLatencyStage, "energy": MinimalEnergyStage, "edp": MinimalEDPStage}


class OneByOne(SpatialMappingGeneratorStage):
    """ZigZag's generator of spatial mappings, but one that does not fit is left out instead of ending the search.

    A mapping that is given whole is taken as it is. ZigZag would silently narrow it to what ports and memories take;
    but how a design unrolls is part of the design, so it costs its stalls, or does not fit.
    """

    def generate_spatial_mappings(self) -> Any:
        given = copy.deepcopy(self.provided_mapping)
        if all(oa_dim in given for oa_dim in self.oa_dim_sizes):
            given.initialize_oa_dims(self.oa_dim_sizes)
            yield given
        else:
            yield from super().generate_spatial_mappings()

    def best_candidates(self, *args: Any, **kwargs: Any) -> Any:
        """Copies: ZigZag narrows a candidate in place, and candidates share their parts."""
        return [copy.deepcopy(candidate) for candidate in super().best_candidates(*args, **kwargs)]

    def run(self) -> Any:
        fitting = False
        refused = None
        for candidate in self.generate_spatial_mappings():
            self.layer.spatial_mapping = candidate
            conversion = SpatialMappingConversionStage(
                self.list_of_callables, accelerator=self.accelerator, layer=copy.copy(self.layer), **self.kwargs
            )
            try:
                for cme, extra in conversion.run():
                    fitting = True
                    yield cme, (candidate, extra)
            except NoValidLoopOrderingFoundException as error:
                refused = refused or error
        if not fitting:
            raise refused or ValueError("ZigZag generated no spatial mapping")


def validated(validator: Any, what: str) -> Any:
    content = validator.normalized_data
    if not validator.validate():
        raise ValueError(f"ZigZag refuses the {what}: {validator.validator.errors}")
    return content


def evaluate(request: dict[str, Any]) -> dict[str, Any]:
    """The best mapping's costs; raises what ZigZag raises."""
    accelerator = AcceleratorFactory(validated(AcceleratorValidator(request["accelerator"]), "accelerator")).create()
    mapping = validated(MappingValidator(request["mapping"]), "mapping")
    workload = WorkloadFactory(validated(WorkloadValidator(request["workload"]), "layer"), mapping).create()
    best = BEST[request["criterion"]]
    found = MainStage(
        [WorkloadStage, best, OneByOne, best, TemporalMappingGeneratorStage, CostModelStage],
        accelerator=accelerator,
        workload=workload,
        loma_lpf_limit=request["factors"],
        loma_show_progress_bar=False,
        nb_mappings_generated=request["spatial"],
        enable_mix_spatial_mapping_generation=False,
        access_same_data_considered_as_no_access=True,
        temporal_mapping_type=TemporalMappingType.UNEVEN,
    ).run()
    return costs(found[0][0])


def costs(cme: Any) -> dict[str, Any]:
    """What the cost model says of a mapping, in plain numbers; the systolic array's draining is offloading."""
    energies = []
    temporal = []
    for operand, levels in cme.mem_energy_breakdown.items():
        memories = cme.accelerator.memory_hierarchy.get_memory_levels(cme.memory_operand_links.layer_to_mem_op(operand))
        names = [memory.name for memory in memories]
        energies += [[name, operand.name, float(energy)] for name, energy in zip(names, levels, strict=True)]
        loops = cme.temporal_mapping.mapping_dic_stationary[operand]
        levels_of_loops = [
            {"memory": name, "loops": [[dim.name, int(size)] for dim, size in level if size > 1]}
            for name, level in zip(names, loops, strict=True)
        ]
        temporal.append([operand.name, levels_of_loops])
    return {
        "latency_cycles": float(cme.latency_total2),
        "energy_pj": float(cme.energy_total),
        "breakdown": {
            "mac_energy_pj": float(cme.mac_energy),
            "memory_energy_pj": energies,
            "ideal_cycles": float(cme.ideal_cycle),
            "spatial_stall_cycles": float(cme.ideal_temporal_cycle - cme.ideal_cycle),
            "temporal_stall_cycles": float(cme.latency_total0 - cme.ideal_temporal_cycle),
            "onload_cycles": float(cme.data_onloading_cycle),
            "offload_cycles": float(cme.data_offloading_cycle + cme.systolic_drain_cycle),
        },
        "mapping": {
            "spatial": [
                [dim.name, [[loop.name, float(units)] for loop, units in loops.items() if units > 1]]
                for dim, loops in cme.layer.spatial_mapping.items()
            ],
            "temporal": temporal,
        },
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return evaluate(request)
    except NoValidLoopOrderingFoundException as error:
        return {"infeasible": {"reason": " ".join(str(error).split()), "resource": "memories"}}
    except Exception as error:  # the worker's edge: what ZigZag raises is the design's error
        logging.exception("evaluation failed")
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    answers = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        print(json.dumps({"protocol": PROTOCOL, "version": version("zigzag-dse")}), file=out, flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps({"id": request["id"], **answer(request)}), file=out, flush=True)


if __name__ == "__main__":
    main()
