"""The training of the embedded prior: it learns, it goes on from a checkpoint, it never sees held-out objects."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from align4d_lab.datasets.procedural import HELD_OUT_SEED
from align4d_lab.training.batches import Batches, held_out_batch, held_out_moves
from align4d_lab.training.loss import Prediction, clean_draw, corrected_share, draw, predict
from align4d_lab.training.settings import TrainingSettings
from align4d_lab.training.training import Training
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from training_ranks import CPU, SETTINGS, SMALL, train

from align4d.priors.embedded import load_network
from align4d.priors.embedded_network import NovelViewNetwork, grown


def training(settings: TrainingSettings = SETTINGS) -> Training:
    torch.manual_seed(0)
    return Training(NovelViewNetwork(SMALL), settings, CPU)


def test_rate_warms_up_and_falls_to_zero() -> None:
    settings = TrainingSettings(rate=1.0, warm_up=10, decay=0.5)
    assert settings.rate_at(0, 0) == pytest.approx(0.1)
    assert settings.rate_at(100, 0.5) == 1.0
    assert settings.rate_at(100, 0.75) == pytest.approx(0.5)
    assert settings.rate_at(100, 1.0) == 0


def test_learns_one_batch() -> None:
    one = training()
    batch = Batches(SETTINGS, 32, CPU, 0, 1, 0).draw()
    held = clean_draw(batch, math.radians(80), torch.Generator().manual_seed(0))
    before = float(predict(one.network, batch, held, False).error().mean().detach())
    for _ in range(25):
        one.advance(batch, 3e-3)
    after = float(predict(one.network, batch, held, False).error().mean().detach())
    assert after < 0.6 * before


def test_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    batches = Batches(SETTINGS, 32, CPU, 0, 1, 0)
    first, later = batches.draw(), batches.draw()
    whole = training()
    whole.advance(first, 1e-3)
    whole.save(tmp_path / "checkpoint.safetensors")
    resumed = training()
    resumed.resume(tmp_path / "checkpoint.safetensors")
    assert (resumed.step, resumed.objects) == (1, SETTINGS.objects)
    for one in (whole, resumed):
        one.generator.manual_seed(5)
        one.advance(later, 1e-3)
    for name, tensor in whole.network.state_dict().items():
        assert torch.allclose(tensor, resumed.network.state_dict()[name], atol=1e-6), name
    for name, tensor in whole.weights.average.weights.items():
        assert torch.allclose(tensor, resumed.weights.average.weights[name], atol=1e-6), name


def test_exports_the_average(tmp_path: Path) -> None:
    one = training()
    one.advance(Batches(SETTINGS, 32, CPU, 0, 1, 0).draw(), 1e-2)
    weights = {name: tensor.clone() for name, tensor in one.network.state_dict().items()}
    one.export(tmp_path / "w.safetensors", {})
    loaded = load_network(tmp_path / "w.safetensors").state_dict()
    for name, tensor in one.weights.average.weights.items():
        assert torch.allclose(loaded[name], tensor, atol=4e-3 * float(tensor.abs().max()) + 1e-6), name
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, weights[name]), "the export changed the network that is being trained"


def test_ranks_see_different_objects_and_never_held_out_ones() -> None:
    drawn = [Batches(SETTINGS, 32, CPU, rank, 2, 0) for rank in (0, 1)]
    first, second = (one.draw().pictures for one in drawn)
    again = Batches(SETTINGS, 32, CPU, 0, 2, 0).draw().pictures
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert all(one.next < HELD_OUT_SEED for one in drawn)


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    spawn(train, (2, tmp_path), 2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["parts"] == second["parts"] and first["parts"][-1] >= 1, "both look at one clock"
    assert first["objects"] == second["objects"] == len(first["parts"]) * 2 * SETTINGS.objects
    for name, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][name]), name


def test_more_blocks_say_nothing_at_first_and_learn() -> None:
    torch.manual_seed(0)
    small = training()
    batch = Batches(SETTINGS, 32, CPU, 0, 1, 0).draw()
    small.advance(batch, 1e-2)
    larger = grown(small.network, replace(SMALL, blocks=(1, 2, 2)))
    random = draw(batch, SETTINGS, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = (predict(network, batch, random, False).error() for network in (small.network, larger))
    assert torch.allclose(before, after, atol=1e-6)
    one = Training(larger, SETTINGS, CPU)
    one.advance(batch, 1e-2)
    assert larger.bottom[1].out.weight.abs().max() > 0
    with pytest.raises(ValueError, match="cannot grow"):
        grown(larger, SMALL)


def test_dropped_conditions_do_not_matter() -> None:
    one = training()
    batch = Batches(SETTINGS, 32, CPU, 0, 1, 0).draw()
    for _ in range(3):
        one.advance(batch, 1e-2)
    random = replace(draw(batch, SETTINGS, torch.Generator().manual_seed(0)), given=torch.zeros(4))
    other = replace(batch, pictures=torch.cat([batch.pictures[:, :1].flip(0), batch.pictures[:, 1:]], 1))
    with torch.no_grad():
        mine, theirs = (predict(one.network, each, random, False).error() for each in (batch, other))
    assert torch.allclose(mine, theirs, atol=1e-6)


def test_held_out_views_stand_as_the_product_looks() -> None:
    batch = held_out_batch(3, 32, CPU)
    relative = torch.rad2deg(batch.cameras[:, 1:, 1] - batch.cameras[:, :1, 1])
    assert torch.allclose(relative, torch.tensor([30.0, 90.0, 180.0]).expand(3, 3), atol=1e-3)
    assert (batch.cameras[:, :, [0, 2]] == batch.cameras[:, :1, [0, 2]]).all()


def test_objects_that_move_are_shown_moved_and_asked_for_as_the_condition_shows_them() -> None:
    batch = Batches(SETTINGS, 32, CPU, 0, 1, 0).draw()
    moving = len(batch.moved)
    assert moving == round(SETTINGS.moved_share * SETTINGS.objects) > 0
    assert torch.equal(batch.noised[:moving], batch.moved) and torch.equal(batch.noised[moving:], batch.pictures[moving:, 1:])
    assert not torch.equal(batch.moved, batch.pictures[:moving, 1:])
    angles = torch.cat([torch.rad2deg(draw(batch, SETTINGS, torch.Generator().manual_seed(i)).angle).view(4, -1) for i in range(50)], 1)
    assert angles[:moving].min() >= SETTINGS.moved_noise and angles[moving:].min() < SETTINGS.moved_noise, "only what is noisy is corrected"


def test_the_corrected_share_is_of_the_way_to_the_conditions_pose() -> None:
    batch = held_out_moves(3, 32, CPU)
    shown, wanted = batch.moved.flatten(0, 1), batch.pictures[:, 1:].flatten(0, 1)

    def share(picture: Tensor) -> Tensor:
        return corrected_share(Prediction(picture, picture, picture), batch)

    seen = (wanted - shown).square().mean((1, 2, 3)) > 0.01
    assert seen.any()
    assert torch.allclose(share(shown), torch.zeros(len(shown)))
    assert (share(wanted)[seen] > 0.95).all() and (share(wanted) <= 1).all()
    assert torch.allclose(share(shown + 0.5 * (wanted - shown)), 0.5 * share(wanted), atol=1e-5)


def test_correcting_is_learned() -> None:
    """The same steps take back more of the moves where that is asked for than where only the error of v counts."""
    batch = held_out_moves(4, 32, CPU)
    held = clean_draw(batch, math.radians(60), torch.Generator().manual_seed(0))
    corrected = []
    for weight in (0.0, 1.0):
        one = training(replace(SETTINGS, correction=weight))
        for _ in range(25):
            one.advance(batch, 3e-3)
        with torch.no_grad():
            corrected.append(float(corrected_share(predict(one.network, batch, held, False), batch).mean()))
    assert corrected[1] > corrected[0] + 0.1
