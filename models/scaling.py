"""Targets as a network sees them: z-scored, by default on a log scale, since metrics span orders of magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from models.base import Floats

Scale = Literal["log", "raw"]
LARGEST_LOG = 700.0  # exp of more overflows a double


@dataclass(frozen=True)
class Scaling:
    """Per output a centre and a spread, of logarithms or of raw values: arrays (outputs,).

    `raw` is the paper's mode (INFERRED from its reason for alpha: "the magnitude of the two is different"). Its loss
    (en - en^)^2 + alpha (la - la^)^2 with alpha = Var(E) / Var(L) on raw values is Var(E) times the loss on z-scored
    raw values with alpha = 1, and a constant factor does not matter to Adam; z-scored, it does not overflow either.
    """

    scale: Scale
    centre: Floats
    spread: Floats

    @classmethod
    def fit(cls, Y: Floats, scale: Scale = "log") -> Scaling:
        """From outputs (n, outputs), n at least 1; an output that does not vary gets spread 1.

        Raises:
            ValueError: a value that is not finite, or not above 0 on a log scale.
        """
        if not len(Y) or not np.isfinite(Y).all() or (scale == "log" and (Y <= 0).any()):
            raise ValueError(f"outputs must be finite{' and positive' if scale == 'log' else ''}, and at least one")
        values = np.log(Y) if scale == "log" else Y
        spread = values.std(axis=0)
        flat = spread <= 1e-9 * np.maximum(1.0, np.abs(values).max(axis=0))  # rounding noise is no variation
        return cls(scale, values.mean(axis=0), np.where(flat, 1.0, spread))

    def forward(self, Y: Floats) -> Floats:
        """Outputs (n, outputs) in their units to z-scores."""
        z: Floats = ((np.log(Y) if self.scale == "log" else Y) - self.centre) / self.spread
        return z

    def back(self, z: Floats) -> Floats:
        """The inverse of `forward`; on a raw scale a prediction may be negative."""
        values: Floats = z * self.spread + self.centre
        if self.scale == "raw":
            return values
        powers: Floats = np.exp(np.clip(values, -LARGEST_LOG, LARGEST_LOG))
        return powers

    def header(self) -> dict[str, Any]:
        """JSON-able content."""
        return {"scale": self.scale, "centre": self.centre.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_header(cls, content: dict[str, Any]) -> Scaling:
        """The inverse of `header`."""
        return cls(content["scale"], np.array(content["centre"]), np.array(content["spread"]))
