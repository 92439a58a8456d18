"""The paper's method from a request to result.json, with a prior that is known in closed form; and its ablations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from align4d_lab.tables.variants import TWO_TERMS
from analytic_priors import MixturePrior
from builders import IDENTITY, Job
from PIL import Image
from puppets import Mesh, Studio, add_mesh, block, request_for
from scipy.spatial import cKDTree
from torch import Tensor

from align4d import protocol
from align4d.alignment import optimization
from align4d.alignment.optimization import Kind
from align4d.alignment.optimization_settings import OptimizationSettings
from align4d.alignment.recorded_steps import RecordedSteps
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.errors import Cancelled
from align4d.generators.asset_object import keep_gaussians, write_object
from align4d.inputs.asset import load_asset
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist, paper
from align4d.pipeline.paper import STAGES, fill_frames, within_budget
from align4d.pipeline.settings import PaperSettings, settings_for
from align4d.priors.prior import Condition, RelativeCamera
from align4d.priors.recorded import RecordedPrior
from align4d.priors.zero123 import ZERO123
from align4d.reconstruction.textured_mesh import TexturedMesh
from align4d.rendering import Gaussians

CAMERA = Orbit(20.0, 12.0, 1.9)
FRAMES = 4
TINY: dict[str, object] = {
    "gaussians.count": 500,
    "gaussians.fit_iterations": 8,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 48,
    "pose.resolution": 48,
    "pose.distance.step": 0.1,
    "paper.multiview.step": 0.2,
    "paper.multiview.timesteps": [700],
    "paper.multiview_size": 16,
    "paper.cpu_frames": 0,
    "paper.optimization.iterations": 12,
    "paper.optimization.resolution": 48,
    "paper.optimization.novel_resolutions": [16, 24, 32],
    "paper.optimization.frames": 2,
    "paper.optimization.unknown.views.count": 1,
    "paper.optimization.hexplane.resolution": 8,
    "paper.optimization.keep_every": 5,
    "paper.optimization.read_every": 4,
}


def believed(condition: Condition, camera: RelativeCamera) -> Tensor:
    """Whatever side is asked for looks like the condition; without one, gray."""
    return torch.nan_to_num(condition.features[0], nan=0.5)[None]


@pytest.fixture(scope="module", autouse=True)
def shared_prior() -> Iterator[MixturePrior]:
    """The prior that every job of this file gets."""
    known = MixturePrior(believed, 16, 0.2, distances=(1.0, 4.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "load_prior", lambda spec, device, online: known)
        yield known


@pytest.fixture
def prior(shared_prior: MixturePrior) -> MixturePrior:
    """The same, asked nothing yet."""
    shared_prior.asked.clear()
    return shared_prior


def figure() -> Mesh:
    return block((1.0, 0.4, 0.7), (0.0, 0.0, 0.0), edge=0.12)


class Shoot:
    """A box that leans to its side, filmed."""

    def __init__(self, folder: Path) -> None:
        job = Job(folder / "original")
        add_mesh(job, figure())
        self.asset = load_asset(job.request(), job.folder)
        rest = self.asset.vertices
        lean = np.linspace(0, 0.25, FRAMES)[:, None] * (rest[:, 2] - rest[:, 2].min())
        self.motion = np.repeat(rest[None], FRAMES, axis=0)
        self.motion[..., 0] += lean
        names = []
        for index, pixels in enumerate(Studio(CAMERA, (96, 128)).film(self.asset, self.motion)):
            names.append(str(folder / f"frame_{index}.png"))
            Image.fromarray(pixels).save(names[-1])
        self.images = tuple(names)

    def job(self, folder: Path, settings: dict[str, object] | None = None, **changes: object) -> Path:
        job = Job(folder)
        add_mesh(job, figure())
        matrix = blender_from_normalized(CAMERA.world_to_camera(), self.asset.similarity.center, self.asset.similarity.size)
        request = request_for(job, self.images, {**TINY, **(settings or {})}, matrix)
        camera = dataclasses.replace(request.camera, solve=False)
        request = dataclasses.replace(request, preset="paper", camera=camera, **changes)  # type: ignore[arg-type]
        protocol.write_json(folder / "request.json", request)
        return folder


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    return Shoot(tmp_path_factory.mktemp("shoot"))


def run(folder: Path, report: RecordingReporter | None = None) -> tuple[protocol.Result, bytes]:
    result = artist.run(folder, report or RecordingReporter())
    return result, (folder / result.objects[0].motion).read_bytes()


@dataclasses.dataclass(frozen=True)
class Whole:
    """A job that was run without a break."""

    folder: Path
    result: protocol.Result
    motion: bytes


@pytest.fixture(scope="module")
def whole(shoot: Shoot, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = shoot.job(tmp_path_factory.mktemp("whole"))
    return Whole(folder, *run(folder))


def timeless(result: protocol.Result) -> protocol.Result:
    return dataclasses.replace(result, seconds={}, figures={**result.figures, "peak_memory_gb": 0.0})


def test_from_a_request_to_motion(shoot: Shoot, tmp_path: Path, prior: MixturePrior) -> None:
    """Longer than the others: the known views really pull the mesh after the video."""
    report = RecordingReporter()
    longer = {"paper.optimization.iterations": 60, "paper.optimization.frames": 0, "paper.optimization.unknown.weight": 0.01}
    result, _ = run(shoot.job(tmp_path, longer, gaussians=True), report)
    assert [event["name"] for event in report.events if event["event"] == "stage"] == list(STAGES)
    for stage in ("distance", "optimizing", "baking"):
        steps = [event for event in report.events if event["event"] == "progress" and event["stage"] == stage]
        assert steps[-1]["done"] == steps[-1]["total"], stage
    losses = result.curves["optimization"]
    assert list(losses) == ["iteration", "known", "motion", "geometry"] and all(len(values) == 60 for values in losses.values())
    assert np.mean(losses["known"][-10:]) < 0.5 * np.mean(losses["known"][:10])
    assert min(losses["motion"][::2]) > 0 and set(losses["motion"][1::2]) == {0.0}, "colors learn nothing from the prior"
    found = protocol.read_pc2(tmp_path / result.objects[0].motion)
    assert found.shape == shoot.motion.shape
    left = np.linalg.norm(found - shoot.motion, axis=-1).sum() / np.linalg.norm(shoot.motion - shoot.motion[0], axis=-1).sum()
    assert left < 0.75
    gaussians = [rows_of(path) for path in sorted((tmp_path / result.objects[0].gaussians).iterdir())]
    assert [one.shape for one in gaussians] == [(500, 17)] * FRAMES
    assert np.ptp(gaussians[0][:, 6:9]) > 0.5, "they have no colors"
    _, nearest = cKDTree(found[0]).query(gaussians[0][:, :3])
    step, of_mesh = gaussians[-1][:, :3] - gaussians[0][:, :3], (found[-1] - found[0])[nearest]
    assert np.linalg.norm(step - of_mesh, axis=1).mean() < 0.2 * np.linalg.norm(of_mesh, axis=1).mean()
    curve = result.curves["multiview_aligned_distance"]
    assert len(curve["distance"]) == len(curve["error"]) == len(curve["error_at_700"]) > 4
    figures = result.figures
    assert figures["video_aligned_distance"] == pytest.approx(1.9, rel=0.06) and figures["gaussians"] == 500
    assert figures["novel_distance"] == figures["multiview_aligned_distance"]
    assert result.camera.distance == pytest.approx(figures["video_aligned_distance"] * shoot.asset.similarity.size)
    assert [event["image"] for event in report.events if event["event"] == "preview"]


def rows_of(path: Path) -> np.ndarray:
    """(N, 17) of a PLY file of Gaussians."""
    return np.frombuffer(path.read_bytes().partition(b"end_header\n")[2], "<f4").reshape(-1, 17)


class Interrupted(BaseException):
    """As a killed process: nothing catches it."""


class Stopping(RecordingReporter):
    """Calls `act` at iteration `at` of the optimization."""

    def __init__(self, at: int, act: Callable[[Stopping], None]) -> None:
        super().__init__()
        keep = self.events.append

        def send(event: dict[str, object]) -> None:
            keep(event)
            if event.get("stage") == "optimizing" and event.get("done") == at:
                act(self)

        self.send = send


def kill(report: Stopping) -> None:
    raise Interrupted


def test_a_job_that_was_killed_ends_with_the_same_bytes(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    killed = shoot.job(tmp_path)
    with pytest.raises(Interrupted):
        run(killed, Stopping(8, kill))
    stored = protocol.read_arrays(killed / "work" / "optimization.npz")
    assert int(stored["iteration"]) == 5 and len(stored["losses"]) == 5
    report = RecordingReporter()
    again, resumed = run(killed, report)
    assert resumed == whole.motion and timeless(again) == timeless(whole.result)
    assert [e["done"] for e in report.events if e["event"] == "progress" and e["stage"] == "optimizing"] == list(range(6, 13))
    assert not [e for e in report.events if e["event"] == "progress" and e["stage"] in ("sampling", "camera", "distance")]


def test_a_cancel_is_answered_within_an_iteration_and_goes_on_from_there(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    folder = shoot.job(tmp_path)
    report = Stopping(7, lambda one: one.cancelled.set())
    with pytest.raises(Cancelled):
        run(folder, report)
    assert [e["done"] for e in report.events if e["event"] == "progress" and e["stage"] == "optimizing"][-1] == 7
    stored = protocol.read_arrays(folder / "work" / "optimization.npz")
    assert int(stored["iteration"]) == 7
    again, resumed = run(folder)
    assert resumed == whole.motion and timeless(again) == timeless(whole.result)


class Repeated(RecordedSteps[Kind]):
    """As on a GPU, where steps run again from where they began if a rendering had too little room."""

    def run(self, begin: Callable[[], None], count: int, each: Callable[[], Kind]) -> None:
        for _ in range(2):
            begin()
            for _ in range(count):
                self.step(each())

    recordable = property(lambda self: True, lambda self, value: None)  # type: ignore[assignment]


def test_iterations_that_run_again_from_where_they_began_are_the_iterations(
    shoot: Shoot, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimization, "RecordedSteps", Repeated)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    result, motion = run(shoot.job(tmp_path / "repeated"))
    assert motion == whole.motion and result.curves["optimization"] == whole.result.curves["optimization"]


def test_of_a_recorded_prior_the_optimization_records_the_prior_itself(prior: MixturePrior) -> None:
    assert RecordedPrior.bare(RecordedPrior(prior)) is prior and RecordedPrior.bare(prior) is prior


def test_another_seed_gives_another_motion(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    assert run(shoot.job(tmp_path, seed=1))[1] != whole.motion


def test_without_object_distance_alignment(shoot: Shoot, tmp_path: Path, prior: MixturePrior) -> None:
    """The baseline's 1.5 at 49.1 degrees, which the video's 40 degrees make 1.88."""
    result, _ = run(shoot.job(tmp_path, {"paper.align_distance": False}))
    assert "multiview_aligned_distance" not in result.curves and "multiview_aligned_distance" not in result.figures
    assert result.figures["novel_distance"] == pytest.approx(1.5, rel=2e-3)
    fixed = 1.5 * np.tan(np.radians(49.1) / 2) / np.tan(np.radians(20))
    assert result.camera.distance == pytest.approx(fixed * shoot.asset.similarity.size, rel=1e-5)
    assert all((camera.distance == 0).all() for *_, camera in prior.asked)


def test_the_artists_direction_is_believed_where_the_clip_begins_in_another_pose(shoot: Shoot, tmp_path: Path) -> None:
    folder = shoot.job(tmp_path, {"paper.optimization.iterations": 1})
    request = protocol.read_request(folder)
    leaning = dataclasses.replace(request.video, images=request.video.images[::-1])
    camera = dataclasses.replace(request.camera, solve=True)
    protocol.write_json(folder / "request.json", dataclasses.replace(request, video=leaning, camera=camera))
    result, _ = run(folder)
    assert (result.camera.azimuth, result.camera.elevation) == pytest.approx((CAMERA.azimuth, CAMERA.elevation), abs=0.05)
    assert result.camera.distance == pytest.approx(CAMERA.distance * shoot.asset.similarity.size, rel=0.15)


def test_without_motion_geometry_alignment(shoot: Shoot, tmp_path: Path, prior: MixturePrior) -> None:
    """The prior is asked about the frame alone: neither about the asset at rest nor from a view's own side."""
    result, _ = run(shoot.job(tmp_path, {"paper.optimization.unknown.against": "noise", "paper.optimization.unknown.guidance.scale": 1.0}))
    losses = result.curves["optimization"]
    assert set(losses["geometry"]) == {0.0} and min(losses["motion"][::2]) > 0
    asked = [camera for noisy, *_, camera in prior.asked if len(noisy) == 2]
    assert len(asked) == 6 and all(camera.azimuth.abs().min() > 0 for camera in asked)


