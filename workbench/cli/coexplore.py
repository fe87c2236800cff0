"""`dse coexplore`: networks and a chip of sub-accelerators designed together under one specification."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import completion
from workbench.cli.options import MOST, Csv, Db, Detach, Json, Slots, chosen
from workbench.cli.run import BatchSize, Budget, From, Note, Preset, Search, Seed, Settings, StalledSteps, WallSeconds

Chip = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="The chip template; see 'dse chips'.", autocompletion=completion.chips)
]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="[LABEL=]FAMILY[:DATA[:WEIGHT]]",
        help="A network that runs on the chip: from which family, trained on what, and what its accuracy counts; "
        "repeatable. See 'dse families' and 'dse datasets'.",
        show_default=False,
        autocompletion=completion.families,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="METRIC<=N",
        help="A limit of the specification, as 'energy_pj<=2e7' or 'accuracy>=0.9'; repeatable.",
        show_default=False,
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="METRIC",
        help="What to minimise within the specification; repeatable. Without the error rate nothing is trained. "
        "[default: error_rate; without targets error_rate, latency_cycles, energy_pj, area_um2]",
        show_default=False,
    ),
]
ChipOf = Annotated[
    str | None,
    typer.Option(
        "--chip-of",
        metavar="nominal|RUN[.POINT]",
        help="Hold the chip: as its file states it, or of a run's best design or of another point of it.",
        show_default=False,
    ),
]
NetworksOf = Annotated[
    str | None,
    typer.Option(
        "--networks-of",
        metavar="nominal|smallest|largest|RUN[.POINT]",
        help="Hold the networks: members of their families, or those of a run's best design or of another point.",
        show_default=False,
    ),
]
Fixed = Annotated[
    list[str] | None,
    typer.Option("--fix", metavar="AXIS=VALUE", help="Hold one axis; repeatable.", show_default=False),
]
DataPaths = Annotated[
    list[str] | None,
    typer.Option("--data-path", metavar="DATA=FOLDER", help="Where a data set's files lie.", show_default=False),
]
RecipeSettings = Annotated[
    list[str] | None,
    typer.Option("--recipe", metavar="NAME=VALUE", help="A setting of the trainings; see 'dse accuracy'; repeatable."),
]
TrainSeeds = Annotated[
    int, typer.Option(metavar="N", min=1, max=MOST, help="Train each network so often; its accuracy is the mean.")
]
Mode = Annotated[
    str,
    typer.Option(metavar="corrected|compatible|legacy", help="How a layer is costed; see 'dse chip'."),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(coexplore)


def coexplore(
    chip: Chip = "pocket",
    network: Networks = None,
    target: Targets = None,
    objective: Objectives = None,
    chip_of: ChipOf = None,
    networks_of: NetworksOf = None,
    fix: Fixed = None,
    data_path: DataPaths = None,
    recipe: RecipeSettings = None,
    train_seeds: TrainSeeds = 1,
    mode: Mode = "corrected",
    search: Search = "forest",
    settings: Settings = None,
    preset: Preset = None,
    budget: Budget = None,
    wall_seconds: WallSeconds = None,
    stalled_steps: StalledSteps = None,
    batch: BatchSize = None,
    seed: Seed = None,
    sources: From = None,
    note: Note = "",
    detach: Detach = False,
    slots: Slots = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Design networks and a chip for them together: the most accurate networks within a specification of the hardware.

    All networks run at once on a chip of several sub-accelerators. The chip is evaluated first; only where it keeps the
    limits on latency, energy and area are the networks trained, and each only once in a lab. Ctrl-C stops a training
    where it is; 'dse resume' goes on there.
    """
    from workbench.cli.coexploreview import begin_coexploration
    from workbench.cli.launch import Handling
    from workbench.views.corequest import CoRequest

    request = CoRequest(
        chip=chip,
        networks=tuple(network or ()),
        chip_of=chip_of,
        networks_of=networks_of,
        fixed=tuple(fix or ()),
        data_paths=tuple(data_path or ()),
        recipe=tuple(recipe or ()),
        train_seeds=train_seeds,
        mode=mode,
        objectives=tuple(objective or ()),
        targets=tuple(target or ()),
        search=search,
        search_settings=tuple(settings or ()),
        preset=preset,
        stop={"budget": budget, "wall_seconds": wall_seconds, "stalled_steps": stalled_steps},
        batch=batch,
        seed=seed,
        sources=tuple(sources or ()),
        note=note,
    )
    return begin_coexploration(request, Handling(None, db, chosen(json, csv), detach=detach, slots=slots))
