"""Networks as designs: what training one costs, how far accuracies differ in a family, and whether they come again.

For each bundled task the smallest, the file's own and the largest member are trained twice, in labs of their own: times
and whether both came to the same bits. Then members at random, in a lab that is kept beside the benchmark's file, so
that a second run trains nothing; and of these what a forest on one half says of the other.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import spearmanr

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from store.database import Lab
from workbench.accuracy.candidate import Candidate, images_of, load_data
from workbench.accuracy.measuring import Measured, measure
from workbench.accuracy.predicting import Predictor
from workbench.problem.family import load_family
from workbench.problem.space import Design

TASKS = {"resnet9_digits": "digits", "unet_digits": "digits_strokes"}
LAB = Path(__file__).resolve().parent / ".cache" / "accuracy.db"


def timed(candidate: Candidate) -> tuple[Measured, float]:
    """Trained in a lab that knows nothing, and the seconds that took."""
    with TemporaryDirectory() as folder, Lab.open(Path(folder) / "lab.db") as lab:
        begun = time.perf_counter()
        return measure(lab, candidate), time.perf_counter() - begun


def print_members(family_name: str, data_name: str) -> None:
    """Time and accuracy of three members, each trained twice."""
    family, data = load_family(family_name), load_data(data_name)
    for word, values in (("smallest", family.smallest()), ("file's", family.nominal()), ("largest", family.largest())):
        runs = [timed(Candidate(family, values, data)) for _ in range(2)]
        first, second = (replace(found, seconds=0.0) for found, _ in runs)
        print(
            f"  {word:9} {min(seconds for _, seconds in runs):5.1f} s, {first.epochs:2} epochs, "
            f"{first.parameters:7,} parameters, {first.macs:9,} MACs: {first.accuracy:7.2%}; "
            f"{'the same again' if first == second else 'ANOTHER RESULT the second time'}"
        )


def members(family_name: str, n: int) -> list[Design]:
    """Different networks at random."""
    family = load_family(family_name)
    drawn = family.space.sample(8 * n, np.random.default_rng(2020))
    return list(dict.fromkeys(family.design(family.space.values(design)) for design in drawn))[:n]


def print_spread(lab: Lab, family_name: str, data_name: str, n: int) -> None:
    """How far the accuracies of members at random differ, and what size and a forest say of them."""
    family, data = load_family(family_name), load_data(data_name)
    designs = members(family_name, n)
    found = [measure(lab, Candidate(family, family.space.values(design), data)) for design in designs]
    accuracies = np.array([each.accuracy for each in found])
    quantiles = ", ".join(f"{value:.2%}" for value in np.quantile(accuracies, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]))
    print(
        f"  {len(found)} at random, {sum(each.seconds for each in found) / len(found):.1f} s each: least, 10 %, 25 %,"
    )
    print(f"  median, 75 %, 90 %, most: {quantiles}")
    print(f"  Spearman with MACs {spearmanr([each.macs for each in found], accuracies).statistic:.2f}")
    half = n // 2
    predictor = Predictor(family, images_of(data), dict(zip(designs[:half], accuracies[:half].tolist(), strict=True)))
    predicted = predictor.predict(designs[half:])
    if predicted is None:
        print("  too few members to predict from")
        return
    said, true = np.array([each.mean for each in predicted]), accuracies[half:]
    print(
        f"  predicted from {half} of them: Spearman {spearmanr(said, true).statistic:.2f} on the other {len(said)}, "
        f"mean error {np.abs(said - true).mean():.2%}"
    )


def main() -> None:
    """Prints all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=80, help="members at random of each family")
    options = parser.parse_args()
    LAB.parent.mkdir(exist_ok=True)
    with Lab.open(LAB) as lab:
        for family_name, data_name in TASKS.items():
            print(f"{family_name} on {data_name}")
            print_members(family_name, data_name)
            print_spread(lab, family_name, data_name, options.n)


if __name__ == "__main__":
    main()
