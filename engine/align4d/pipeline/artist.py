"""The whole story: mesh and video -> the camera of the video -> the motion of the mesh -> a point cache for Blender.

Each stage keeps its result in the job's work folder, so that a job that was broken off goes on where it was and ends
with the result that it would have had.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.appearance import paint
from ..alignment.lighting import to_linear
from ..alignment.pose import SolvedPose
from ..alignment.reference import Reference
from ..alignment.refinement import Refined, refine
from ..alignment.tracking import Track, track
from ..bake.binding import bind_points
from ..bake.gaussians import GaussianSequence, owners
from ..bake.poses import write_poses
from ..bake.relaxing import Relaxation
from ..cameras.orbit import Orbit
from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset, weld
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..job.preview import show_preview
from ..job.reporting import Reporter
from ..motion.bones import parts_of_bones
from ..motion.parts import Parts, find_parts
from ..motion.skeleton import Skeleton, build_skeleton
from ..motion.skinning import skin_points
from ..motion.surface_graph import SurfaceGraph, build_surface_graph
from ..protocol import Result, read_request
from .pair import complete_pair
from .paper import STAGES as PAPER_STAGES
from .paper import animate_as_published
from .request_check import check_values
from .settings import Settings, settings_for
from .stages import Job

STAGES = ("reading", "cutting", "sampling", "camera", "tracking", "refining", "baking")


def run(folder: Path, report: Reporter, online: bool = False) -> Result:
    """Runs the job of `folder`, or what is left of it. `online`: see `load_prior`.

    Raises:
        EngineError: what the user can act on.
        Cancelled: the user cancelled; the checkpoint is written.
    """
    given = read_request(folder)
    check_values(given)
    paper = settings_for(given.preset, given.settings).method == "paper"
    request, route = complete_pair(folder, given, report, len(PAPER_STAGES if paper else STAGES))
    if paper:
        return animate_as_published(folder, request, report, route, online)
    job = ArtistJob(folder, request, report, route)
    with job.stage("reading"):
        asset, clip = job.read_inputs()
    with job.stage("cutting"):
        masks = job.cut_out(clip)
    with job.stage("sampling"):
        gaussians = job.bind(asset)
    with job.stage("camera"):
        solved = job.solve_camera(asset, gaussians, clip, masks)
    with job.stage("tracking"):
        body = Articulation(asset, job.settings)
        animated = job.animated(gaussians, body, clip, masks, solved)
        tracked = job.track(animated, body, clip, masks, solved)
    with job.stage("refining"):
        refined = job.refine(animated, body, clip, masks, solved, tracked)
    with job.stage("baking"):
        return job.bake(asset, body, clip, solved, tracked, refined)


class Articulation:
    """What of the mesh moves as one, and how it hangs together: as the artist rigged it, or else as its shells and its shape tell."""

    def __init__(self, asset: Asset, settings: Settings) -> None:
        self.welded = welded = weld(asset)
        self.surface: SurfaceGraph = build_surface_graph(welded.vertices, welded.triangles)
        rigged = None
        if asset.bone_weights is not None:
            rigged = parts_of_bones(self.surface, settings.parts, asset.vertices, asset.bone_weights)
        self.rigged = rigged is not None
        self.parts: Parts = rigged or find_parts(self.surface, settings.parts)
        self.skeleton: Skeleton = build_skeleton(self.surface, self.parts)


class ArtistJob(Job):
    """The stages of the `artist` and `draft` presets."""

    stages = STAGES

    def animated(self, gaussians: BoundGaussians, body: Articulation, clip: Clip, masks: Masks, solved: SolvedPose) -> AnimatedAsset:
        """The asset, ready to be posed, in the light and the colors of the first frame."""
        skin = skin_points(body.surface, body.parts, gaussians.corners.reshape(-1, 3).cpu().numpy(), self.device)
        plain = AnimatedAsset(gaussians, skin, to_linear(gaussians.albedo), solved.lighting, self.request.backend)
        settings = self.settings.tracking
        first = self.reference(clip, masks, settings.resolution)
        camera = solved.camera.world_to_camera()
        return paint(plain, body.skeleton, first, camera, settings.loss, self.settings.refinement.appearance, self.report)

    def track(self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, solved: SolvedPose) -> Track:
        """The pose of every frame, one after the other."""
        stored = self.checkpoint.load("tracking")
        resume = None if stored is None else self._track_from(stored)
        reference = self.reference(clip, masks, self.settings.tracking.resolution)
        preview = PreviewEveryFrame(self, animated, body.skeleton, reference, solved.camera)

        def save(done: Track) -> None:
            self.checkpoint.save("tracking", {name: tensor.cpu().numpy() for name, tensor in vars(done).items()})
            preview.show(done)

        return track(animated, body.skeleton, reference, solved.camera.world_to_camera(), self.settings.tracking, self.report, resume, save)

    def _track_from(self, stored: dict[str, np.ndarray]) -> Track:
        turn, shift = (torch.from_numpy(stored[name]).to(self.device) for name in ("turn", "shift"))
        return Track(turn, shift, torch.from_numpy(stored["loss"]))

    def refine(self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, solved: SolvedPose, tracked: Track) -> Refined:
        """All frames together."""
        return refine(
            animated,
            body.skeleton,
            self.reference(clip, masks, self.settings.refinement.resolution),
            solved.camera.world_to_camera(),
            tracked,
            self.settings.tracking,
            self.settings.refinement,
            self.request.seed,
            self.report,
        )

    def bake(self, asset: Asset, body: Articulation, clip: Clip, solved: SolvedPose, tracked: Track, refined: Refined) -> Result:
        """The motion at the artist's own vertices, the camera in the artist's own space."""
        binding, relaxation = bind_points(asset), Relaxation(body.welded, self.settings.relaxing)
        skin = skin_points(body.surface, body.parts, asset.vertices, self.device)
        rest = torch.from_numpy(asset.vertices).to(self.device)
        positions = np.empty((len(clip.frames), *asset.bake_points.shape), np.float32)
        sequence = GaussianSequence(self.folder, asset, owners(asset, refined.animated.bound)) if self.request.gaussians else None
        for frame in range(len(positions)):
            self.report.check_cancelled()
            with torch.no_grad():
                displaced = rest if frame == 0 else rest + refined.field.at_frame(rest, frame).center[0]
                moved = relaxation.relax(skin.move(refined.motion.frame(frame), displaced)[0].cpu().numpy())
            positions[frame] = binding.follow(asset.triangles, moved)
            if sequence:
                sequence.write(frame, refined.on_surface(frame, moved[asset.triangles]))
            self.report.progress(frame + 1, len(positions))
        figures = {
            "known_view_loss": refined.loss[-1] if refined.loss else float(tracked.loss.mean()),
            "parts": float(body.parts.count),
            "gaussians": float(refined.animated.bound.count),
        }
        curves = {
            "tracking": {"frame": [float(i) for i in range(len(tracked.loss))], "loss": tracked.loss.tolist()},
            "refinement": {"iteration": [float(i) for i in range(len(refined.loss))], "loss": refined.loss},
        }
        baked = skin_points(body.surface, body.parts, asset.bake_points, "cpu").weights.numpy()
        poses = write_poses(self.folder, asset.similarity, body.skeleton, baked, refined.motion)
        return self.write(asset, clip, positions, solved, solved.camera, figures, curves, sequence.folders if sequence else (), poses)


class PreviewEveryFrame:
    """Leaves a picture of each tracked frame beside the video's, for the panel."""

    def __init__(self, job: ArtistJob, animated: AnimatedAsset, skeleton: Skeleton, reference: Reference, camera: Orbit) -> None:
        self.job, self.animated, self.skeleton, self.reference = job, animated, skeleton, reference
        self.cameras = reference.cameras(camera.world_to_camera())

    def show(self, done: Track) -> None:
        """The last frame of `done`."""

        @torch.no_grad()
        def render() -> Tensor:
            shown = self.animated.perform(self.skeleton.pose(done.turn[-1:], done.shift[-1:]))
            return self.animated.render(shown, self.cameras, self.reference.size).color[0]

        show_preview(self.job.folder, self.reference.color[len(done.turn) - 1], render, self.job.report)