def test_motion_and_geometry_as_two_terms(shoot: Shoot, tmp_path: Path) -> None:
    """As published: both, in every iteration."""
    result, _ = run(shoot.job(tmp_path, dict(TWO_TERMS)))
    losses = result.curves["optimization"]
    assert min(losses["motion"]) > 0 and min(losses["geometry"]) > 0


def test_joint_and_asynchronous_optimization_differ(shoot: Shoot, tmp_path: Path) -> None:
    """By turns, Gaussians and field have each learned in half of the iterations; together, in all."""
    appearance = {"paper.optimization.learns": "appearance"}
    turns = shoot.job(tmp_path / "turns", appearance)
    joint = shoot.job(tmp_path / "joint", {**appearance, "paper.optimization.schedule.joint": True})
    assert run(turns)[1] != run(joint)[1]
    for folder, steps in ((turns, 6), (joint, 12)):
        stored = protocol.read_arrays(folder / "work" / "optimization.npz")
        assert int(stored["gaussians_adam.0.step"]) == int(stored["field_adam.0.step"]) == steps


def test_what_learns(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    """Of Gaussians on a mesh their appearance, unless it is told otherwise: nothing but the motion, in every iteration, or everything."""
    for learns, folder, kept in (("auto", whole.folder, True), ("all", shoot.job(tmp_path / "all", {"paper.optimization.learns": "all"}), False)):
        if learns == "all":
            run(folder)
        first, last = (protocol.read_arrays(folder / "work" / f"{name}.npz") for name in ("gaussians", "optimization"))
        assert np.array_equal(last["gaussians.center"], first["means"]) is kept
        assert np.allclose(np.exp(last["gaussians.log_scale"]), first["scales"], rtol=1e-5) is kept
    riding = shoot.job(tmp_path / "motion", {"paper.optimization.learns": "motion"})
    run(riding)
    stored = protocol.read_arrays(riding / "work" / "optimization.npz")
    assert not [name for name in stored if name.startswith("gaussians")] and int(stored["field_adam.0.step"]) == 12


def test_where_the_prior_teaches_motion_alone_only_the_field_learns_from_it(shoot: Shoot, tmp_path: Path, prior: MixturePrior) -> None:
    """It is asked in every other iteration, of which the colors learn nothing; and lengths that are kept change the motion."""
    motions = {}
    for name, settings in {
        "motion": {"teaches": "motion", "guidance.scale": 1.0, "against": "noise"},
        "rest": {"teaches": "motion", "guidance.scale": 1.0, "against": "rest"},
    }.items():
        prior.asked.clear()
        folder = shoot.job(tmp_path / name, {f"paper.optimization.unknown.{key}": value for key, value in settings.items()})
        _, motions[name] = run(folder)
        asked = [noisy for noisy, *_ in prior.asked if len(noisy) == 2]
        assert len(asked) == 12 // 2 * (2 if name == "rest" else 1)
    _, motions["kept"] = run(shoot.job(tmp_path / "kept", {"paper.optimization.isometry": 1e6}))
    assert len(set(motions.values())) == 3


def test_an_asset_of_gaussians_is_optimized_as_gaussians(shoot: Shoot, whole: Whole, tmp_path: Path) -> None:
    """They are what learns, all of it, and the mesh that was extracted from them follows the same field."""
    folder, asset = shoot.job(tmp_path, gaussians=True), shoot.asset
    corner_uv = np.zeros((len(asset.triangles), 3, 2), np.float32)
    spec = write_object(TexturedMesh(asset.vertices, asset.triangles, corner_uv, np.full((4, 4, 3), 128, np.uint8)), folder, IDENTITY)
    request = protocol.read_request(folder)
    matrix = blender_from_normalized(CAMERA.world_to_camera(), np.zeros(3), 1.0)
    camera = dataclasses.replace(request.camera, matrix_world=tuple(tuple(row) for row in matrix.tolist()))
    protocol.write_json(folder / "request.json", dataclasses.replace(request, objects=(spec,), camera=camera))
    stored = protocol.read_arrays(whole.folder / "work" / "gaussians.npz")
    bound = {name: torch.from_numpy(stored[name]) for name in ("means", "quats", "scales", "opacities", "albedo")}
    keep_gaussians(Gaussians(*bound.values()), folder)
    result, _ = run(folder)
    learned = protocol.read_arrays(folder / "work" / "optimization.npz")
    for name, start in (("center", stored["means"]), ("log_scale", np.log(stored["scales"]))):
        moved = np.abs(learned[f"gaussians.{name}"] - start).max()
        assert 1e-4 < moved < 0.1, name
    assert protocol.read_pc2(folder / result.objects[0].motion).shape == (FRAMES, len(asset.vertices), 3)
    assert len(rows_of(folder / result.objects[0].gaussians / "frame_0000.ply")) == 500


def test_densification_in_a_run_and_across_a_break(shoot: Shoot, tmp_path: Path) -> None:
    settings = {
        "paper.optimization.learns": "all",
        "paper.optimization.densification.enabled": True,
        "paper.optimization.densification.interval": 4,
        "paper.optimization.densification.gradient": 1e-3,
    }
    unbroken, motion = run(shoot.job(tmp_path / "whole", settings))
    assert unbroken.figures["gaussians"] > 550
    killed = shoot.job(tmp_path / "killed", settings)
    with pytest.raises(Interrupted):
        run(killed, Stopping(9, kill))
    again, resumed = run(killed)
    assert resumed == motion and timeless(again) == timeless(unbroken)


def test_gaussians_on_a_mesh_are_not_densified_and_the_user_is_told(shoot: Shoot, tmp_path: Path) -> None:
    result, _ = run(shoot.job(tmp_path, {"paper.optimization.densification.enabled": True}))
    assert result.figures["gaussians"] == 500 and [note for note in result.notes if "densified" in note]


def test_the_preset_is_the_published_one() -> None:
    settings = settings_for("paper", {}).paper.optimization
    assert (settings.iterations, settings.unknown.views.count) == (500, 4)
    guidance = settings.unknown.guidance.of(ZERO123.facts())
    assert (guidance.scale, guidance.first_timestep, guidance.last_timestep, guidance.target) == (5.0, 980, 20, "noise")
    assert (settings.known.color, settings.known.mask, settings.known.robust) == (10_000, 1_000, 0)
    assert [settings.novel_resolution(done) for done in (0, 0.29, 0.3, 0.59, 0.6, 1)] == [128, 128, 256, 256, 512, 512]
    generators = settings_for("paper", {}).generators
    assert (generators.text_to_image, generators.image_to_video, generators.image_to_3d) == ("sdxl", "svd", "lgm")
    published = OptimizationSettings()
    assert (published.isometry, published.unknown.weight, published.unknown.geometry, published.unknown.against) == (0, 1, 1, "noise")
    assert not settings.densification.enabled and settings.schedule.phases(0) == ("deformation",)


def test_a_processor_looks_at_less_and_says_so() -> None:
    full = PaperSettings()
    assert within_budget(full, "cuda") == (full, "")
    small, sentence = within_budget(full, "cpu")
    optimization = small.optimization
    assert (optimization.frames, optimization.novel_frames, optimization.unknown.views.count) == (6, 2, 1)
    assert optimization.resolution == 128 and optimization.novel_resolutions == (128, 128, 128) and optimization.iterations == 500
    assert "6 frames" in sentence and "128 px" in sentence and "512 px" in sentence
    assert within_budget(small, "cpu") == (small, "")
    off = dataclasses.replace(full, cpu_frames=0)
    assert within_budget(off, "cpu") == (off, "")


def test_frames_without_the_object_lie_between_their_neighbors() -> None:
    positions = np.full((6, 1, 3), np.nan, np.float32)
    positions[1], positions[4] = 1.0, 4.0
    fill_frames(positions, np.array([False, True, False, False, True, False]))
    assert positions[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 4]
