"""Tracking and refinement: a motion that is known, filmed by exact rendering, is found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import Job
from puppets import TWO_PARTS, Studio, asset_of, bound, puppet

from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.asynchronous import AsynchronousSchedule
from align4d.alignment.lighting import to_linear, unlit
from align4d.alignment.reference import Reference
from align4d.alignment.refinement import Refined, RefinementSettings, refine
from align4d.alignment.tracking import PoseCost, Track, TrackingSettings, track
from align4d.cameras.orbit import Orbit
from align4d.errors import Cancelled
from align4d.inputs.asset import weld
from align4d.job.reporting import RecordingReporter
from align4d.motion.hexplane import HexPlaneSettings
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph

CAMERA = Orbit(0.0, 0.0, 2.2)
SIZE = 80
TRACKING = TrackingSettings(resolution=SIZE, iterations=40, bend=1e-4)
"""The puppet's joint is thick, and bends all the same: it has to cost little here."""
REFINEMENT = RefinementSettings(resolution=SIZE, iterations=12, batch=2, hexplane=HexPlaneSettings(resolution=8, channels=8, width=16))
POSE_MATRIX = CAMERA.world_to_camera()


class Show:
    """The puppet, ready to be tracked."""

    def __init__(self, job: Job) -> None:
        self.asset = asset_of(job, puppet())
        welded = weld(self.asset)
        surface = build_surface_graph(welded.vertices, welded.triangles)
        parts = find_parts(surface, TWO_PARTS)
        assert parts.count == 2
        self.skeleton = build_skeleton(surface, parts)
        self.wing = 1 - self.skeleton.root
        gaussians = bound(self.asset, 2000, 30)
        skin = skin_points(surface, parts, gaussians.corners.reshape(-1, 3).numpy(), "cpu")
        self.animated = AnimatedAsset(gaussians, skin, to_linear(gaussians.albedo), unlit(), "cpu")
        self.vertex_skin = skin_points(surface, parts, self.asset.vertices, "cpu")
        self.rest = torch.from_numpy(self.asset.vertices)

    def bent(self, degrees: list[float]) -> Track:
        """The wing turned in the picture, by so much in each frame."""
        turn, shift = torch.zeros(len(degrees), 2, 3), torch.zeros(len(degrees), 2, 3)
        turn[:, self.wing, 1] = torch.deg2rad(torch.tensor(degrees))
        return Track(turn, shift, torch.zeros(len(degrees)))

    def vertices(self, poses: Track) -> np.ndarray:
        """(T, V, 3)."""
        return self.vertex_skin.move(self.skeleton.pose(poses.turn, poses.shift), self.rest).numpy()

    def video(self, degrees: list[float]) -> Reference:
        return Studio(CAMERA).reference(self.asset, self.vertices(self.bent(degrees)), SIZE)

    def track(self, reference: Reference, **others: object) -> Track:
        return track(self.animated, self.skeleton, reference, POSE_MATRIX, TRACKING, RecordingReporter(), **others)  # type: ignore[arg-type]

    def refine(self, reference: Reference, start: Track, settings: RefinementSettings, seed: int = 0) -> Refined:
        return refine(self.animated, self.skeleton, reference, POSE_MATRIX, start, TRACKING, settings, seed, RecordingReporter())

    def in_view(self, found: np.ndarray, true: np.ndarray) -> np.ndarray:
        """(T, V) distances in the picture's plane: the camera looks along +Y, and depth hardly shows in it."""
        return np.linalg.norm((found - true)[..., [0, 2]], axis=2)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(Job(tmp_path_factory.mktemp("show")))


BEND = [0.0, 12.0, 24.0, 36.0]


@pytest.fixture(scope="module")
def bending(show: Show) -> Reference:
    return show.video(BEND)


@pytest.fixture(scope="module")
def tracked(show: Show, bending: Reference) -> Track:
    return show.track(bending)


def test_a_bend_is_found(show: Show, tracked: Track) -> None:
    assert tracked.turn.shape == tracked.shift.shape == (4, 2, 3) and tracked.loss.shape == (4,)
    assert (tracked.turn[0] == 0).all() and (tracked.shift[0] == 0).all() and tracked.loss[0] == 0
    found, true = show.vertices(tracked), show.vertices(show.bent(BEND))
    wing = show.vertex_skin.weights[:, show.wing].numpy() > 0.5
    error, still = show.in_view(found, true), show.in_view(show.asset.vertices, true)
    assert error[:, wing].sum() < 0.25 * still[:, wing].sum() and error[:, ~wing].max() < 0.03
    assert np.abs(found - true)[..., 1].max() < 0.1
    motion = show.skeleton.pose(tracked.turn, tracked.shift)
    in_view = torch.rad2deg(torch.atan2(motion.rotation[:, show.wing, 0, 2], motion.rotation[:, show.wing, 0, 0]))
    np.testing.assert_allclose(in_view, BEND, atol=6)


def test_a_still_video_is_held_still(show: Show) -> None:
    poses = show.track(show.video([0.0, 0.0, 0.0]))
    assert show.in_view(show.vertices(poses), show.asset.vertices).max() < 0.02  # of the longest side
    assert np.linalg.norm(show.vertices(poses) - show.asset.vertices, axis=2).max() < 0.06


