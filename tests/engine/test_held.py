"""What the artist holds: it stays where it is, or as high as it is, while the rest moves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job
from puppets import add_mesh, bound, puppet
from test_tracking import STILL, TRACKING, Show, seen

from align4d import protocol
from align4d.alignment.held import Held, held_of
from align4d.alignment.pose_cost import PoseCost
from align4d.errors import EngineError
from align4d.inputs.asset import Asset, load_asset


def held_job(folder: Path, **arrays: np.ndarray) -> protocol.Request:
    job = Job(folder)
    add_mesh(job, puppet())
    protocol.write_arrays(folder / "input" / "held.npz", arrays)
    request = job.request()
    (spec,) = request.objects
    return dataclasses.replace(request, objects=(dataclasses.replace(spec, held="input/held.npz"),))


def body_still(folder: Path) -> Asset:
    """The body, left of the middle, stands; the wing stays as high as it is."""
    left = puppet()[0][:, 0] < 0
    return load_asset(held_job(folder, still=left.astype(np.float32), ground=(~left).astype(np.float32)), folder)


def test_gaussians_are_held_as_the_vertices_around_them(tmp_path: Path) -> None:
    asset = body_still(tmp_path)
    gaussians = bound(asset, 400, 2)
    held = held_of(asset, gaussians, gaussians.means)
    assert held is not None
    np.testing.assert_allclose(held.weight.sum(0), 1, atol=1e-5)
    assert held.weight[gaussians.means[:, 0] < -0.1, 1].abs().max() == 0 and held.weight[gaussians.means[:, 0] > 0.1, 0].abs().max() == 0
    assert held_of(dataclasses.replace(asset, held=None), gaussians, gaussians.means) is None


def test_what_is_held_costs_by_how_far_it_moves() -> None:
    place = torch.zeros(2, 3)
    held = Held(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), place)
    along, up = torch.tensor([0.3, 0.4, 0.0]), torch.tensor([0.0, 0.0, 0.5])
    moved = held.moved(torch.stack([place, place + along, place + up]))
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.25, 0.5]))  # on the ground it may slide


def test_a_pose_that_moves_what_is_held_costs_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    show = Show(Job(tmp_path_factory.mktemp("show")))
    rest, free = show.animated.bound.means, torch.zeros(1, 2, 3)
    wing = (rest[:, :1] > 0.05).float() / float((rest[:, 0] > 0.05).sum())
    holding = dataclasses.replace(show.animated, held=Held(torch.cat([wing, 0 * wing], 1), rest))

    def price(asset: object, degrees: float) -> float:
        cost = PoseCost(asset, show.skeleton, seen(show.video([0.0])), STILL, TRACKING)  # type: ignore[arg-type]
        with torch.no_grad():
            bent = show.bent([degrees])
            means = show.animated.perform(show.skeleton.pose(bent.turn, bent.shift)).means
            return float(cost.per_frame(free, free, show.skeleton.pose(free, free), means, torch.zeros(1), torch.tensor([0])))

    assert price(holding, 0.0) == pytest.approx(price(show.animated, 0.0), abs=1e-6)
    assert price(holding, 5.0) > price(show.animated, 5.0) + 0.01


@pytest.mark.parametrize("wrong", [{"still": np.zeros(3, np.float32)}, {"still": np.full(len(puppet()[0]), 2.0, np.float32)}])
def test_other_arrays_are_refused(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    right = {"still": np.zeros(len(puppet()[0]), np.float32), "ground": np.zeros(len(puppet()[0]), np.float32)}
    request = held_job(tmp_path, **{**right, **wrong})
    with pytest.raises(EngineError, match="held vertices"):
        load_asset(request, tmp_path)
