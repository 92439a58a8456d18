"""The prior benchmark's own logic, on priors that know everything and objects that are known exactly."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor

from align4d.alignment.motion_geometry import MotionGeometrySettings
from align4d.priors.prior import Condition, MultiviewPrior, PriorFacts, RelativeCamera
from align4d.priors.schedule import ending_in, scaled_linear
from benchmarks.prior import cameras as prior_cameras
from benchmarks.prior import cloud as prior_cloud
from benchmarks.prior import distance as prior_distance
from benchmarks.prior import judge, motion, perturbed, quality, sds, table, views
from benchmarks.prior import light as prior_light
from benchmarks.prior.subjects import AssetSubjects, Case, Subjects, digest, relative
from support.console import ScriptError

SIZE = 32
CPU = torch.device("cpu")


class Oracle(MultiviewPrior):
    """Knows that the picture is a disc whose radius tells the distance and whose gray tells the elevation."""

    def __init__(self) -> None:
        self.facts = PriorFacts("oracle", prior_cameras.FOVY, (1.5, 2.2), SIZE, 3, SIZE, takes_distance=True)
        self.schedule = scaled_linear()

    @property
    def device(self) -> torch.device:
        return CPU

    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        return Condition(elevation, distance, (pictures,))

    def null(self, count: int) -> Condition:
        return Condition(torch.zeros(count), torch.full((count,), 1.85), (torch.zeros(count, 3, SIZE, SIZE),))

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures * 2 - 1

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        clean = self.encode(discs(condition.elevation + camera.elevation, condition.distance + camera.distance))
        abar = self.schedule.at(timestep, noisy)
        return (noisy - abar.sqrt() * clean) / (1 - abar).sqrt()


def discs(elevation: Tensor, distance: Tensor) -> Tensor:
    """(B, 3, S, S): a disc of half the picture at distance 1."""
    steps = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    radius = (steps[:, None] ** 2 + steps**2).sqrt()
    gray = 0.3 + 0.004 * elevation
    edge = torch.sigmoid(40 * (radius - 0.5 / distance[:, None, None]))
    return (gray[:, None, None] + (1 - gray[:, None, None]) * edge)[:, None].expand(-1, 3, -1, -1)


class Discs(Subjects):
    """What the oracle knows, as subjects."""

    def __init__(self, distances: tuple[float, ...]) -> None:
        self.names = [f"disc {distance}" for distance in distances]
        self.size, self.device = SIZE, CPU
        self.camera = np.array([(0.0, 0.0, distance) for distance in distances], np.float32)
        self.first = self.pictures(self.camera[:, None])[:, 0]

    def pictures(self, cameras: np.ndarray, only: slice = slice(None)) -> Tensor:
        flat = torch.from_numpy(np.asarray(cameras, np.float32).reshape(-1, 3))
        return discs(flat[:, 0], flat[:, 2]).view(*cameras.shape[:-1], 3, SIZE, SIZE)


def test_one_step_and_many_lead_to_what_the_prior_knows() -> None:
    prior, subjects = Oracle(), Discs((1.6, 2.0))
    wanted = subjects.camera + np.array([20.0, 90.0, 0.1], np.float32)
    condition, which = digest(prior, subjects.first, subjects.camera), torch.arange(2)
    camera = relative(subjects.camera, wanted, CPU)
    truth = subjects.pictures(wanted[:, None])[:, 0]
    for picture in (judge.clean_means(prior, condition, which, camera, 0), judge.samples(prior, condition, which, camera, 0)):
        assert judge.psnr(picture, truth).min() > 40


def test_the_right_camera_beats_a_shuffled_one() -> None:
    for errors in quality.shuffled_cameras(Oracle(), Discs((1.6, 1.8, 2.0))).values():
        assert errors["right"] < 1e-6 < errors["shuffled"]


def test_the_search_finds_the_distance_that_the_prior_expects() -> None:
    prior, subjects = Oracle(), Discs((1.7, 2.1))
    found = prior_distance.distances(prior, subjects)
    assert [one.picked for one in found["same"]] == pytest.approx([1.7, 2.1], abs=0.03)
    assert all(one.found for one in found["same"])
    assert prior_distance.summary(found)["same"]["one_clear_minimum"] == 1
    # told each candidate's own distance, the oracle is right everywhere
    assert prior_distance.search(prior, subjects, 0, "own").error.max() < 1e-6


def test_motion_is_compared_row_by_row() -> None:
    distance = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    hard = np.array([1.0, 9.0, 2.0, 7.0, 3.0])
    right = motion.compared((1 + distance) * hard, distance)
    assert right["first_normalized"] == 1 and right["first"] < 1 and right["correlation"] > 0.7
    wrong = motion.compared((5 - distance) * hard, distance)
    assert wrong["first_normalized"] == 0 and wrong["correlation"] < 0


def test_the_ceiling_is_what_the_pictures_themselves_tell() -> None:
    pose = torch.linspace(0, 1, 8)
    distance = (pose[:, None] - pose[None]).abs().numpy()
    pictures = torch.eye(8).cumsum(0)[:, None, None].expand(-1, 3, 8, -1)  # each differs from another by as many columns as frames
    assert motion.ceiling(pictures, distance) > 0.9
    assert motion.ceiling(torch.eye(8)[:, None, None].expand(-1, 3, 8, -1), distance) < 0.8, "all differ alike"


class Copying(Oracle):
    """Believes that every side looks as the condition's picture does."""

    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        return Condition(elevation, distance, (self.encode(pictures),))

    def null(self, count: int) -> Condition:
        return Condition(torch.zeros(count), torch.ones(count), (torch.zeros(count, 3, SIZE, SIZE),))

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        abar = self.schedule.at(timestep, noisy)
        return (noisy - abar.sqrt() * condition.features[0]) / (1 - abar).sqrt()


