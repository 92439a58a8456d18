"""The whole story: mesh and video -> the camera of the video -> the motion of the mesh -> a point cache for Blender.

Each stage keeps its result in the job's work folder, so that a job that was broken off goes on where it was and ends
with the result that it would have had.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from .alignment.lighting import to_linear
from .alignment.performer import Performer
from .alignment.pose import SolvedPose, solve_pose
from .alignment.reference import Reference, make_reference
from .alignment.refinement import Refined, refine
from .alignment.tracking import Track, track
from .bake.binding import bind_points
from .bake.result import write_result
from .checkpoint import Checkpoint
from .errors import EngineError
from .gaussians.surface_bound import BoundGaussians, bind_gaussians
from .inputs.asset import Asset, load_asset, weld
from .inputs.masks import Masks, find_masks
from .inputs.video import Clip, load_clip
from .memory import peak_gb
from .motion.parts import Parts, find_parts
from .motion.skeleton import Skeleton, build_skeleton
from .motion.skinning import skin_points
from .motion.surface_graph import SurfaceGraph, build_surface_graph
from .preview import write_preview
from .progress import Reporter
from .protocol import CameraResult, Request, Result, read_request
from .rendering.orbit import OrbitCamera, blender_from_normalised, normalised_from_blender, orbit_from_matrix
from .settings import Settings, settings_for

STAGES = ("reading", "sampling", "camera", "tracking", "refining", "baking")
log = logging.getLogger(__name__)


def run(folder: Path, report: Reporter) -> Result:
    """Runs the job of `folder`, or what is left of it.

    Raises:
        EngineError: what the user can act on.
        Cancelled: the user cancelled; the checkpoint is written.
    """
    job = Job(folder, report)
    with job.stage("reading"):
        asset, clip, masks = job.read_inputs()
    with job.stage("sampling"):
        gaussians = job.bind(asset)
    with job.stage("camera"):
        solved = job.solve_camera(asset, gaussians, clip, masks)
    with job.stage("tracking"):
        body = Body(asset, job.settings)
        performer = job.performer(gaussians, body, solved)
        tracked = job.track(performer, body, clip, masks, solved)
    with job.stage("refining"):
        refined = job.refine(performer, body, clip, masks, solved, tracked)
    with job.stage("baking"):
        return job.bake(asset, body, clip, masks, solved, tracked, refined)


def choose_device(wanted: str) -> str:
    """The torch device for `wanted`, "auto" being the fastest there is.

    Raises:
        EngineError: "no_device" for one that this machine lacks.
    """
    cuda = torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if cuda else "cpu"
    if wanted not in ("cpu", "cuda") or (wanted == "cuda" and not cuda):
        raise EngineError("no_device", f"The engine cannot compute on {wanted!r} here.", "Choose the device Auto or CPU, or run align4d doctor.")
    return wanted


class Body:
    """What of the mesh moves as one, and how it hangs together."""

    def __init__(self, asset: Asset, settings: Settings) -> None:
        welded = weld(asset)
        self.surface: SurfaceGraph = build_surface_graph(welded.vertices, welded.triangles)
        self.parts: Parts = find_parts(self.surface, settings.parts)
        self.skeleton: Skeleton = build_skeleton(self.surface, self.parts)


class Job:
    """One job: its request, its settings, its checkpoint, and what has been said and measured so far."""

    def __init__(self, folder: Path, report: Reporter) -> None:
        self.folder, self.report = folder, report
        self.request: Request = read_request(folder)
        self.settings = settings_for(self.request.preset, self.request.settings)
        self.device = choose_device(self.request.device)
        self.checkpoint = Checkpoint(folder / "work")
        self.notes: list[str] = []
        self.seconds: dict[str, float] = {}
        torch.manual_seed(self.request.seed)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announces a stage and times it."""
        self.report.stage(name, STAGES.index(name), len(STAGES))
        self.report.check_cancelled()
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)

    def note(self, code: str, sentence: str) -> None:
        """Something that the user should know, now and in the result."""
        self.report.warn(code, sentence)
        self.notes.append(sentence)

    def read_inputs(self) -> tuple[Asset, Clip, Masks]:
        """The mesh, the video and where the object is in it."""
        asset = load_asset(self.request, self.folder)
        clip = load_clip(self.request.video, self.settings.video_side)
        masks = find_masks(clip)
        for sentence in (*clip.notes, *masks.notes):
            self.note("input", sentence)
        return asset, clip, masks

    def bind(self, asset: Asset) -> BoundGaussians:
        """Gaussians on the mesh."""
        stored = self.checkpoint.load("gaussians")
        if stored is None:
            bound = bind_gaussians(asset, self.settings.gaussians, self.request.seed, self.device, self.request.backend, self.report)
            stored = {name: tensor.cpu().numpy() for name, tensor in vars(bound).items()}
            self.checkpoint.save("gaussians", stored)
        return BoundGaussians(**{name: torch.from_numpy(array) for name, array in stored.items()}).to(self.device)

    def reference(self, clip: Clip, masks: Masks, resolution: int, frames: slice = slice(None)) -> Reference:
        """The video as the optimisation sees it."""
        return make_reference(clip, masks, self.request.camera.fovy, resolution, frames, self.device)

    def solve_camera(self, asset: Asset, gaussians: BoundGaussians, clip: Clip, masks: Masks) -> SolvedPose:
        """Object distance alignment, and direction and offset with it."""
        stored = self.checkpoint.load("camera")
        if stored is not None:
            return SolvedPose.from_arrays(stored)
        matrix, similarity = np.array(self.request.camera.matrix_world), asset.similarity
        start = orbit_from_matrix(normalised_from_blender(matrix, similarity.centre, similarity.size))
        reference = self.reference(clip, masks, self.settings.pose.resolution, slice(0, 1))
        solved = solve_pose(
            asset, gaussians, reference, start, self.request.camera.solve, self.settings.pose, self.request.backend, self.report
        )
        self.checkpoint.save("camera", solved.to_arrays())
        return solved

    def performer(self, gaussians: BoundGaussians, body: Body, solved: SolvedPose) -> Performer:
        """The asset, ready to be posed and lit."""
        skin = skin_points(body.surface, body.parts, gaussians.centres.cpu().numpy(), self.device)
        return Performer(gaussians, skin, to_linear(gaussians.albedo), solved.lighting, self.request.backend)

    def track(self, performer: Performer, body: Body, clip: Clip, masks: Masks, solved: SolvedPose) -> Track:
        """The pose of every frame, one after the other."""
        stored = self.checkpoint.load("tracking")
        resume = None if stored is None else self._track_from(stored)
        reference = self.reference(clip, masks, self.settings.tracking.resolution)
        preview = PreviewEveryFrame(self, performer, body.skeleton, reference, solved.camera)

        def save(done: Track) -> None:
            self.checkpoint.save("tracking", {name: tensor.cpu().numpy() for name, tensor in vars(done).items()})
            preview.show(done)

        return track(
            performer, body.skeleton, reference, solved.camera.world_to_camera(), self.settings.tracking, self.report, resume, save
        )

    def _track_from(self, stored: dict[str, np.ndarray]) -> Track:
        turn, shift = (torch.from_numpy(stored[name]).to(self.device) for name in ("turn", "shift"))
        return Track(turn, shift, torch.from_numpy(stored["loss"]))

    def refine(self, performer: Performer, body: Body, clip: Clip, masks: Masks, solved: SolvedPose, tracked: Track) -> Refined:
        """All frames together."""
        return refine(
            performer,
            body.skeleton,
            self.reference(clip, masks, self.settings.refinement.resolution),
            solved.camera.world_to_camera(),
            tracked,
            self.settings.tracking,
            self.settings.refinement,
            self.request.seed,
            self.report,
        )

    def bake(self, asset: Asset, body: Body, clip: Clip, masks: Masks, solved: SolvedPose, tracked: Track, refined: Refined) -> Result:
        """The motion at the artist's own vertices, the camera in the artist's own space."""
        binding = bind_points(asset)
        skin = skin_points(body.surface, body.parts, asset.vertices, self.device)
        rest = torch.from_numpy(asset.vertices).to(self.device)
        positions = np.empty((len(clip.frames), *asset.bake_points.shape), np.float32)
        times = torch.linspace(0, 1, max(2, len(clip.frames)), device=self.device)
        for frame in range(len(positions)):
            self.report.check_cancelled()
            with torch.no_grad():
                displaced = rest if frame == 0 else rest + refined.field(rest, times[frame : frame + 1]).centre[0]
                moved = skin.move(refined.motion.frame(frame), displaced)[0].cpu().numpy()
            positions[frame] = binding.follow(asset.triangles, moved)
            self.report.progress(frame + 1, len(positions))
        return write_result(
            self.folder,
            self.request.job,
            asset,
            positions,
            clip.fps,
            self.camera_result(asset, clip, solved.camera),
            notes=tuple(self.notes),
            seconds=self.seconds,
            figures={
                "overlap": solved.overlap,
                "video_aligned_distance": solved.curve.best,
                "known_view_loss": refined.loss[-1] if refined.loss else float(tracked.loss.mean()),
                "parts": float(body.parts.count),
                "gaussians": float(refined.performer.bound.count),
                "peak_memory_gb": peak_gb(),
            },
            curves={
                "video_aligned_distance": solved.curve.finite(),
                "tracking": {"frame": [float(i) for i in range(len(tracked.loss))], "loss": tracked.loss.tolist()},
                "refinement": {"iteration": [float(i) for i in range(len(refined.loss))], "loss": refined.loss},
            },
        )

    def camera_result(self, asset: Asset, clip: Clip, camera: OrbitCamera) -> CameraResult:
        """The solved camera in world space."""
        similarity = asset.similarity
        matrix = blender_from_normalised(camera.world_to_camera(), similarity.centre, similarity.size)
        width, height = clip.full_size
        return CameraResult(
            matrix_world=tuple(tuple(float(x) for x in row) for row in matrix),
            fovy=self.request.camera.fovy,
            width=width,
            height=height,
            azimuth=(camera.azimuth + 180) % 360 - 180,
            elevation=camera.elevation,
            roll=camera.roll,
            distance=camera.distance * similarity.size,
        )


class PreviewEveryFrame:
    """Leaves a picture of each tracked frame beside the video's, for the panel."""

    def __init__(self, job: Job, performer: Performer, skeleton: Skeleton, reference: Reference, camera: OrbitCamera) -> None:
        self.job, self.performer, self.skeleton, self.reference = job, performer, skeleton, reference
        self.cameras = reference.cameras(camera.world_to_camera())

    def show(self, done: Track) -> None:
        """The last frame of `done`."""
        frame = len(done.turn) - 1
        with torch.no_grad():
            shown = self.performer.perform(self.skeleton.pose(done.turn[-1:], done.shift[-1:]))
            picture = self.performer.render(shown, self.cameras, self.reference.size)
        self.job.report.preview(write_preview(self.job.folder, self.reference.color[frame], picture.color[0]))
