"""When a run is over: rules that every search shares."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from workbench.problem.metrics import Metrics, Outcome, Target


class Stop(BaseModel):
    """The first rule that holds ends the run; an exhausted space ends it in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    budget: int = Field(
        300, ge=1, description="Designs to evaluate; one answered from the cache counts like one that was simulated."
    )
    wall_seconds: float | None = Field(
        None, gt=0, description="Seconds of work, pauses left out; the step that is under way is finished."
    )
    targets_met: bool = Field(True, description="Stop at the first design that meets all targets, if there are any.")
    margin: float = Field(0.01, ge=0, lt=1, description="How far above its bound a target still counts as met.")
    stalled_steps: int | None = Field(
        None, ge=1, description="Stop after so many steps in a row without any gain in hypervolume."
    )

    def meets_targets(self, outcome: Outcome, targets: Sequence[Target]) -> bool:
        """Whether a design is what was looked for; never without targets."""
        return isinstance(outcome, Metrics) and bool(targets) and all(t.met(outcome, self.margin) for t in targets)

    def reason(self, points: int, seconds: float, met: bool, hypervolumes: Sequence[float]) -> str | None:
        """Why the run is over, or None while it goes on; `hypervolumes` has one for each step so far."""
        if self.targets_met and met:
            return "targets met"
        if points >= self.budget:
            return "budget spent"
        if self.wall_seconds is not None and seconds >= self.wall_seconds:
            return "time is up"
        n = self.stalled_steps
        if n is not None and len(hypervolumes) > n and hypervolumes[-1] <= hypervolumes[-1 - n]:
            return f"no gain in hypervolume over {n} steps"
        return None