def clip(camera: np.ndarray, frames: np.ndarray, **more: np.ndarray) -> Case:
    """A case of these pictures, and nothing else but `more`."""
    nothing = {field: np.zeros((0, 3)) for field in Case.__dataclass_fields__ if field != "name"}
    return Case(**{"name": "a", **nothing, "camera": camera, "frames": frames, **more})  # type: ignore[arg-type]


def test_the_picked_distance_is_judged_against_the_best() -> None:
    curve = 20 - (sds.DISTANCES - 1.7) ** 2
    one = sds.judged(prior_distance.Found("a", 1.7, [2.0], 2.0, True, 4.0), curve)
    assert one["best"] == pytest.approx(1.7, abs=0.01) and one["lost"] == pytest.approx(0.08, abs=0.01)


def test_the_lattice_moves_space_as_its_points_move() -> None:
    points = torch.rand(50, 3) - 0.5
    steps = torch.linspace(-prior_cloud.HALF_BOX, prior_cloud.HALF_BOX, prior_cloud.DEGREE + 1)
    lattice = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).view(-1, 3)
    # Bernstein polynomials reproduce linear functions
    assert torch.allclose(prior_cloud.lattice_weights(points) @ lattice, points, atol=1e-5)


def test_gaussians_are_fitted_to_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior_cloud, "FIT_STEPS", 40)
    monkeypatch.setattr(prior_cameras, "surrounding", lambda: np.array([(0.0, 40.0 * i, 1.85) for i in range(9)], np.float32))
    subjects = Discs((1.8, 1.8))
    clouds = prior_cloud.fit_clouds(subjects)
    cameras = np.array([(0.0, 25.0, 1.8)] * 2, np.float32)
    shown = clouds.render(clouds.means, prior_cloud.views_of(cameras, CPU), SIZE)
    assert judge.psnr(shown, subjects.pictures(cameras)).min() > 20


class Seer(Copying):
    """Knows what the Gaussians look like from everywhere, whatever the condition shows."""

    def __init__(self, clouds: prior_cloud.Clouds, wrong: float = 0.0) -> None:
        super().__init__()
        self.clouds, self.wrong = clouds, wrong

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        there = torch.stack([condition.elevation + camera.elevation, camera.azimuth, condition.distance + camera.distance], 1)
        away = torch.tensor([0.0, self.wrong, 0.0])
        clean = self.clouds.render(self.clouds.means + away, prior_cloud.views_of(there.numpy(), CPU), SIZE)
        abar = self.schedule.at(timestep, noisy)
        return (noisy - abar.sqrt() * self.encode(clean)) / (1 - abar).sqrt()


