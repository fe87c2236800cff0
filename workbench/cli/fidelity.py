"""`dse fidelity`: how far two simulators agree, on designs sampled from a space."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import (
    BatchSeconds,
    Criterion,
    Csv,
    Db,
    Executor,
    Jobs,
    Json,
    Layers,
    Technology,
    chosen,
)

Simulators = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="The two to compare; the second is the reference. They may be the same one, set differently.",
    ),
]
Arch = Annotated[str, typer.Option(metavar="NAME|FILE", help="The architecture; see 'dse archs'.", show_default=False)]
Workload = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="The network; see 'dse workloads'.", show_default=False)
]
Designs = Annotated[int, typer.Option("-n", "--designs", metavar="N", min=1, max=10**6, help="Designs to sample.")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Which ones.")]
Sim = Annotated[
    list[str] | None,
    typer.Option(
        "--sim",
        metavar="WHICH.NAME=VALUE",
        help="A setting of one simulator, by its name or as 1 or 2, as in '1.factors=4'; repeatable.",
        show_default=False,
    ),
]
Plot = Annotated[bool, typer.Option("--plot/--no-plot", help="Draw a scatter plot of each metric below the table.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(fidelity)


def fidelity(
    simulators: Simulators,
    arch: Arch,
    workload: Workload,
    layer: Layers = None,
    designs: Designs = 20,
    seed: Seed = 0,
    sim: Sim = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    plot: Plot = True,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Compare two simulators on designs sampled from an architecture's space.

    Rank correlations, errors, what each one's front is worth to the other, and the time they take. Evaluations go
    through the lab like those of a run: what is known is not simulated, what is new is kept. With --csv, one line per
    design.
    """
    from workbench.cli.comparison import Comparison
    from workbench.cli.fidelityview import show
    from workbench.cli.launch import chosen_workers
    from workbench.views.request import chosen_task

    form = chosen(json, csv)
    task = chosen_task(arch, workload, layer or (), technology=technology, criterion=criterion)
    comparison = Comparison.of(simulators, sim or (), task, designs, seed)
    workers = chosen_workers(jobs, executor, batch_seconds)
    show(comparison, comparison.evaluate(workers, db), form, plot)
