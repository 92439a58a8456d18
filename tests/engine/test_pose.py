"""The camera of the video, solved from a start that is off: direction, roll, offset, distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from builders import Job
from puppets import FOVY, Mesh, Studio, asset_of, block, bound, joined

from align4d.alignment import pose
from align4d.alignment.camera_steps import normal_equations
from align4d.alignment.pose import PoseSettings, RestScene, SolvedPose, covering_camera, no_overlap, solve_pose
from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.gaussians.surface_bound import BoundGaussians
from align4d.inputs.asset import Asset
from align4d.job.reporting import RecordingReporter

TRUE = Orbit(35.0, 18.0, 2.3, 2.0, 4.0, -3.0)
SMALL = PoseSettings(resolution=64, grid=3, candidates=1, iterations=8)


def figure() -> Mesh:
    """Different from every side, many-colored."""
    return joined(block((0.4, 0.3, 0.6), (-0.2, 0, 0)), block((0.4, 0.14, 0.2), (0.2, -0.05, 0.15)), block((0.15, 0.5, 0.15), (-0.25, -0.2, -0.2)))


class Set:
    """The asset, its Gaussians and how the video shows it."""

    def __init__(self, job: Job) -> None:
        self.asset: Asset = asset_of(job, figure())
        self.gaussians: BoundGaussians = bound(self.asset, 1000, 20)

    def solve(self, start: Orbit, solve: bool = True, settings: PoseSettings = SMALL, shown: Asset | None = None, fovy: float = FOVY) -> SolvedPose:
        """Filmed from TRUE; with another lens from where the object looks as large, as much off the picture's middle."""
        asset = shown or self.asset
        lens = math.tan(math.radians(FOVY) / 2) / math.tan(math.radians(fovy) / 2)
        self.filmed = TRUE.moved(distance=TRUE.distance * lens, yaw=TRUE.yaw / lens, pitch=TRUE.pitch / lens)
        reference = Studio(self.filmed, fovy=fovy).reference(asset, asset.vertices[None], settings.resolution)
        self.report = RecordingReporter()
        return solve_pose(self.asset, self.gaussians, reference, start, solve, settings, "cpu", self.report)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Set:
    return Set(Job(tmp_path_factory.mktemp("pose")))


@pytest.mark.parametrize(("azimuth", "elevation", "distance"), [(15.0, -15.0, 1.5), (-15.0, 15.0, 3.5)])
def test_found_from_fifteen_degrees_off(stage: Set, azimuth: float, elevation: float, distance: float) -> None:
    """The start knows nothing of roll, offset and distance either."""
    solved = stage.solve(Orbit(TRUE.azimuth + azimuth, TRUE.elevation + elevation, distance))
    assert abs(solved.camera.azimuth - TRUE.azimuth) < 2 and abs(solved.camera.elevation - TRUE.elevation) < 2
    assert abs(solved.camera.distance / TRUE.distance - 1) < 0.02 and abs(solved.curve.best / TRUE.distance - 1) < 0.02
    assert abs(solved.camera.roll - TRUE.roll) < 1
    away = solved.camera.world_to_camera() @ np.linalg.inv(TRUE.world_to_camera())
    assert np.degrees(np.arccos((np.trace(away[:3, :3]) - 1) / 2)) < 2
    assert solved.overlap > 0.95
    assert np.isfinite(solved.curve.error).any() and not solved.curve.at_end
    assert stage.report.events[-1]["done"] == stage.report.events[-1]["total"]


@pytest.mark.parametrize("fovy", [95.0, 8.0])
def test_found_at_any_lens(stage: Set, fovy: float) -> None:
    """From inches away and from afar, and from a start that knows nothing of the distance."""
    solved = stage.solve(TRUE.moved(azimuth=TRUE.azimuth + 8, distance=2.0, yaw=0.0, pitch=0.0), fovy=fovy)
    assert abs(solved.camera.distance / stage.filmed.distance - 1) < 0.02 and not solved.curve.at_end


def test_a_camera_that_is_exact_is_kept(stage: Set) -> None:
    solved = stage.solve(TRUE, solve=False)
    assert solved.camera == TRUE and solved.overlap > 0.95
    assert abs(solved.curve.best / TRUE.distance - 1) < 0.02