def test_a_prior_that_knows_the_shape_rights_the_pose_and_one_that_is_wrong_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior_cloud, "GAUSSIANS", 150)
    for name, value in {"FRAMES": (1,), "BENDS": 1, "STEPS": 30, "VIEWS": 4}.items():
        monkeypatch.setattr(perturbed, name, value)
    monkeypatch.setattr(perturbed, "WAYS", {"video": None, "method": MotionGeometrySettings(geometry=0.0)})
    random = torch.Generator().manual_seed(0)
    size = torch.tensor([0.3, 0.15, 0.4])
    centers = (torch.rand(1, 150, 3, generator=random) * 2 - 1) * size
    cloud = prior_cloud.Clouds(centers, torch.full((1, 150, 3), 0.04), torch.full((1, 150), 0.9), torch.rand(1, 150, 3, generator=random))
    camera = np.array([0.0, 0.0, 1.85], np.float32)
    seen = cloud.rendering(centers, prior_cloud.views_of(camera[None], CPU), SIZE)
    frames, coverage = ((255 * one[0]).round().to(torch.uint8).expand(2, -1, -1, -1) for one in (seen.color, seen.alpha))
    vertices = centers.expand(2, -1, -1).numpy()
    case = clip(camera, frames.permute(0, 2, 3, 1).numpy(), coverage=coverage[:, 0].numpy(), vertices=vertices)
    found = perturbed.case_perturbed(Seer(cloud), case, cloud)
    # shape, and not depth: what is shown in the middle of the picture says nothing of where the object is
    assert found["method"]["psnr"] > found["video"]["psnr"] + perturbed.WANTED_GAIN, found
    assert found["method"]["psnr"] > found["bent"]["psnr"] + 2
    misled = perturbed.case_perturbed(Seer(cloud, wrong=0.2), case, cloud)
    assert misled["method"]["psnr"] < found["method"]["psnr"] - perturbed.WANTED_GAIN, misled


def test_the_true_pose_stays_though_the_mesh_has_other_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior_cloud, "GAUSSIANS", 60)
    for name, value in {"FRAMES": (1,), "BENDS": 1, "STEPS": 5}.items():
        monkeypatch.setattr(perturbed, name, value)
    centers = (torch.rand(1, 60, 3, generator=torch.Generator().manual_seed(0)) - 0.5) * 0.6
    cloud = prior_cloud.Clouds(centers, torch.full((1, 60, 3), 0.04), torch.full((1, 60), 0.9), torch.full((1, 60, 3), 0.5))
    frames, coverage = np.zeros((2, SIZE, SIZE, 3), np.uint8), np.full((2, SIZE, SIZE), 255, np.uint8)
    case = clip(np.array([0.0, 0.0, 1.85], np.float32), frames, coverage=coverage, vertices=centers.expand(2, -1, -1).numpy())
    bent = perturbed.bent_frames(case, cloud)
    true = replace(bent, start=torch.zeros_like(bent.start))
    assert float(perturbed.unbent(Copying(), case, true, None).abs().max()) < 1e-5
    assert float((perturbed.unbent(Copying(), case, bent, None) - bent.start).abs().max()) > 1e-3


def test_a_gaussian_follows_the_vertices_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbed, "FRAMES", (1,))
    rest = np.random.default_rng(0).uniform(-0.4, 0.4, (300, 3)).astype(np.float32)
    turn = Rotation.from_euler("z", 10, degrees=True).as_matrix()
    cloud = prior_cloud.Clouds(torch.from_numpy(rest[None, ::5]), torch.ones(1, 60, 3), torch.ones(1, 60), torch.ones(1, 60, 3))
    case = clip(np.zeros(3, np.float32), np.zeros((2, 1, 1, 3)), vertices=np.stack([rest, (rest @ turn.T).astype(np.float32)]))
    bent = perturbed.bent_frames(case, cloud)
    assert np.abs(bent.clouds.means[0].numpy() - rest[::5] @ turn.T).max() < 1e-3
    assert torch.equal(bent.rest.means[0], cloud.means[0])
    assert float((bent.means(bent.start) - bent.clouds.means).norm(dim=-1).mean()) == pytest.approx(prior_cloud.BENT, abs=1e-4)


