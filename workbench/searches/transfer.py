"""The transfer search of Wu et al. 2023: a network whose middle layers come from another architecture or layer.

The source network is the first of `Problem.models` (the library puts the most alike first). Without any, it is trained
here on the source with most points; without these either, the network starts from random weights, as `mlp` of the
transferred network's size.

Exploration starts from the source network's estimate where it can give one: where its space has the same axes, so that
it knows what its inputs mean. Elsewhere its first layer means nothing, and the first designs are drawn at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from workbench.errors import UserError
from workbench.problem.metrics import Metrics
from workbench.searches.base import Problem, SearchSettings
from workbench.searches.learning import ENCODING, Floats, predicted_metrics, source_facts, source_network
from workbench.searches.mlp import OneTask, training_of, width_of
from workbench.searches.network import Learner, NetworkSearch, NetworkSettings

if TYPE_CHECKING:
    from models.transfer import SourceNetwork


class SourceOptions(NetworkSettings):
    """How a source network is come by, for searches that transfer."""

    keep: float = Field(
        0.5, ge=0, le=1, description="Part of the weights of layers 3 to 5 that is transferred and frozen. INFERRED."
    )
    threshold: float | None = Field(
        None, ge=0, description="The paper's w_t: transfer the weights above it in magnitude, instead of a part."
    )
    l2_sp: float = Field(
        1e-3, ge=0, description="How firmly weights are held when the source network is trained again. INFERRED."
    )


class TransferSettings(SourceOptions):
    """As of every network, and what is taken over. The last three are of networks trained here, not of stored ones."""

    start: Literal["estimate", "random"] = Field(
        "estimate", description="First designs: the source network's best where its axes are the same, or at random."
    )


class Transfer(NetworkSearch):
    """Prune, allocate and calibrate, as in module `models.transfer`."""

    name: ClassVar[str] = "transfer"
    summary: ClassVar[str] = "a network that takes over the middle layers of one trained on an earlier task"
    Settings: ClassVar[type[SearchSettings]] = TransferSettings
    transfers: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: TransferSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._start = settings.start
        self._source = source_of(problem, settings, seed)
        self._same_axes = self._source is not None and _reads(self._source, problem)

    def _make(self) -> Learner:
        from models.mlp import WIDTHS
        from models.transfer import embed, fresh

        task, source = self.problem.arch_task, self._source
        widths = source.settings.widths if source else WIDTHS
        training = training_of(self._settings)
        regressor = fresh((width_of(task),), len(predicted_metrics(task)), training, widths, self._seed)
        if source is not None:
            embed(regressor, source.transferred)
        return OneTask(task, regressor)

    def _estimates(self, X: Floats) -> Floats | None:
        if self._source is None or not self._same_axes or self._start == "random":
            return None
        return self._source.predict(X)


def source_of(problem: Problem, options: SourceOptions, seed: int) -> SourceNetwork | None:
    """The source network: a stored one, or one trained now, or None where the lab knows nothing. Loads torch.

    Raises:
        UserError: a stored one cannot be read.
    """
    from models.transfer import SourceNetwork, SourceSettings

    if problem.models:
        model = problem.models[0]
        try:
            return SourceNetwork.from_bytes(model.content)
        except ValueError as error:
            raise UserError(f"The source network {model.name!r} cannot be read: {error}.") from None
    known = [s for s in problem.sources if any(isinstance(p.outcome, Metrics) for p in s.points) and len(s.points) > 1]
    if not known:
        return None
    largest = max(known, key=lambda source: len(source.points))
    settings = SourceSettings(
        training=training_of(options.model_copy(update={"epochs": SourceSettings().training.epochs})),
        keep=options.keep,
        threshold=options.threshold,
        l2_sp=options.l2_sp,
        folds=0,  # for its scores, a network is trained and stored; here it would only be k times as slow
    )
    return source_network(largest.arch_task, largest.points, settings, seed)


def _reads(source: SourceNetwork, problem: Problem) -> bool:
    """Whether the source network's inputs and outputs mean what the task's do."""
    facts = source_facts(problem.arch_task)
    same = list(source.facts.axes) == list(facts.axes) and source.facts.encoding == ENCODING
    return same and source.facts.metrics == predicted_metrics(problem.arch_task)
