"""The paper's network, its transfer and its multi-task variant keep what their docstrings promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.base import Points, pack, training_hash, unpack
from models.mlp import Network, Regressor, Training, balanced_loss, one_thread, seeded
from models.multitask import MultiTask, Scenario
from models.scaling import Scaling
from models.transfer import (
    TRANSFERRED,
    Facts,
    SourceNetwork,
    SourceSettings,
    allocate,
    cross_validate,
    embed,
    fresh,
    prune,
    train_source,
)

WIDTHS = (12, 16, 16, 16, 16, 12, 8)
TRAINING = Training(epochs=30, batch=16)
SETTINGS = SourceSettings(training=TRAINING, widths=WIDTHS, allocate_epochs=10, folds=3)
FACTS = Facts([["pes", [1, 2, 4]]], "toy", ("energy_pj", "latency_cycles"), "1")


def some_points(n: int = 48, inputs: int = 5, seed: int = 0) -> Points:
    """Outputs over three decades that depend on the inputs."""
    X = np.random.default_rng(seed).random((n, inputs))
    return Points(X, np.column_stack([10 ** (3 + 3 * X[:, 0] - X[:, 1]), 10 ** (6 + X[:, 1] * X[:, 2])]))


@pytest.fixture(scope="module")
def source() -> SourceNetwork:
    return train_source(some_points(), FACTS, SETTINGS)


def test_the_network_has_eight_layers_of_which_a_task_owns_the_first_and_the_last_two():
    parts = Network((5, 7), 2, seeded(0), WIDTHS).parts()
    assert parts["L1.0.weight"].shape == (12, 5)
    assert parts["L1.1.weight"].shape == (12, 7)
    assert parts["L8.1.weight"].shape == (2, 8)
    weights = {name.removesuffix(".weight") for name in parts if name.endswith(".weight")}
    assert weights == {"L1.0", "L1.1", "L2", "L3", "L4", "L5", "L6", "L7.0", "L7.1", "L8.0", "L8.1"}


def test_parts_are_views_of_one_flat_vector():
    network = Network((5,), 2, seeded(0), WIDTHS)
    network.parts()["L4.weight"].zero_()
    assert (network.weights == 0).sum() >= 16 * 16
    assert sum(part.numel() for part in network.parts().values()) == network.weights.numel()


def test_training_lowers_the_loss_and_predictions_are_in_units():
    points = some_points()
    regressor = fresh((5,), 2, replace(TRAINING, epochs=200), WIDTHS, 0)
    losses = regressor.fit([points])
    assert len(losses) == 200
    assert losses[-1] < 0.05 * losses[0]
    assert np.abs(np.log(regressor.predict(points.X) / points.Y)).mean() < 0.5


def test_equal_seeds_give_equal_bits_and_others_others_on_any_number_of_threads():
    before = torch.get_num_threads()
    contents = []
    try:
        for seed, threads in ((1, 1), (1, 2), (2, 1)):
            torch.set_num_threads(threads)
            contents.append(train_source(some_points(), FACTS, SETTINGS, seed).to_bytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert contents[0] == contents[1] != contents[2]


def test_training_leaves_torch_s_global_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    train_source(some_points(), FACTS, SETTINGS)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_thread_gives_the_threads_back_after_an_error():
    before = torch.get_num_threads()

    def fail() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert torch.get_num_threads() == before


def test_the_balanced_loss_weighs_latency_by_alpha():
    predicted, actual = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 2.0]])
    assert balanced_loss(predicted, actual, 1.0).item() == pytest.approx(0.5 + 4.0)
    assert balanced_loss(predicted, actual, 0.25).item() == pytest.approx(0.5 + 1.0)


def test_raw_z_scores_with_alpha_1_are_the_paper_s_alpha_of_the_variances_up_to_a_factor():
    rng = np.random.default_rng(3)
    actual, predicted = rng.random((20, 2)) * [1e9, 1e4], rng.random((20, 2)) * [1e9, 1e4]
    variance = actual.var(axis=0)
    paper = balanced_loss(torch.tensor(predicted), torch.tensor(actual), variance[0] / variance[1]).item()
    scaling = Scaling.fit(actual, "raw")
    ours = balanced_loss(torch.tensor(scaling.forward(predicted)), torch.tensor(scaling.forward(actual)), 1.0).item()
    assert paper == pytest.approx(variance[0] * ours)


@pytest.mark.parametrize("scale", ["log", "raw"])
def test_scaling_has_mean_0_and_spread_1_and_an_inverse(scale):
    Y = np.column_stack([np.geomspace(1, 1e12, 9), np.full(9, 5.0)])
    scaling = Scaling.fit(Y, scale)
    z = scaling.forward(Y)
    assert z.mean(axis=0) == pytest.approx([0, 0])
    assert z.std(axis=0) == pytest.approx([1, 0])
    assert scaling.back(z) == pytest.approx(Y)
    assert Scaling.from_header(scaling.header()).forward(Y) == pytest.approx(z)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_scaling_refuses_what_has_no_logarithm(bad):
    with pytest.raises(ValueError, match="finite and positive"):
        Scaling.fit(np.array([[1.0], [bad]]))


@pytest.mark.parametrize("keep", [0.0, 0.3, 1.0])
def test_pruning_by_rank_keeps_the_largest_of_all_transferred_layers_together(keep):
    network = Network((5,), 2, seeded(0), WIDTHS)
    masks = prune(network, keep)
    assert tuple(masks) == TRANSFERRED
    flat = torch.cat([mask.flatten() for mask in masks.values()])
    size = torch.cat([network.parts()[f"{name}.weight"].abs().flatten() for name in masks])
    assert flat.sum() == round(keep * 3 * 16 * 16)
    if 0 < keep < 1:
        assert size[flat].min() >= size[~flat].max()


def test_pruning_by_a_threshold_keeps_what_lies_above_it():
    network = Network((5,), 2, seeded(0), WIDTHS)
    for name, mask in prune(network, threshold=0.2).items():
        assert torch.equal(mask, network.parts()[f"{name}.weight"].abs() > 0.2)


def test_allocation_leaves_redundant_weights_at_0_and_l2_sp_holds_the_others_near_where_they_were():
    points, moved = some_points(), []
    for strength in (0.0, 10.0):
        regressor = fresh((5,), 2, TRAINING, WIDTHS, 0)
        regressor.fit([points])
        essential = prune(regressor.network)
        start = regressor.network.weights.clone()
        allocate(regressor, essential, points, strength, 20)
        parts = regressor.network.parts()
        assert all((parts[f"{name}.weight"][~mask] == 0).all() for name, mask in essential.items())
        kept = torch.cat([parts[f"{name}.weight"][mask] for name, mask in essential.items()])
        was = torch.cat([regressor.network.parts(start)[f"{name}.weight"][mask] for name, mask in essential.items()])
        moved.append((kept - was).norm().item())
    assert 0 < moved[1] < 0.5 * moved[0]


def test_essential_weights_keep_their_bits_through_calibration_and_redundant_ones_start_at_0(source):
    regressor = fresh((7,), 2, TRAINING, source.settings.widths, 4)
    embed(regressor, source.transferred)
    parts = regressor.network.parts()
    for name, layer in source.transferred.items():
        assert (parts[f"{name}.weight"].numpy()[~layer.essential] == 0).all()
        assert (parts[f"{name}.bias"].numpy() == layer.bias).all()
    new = {name: part.clone() for name, part in parts.items()}
    for seed in range(3):  # training goes on, on other points, as in a search
        regressor.fit([some_points(40, 7, seed)])
    for name, layer in source.transferred.items():
        weight = parts[f"{name}.weight"].numpy()
        assert weight[layer.essential].tobytes() == layer.weight[layer.essential].tobytes()
        assert (weight[~layer.essential] != 0).mean() > 0.5
    for name in ("L1.0.weight", "L2.weight", "L6.weight", "L7.0.weight", "L8.0.weight", "L3.bias"):
        assert not torch.equal(parts[name], new[name]), name


def test_the_optimiser_keeps_no_momentum_of_frozen_entries(source, monkeypatch):
    made = []

    class Watched(torch.optim.Adam):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    regressor = fresh((7,), 2, TRAINING, source.settings.widths, 4)
    embed(regressor, source.transferred)
    regressor.fit([some_points(40, 7)])
    assert regressor.free is not None
    (adam,) = made
    assert all(group["weight_decay"] == 0 for group in adam.param_groups)
    (state,) = adam.state.values()
    frozen = regressor.free == 0
    assert frozen.sum() == sum(layer.essential.sum() for layer in source.transferred.values())
    assert (state["exp_avg"][frozen] == 0).all()
    assert (state["exp_avg_sq"][frozen] == 0).all()
    assert (state["exp_avg"][~frozen] != 0).any()


def test_layers_of_another_size_are_refused(source):
    with pytest.raises(ValueError, match="L3 of the source is"):
        embed(fresh((7,), 2, TRAINING, (8,) * 7, 0), source.transferred)


def test_a_source_network_is_the_same_after_its_file(source):
    again = SourceNetwork.from_bytes(source.to_bytes())
    X = some_points(9, seed=8).X
    assert again.to_bytes() == source.to_bytes()
    assert (again.predict(X) == source.predict(X)).all()
    assert again.facts == source.facts
    assert again.settings == source.settings
    assert again.scores == source.scores
    assert again.training_hash == training_hash(some_points().X, some_points().Y)


def test_a_source_network_s_file_is_data_and_says_what_it_was_trained_on(source):
    arrays, header = unpack(source.to_bytes())
    assert header["facts"]["axes"] == [["pes", [1, 2, 4]]]
    assert header["facts"]["metrics"] == ["energy_pj", "latency_cycles"]
    assert header["points"] == 48
    assert set(header["scaling"]) == {"scale", "centre", "spread"}
    assert arrays["L3.essential"].shape == arrays["L3.weight"].shape == (16, 16)
    assert b"pickle" not in source.to_bytes()


@pytest.mark.parametrize("content", [b"", b"nonsense", pack({}, {"kind": "other", "format": 1}), pack({}, {})])
def test_what_is_no_source_network_is_refused(content):
    with pytest.raises(ValueError, match=r"not a|incomplete"):
        SourceNetwork.from_bytes(content)


def test_a_source_network_s_file_that_lacks_a_weight_is_refused(source):
    arrays, header = unpack(source.to_bytes())
    del arrays["L6.bias"]
    with pytest.raises(ValueError, match="incomplete"):
        SourceNetwork.from_bytes(pack(arrays, header))


def test_cross_validation_scores_points_it_was_not_trained_on_and_chooses_the_epochs():
    scores = cross_validate(some_points(), replace(SETTINGS, training=replace(TRAINING, epochs=120)))
    assert scores.folds == 3
    assert scores.curve[scores.epochs - 1] == min(scores.curve) == scores.loss < 1.0
    assert all(r > 0.6 for r in scores.rank_correlation)
    noise = Points(some_points().X, np.random.default_rng(5).random((48, 2)) + 1)
    assert all(abs(r) < 0.5 for r in cross_validate(noise, SETTINGS).rank_correlation)


@pytest.mark.parametrize("n", [2, 3])
def test_very_few_points_are_enough_to_train(n):
    network = train_source(some_points(n), FACTS, SETTINGS)
    assert np.isfinite(network.predict(some_points().X)).all()


def test_one_point_and_other_outputs_are_refused():
    with pytest.raises(ValueError, match="2 points or more"):
        train_source(some_points(1), FACTS, SETTINGS)
    with pytest.raises(ValueError, match="2 outputs for the metrics"):
        train_source(some_points(), replace(FACTS, metrics=("energy_pj",)), SETTINGS)
    with pytest.raises(ValueError, match="X must be"):
        Points(np.zeros((3, 2)), np.zeros((2, 2)))


@pytest.mark.parametrize("scenario", ["repeat", "merge", "multi"])
def test_several_tasks_are_learnt_together(scenario: Scenario, source):
    first, second = some_points(24, 7, 1), some_points(48, 5)
    network = MultiTask((7, 5), 2, replace(TRAINING, epochs=150), 0, scenario, source.transferred, WIDTHS)
    losses = network.fit([first, second])
    assert losses[-1] < 0.3 * losses[0]
    parts = network.regressor.network.parts()
    assert parts["L1.0.weight"].shape[1] == {"repeat": 7, "merge": 7 + 5 + 2, "multi": 7}[scenario]
    assert ("L1.1.weight" in parts) == (scenario == "multi")
    for name, layer in source.transferred.items():
        assert parts[f"{name}.weight"].numpy()[layer.essential].tobytes() == layer.weight[layer.essential].tobytes()
    assert np.abs(np.log(network.predict(first.X) / first.Y)).mean() < 1.0


def test_a_task_s_own_layers_learn_from_its_own_points_only():
    network = Network((4, 5), 2, seeded(0), WIDTHS)
    regressor = Regressor(network, TRAINING, seeded(1))
    X = torch.rand(6, 4, generator=seeded(2))
    flat = network.weights.requires_grad_()
    network.forward(flat, 0, X).sum().backward()
    assert flat.grad is not None
    grads = network.parts(flat.grad)
    assert all((grad == 0).all() for name, grad in grads.items() if ".1." in name)
    assert (grads["L4.weight"] != 0).any()
    with pytest.raises(ValueError, match="2 tasks, got points of 1"):
        regressor.fit([some_points()])