def test_it_comes_back_from_the_checkpoint(stage: Set) -> None:
    solved = stage.solve(TRUE, solve=False)
    again = SolvedPose.from_arrays(solved.to_arrays())
    assert again.camera == solved.camera and again.overlap == solved.overlap and again.curve.best == solved.curve.best
    assert again.lighting.coefficients.equal(solved.lighting.coefficients)
    np.testing.assert_array_equal(again.curve.error, solved.curve.error)


def covering(stage: Set, start: Orbit, solve: bool = True) -> Orbit:
    reference = Studio(TRUE).reference(stage.asset, stage.asset.vertices[None], SMALL.resolution)
    return covering_camera(stage.asset, stage.gaussians, reference, start, solve, SMALL, "cpu", RecordingReporter()).camera


def test_a_clearly_better_camera_beside_the_start_covers_the_object(stage: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = TRUE.moved(azimuth=TRUE.azimuth + 15, elevation=TRUE.elevation - 15)
    found = covering(stage, beside)
    assert abs(found.azimuth - TRUE.azimuth) < 2 and abs(found.elevation - TRUE.elevation) < 2
    assert covering(stage, beside, solve=False).azimuth == beside.azimuth, "the direction is given"
    assert covering(stage, TRUE).azimuth == TRUE.azimuth, "none is clearly better than the true one"

    def nowhere(*_: object) -> SolvedPose:
        raise no_overlap(0.1)

    monkeypatch.setattr(pose, "solve_pose", nowhere)
    assert covering(stage, beside).azimuth == beside.azimuth


def test_a_video_of_something_else_is_refused(stage: Set, job: Job) -> None:
    """Two small balls' worth of boxes far apart, where the mesh is one body."""
    other = asset_of(job, joined(block((0.1, 0.1, 0.1), (-0.7, 0, -0.7)), block((0.1, 0.1, 0.1), (0.7, 0, 0.7))))
    with pytest.raises(EngineError) as caught:
        stage.solve(TRUE, settings=PoseSettings(resolution=48, candidates=1, iterations=2, grid=2), shown=other)
    assert caught.value.code == "no_overlap" and caught.value.advice


def test_a_camera_that_looks_elsewhere_is_refused_when_it_may_not_be_solved(stage: Set) -> None:
    with pytest.raises(EngineError) as caught:
        stage.solve(TRUE.moved(yaw=25.0), solve=False, settings=PoseSettings(resolution=48))
    assert caught.value.code == "no_overlap"


def test_thin_limbs_that_miss_each_other_draw_the_camera_from_afar(job: Job) -> None:
    """Sharp pictures of them do not change where they do not meet."""
    asset = asset_of(job, joined(*(block((0.015, 0.015, 0.7), (x, 0, 0)) for x in (-0.5, -0.28, -0.1, 0.13, 0.31, 0.5))))
    true = Orbit(0.0, 0.0, 2.3)
    reference = Studio(true).reference(asset, asset.vertices[None], 96)
    scene = RestScene(asset, bound(asset, 600, 20), reference, SMALL, "cpu")
    start = true.moved(yaw=1.3)
    free = ("yaw", "pitch", "distance")
    sharp = scene.refine(start, 12, free)
    found = scene.from_afar(sharp, 12, free)
    assert abs(found.yaw) < 0.2 < 0.6 < abs(sharp.yaw) and abs(found.distance / true.distance - 1) < 0.01


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"))])
def test_normal_equations_are_those_of_the_differences(device: str) -> None:
    here, moved = torch.rand(500, generator=torch.Generator().manual_seed(1)), torch.rand(3, 500, generator=torch.Generator().manual_seed(2))
    normal, gradient, before = normal_equations(torch.cat([here[None], moved]).to(device))
    jacobian = (moved - here).double().numpy()
    np.testing.assert_allclose(normal, jacobian @ jacobian.T, rtol=1e-6)
    np.testing.assert_allclose(gradient, jacobian @ here.double().numpy(), rtol=1e-6)
    assert before == pytest.approx(float((here.double() ** 2).mean()), rel=1e-6)
