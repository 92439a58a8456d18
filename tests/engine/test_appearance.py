"""Colors and light that are learnt from the first frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import Job
from puppets import TWO_PARTS, asset_of, bound, puppet

from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.appearance import AppearanceSettings, paint
from align4d.alignment.known_views import KnownViewLoss, KnownViewSettings
from align4d.alignment.lighting import to_linear, unlit
from align4d.alignment.reference import Reference
from align4d.alignment.view import View
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.errors import Cancelled
from align4d.inputs.asset import weld
from align4d.job.reporting import RecordingReporter
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import Skeleton, build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph

SIZE = 64
POSE = Orbit(0.0, 0.0, 2.2).world_to_camera()
LOSS = KnownViewSettings()


class Sitting:
    """The puppet at rest, and a video of it in other colors."""

    def __init__(self, job: Job) -> None:
        asset = asset_of(job, puppet())
        welded = weld(asset)
        surface = build_surface_graph(welded.vertices, welded.triangles)
        parts = find_parts(surface, TWO_PARTS)
        self.skeleton: Skeleton = build_skeleton(surface, parts)
        gaussians = bound(asset, 1500, 20)
        skin = skin_points(surface, parts, gaussians.corners.reshape(-1, 3).numpy(), "cpu")
        self.animated = AnimatedAsset(gaussians, skin, to_linear(gaussians.albedo), unlit(), "cpu")
        empty = torch.ones(1, 3, SIZE, SIZE)
        blank = Reference(empty, empty[:, :1], intrinsics_for(49.1, SIZE, SIZE), torch.ones(1).bool().numpy())
        turquoise = replace(self.animated, albedo=0.3 * self.animated.albedo + 0.7 * torch.tensor([0.1, 0.6, 0.6]))
        color, alpha = self.picture(turquoise, blank)
        self.reference = replace(blank, color=color, alpha=alpha)

    def picture(self, animated: AnimatedAsset, reference: Reference) -> tuple[torch.Tensor, torch.Tensor]:
        still = torch.zeros(1, self.skeleton.count, 3)
        shown = animated.perform(self.skeleton.pose(still, still))
        drawn = animated.render(shown, reference.cameras(POSE), reference.size)
        return drawn.color.detach(), drawn.alpha.detach()

    def wrong(self, animated: AnimatedAsset) -> float:
        color, alpha = self.picture(animated, self.reference)
        return float(KnownViewLoss(LOSS)(color, alpha, self.reference.color, self.reference.alpha))

    def painted(self, settings: AppearanceSettings, report: RecordingReporter | None = None) -> AnimatedAsset:
        still = torch.zeros(1, self.skeleton.count, 3)
        motion = self.skeleton.pose(still, still)
        return paint(self.animated, motion, View.still(self.reference, POSE), LOSS, settings, report or RecordingReporter())


@pytest.fixture(scope="module")
def sitting(tmp_path_factory: pytest.TempPathFactory) -> Sitting:
    return Sitting(Job(tmp_path_factory.mktemp("sitting")))


def test_other_colors_are_learnt_and_the_material_stays(sitting: Sitting) -> None:
    own = sitting.animated.bound.albedo.clone()
    painted = sitting.painted(AppearanceSettings(paint=60, true_color=0.01))
    assert sitting.wrong(painted) < 0.3 * sitting.wrong(sitting.animated)
    assert torch.equal(painted.bound.albedo, own)


def test_no_steps_change_nothing(sitting: Sitting) -> None:
    painted = sitting.painted(AppearanceSettings(paint=0))
    assert torch.allclose(painted.albedo, sitting.animated.albedo, atol=1e-4)


def test_colors_far_from_the_material_cost(sitting: Sitting) -> None:
    free, held = (sitting.painted(AppearanceSettings(true_color=cost)) for cost in (0.0, 50.0))
    own = sitting.animated.albedo
    assert (held.albedo - own).abs().mean() < 0.5 * (free.albedo - own).abs().mean()


def test_painting_is_cancelled(sitting: Sitting) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        sitting.painted(AppearanceSettings(), report)