def test_moving_in_depth_costs_by_how_much_moves_not_by_how_far(show: Show) -> None:
    """One leg far away is cheaper than all of it half as far, though the mean square is larger; what stands still costs nothing."""
    cost = PoseCost(show.animated, show.skeleton, POSE_MATRIX, TRACKING)
    rest, still = show.animated.bound.means, torch.zeros(1, 2, 3)
    part = (rest[:, 0] > rest[:, 0].median()).float()

    def price(moved: torch.Tensor) -> float:
        means = rest + moved[:, None] * cost.depth_axis
        return float(cost.per_frame(still, still, means[None], torch.zeros(1)))

    assert price(torch.zeros(len(rest))) == pytest.approx(0)
    assert price(0.2 * part) < price(torch.full((len(rest),), 0.1))


def test_it_goes_on_where_it_was_and_ends_the_same(show: Show, bending: Reference, tracked: Track) -> None:
    saved: list[Track] = []
    resumed = show.track(bending, resume=Track(tracked.turn[:3], tracked.shift[:3], tracked.loss[:3]), save=saved.append)
    assert all(torch.equal(a, b) for a, b in zip(vars(resumed).values(), vars(tracked).values(), strict=True))
    assert [len(one.turn) for one in saved] == [4]


def test_a_frame_without_the_object_keeps_the_pose_before(show: Show, bending: Reference) -> None:
    two = Reference(bending.color[:3], bending.alpha[:3], bending.intrinsics, np.array([True, True, False]))
    poses = show.track(two)
    assert torch.equal(poses.turn[2], poses.turn[1]) and poses.loss[2] == 0


def test_a_cancel_is_noticed(show: Show, bending: Reference) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        track(show.animated, show.skeleton, bending, POSE_MATRIX, TRACKING, report)
    with pytest.raises(Cancelled):
        refine(show.animated, show.skeleton, bending, POSE_MATRIX, show.bent(BEND), TRACKING, REFINEMENT, 0, report)


def test_refinement_lowers_the_loss(show: Show, bending: Reference) -> None:
    """From a track that is 8 degrees off in every frame."""
    start = show.bent([0.0, 4.0, 16.0, 28.0])
    poses = show.refine(bending, start, replace(REFINEMENT, iterations=24))
    assert len(poses.loss) == 48 and np.mean(poses.loss[20:24]) < 0.8 * np.mean(poses.loss[:2])
    with torch.no_grad():
        found = show.vertex_skin.move(poses.motion, show.rest).numpy()
    true = show.vertices(show.bent(BEND))
    assert show.in_view(found, true).mean() < 0.8 * show.in_view(show.vertices(start), true).mean()
    np.testing.assert_allclose(found[0], show.asset.vertices, atol=1e-6)  # frame 0 stays the rest pose


def test_the_same_seed_refines_the_same(show: Show, bending: Reference) -> None:
    one, two = (show.refine(bending, show.bent(BEND), replace(REFINEMENT, iterations=4), seed=5) for _ in range(2))
    assert one.loss == two.loss and torch.equal(one.motion.offset, two.motion.offset)
    assert all(torch.equal(a, b) for a, b in zip(one.field.parameters(), two.field.parameters(), strict=True))


def test_while_the_appearance_learns_the_deformation_is_frozen(show: Show, bending: Reference) -> None:
    start = show.bent(BEND)
    only = replace(REFINEMENT, iterations=3, schedule=AsynchronousSchedule(period=100, first="appearance"))
    done = show.refine(bending, start, only)
    assert done.loss[2] < done.loss[0]  # it learns from the pictures in the poses' round as well
    expected = show.skeleton.pose(start.turn, start.shift)
    torch.testing.assert_close(done.motion.rotation, expected.rotation, rtol=0, atol=1e-6)
    torch.testing.assert_close(done.motion.offset, expected.offset, rtol=0, atol=1e-6)
    with torch.no_grad():
        assert all((one == 0).all() for one in done.field(show.rest, torch.linspace(0, 1, 4)))
    assert (done.animated.albedo - show.animated.albedo).abs().max() > 1e-3
    assert (done.animated.lighting.coefficients - show.animated.lighting.coefficients).abs().max() > 1e-3


def test_while_the_deformation_learns_the_appearance_is_frozen(show: Show, bending: Reference) -> None:
    start = show.bent([0.0, 4.0, 16.0, 28.0])
    only = replace(REFINEMENT, iterations=3, schedule=AsynchronousSchedule(period=100, first="deformation"))
    done = show.refine(bending, start, only)
    torch.testing.assert_close(done.animated.albedo, show.animated.albedo, rtol=0, atol=1e-6)
    assert torch.equal(done.animated.lighting.coefficients, show.animated.lighting.coefficients)
    assert (done.motion.rotation - show.skeleton.pose(start.turn, start.shift).rotation).abs().max() > 1e-3
    with torch.no_grad():
        assert done.field(show.rest, torch.linspace(0, 1, 4)).center.abs().max() > 0
