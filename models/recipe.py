"""How a network is trained: settings with defaults, without torch, so that they are read before anything is loaded."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1
"""Of the training as a whole: goes up with every change that can change a result, so that what was measured before is
no longer taken for the same."""


class Recipe(BaseModel):
    """Every number of a training but its seed. Equal recipes, networks, data and seeds give equal bits on a machine."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(20, ge=1, le=100_000, description="Passes over the training images, at most.")
    patience: int = Field(8, ge=1, description="Stop after so many epochs without a better score on the held-out part.")
    batch: int = Field(64, ge=2, le=65_536, description="Images of a training step.")
    learning_rate: float = Field(3e-3, gt=0, le=10, description="Of the first step.")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="The learning rate falls to 0 at the last of all epochs as a cosine, or stays."
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with Nesterov's momentum of 0.9.")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="Decoupled for AdamW, an L2 penalty for SGD.")
    validation: float = Field(
        0.15, gt=0, le=0.5, description="Part of the training images that is held out to choose the epoch by."
    )
    shift: int = Field(0, ge=0, le=64, description="Images are moved by up to so many pixels, at random.")
    flip: bool = Field(False, description="Images are mirrored left to right, at random.")
