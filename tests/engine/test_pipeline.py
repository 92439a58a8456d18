"""The whole engine on a small figure: from a request to result.json and PC2, again, and after every kind of interruption."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from builders import Job
from PIL import Image
from puppets import FOVY, TWO_PARTS, Studio, add_mesh, puppet, request_for
from theatre import TINY as SMALLEST

from align4d import protocol
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.errors import Cancelled, EngineError
from align4d.inputs.asset import load_asset
from align4d.job import preview
from align4d.job.preview import NAME
from align4d.job.reporting import RecordingReporter
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph
from align4d.pipeline import artist, stages
from align4d.pipeline.artist import STAGES

CAMERA = Orbit(20.0, 12.0, 2.4)
FRAMES = 4
TINY: dict[str, object] = {
    **SMALLEST,
    "gaussians.count": 800,
    "gaussians.fit_iterations": 10,
    "gaussians.fit_size": 64,
    "pose.resolution": 64,
    "pose.iterations": 6,
    "search.points": 100,
    "search.samples": 100,
    "search.starts": 4,
    "search.iterations": 80,
    "search.near": 20,
    "tracking.resolution": 64,
    "tracking.iterations": 15,
    "tracking.polishing": 4,
    "refinement.resolution": 64,
    "refinement.iterations": 4,
    "refinement.trial": 2,
    "refinement.lifted.points": 64,
    "refinement.lifted.fit_iterations": 10,
    "refinement.appearance.paint": 10,
}


class Shoot:
    """The puppet waving, filmed; and jobs to find its motion."""

    def __init__(self, folder: Path) -> None:
        job = Job(folder / "original")
        add_mesh(job, puppet())
        self.asset = load_asset(job.request(), job.folder)
        surface = build_surface_graph(self.asset.vertices, self.asset.triangles)
        parts = find_parts(surface, TWO_PARTS)
        skeleton = build_skeleton(surface, parts)
        turn = torch.zeros(FRAMES, 2, 3)
        turn[:, 1 - skeleton.root, 1] = torch.linspace(0, 0.5, FRAMES)
        skin = skin_points(surface, parts, self.asset.vertices, "cpu")
        self.motion = skin.move(skeleton.pose(turn, torch.zeros_like(turn)), torch.from_numpy(self.asset.vertices)).numpy()
        names = []
        for index, pixels in enumerate(Studio(CAMERA).film(self.asset, self.motion)):
            names.append(str(folder / f"frame_{index}.png"))
            Image.fromarray(pixels).save(names[-1])
        self.images = tuple(names)

    def job(self, folder: Path, **changes: object) -> Path:
        """A job that starts from a camera that is off."""
        job = Job(folder)
        add_mesh(job, puppet())
        start = CAMERA.moved(azimuth=12.0, elevation=20.0, distance=2.0)
        matrix = blender_from_normalized(start.world_to_camera(), self.asset.similarity.center, self.asset.similarity.size)
        request = dataclasses.replace(request_for(job, self.images, TINY, matrix), gaussians=True, **changes)  # type: ignore[arg-type]
        protocol.write_json(folder / "request.json", request)
        return folder


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    return Shoot(tmp_path_factory.mktemp("shoot"))


@dataclasses.dataclass(frozen=True)
class Done:
    """A job that was run without a break."""

    folder: Path
    result: protocol.Result
    report: RecordingReporter

    def bytes(self) -> bytes:
        return (self.folder / self.result.objects[0].motion).read_bytes()

    def gaussians(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / self.result.objects[0].gaussians).iterdir())]


@pytest.fixture(scope="module")
def done(shoot: Shoot, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder, report = shoot.job(tmp_path_factory.mktemp("whole")), RecordingReporter()
    return Done(folder, artist.run(folder, report), report)


def same(one: protocol.Result, two: protocol.Result) -> bool:
    """Equal but for how long it took and how much memory."""
    timeless = [dataclasses.replace(r, seconds={}, figures={**r.figures, "peak_memory_gb": 0.0}) for r in (one, two)]
    return timeless[0] == timeless[1]


def test_from_a_request_to_motion(shoot: Shoot, done: Done) -> None:
    assert same(protocol.read_result(done.folder), done.result)
    assert done.result.frames == FRAMES and done.result.fps == 24.0
    motion = protocol.read_pc2(done.folder / done.result.objects[0].motion)
    rest = puppet()[0]
    assert motion.shape == (FRAMES, len(rest), 3) and np.isfinite(motion).all()
    np.testing.assert_allclose(motion[0], rest, atol=1e-5)  # the first frame is the artist's own shape
    true = shoot.asset.similarity.invert(shoot.motion)
    found_right, still = np.linalg.norm(motion - true, axis=2).sum(), np.linalg.norm(rest - true, axis=2).sum()
    assert found_right < 0.8 * still  # few and short steps, but towards the truth


def test_the_camera_comes_back_in_the_artist_s_world(shoot: Shoot, done: Done) -> None:
    camera = done.result.camera
    assert (camera.width, camera.height, camera.fovy) == (160, 120, FOVY)
    assert abs(camera.azimuth - CAMERA.azimuth) < 6 and abs(camera.elevation - CAMERA.elevation) < 6
    assert camera.distance == pytest.approx(CAMERA.distance * shoot.asset.similarity.size, rel=0.05)
    place = np.array(camera.matrix_world)[:3, 3]
    assert np.linalg.norm(place - shoot.asset.similarity.center) == pytest.approx(camera.distance, rel=1e-5)
    assert done.result.figures["overlap"] > 0.9 and done.result.figures["parts"] == 2
    curve = done.result.curves["video_aligned_distance"]
    assert len(curve["distance"]) == len(curve["error"]) > 20


def test_stages_progress_and_previews_are_told(done: Done) -> None:
    events = done.report.events
    assert [event["name"] for event in events if event["event"] == "stage"] == list(STAGES)
    assert set(done.result.seconds) >= set(STAGES[:-1])
    for stage in STAGES[1:]:
        steps = [event for event in events if event["event"] == "progress" and event["stage"] == stage]
        assert steps and steps[-1]["done"] == steps[-1]["total"], stage
    assert {event["image"] for event in events if event["event"] == "preview"} == {NAME}
    picture = np.load(done.folder / NAME, allow_pickle=False)
    assert picture.shape == (64, 128, 3) and picture.dtype == np.uint8 and np.ptp(picture[:, :64]) > 50 and np.ptp(picture[:, 64:]) > 50


def test_the_same_request_gives_the_same_bytes(shoot: Shoot, done: Done, tmp_path: Path) -> None:
    again = artist.run(shoot.job(tmp_path), RecordingReporter())
    assert (tmp_path / again.objects[0].motion).read_bytes() == done.bytes()
    assert Done(tmp_path, again, RecordingReporter()).gaussians() == done.gaussians()
    assert same(again, done.result)


def test_gaussians_come_with_every_frame_and_ride_on_the_mesh(shoot: Shoot, done: Done) -> None:
    motion = protocol.read_pc2(done.folder / done.result.objects[0].motion)
    assert len(done.gaussians()) == FRAMES
    for frame, content in enumerate(done.gaussians()):
        rows = rows_of(content)
        assert len(rows) == TINY["gaussians.count"]
        surface = trimesh.Trimesh(motion[frame], puppet()[1], process=False)
        _, distance, _ = trimesh.proximity.closest_point_naive(surface, rows[::20, :3])
        assert distance.max() < 0.02, frame
    moved = rows_of(done.gaussians()[-1]) - rows_of(done.gaussians()[0])
    assert np.abs(moved[:, :3]).max() > 0.02, "they stand still"


def rows_of(content: bytes) -> np.ndarray:
    """(N, 17) of a PLY file."""
    return np.frombuffer(content.partition(b"end_header\n")[2], "<f4").reshape(-1, 17)


def test_another_seed_gives_another_motion(shoot: Shoot, done: Done, tmp_path: Path) -> None:
    other = artist.run(shoot.job(tmp_path, seed=1), RecordingReporter())
    assert (tmp_path / other.objects[0].motion).read_bytes() != done.bytes()


class Interrupted(BaseException):
    """As a killed process: nothing of the pipeline catches it."""


class Interrupting(RecordingReporter):
    """Breaks the job off at the first event for which `when` holds."""

    def __init__(self, when: Callable[[protocol.Any], bool]) -> None:
        super().__init__()
        keep = self.events.append

        def send(event: dict[str, object]) -> None:
            keep(event)
            if when(event):
                raise Interrupted

        self.send = send


@pytest.mark.parametrize(
    ("stored", "when"),
    [
        ({"gaussians"}, lambda event: event.get("name") == "camera"),
        ({"gaussians", "camera"}, lambda event: event.get("name") == "tracking"),
        ({"gaussians", "camera", "tracking"}, lambda event: event.get("stage") == "tracking" and event.get("done") == 3),
        ({"gaussians", "camera", "tracking"}, lambda event: event.get("stage") == "refining" and event.get("done") == 5),
    ],
    ids=["before the camera", "before tracking", "in the middle of tracking", "in the middle of refining"],
)
def test_a_job_that_was_broken_off_ends_with_the_same_bytes(
    shoot: Shoot, done: Done, tmp_path: Path, stored: set[str], when: Callable[[dict[str, object]], bool]
) -> None:
    shoot.job(tmp_path)
    with pytest.raises(Interrupted):
        artist.run(tmp_path, Interrupting(when))
    assert {path.stem for path in (tmp_path / "work").glob("*.npz")} == stored
    assert not (tmp_path / "output" / "result.json").exists()
    resumed = artist.run(tmp_path, RecordingReporter())
    assert (tmp_path / resumed.objects[0].motion).read_bytes() == done.bytes()
    assert same(resumed, done.result)


def test_tracking_goes_on_with_the_frame_after_the_last_that_was_stored(shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shoot.job(tmp_path)
    with pytest.raises(Interrupted):
        artist.run(tmp_path, Interrupting(lambda event: event.get("event") == "preview"))
    report, sampled = Interrupting(lambda event: event.get("name") == "refining"), []
    monkeypatch.setattr(artist, "sample_surface", lambda *given: sampled.append(given))
    with pytest.raises(Interrupted):
        artist.run(tmp_path, report)
    assert not sampled  # the surface lies in the checkpoint
    tracked = [event["done"] for event in report.events if event["event"] == "progress" and event["stage"] == "tracking"]
    assert tracked == [3, 4]  # frame 1 was there
    assert not [event for event in report.events if event["event"] == "progress" and event["stage"] in ("sampling", "camera")]


def test_a_cancelled_job_leaves_no_result(shoot: Shoot, tmp_path: Path) -> None:
    shoot.job(tmp_path)
    report = RecordingReporter()
    keep = report.events.append

    def send(event: dict[str, object]) -> None:
        keep(event)
        if event.get("name") == "tracking":
            report.cancelled.set()

    report.send = send
    with pytest.raises(Cancelled):
        artist.run(tmp_path, report)
    assert not (tmp_path / "output" / "result.json").exists() and (tmp_path / "work" / "camera.npz").exists()


def test_a_video_of_something_else_is_refused(shoot: Shoot, tmp_path: Path) -> None:
    pixels = np.zeros((120, 160, 4), np.uint8)
    pixels[10:14, 5:155] = (200, 30, 30, 255)  # a thin bar
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    video = protocol.VideoSpec(images=(str(tmp_path / "a.png"), str(tmp_path / "b.png")), fps=24.0)
    with pytest.raises(EngineError) as caught:
        artist.run(shoot.job(tmp_path / "job", video=video), RecordingReporter())
    assert caught.value.code == "no_overlap"


def test_bad_requests_are_refused_before_anything_is_done(shoot: Shoot, tmp_path: Path) -> None:
    for code, changes in (
        ("unknown_setting", {"settings": {"speed": 3}}),
        ("unknown_preset", {"preset": "fast"}),
        ("no_device", {"device": "abacus"}),
    ):
        report = RecordingReporter()
        with pytest.raises(EngineError) as caught:
            artist.run(shoot.job(tmp_path / code, **changes), report)
        assert caught.value.code == code and not report.events


def broken_off(shoot: Shoot, folder: Path, **changes: object) -> Path:
    """A job that has everything but its result."""
    shoot.job(folder, **changes)
    with pytest.raises(Interrupted):
        artist.run(folder, Interrupting(lambda event: event.get("name") == "refining"))
    return folder


def made_anew(report: RecordingReporter) -> list[str]:
    return [event["message"] for event in report.events if event.get("code") == "made_anew"]


def test_what_is_kept_of_a_damaged_job_is_made_anew(shoot: Shoot, done: Done, tmp_path: Path) -> None:
    """Stored by an older version, cut, of other arrays: the user is told, and the result is what it would have been."""
    folder = broken_off(shoot, tmp_path)
    stored = protocol.read_arrays(folder / "work" / "gaussians.npz")
    protocol.write_arrays(folder / "work" / "gaussians.npz", {name: array for name, array in stored.items() if name != "triangle"})
    whole = (folder / "work" / "camera.npz").read_bytes()
    (folder / "work" / "camera.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "work" / "tracking.npz").write_bytes(b"")
    report = RecordingReporter()
    result = artist.run(folder, report)
    assert same(result, done.result)
    assert (folder / result.objects[0].motion).read_bytes() == done.bytes()
    assert sorted(one.split("(")[1].split(")")[0] for one in made_anew(report)) == ["camera", "gaussians", "tracking"]


def test_a_video_that_was_overwritten_is_not_taken_from_the_checkpoint(shoot: Shoot, done: Done, tmp_path: Path) -> None:
    names = [str(tmp_path / f"clip_{index}.png") for index in range(FRAMES)]
    for name, source in zip(names, reversed(shoot.images), strict=True):  # the same frames in another order: the same size
        shutil.copy2(source, name)
    video = protocol.VideoSpec(images=tuple(names), fps=24.0)
    folder = broken_off(shoot, tmp_path / "job", video=video)
    for name, source in zip(names, shoot.images, strict=True):
        shutil.copy2(source, name)  # rendered again, over the old files
    report = RecordingReporter()
    result = artist.run(folder, report)
    assert (folder / result.objects[0].motion).read_bytes() == done.bytes()
    assert [one.startswith("The video changed since this job broke off") for one in made_anew(report)] == [True]
    stages = [event["stage"] for event in report.events if event["event"] == "progress"]
    assert "camera" in stages and "sampling" not in stages, "what the mesh alone decides is still right"


def test_other_settings_and_another_engine_start_anew(shoot: Shoot, done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = broken_off(shoot, tmp_path, settings={**TINY, "tracking.iterations": 2})
    protocol.write_json(folder / "request.json", protocol.read_request(done.folder))
    report = RecordingReporter()
    assert same(artist.run(folder, report), done.result)
    assert [one.split(" since")[0] for one in made_anew(report)] == ["The settings changed"]
    monkeypatch.setattr(stages, "engine_digest", lambda: "another")
    report = RecordingReporter()
    assert same(artist.run(folder, report), done.result)
    assert [one.split(" since")[0] for one in made_anew(report)] == ["Align4D changed"]


@pytest.mark.parametrize("error", [OSError("4096 requested and 100 written"), PermissionError(13, "no"), MemoryError(), RuntimeError("no")])
def test_a_job_does_without_a_picture_that_cannot_be_shown(
    shoot: Shoot, done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(preview, "_write", fail)
    folder, report = shoot.job(tmp_path), RecordingReporter()
    assert same(artist.run(folder, report), done.result)
    assert not [event for event in report.events if event["event"] == "preview"]
