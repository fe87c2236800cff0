"""What trained networks are worth, as rows and in words."""

from __future__ import annotations

from json import loads
from typing import Any

from store.database import Lab
from store.rows import Accuracy, UnfinishedTraining

METRIC_WORDS = {"top1": "top-1", "mean_iou": "mean IoU"}


def accuracy_row(row: Accuracy) -> dict[str, Any]:
    """A stored measurement as data."""
    report = loads(row.report)
    return {
        "key": row.key.hex(),
        "family": row.family,
        "design": loads(row.design),
        "data": row.data,
        "data_key": row.data_key.hex(),
        "metric": row.metric,
        "accuracy": row.accuracy,
        "validation": row.validation,
        "parameters": row.parameters,
        "macs": row.macs,
        "epochs": row.epochs,
        "best_epoch": row.best_epoch,
        "stopped": report["stopped"],
        "seconds": row.seconds,
        "recipe": loads(row.recipe),
        "seed": row.seed,
        "trainer": row.trainer,
        "train_images": report["train_images"],
        "test_images": report["test_images"],
        "torch": report["torch"],
        "code_version": row.code_version,
        "created_ns": row.created_ns,
    }


def accuracy_rows(lab: Lab, family: str | None, data: str | None) -> list[dict[str, Any]]:
    """All that was measured: by family and data set, and there the best first."""
    rows = [accuracy_row(row) for row in lab.accuracies(family, data)]
    return sorted(rows, key=lambda row: (row["family"], row["data"], -row["accuracy"], row["created_ns"]))


def share(value: float) -> str:
    """`98.33 %`."""
    return f"{100 * value:.2f} %"


def design_words(design: dict[str, Any]) -> str:
    """`stem_filters 8, block1_filters 16`."""
    return ", ".join(f"{axis} {value}" for axis, value in design.items())


def unfinished_words(training: UnfinishedTraining) -> str:
    """One that has not ended, in a line."""
    state = "is being trained" if training.live else "was interrupted"
    return (
        f"{training.family} ({design_words(loads(training.design))}) on {training.data} {state} after "
        f"{training.epochs} epochs"
    )
