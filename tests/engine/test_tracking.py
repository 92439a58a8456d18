"""Tracking and refinement: a motion that is known, filmed by exact rendering, is found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import Job
from puppets import TWO_PARTS, Studio, asset_of, bound, puppet

from align4d.alignment import refinement, tracking
from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.asynchronous import AsynchronousSchedule
from align4d.alignment.frame_step import FrameStep
from align4d.alignment.lighting import to_linear, unlit
from align4d.alignment.pose_cost import PoseCost
from align4d.alignment.pose_search import PoseSearch, PoseSearchSettings
from align4d.alignment.reference import Reference
from align4d.alignment.refinement import Refined, refine
from align4d.alignment.refinement_settings import RefinementSettings
from align4d.alignment.track import Track
from align4d.alignment.tracking import track
from align4d.alignment.tracking_settings import TrackingSettings
from align4d.alignment.view import View
from align4d.cameras.orbit import Orbit
from align4d.errors import Cancelled
from align4d.inputs.asset import weld
from align4d.job.reporting import RecordingReporter
from align4d.motion.hexplane import HexPlaneSettings
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph
from align4d.rendering import Cameras, Gaussians, Rendering

CAMERA = Orbit(0.0, 0.0, 2.2)
SIZE = 80
TRACKING = TrackingSettings(resolution=SIZE, iterations=20, bend=1e-4)
"""The puppet's joint is thick, and bends all the same: it has to cost little here."""
REFINEMENT = RefinementSettings(resolution=SIZE, iterations=12, batch=2, hexplane=HexPlaneSettings(resolution=8, channels=8, width=16))
POSE_MATRIX = CAMERA.world_to_camera()
SEARCH = PoseSearchSettings(points=200, samples=150)
STILL = torch.zeros(1, 2, 3)
KNOWN = (STILL, STILL)


def seen(reference: Reference) -> tuple[View, ...]:
    """By the camera that stands."""
    return (View.still(reference, POSE_MATRIX),)


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

    def track(self, reference: Reference, start: Track | None = None, save: Callable[[Track, int], None] | None = None) -> Track:
        """From the rest pose in the first frame, unless another start is given."""
        begin, report = start or self.bent([0.0]), RecordingReporter()
        return track(self.animated, self.skeleton, seen(reference), begin, KNOWN, TRACKING, SEARCH, report, save)

    def refine(self, reference: Reference, start: Track, settings: RefinementSettings, seed: int = 0, known: int | None = 0) -> Refined:
        report = RecordingReporter()
        return refine(self.animated, self.skeleton, seen(reference), start, known, STILL, TRACKING, settings, seed, report)

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
    cost = PoseCost(show.animated, show.skeleton, seen(show.video([0.0])), STILL, TRACKING)
    rest, still = show.animated.bound.means, torch.zeros(1, 2, 3)
    part = (rest[:, 0] > rest[:, 0].median()).float()

    def price(moved: torch.Tensor) -> float:
        means = rest + moved[:, None] * cost.depth_axes[0]
        return float(cost.per_frame(still, still, show.skeleton.pose(still, still), means[None], torch.zeros(1), torch.tensor([0])))

    assert price(torch.zeros(len(rest))) == pytest.approx(0)
    assert price(0.2 * part) < price(torch.full((len(rest),), 0.1))


def test_it_goes_on_where_it_was_and_ends_the_same(show: Show, bending: Reference, tracked: Track) -> None:
    saved: list[tuple[int, int]] = []
    done = Track(tracked.turn[:3], tracked.shift[:3], tracked.loss[:3])
    resumed = show.track(bending, done, lambda one, frame: saved.append((len(one.turn), frame)))
    assert same(resumed, tracked) and saved == [(4, 3)]


def same(one: Track, other: Track) -> bool:
    pairs = (one.turn, other.turn), (one.shift, other.shift), (one.loss, other.loss)
    return one.first == other.first and all(torch.equal(*pair) for pair in pairs)


def test_tracking_goes_both_ways_from_a_frame_in_the_middle(show: Show, bending: Reference) -> None:
    begin = Track(*(one[2:3] for one in (show.bent(BEND).turn, show.bent(BEND).shift, torch.zeros(4))), first=2)
    saved: list[Track] = []
    frames: list[int] = []
    poses = show.track(bending, begin, lambda one, frame: (saved.append(one), frames.append(frame))[0])
    assert frames == [3, 1, 0] and poses.first == 0 and len(poses.turn) == 4 and poses.loss[2] == 0
    true = show.vertices(show.bent(BEND))
    assert show.in_view(show.vertices(poses), true).mean() < 0.4 * show.in_view(show.asset.vertices, true).mean()
    assert same(show.track(bending, saved[1]), poses)  # broken off on the way back, it ends the same


def test_a_limb_that_moved_farther_than_its_width_is_found(show: Show) -> None:
    """In the next frame the wing hardly covers where it was; without the outline it stays behind."""
    far = [0.0, 50.0]
    poses, true = show.track(show.video(far)), show.vertices(show.bent(far))
    assert show.in_view(show.vertices(poses), true)[1].mean() < 0.6 * show.in_view(show.asset.vertices, true)[1].mean()


