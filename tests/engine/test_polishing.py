"""Steps that know how the cost curves: they go down only, and what they believe of joints is true."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from builders import Job
from test_tracking import STILL, TRACKING, Show, seen
from torch import Tensor

from align4d.alignment.frame_step import FrameStep
from align4d.alignment.polishing import polish
from align4d.alignment.pose_curvature import PoseCurvature
from align4d.alignment.tracking_settings import TrackingSettings
from align4d.gaussians.fused import Carriers, of_pairs
from align4d.job.reporting import RecordingReporter
from align4d.motion.skinning import Skin


@dataclass
class Bowl:
    """A cost that bends: an ellipsoid, and a wall."""

    parameters: Tensor

    def __post_init__(self) -> None:
        leaf = self.parameters.detach().clone().requires_grad_()
        cost = self._cost(leaf)
        self.gradient = torch.autograd.grad(cost, leaf)[0]
        self.cost = float(cost.detach())

    @staticmethod
    def _cost(at: Tensor) -> Tensor:
        return 50 * (at[0] - 0.05) ** 2 + 0.5 * (at[1] + 0.03) ** 2 + (at[0] * at[1]) ** 2 + 1.0

    def curvature(self) -> Tensor:
        found: Tensor = torch.autograd.functional.hessian(self._cost, self.parameters)
        return found


def test_polish_reaches_the_bottom_of_a_narrow_valley_in_a_dozen_looks() -> None:
    looks: list[Tensor] = []

    def look(at: Tensor) -> Bowl:
        looks.append(at)
        return Bowl(at)

    found = polish(look, torch.tensor([-0.05, 0.1]), 14, lambda: None)
    assert len(looks) <= 14
    assert torch.allclose(found.parameters, torch.tensor([0.05, -0.03]), atol=2e-3)


def test_polish_keeps_what_no_step_makes_better() -> None:
    class Wrong(Bowl):
        def curvature(self) -> Tensor:
            return torch.eye(2) * 1e-6

    start = torch.tensor([0.05, -0.03])
    found = polish(Wrong, start, 4, lambda: None)
    assert found.cost <= Bowl(start).cost


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(Job(tmp_path_factory.mktemp("show")))


def _step(show: Show, degrees: float) -> FrameStep:
    reference = show.video([0.0, degrees])
    step = FrameStep(show.animated, show.skeleton, seen(reference), STILL, TRACKING)
    step.judge(1, STILL, STILL)
    return step


def test_what_places_cost_is_felt_by_joints(show: Show) -> None:
    """Against places that were moved by joints bent a little more: what a sum of squares of places curves by in the joints."""
    step = _step(show, 0.0)
    curvature, count = step.curvature, show.skeleton.count
    assert curvature is not None
    lever = torch.cat([one.expand(1, count, 3)[0] for one in (step.turn_lever, step.shift_lever)], -1).double()
    pose = 0.3 * torch.randn(count, 6, generator=torch.Generator().manual_seed(0)).double()
    rest = show.animated.bound.means.double()
    weights = curvature.weights.double()

    def places(scaled: torch.Tensor) -> torch.Tensor:
        turn, shift = (pose + scaled * lever)[None].split(3, -1)
        motion = show.skeleton.pose(turn, shift)
        return Skin(weights).move(motion, rest)[0]

    basis = torch.eye(6 * count).double().unflatten(-1, (count, 6)) * 1e-5
    moved = torch.stack([((places(one) - places(-one)) / 2e-5).flatten() for one in basis])
    motion = show.skeleton.pose(pose[None, :, :3].float(), pose[None, :, 3:].float())
    means = places(torch.zeros(count, 6).double()).float()
    found = curvature.of_places(means, torch.eye(3).expand(len(means), 3, 3))
    of_joints = curvature.of_joints(found, pose[None, :, :3].float(), motion) - torch.diag(curvature.own)
    true = (moved @ moved.T).float()
    # a point between two parts is carried by each as if it stood where both leave it
    assert (of_joints - true).norm() < 0.05 * true.norm()


def test_pairs_of_parts_are_summed_up_as_by_tensors() -> None:
    """With parts that share Gaussians, against the products of whole matrices."""
    generator = torch.Generator().manual_seed(0)
    means, roots = torch.randn(3000, 3, generator=generator), torch.randn(3000, 3, 3, generator=generator)
    weights = torch.softmax(2 * torch.randn(3000, 5, generator=generator), -1)
    weights[weights < 0.01] = 0
    curved = roots @ roots.mT
    across = torch.linalg.cross(torch.eye(3).expand(3000, 3, 3), means[:, None].expand(-1, 3, -1)).mT
    moves = torch.cat([across, torch.eye(3).expand(3000, 3, 3)], -1).double()
    each = moves.mT @ curved.double() @ moves
    true = torch.einsum("nj,nk,nab->jkab", weights.double(), weights.double(), each)
    found = of_pairs(Carriers.of(weights.numpy()), means.numpy(), curved.numpy())
    assert np.abs(found - true.numpy()).max() < 1e-5 * true.abs().max()


def test_edges_are_stretched_by_parts_that_move_apart_and_by_none_where_all_move_as_one(show: Show) -> None:
    step = _step(show, 0.0)
    corners = show.animated.bound.corners.flatten(0, 1)
    share = torch.sigmoid(20 * (corners[:, :1] - corners[:, :1].median()))
    blended = replace(show.animated, skin=Skin(torch.cat([share, 1 - share], 1)), rest=None)
    lever = torch.ones(show.skeleton.count, 6)
    of_edges = PoseCurvature(blended, show.skeleton, step.cost, lever).of_edges(show.skeleton.pose(STILL, STILL))
    as_one = of_edges.sum((0, 1))
    assert of_edges[0, 0].diagonal().min() > 0
    assert as_one.abs().max() < 1e-3 * of_edges.abs().max()


def test_the_loss_curves_as_it_is_believed_to_along_the_bend(show: Show) -> None:
    """In the direction in which the wing bends: as the loss itself does on the way, within what a factor means to a damped step."""
    step = _step(show, 0.0)
    direction = torch.zeros(show.skeleton.count, 6)
    direction[show.wing, 1] = 1.0

    def loss(degrees: float) -> float:
        turn = torch.zeros_like(STILL)
        turn[:, show.wing, 1] = np.radians(degrees)
        seen_ = step.look(turn, STILL)
        return float((seen_.known + seen_.blurred).detach())

    angle = 4.0
    true = 2 * ((loss(angle) + loss(-angle)) / 2 - loss(0.0)) / np.radians(angle) ** 2
    point = step.point(torch.zeros(6 * show.skeleton.count))
    scaled = direction.flatten() / torch.cat([one.expand(1, show.skeleton.count, 3)[0] for one in (step.turn_lever, step.shift_lever)], -1).flatten()
    believed = float(scaled @ point.curvature() @ scaled)
    assert true / 5 < believed < true * 5


def test_a_frame_that_is_polished_shows_the_video_better_than_the_descent_alone(show: Show) -> None:
    reference, report = show.video([0.0, 14.0]), RecordingReporter()

    def cost(settings: TrackingSettings) -> float:
        step = FrameStep(show.animated, show.skeleton, seen(reference), STILL, settings)
        turn, shift, _ = step.solve(1, STILL, STILL, report)
        return float(step.judge(1, turn, shift)[0])

    short = replace(TRACKING, iterations=10)
    assert cost(short) < 0.8 * cost(replace(short, polishing=0))
