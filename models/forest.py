"""Extremely randomised trees for tens to hundreds of points, with a spread: what single trees disagree about.

On the rugged responses of design spaces they rank the best designs better than a smooth process does, and their spread
covers what they miss (Geurts, Ernst and Wehenkel 2006). The trees are scikit-learn's; they are grown one by one because
its forest takes longer to hand out work than such trees take to grow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TREES = 60
INPUTS = 0.5
"""The part of the inputs that is looked at for each split."""


class Forest:
    """Fitted to points: `x` (n, w), `y` (n, o); a function of them alone."""

    def __init__(self, x: Floats, y: Floats) -> None:
        from sklearn import config_context  # takes a second to load
        from sklearn.tree import ExtraTreeRegressor

        inputs = x.astype(np.float32)
        with config_context(skip_parameter_validation=True):
            self._trees = [
                ExtraTreeRegressor(max_features=INPUTS, random_state=number).fit(inputs, y, check_input=False).tree_
                for number in range(TREES)
            ]

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """(m, w) -> mean and standard deviation over the trees, each (m, o)."""
        inputs = np.ascontiguousarray(x, dtype=np.float32)
        found = np.stack([tree.predict(inputs).reshape(len(x), -1) for tree in self._trees])  # (trees, m, o)
        return found.mean(axis=0), found.std(axis=0)