def test_frames_turn_with_their_triangles() -> None:
    corners = np.random.default_rng(0).normal(size=(20, 3, 3))
    turn = Rotation.from_euler("xyz", [20, -50, 130], degrees=True).as_matrix()
    before, after = views.triangle_frames(corners), views.triangle_frames(corners @ turn.T + 3)
    assert np.allclose(after @ before.swapaxes(1, 2), turn)
    assert np.allclose(np.linalg.det(before), 1)


def test_a_frame_is_framed_about_what_the_pose_says(tmp_path: Path) -> None:
    """The point comes to the middle, wherever it is in the frame, and sizes are those of the nearest distance."""
    camera = np.array([0.0, 0.0, 2.0], np.float32)
    middle = np.array([0.3, 0.1, -0.2])
    place = views.orbit(camera).world_to_camera() @ np.append(middle, 1)
    column, row, _ = views.intrinsics_for(prior_cameras.FOVY, 200, 200) @ (place[:3] / place[2])
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[round(row) - 20 : round(row) + 20, round(column) - 10 : round(column) + 10] = (200, 30, 30, 255)
    Image.fromarray(pixels).save(tmp_path / "frame.png")
    frame, _ = views.on_white(tmp_path / "frame.png")
    dark = views.framed(frame, camera, middle, 48)[..., 1] < 130
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    assert abs(rows[0] + rows[-1] - 47) <= 2 and abs(columns[0] + columns[-1] - 47) <= 2
    distance = float(np.linalg.norm(place[:3]))
    assert len(rows) == pytest.approx(48 * 40 / 200 * distance / prior_cameras.NEAR, abs=1)
    half = np.tan(np.radians(views.near_fovy(distance)) / 2) * distance
    assert half == pytest.approx(np.tan(np.radians(prior_cameras.FOVY) / 2) * prior_cameras.NEAR)


def test_motion_is_asked_at_the_experiments_noise_level() -> None:
    prior = Oracle()
    assert motion.as_noisy(prior) == motion.TIMESTEP
    prior.schedule = ending_in(scaled_linear(), 0.01)
    assert 560 < motion.as_noisy(prior) < 580


def test_the_back_is_lit_by_the_sky_alone() -> None:
    light = prior_light.SunAndSky(0.4, 0.6, 0.0, np.array([0.0, -1.0, 0.0]))
    white = np.ones((2, 3))
    front, back = light.shade(white, np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]]))
    assert front == pytest.approx(1) and back == pytest.approx(replace(light, sun=0.0).shade(white[:1], np.zeros((1, 3)))[0])


def test_a_file_of_views_is_read_back(tmp_path: Path) -> None:
    cameras = np.array([(0.0, 30.0, 1.85), (0.0, -30.0, 1.85)], np.float32)
    pictures = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 200)])
    arrays = {
        "camera": cameras[0], "cameras": cameras, "pictures": pictures, "frames": pictures,
        "moved": pictures[:, None], "framed": np.stack([pictures] * 2),
        "framed_camera": cameras, "framed_moved": pictures[:, None],
        "mesh_distance": np.zeros((2, 2)), "coverage": pictures[..., 0], "vertices": np.zeros((2, 3, 3)),
    }  # fmt: skip
    with open(tmp_path / "views.npz", "wb") as file:
        np.savez(file, **{f"fox.{name}": array for name, array in arrays.items()})  # type: ignore[arg-type]
    assets = AssetSubjects(tmp_path / "views.npz", CPU)
    turned = np.array([[(0.0, 330.0, 1.85)]], np.float32)
    assert assets.names == ["fox"] and assets.pictures(turned).mean() == pytest.approx(200 / 255)
    with pytest.raises(ScriptError, match="prior_views"):
        assets.pictures(turned + 1)
    (tmp_path / "other.npz").write_bytes(io.BytesIO(b"no archive").getvalue())
    with pytest.raises(ScriptError, match="other.npz"):
        AssetSubjects(tmp_path / "other.npz", CPU)


def test_the_table_shows_what_was_measured() -> None:
    judged = {"correlation": 0.9, "first": 0.5, "first_normalized": 0.6}
    figures = {"motion": {"mean": judged, "cases": {"fox": {"60": judged}}}}
    assert [column.header for column in table.table(figures).columns] == ["figure", "measured", "target"]
    assert table.table(figures).row_count == 2 and table.table({}).row_count == 0