def test_a_frame_that_is_seen_worse_than_the_one_before_is_solved_from_other_guesses(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wing swings back at once, where momentum carries it on."""
    swing = [0.0, 30.0, -30.0]
    video, true = show.video(swing), show.vertices(show.bent(swing))
    settings = replace(TRACKING, iterations=4, polishing=0, lost=1e9)

    def off(settings: TrackingSettings) -> float:
        begin = replace(show.bent(swing[:2]), loss=torch.tensor([0.0, 0.02]))
        found = track(show.animated, show.skeleton, seen(video), begin, KNOWN, settings, SEARCH, RecordingReporter())
        return float(show.in_view(show.vertices(found), true)[2].mean())

    assert off(settings) < 0.7 * off(replace(settings, doubted=1e9))


def test_after_a_gap_it_is_looked_for_far_and_wide(show: Show, bending: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    far = tracking._Following._far

    def watched(self: tracking._Following, past: Track, frame: int) -> tracking.Pose:
        asked.append(frame)
        return far(self, past, frame)

    monkeypatch.setattr(tracking._Following, "_far", watched)
    gap = Reference(bending.color[:3], bending.alpha[:3], bending.intrinsics, np.array([True, False, True]))
    poses, true = show.track(gap), show.vertices(show.bent(BEND[:3]))
    assert asked == [2]
    assert show.in_view(show.vertices(poses), true)[2].mean() < 0.4 * show.in_view(show.asset.vertices, true)[2].mean()
    show.track(Reference(bending.color[:2], bending.alpha[:2], bending.intrinsics, np.array([True, True])))
    assert asked == [2]  # not where nothing was lost


def test_a_frame_without_the_object_keeps_the_pose_before(show: Show, bending: Reference) -> None:
    two = Reference(bending.color[:3], bending.alpha[:3], bending.intrinsics, np.array([True, True, False]))
    poses = show.track(two)
    assert torch.equal(poses.turn[2], poses.turn[1]) and poses.loss[2] == 0


def test_a_cancel_is_noticed(show: Show, bending: Reference) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        track(show.animated, show.skeleton, seen(bending), show.bent([0.0]), KNOWN, TRACKING, SEARCH, report)
    with pytest.raises(Cancelled):
        refine(show.animated, show.skeleton, seen(bending), show.bent(BEND), 0, STILL, TRACKING, REFINEMENT, 0, report)


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


def test_refinement_keeps_the_known_frame_and_no_other(show: Show, bending: Reference) -> None:
    start = show.bent([4.0, 8.0, 24.0, 28.0])
    kept, free = (show.refine(bending, start, replace(REFINEMENT, iterations=2), known=known).motion for known in (2, None))
    before = show.skeleton.pose(start.turn, start.shift)
    stays = [[bool(torch.equal(found.rotation[i], before.rotation[i])) for i in range(4)] for found in (kept, free)]
    assert stays == [[False, False, True, False], [False] * 4]


def test_the_same_seed_refines_the_same(show: Show, bending: Reference) -> None:
    one, two = (show.refine(bending, show.bent(BEND), replace(REFINEMENT, iterations=4), seed=5) for _ in range(2))
    assert one.loss == two.loss and torch.equal(one.motion.offset, two.motion.offset)
    assert all(torch.equal(a, b) for a, b in zip(one.field.parameters(), two.field.parameters(), strict=True))


def test_a_clip_in_windows_is_refined_as_in_one_piece(show: Show, bending: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    start, settings = show.bent([0.0, 4.0, 16.0, 28.0]), replace(REFINEMENT, iterations=6)
    shared = show.refine(bending, start, settings)
    monkeypatch.setattr(refinement, "AT_ONCE", 1)
    whole = show.refine(bending, start, settings)
    seen: list[int] = []

    def render(self: AnimatedAsset, gaussians: Gaussians, cameras: Cameras, size: tuple[int, int]) -> Rendering:
        seen.append(cameras.count)
        return render_all(self, gaussians, cameras, size)

    render_all = AnimatedAsset.render
    monkeypatch.setattr(AnimatedAsset, "render", render)
    monkeypatch.setattr(refinement, "WINDOW", 3)
    parts = show.refine(bending, start, settings)
    assert max(seen) == 3
    moved = (whole.motion.offset - show.skeleton.pose(start.turn, start.shift).offset).abs().max()
    assert moved > 0
    for one in (parts, shared):
        torch.testing.assert_close(one.motion.offset, whole.motion.offset, rtol=0, atol=1e-3 * float(moved))
        np.testing.assert_allclose(one.loss, whole.loss, rtol=1e-3)


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


def test_what_a_wide_search_does_not_find_is_searched_again_in_longer_and_longer_waits(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    following, searched, lost = tracking._Following(*nothing_else(show)), [], (STILL, STILL, 0.5)
    monkeypatch.setattr(following, "_near", lambda past, frame: lost)
    monkeypatch.setattr(following, "_from_other_guesses", lambda pose, past, frame: pose)
    monkeypatch.setattr(following, "_far", lambda past, frame: (searched.append(frame), lost)[1])
    done = Track(STILL.expand(9, -1, -1), STILL.expand(9, -1, -1), torch.tensor([0.0] + 8 * [0.05]))
    for frame in range(9, 20):
        done = done.with_frame(frame, *following.next(done, frame))
    assert searched == [9, 11, 15]


def nothing_else(show: Show) -> tuple[FrameStep, PoseSearch, tuple[torch.Tensor, torch.Tensor], RecordingReporter]:
    """What following takes, of a clip that is not looked at."""
    views = seen(show.video([0.0]))
    step = FrameStep(show.animated, show.skeleton, views, STILL, TRACKING)
    return step, PoseSearch(show.animated, show.skeleton, views, SEARCH, TRACKING.joint_radius), KNOWN, RecordingReporter()
