"""A mesh that stands otherwise than in the clip: its pose is searched, and the artist's camera believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job
from puppets import FOVY, TWO_PARTS, Studio, asset_of, bound, puppet
from scipy import ndimage

from align4d.alignment import first_pose
from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.first_pose import FirstPose, FirstPoseSearch, sighted
from align4d.alignment.lighting import to_linear, unlit
from align4d.alignment.pose import PoseSettings, SolvedPose, place_camera
from align4d.alignment.pose_search import PoseSearchSettings
from align4d.alignment.posed_asset import posed_asset
from align4d.alignment.reference import Reference
from align4d.alignment.refinement import Refined
from align4d.alignment.tracking_settings import TrackingSettings
from align4d.alignment.verdict import known_view_loss, standing_still
from align4d.alignment.view import View
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.cameras.path import standing
from align4d.inputs.asset import weld
from align4d.job.reporting import RecordingReporter
from align4d.motion.hexplane import HexPlaneField, HexPlaneSettings
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph
from align4d.pipeline.first_pose_note import pose_note
from align4d.pipeline.posable_mesh import PosableMesh

CAMERA = Orbit(10.0, 5.0, 2.2, fovy=FOVY)
SIZE = 64
SEARCH = PoseSearchSettings(points=200, samples=150, starts=6, iterations=40, kept=2, frames=2, anchors=1)
TRACKING = TrackingSettings(resolution=SIZE, iterations=30, bend=1e-4)


class Scene:
    """The puppet, and a clip in which its wing is 50 degrees from where the mesh has it."""

    def __init__(self, folder: Path) -> None:
        self.asset = asset_of(Job(folder), puppet())
        welded = weld(self.asset)
        surface = build_surface_graph(welded.vertices, welded.triangles)
        parts = find_parts(surface, TWO_PARTS)
        self.skeleton = build_skeleton(surface, parts)
        self.wing = 1 - self.skeleton.root
        gaussians = bound(self.asset, 1200, 20)
        skin = skin_points(surface, parts, gaussians.corners.reshape(-1, 3).numpy(), "cpu")
        self.animated = AnimatedAsset(gaussians, skin, to_linear(gaussians.albedo), unlit(), "cpu")
        self.skin = skin_points(surface, parts, self.asset.vertices, "cpu")
        self.true = self.vertices(*self.bent([50.0, 46.0]))
        self.reference = Studio(CAMERA).reference(self.asset, self.true, SIZE)

    def bent(self, degrees: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        turn = torch.zeros(len(degrees), 2, 3)
        turn[:, self.wing, 1] = torch.deg2rad(torch.tensor(degrees))
        return turn, torch.zeros_like(turn)

    def vertices(self, turn: torch.Tensor, shift: torch.Tensor) -> np.ndarray:
        return self.skin.move(self.skeleton.pose(turn, shift), torch.from_numpy(self.asset.vertices)).numpy()

    def search(self, reference: Reference) -> FirstPoseSearch:
        pose = PoseSettings(resolution=SIZE)
        return FirstPoseSearch(self.asset, self.skin, self.animated, self.skeleton, reference, standing(reference.frames), pose, SEARCH, TRACKING)

    def find(self, start: Orbit) -> FirstPose:
        return self.search(self.reference).find(start, 0, RecordingReporter())

    def near(self, degrees: list[float], placed: Orbit) -> tuple[FirstPose, bool]:
        """In a clip in which the wing is so far from where the mesh has it, and whether that is clear."""
        reference = Studio(CAMERA).reference(self.asset, self.vertices(*self.bent(degrees)), SIZE)
        search = self.search(reference)
        found = search.near(CAMERA, placed, RecordingReporter())
        return found, search.is_clear(found, placed)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def found(scene: Scene) -> FirstPose:
    return scene.find(CAMERA.moved(distance=3.0))


def test_the_pose_is_found_from_the_mesh_as_it_stands(scene: Scene, found: FirstPose) -> None:
    true, rest = scene.true[found.frame], scene.asset.vertices
    error, still = (np.linalg.norm(one - true, axis=1).mean() for one in (scene.vertices(found.turn, found.shift)[0], rest))
    assert error < 0.5 * still and found.overlap > 0.9 and found.apart < 0.04 and found.known_frame is None
    assert abs(found.camera.azimuth - CAMERA.azimuth) < 0.5 and abs(found.camera.distance / CAMERA.distance - 1) < 0.1


def test_it_comes_back_from_a_checkpoint(found: FirstPose) -> None:
    again = FirstPose.from_arrays(found.to_arrays(), "cpu")
    assert torch.equal(again.turn, found.turn) and torch.equal(again.shift, found.shift) and again.camera == found.camera
    assert (again.frame, again.overlap, again.apart, again.loss) == (found.frame, found.overlap, found.apart, found.loss)


def test_a_pose_of_nothing_is_the_mesh_as_it_stands(found: FirstPose) -> None:
    still = torch.zeros_like(found.turn)
    assert replace(found, frame=3, turn=still, shift=still).known_frame == 3


def test_an_artists_camera_is_believed_while_it_has_the_object_in_sight() -> None:
    start = Orbit(20.0, 10.0, 3.0, yaw=2.0, pitch=-1.0)
    seen = sighted(start, start.moved(distance=2.0, yaw=3.0, pitch=0.0), 0.15)
    moved = np.linalg.inv(seen.world_to_camera())[:3, 3] - np.linalg.inv(start.world_to_camera())[:3, 3]
    np.testing.assert_allclose(moved, start.world_to_camera()[2, :3], atol=1e-9)  # one longest side forward, along its own axis
    np.testing.assert_allclose(seen.world_to_camera()[:3, :3], start.world_to_camera()[:3, :3], atol=1e-9)
    elsewhere = start.moved(distance=2.0, yaw=20.0)
    assert sighted(start, elsewhere, 0.15) == elsewhere


def test_a_posed_asset_is_the_mesh_in_that_pose(scene: Scene) -> None:
    turn, shift = scene.bent([90.0])
    posed = posed_asset(scene.asset, scene.skin, scene.skeleton.pose(turn, shift))
    np.testing.assert_allclose(posed.vertices, scene.vertices(turn, shift)[0], atol=1e-6)
    held = scene.skin.weights[:, scene.wing].numpy()[scene.asset.triangles].min(1) > 0.999
    assert held.any()
    quarter = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])  # about +Y, as the wing turned
    np.testing.assert_allclose(posed.corner_normal[held], scene.asset.corner_normal[held] @ quarter.T, atol=1e-4)


def test_a_mesh_is_seen_in_that_pose_as_a_camera_films_it(scene: Scene) -> None:
    film = Studio(CAMERA).film(scene.asset, scene.true[:1])[0] / 255
    size = film.shape[0], film.shape[1]
    mesh = PosableMesh(scene.asset, scene.skin, scene.animated)
    view = mesh.seen(scene.skeleton.pose(*scene.bent([50.0])), CAMERA.world_to_camera(), intrinsics_for(FOVY, size[1], size[0]), size)
    assert np.abs(view.coverage - film[..., 3]).max() < 0.6 and np.abs(view.coverage - film[..., 3]).mean() < 0.005
    apart = np.abs(view.color / 255 - film[..., :3])[ndimage.binary_erosion(film[..., 3] > 0.99)]
    assert apart.mean() < 0.1, "its own colors, not those of the white behind"


def result_of(scene: Scene, degrees: list[float]) -> Refined:
    """What refinement would hand over."""
    field = HexPlaneField(2, HexPlaneSettings(resolution=8, channels=8, width=16), torch.Generator().manual_seed(0))
    return Refined(scene.skeleton.pose(*scene.bent(degrees)), field, scene.animated, [])


def test_a_motion_is_measured_against_a_mesh_that_stands_still(scene: Scene) -> None:
    def loss(refined: Refined) -> float:
        return known_view_loss(refined, View.still(scene.reference, CAMERA.world_to_camera()), TRACKING.loss)

    right, wrong = (result_of(scene, degrees) for degrees in ([50.0, 46.0], [-60.0, -60.0]))
    still = standing_still(wrong, scene.skeleton, HexPlaneSettings(resolution=8, channels=8, width=16))
    assert torch.equal(still.motion.offset, torch.zeros(2, 2, 3)) and len(still.motion.rotation) == 2
    assert loss(right) < loss(still) < loss(wrong)


def test_a_note_says_whether_the_pose_was_found(found: FirstPose) -> None:
    sure = replace(found, frame=4, overlap=0.96, apart=0.01, loss=0.05)
    assert "its pose was searched: in frame 5 the outlines agree by 96%" in pose_note(sure)
    for unsure in (replace(sure, apart=0.1), replace(sure, loss=0.5)):
        assert pose_note(unsure).startswith("The pose that the clip shows was not found") and "Keep This Pose" in pose_note(unsure)


def test_a_mesh_that_all_but_stands_as_in_the_first_frame_is_posed_from_where_it_stands(scene: Scene) -> None:
    found, clear = scene.near([25.0, 22.0], CAMERA.moved(yaw=0.2))
    assert clear and found.frame == 0 and found.known_frame is None
    true, rest = scene.vertices(*scene.bent([25.0]))[0], scene.asset.vertices
    wing = scene.skin.weights[:, scene.wing].numpy() > 0.5
    error, still = (np.linalg.norm(one - true, axis=1)[wing].mean() for one in (scene.vertices(found.turn, found.shift)[0], rest))
    assert error < 0.6 * still and found.overlap > 0.9
    assert not scene.near([0.0, 5.0], CAMERA)[1]


def test_an_artists_camera_beside_where_the_video_was_taken_is_told_from_a_body_in_another_pose(scene: Scene) -> None:
    def placed(reference: Reference, start: Orbit) -> SolvedPose:
        return place_camera(scene.asset, scene.animated.bound, reference, start, PoseSettings(resolution=SIZE), "cpu")

    beside = CAMERA.moved(azimuth=CAMERA.azimuth - 30, elevation=CAMERA.elevation + 25)
    standing_clip = Studio(CAMERA).reference(scene.asset, scene.asset.vertices[None], SIZE)
    right, wrong = placed(standing_clip, CAMERA), placed(standing_clip, beside)
    search = scene.search(standing_clip)
    assert search.is_beside(wrong, right, RecordingReporter()) and not search.is_beside(right, wrong, RecordingReporter())
    bent_clip = Studio(CAMERA).reference(scene.asset, scene.vertices(*scene.bent([25.0])), SIZE)
    right, wrong = placed(bent_clip, CAMERA), placed(bent_clip, beside)
    covering = replace(wrong, apart=0.0)  # as where another view of the mesh as it stands has the bent body's outline
    assert not scene.search(bent_clip).is_beside(right, covering, RecordingReporter())


def test_a_direction_next_to_the_artists_is_not_believed_for_a_pose_that_the_mesh_all_but_has(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = Studio(CAMERA).reference(scene.asset, scene.vertices(*scene.bent([3.0])), SIZE)
    right = place_camera(scene.asset, scene.animated.bound, clip, CAMERA, PoseSettings(resolution=SIZE), "cpu")
    search, placed = scene.search(clip), replace(right, apart=1.0)
    monkeypatch.setattr(first_pose, "AS_WELL", 3.0)  # of a body that is this small in its picture
    for nearly, believed in ((4.0, False), (2.0, True)):
        monkeypatch.setattr(first_pose, "NEARLY", nearly)
        covering = replace(right, camera=right.camera.moved(azimuth=right.camera.azimuth - 3), apart=0.0)
        assert search.is_beside(placed, covering, RecordingReporter()) is believed
