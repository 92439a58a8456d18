"""The whole story: mesh and video -> the camera of the video -> the motion of the mesh -> a point cache for Blender.

Each stage keeps its result in the job's work folder, so that a job that was broken off goes on where it was and ends
with the result that it would have had.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.appearance import paint
from ..alignment.first_pose import FirstPose
from ..alignment.frame_step import FrameStep
from ..alignment.held import held_of
from ..alignment.lighting import Lighting, to_linear, unlit
from ..alignment.look import look
from ..alignment.pose import SolvedPose
from ..alignment.posed_asset import posed_asset, posed_gaussians
from ..alignment.refinement import Refined, refine
from ..alignment.second_look import look_again
from ..alignment.sliding_camera import unslid
from ..alignment.solved import Solved
from ..alignment.standing_place import away, moved_body, moved_camera
from ..alignment.track import Track
from ..alignment.tracking import track
from ..alignment.verdict import known_view_loss, standing_still
from ..alignment.view import View
from ..bake.frames import FrameBake
from ..bake.gaussians import GaussianSequence, owners
from ..bake.poses import sparse_weights, write_poses
from ..cameras.orbit import Orbit
from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset
from ..inputs.masks import Masks
from ..inputs.sampling import sample_surface
from ..inputs.video import Clip
from ..job.reporting import Reporter
from ..machine.warm_up import wake
from ..motion.skeleton import Motion
from ..motion.skinning import skin_points
from ..protocol import Result, read_request
from ..rendering.cpu.threads import begun, threads_for_kernels, windows_of
from .articulation import LIMITS_UNKNOWN, Articulation
from .background import CAMERA_SLIDES
from .first_pose_note import KEEP_A_POSE
from .first_pose_stage import FirstPoseStage
from .hand import solve_around_pins
from .mask_pictures import write_masks
from .other_clips import OtherClip, Placed
from .pair import complete_pair
from .paper import STAGES as PAPER_STAGES
from .paper import animate_as_published
from .posable_mesh import PosableMesh
from .preview_frames import PreviewEveryFrame
from .request_check import check_values
from .settings import settings_for
from .stages import Job
from .standing_cut import StandingCut

NO_MOTION = f"The motion that was found shows the clip no better than the mesh as it stands, so the mesh stands still. {KEEP_A_POSE}"

STAGES = ("reading", "cutting", "sampling", "camera", "tracking", "refining", "baking")


def run(folder: Path, report: Reporter, online: bool = False) -> Result:
    """Runs the job of `folder`, or what is left of it. `online`: see `load_prior`.

    Raises:
        EngineError: what the user can act on.
        Cancelled: the user cancelled; the checkpoint is written.
    """
    given = read_request(folder)
    check_values(given)
    if given.corrects:
        return solve_around_pins(folder, given, report)
    paper = settings_for(given.preset, given.settings).method == "paper"
    request, route = complete_pair(folder, given, report, len(PAPER_STAGES if paper else STAGES))
    if paper:
        return animate_as_published(folder, request, report, route, online)
    job = ArtistJob(folder, request, report, route)
    with job.stage("reading"):
        awake = begun(wake, job.device)
        asset, clip = job.read_inputs()
        bound = job.mesh_checkpoint.load("gaussians") is not None  # by this job, before it broke off
        sampled = None if bound else begun(lambda asset: sample_surface(asset, job.settings.gaussians.count, request.seed), asset)
        articulating = begun(lambda asset: Articulation(asset, job.settings), asset)
    with job.stage("cutting"):
        clip, masks = job.cut_out(clip)
        for other in job.others:
            other.cut_out()
    with job.stage("sampling"), threads_for_kernels():
        awake.result()
        gaussians = job.bind(asset, sampled.result() if sampled else None)
    with job.stage("camera"), threads_for_kernels():
        body = job.articulation(asset, articulating.result())
        masks = job.cut_as_it_stands(asset, gaussians, body, clip, masks)
        solved, first = job.find_first_pose(asset, gaussians, body, clip, masks)
        masks = job.cut_by_first_pose(asset, gaussians, body, masks, first)
    with job.stage("tracking"), threads_for_kernels():
        animated = job.animated(asset, gaussians, body, clip, masks, first)
        job.place_others(asset, animated, body, clip, masks, first)
        tracked = job.track(animated, body, clip, masks, first)
        masks = job.cut_by_motion(asset, animated, body, masks, first, tracked)
        tracked = job.track_again(animated, body, clip, masks, first, tracked)
        tracked = job.unslid(animated, body, first, tracked)
        solved, first, tracked = job.where_it_stands(animated, body, solved, first, tracked)
    with job.stage("refining"), threads_for_kernels():
        refined = job.refine(animated, body, clip, masks, first, tracked)
    with job.stage("baking"), threads_for_kernels():
        if masks.source in ("box", "network"):
            write_masks(folder, masks.alpha)
        return job.bake(asset, body, clip, masks, solved, first, tracked, refined)


class ArtistJob(Job):
    """The stages of the `artist` and `draft` presets."""

    stages = STAGES
    look = 0.0
    """How much of the frame whose pose is known the mesh explains in the video's light, see `look`; there before tracking."""
    others: tuple[OtherClip, ...] = ()
    """Further clips of the motion; there once the inputs are read."""
    guessed = False
    """Whether the motion is a guess: its first pose was not found, or the mesh shows the clip better standing still."""

    def read_other_clips(self, asset: Asset) -> tuple[Clip, ...]:
        """See `Job`."""
        self.others = tuple(OtherClip(self, number, spec, asset) for number, spec in enumerate(self.request.views, 2))
        return tuple(other.clip for other in self.others)

    def articulation(self, asset: Asset, body: Articulation | None = None) -> Articulation:
        """What of the asset moves as one, which may be known already; says where it may move farther than the artist lets it."""
        body = body or Articulation(asset, self.settings)
        if asset.limits and not body.rigged:
            self.note("limits", LIMITS_UNKNOWN)
        return body

    def find_first_pose(self, asset: Asset, gaussians: BoundGaussians, body: Articulation, clip: Clip, masks: Masks) -> tuple[SolvedPose, FirstPose]:
        """The camera, and in which frame and pose it sees the mesh: as it stands, where the clip begins so, else as the search finds."""
        search = FirstPoseStage(self, asset, self._plain(gaussians, body, unlit()), body, clip, masks)
        solved, first = search.find()
        self.guessed = search.guessed
        return solved, first

    def _plain(self, gaussians: BoundGaussians, body: Articulation, lighting: Lighting) -> AnimatedAsset:
        skin = skin_points(body.surface, body.parts, gaussians.corners.reshape(-1, 3).cpu().numpy(), self.device)
        return AnimatedAsset(gaussians, skin, to_linear(gaussians.albedo), lighting, self.request.backend, limits=body.limits)

    def _posable(self, asset: Asset, body: Articulation, animated: AnimatedAsset) -> PosableMesh:
        return PosableMesh(asset, skin_points(body.surface, body.parts, asset.vertices, self.device), animated)

    def cut_as_it_stands(self, asset: Asset, gaussians: BoundGaussians, body: Articulation, clip: Clip, masks: Masks) -> Masks:
        """The masks again, where they are by a box: by the mesh as it stands, see `StandingCut`."""
        if self.cutting is None:
            return masks

        def lit(lighting: Lighting) -> PosableMesh:
            return self._posable(asset, body, self._plain(gaussians, body, lighting))

        return StandingCut(self, self.cutting, asset, gaussians, body.skeleton, clip, lit).cut(masks)

    def cut_by_first_pose(self, asset: Asset, gaussians: BoundGaussians, body: Articulation, masks: Masks, first: FirstPose) -> Masks:
        """The masks again, where they are by a box: the mesh says in one frame what is object, and what is background in all others then."""
        if self.cutting is None:
            return masks
        mesh = self._posable(asset, body, self._plain(gaussians, body, first.lighting))
        viewmat = self.moves[first.frame] @ first.camera.world_to_camera()
        return self.cutting.by_first_pose(mesh, body.skeleton.pose(first.turn, first.shift), viewmat, first.frame, masks)

    def cut_by_motion(self, asset: Asset, animated: AnimatedAsset, body: Articulation, masks: Masks, first: FirstPose, tracked: Track) -> Masks:
        """The masks again, where they are by a box, by the mesh in every frame: frames that were cut badly, and shadows, are put right."""
        if self.cutting is None:
            return masks
        mesh, viewmats = self._posable(asset, body, animated), self.moves @ first.camera.world_to_camera()
        return self.cutting.by_motion(mesh, body.skeleton.pose(tracked.turn, tracked.shift), viewmats, first.frame, masks)

    def animated(self, asset: Asset, gaussians: BoundGaussians, body: Articulation, clip: Clip, masks: Masks, first: FirstPose) -> AnimatedAsset:
        """The asset, ready to be posed, in the light and the colors of the frame whose pose is known."""
        plain, settings = self._plain(gaussians, body, first.lighting), self.settings
        seen = self.view(clip, masks, first.camera, settings.tracking.resolution).only(first.frame)
        motion = body.skeleton.pose(first.turn, first.shift)
        plain = replace(plain, held=held_of(asset, gaussians, plain.perform(motion).means[0]))
        self.look = look(plain, motion, seen)
        return paint(plain, motion, seen, settings.tracking.loss, settings.refinement.appearance, self.report)

    def place_others(self, asset: Asset, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, first: FirstPose) -> None:
        """When the further clips were taken, and from where: seen in the frame whose pose is known, or the next one to it that they show."""
        for other in self.others:
            stored = self.checkpoint.load(f"clip_{other.number}")
            if stored is None:
                skin, known = skin_points(body.surface, body.parts, asset.vertices, self.device), body.skeleton.pose(first.turn, first.shift)
                offset, times = other.spec.offset, clip.times()
                if other.spec.find_offset:
                    moment = other.known_moment(posed_asset(asset, skin, known), posed_gaussians(animated, known))
                    told = None if moment is None else float(times[first.frame] - other.clip.times()[moment])
                    if told is not None and other.begins_together(times, told):
                        offset = told
                    else:  # a pose may come again, as in each step of a walk
                        offset = other.offset(animated, self._alone(animated, body, clip, masks, first), times, told)
                frame = other.shown(times, offset, first.frame)
                motion = known if frame == first.frame else self._alone(animated, body, clip, masks, first).frame(frame)
                other.place(posed_asset(asset, skin, motion), posed_gaussians(animated, motion), offset, float(times[frame]))
                self.checkpoint.save(f"clip_{other.number}", other.placed.to_arrays())
            else:
                other.placed = Placed.from_arrays(stored)
            other.tell()

    def _alone(self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, first: FirstPose) -> Motion:
        """What the first clip tells without the others."""
        found = self.track(animated, body, clip, masks, first, alone=True, name="tracking_alone")
        return body.skeleton.pose(found.turn, found.shift)

    def views(self, clip: Clip, masks: Masks, camera: Orbit, resolution: int, alone: bool = False) -> tuple[View, ...]:
        """All clips, or the first one alone; each frame shows the same moment in all of them."""
        others = () if alone else self.others
        return (self.view(clip, masks, camera, resolution), *(other.view(clip.times(), resolution) for other in others))

    def track_again(self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, first: FirstPose, tracked: Track) -> Track:
        """By the masks that the motion itself has made better; as it is where they are not by a box."""
        return tracked if self.cutting is None else self.track(animated, body, clip, masks, first, name="tracking_again")

    def unslid(self, animated: AnimatedAsset, body: Articulation, first: FirstPose, tracked: Track) -> Track:
        """The track without what a camera that slides while it turns adds to it; the camera slides from here on. See `sliding_camera`."""
        alone = self.turns and not self.others
        found = unslid(animated, body.skeleton, tracked, first.camera.world_to_camera(), self.moves) if alone else None
        if found is not None:
            tracked, self.moves, by = found
            self.note("camera_slides", CAMERA_SLIDES.format(100 * by))
        return tracked

    def track(
        self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, first: FirstPose, alone: bool = False, name: str = "tracking"
    ) -> Track:
        """The pose of every frame, one after the other.

        Args:
            alone: by the first clip only.
            name: of the checkpoint.
        """
        stored = self.checkpoint.load(name)
        if stored is not None and stored["finished"]:
            return self._track_from(stored)
        begin = Track(first.turn, first.shift, torch.zeros(1), first.frame) if stored is None else self._track_from(stored)
        views = self.views(clip, masks, first.camera, self.settings.tracking.resolution, alone)
        preview = PreviewEveryFrame(self, animated, body.skeleton, views[0])

        def save(done: Track, frame: int) -> None:
            self._save_track(name, done, finished=False)
            preview.show(done, frame)

        settings, known = self.settings, (first.turn, first.shift)
        step = FrameStep(animated, body.skeleton, views, first.turn, settings.tracking)
        found = track(animated, body.skeleton, views, begin, known, settings.tracking, settings.search, self.report, save, step)
        found = look_again(animated, body.skeleton, views, found, first.turn, settings.tracking, self.report, step)
        self._save_track(name, found, finished=True)
        return found

    def _save_track(self, name: str, done: Track, finished: bool) -> None:
        """Keeps a track; `finished` once it was looked at again."""
        scalars = {"first": torch.tensor(done.first), "finished": torch.tensor(finished)}
        arrays = {"turn": done.turn, "shift": done.shift, "loss": done.loss, **scalars}
        self.checkpoint.save(name, {key: tensor.cpu().numpy() for key, tensor in arrays.items()})

    def _track_from(self, stored: dict[str, np.ndarray]) -> Track:
        turn, shift = (torch.from_numpy(stored[name]).to(self.device) for name in ("turn", "shift"))
        return Track(turn, shift, torch.from_numpy(stored["loss"]), int(stored["first"]))

    def where_it_stands(
        self, animated: AnimatedAsset, body: Articulation, solved: SolvedPose, first: FirstPose, tracked: Track
    ) -> tuple[SolvedPose, FirstPose, Track]:
        """Camera and motion so that the body is in the mean as deep as the mesh, where no frame says where it stands: see `standing_place`."""
        if first.known_frame is not None:
            return solved, first, tracked
        axis = (self.moves[first.frame] @ first.camera.world_to_camera())[2, :3]
        by = -away(animated, body.skeleton, tracked.turn, tracked.shift, axis)
        camera = moved_camera(first.camera, by)
        shift, tracked_shift = (moved_body(body.skeleton, one, by) for one in (first.shift, tracked.shift))
        for other in self.others:
            other.move(by)
        first = replace(first, camera=camera, shift=shift)
        return first.solved(), first, replace(tracked, shift=tracked_shift)

    def refine(self, animated: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks, first: FirstPose, tracked: Track) -> Refined:
        """All frames together; no motion at all where that shows the video better."""
        settings = self.settings.refinement
        views = self.views(clip, masks, first.camera, settings.resolution)
        lifted = self.motion_prior(animated, views, first.turn[0, body.skeleton.root], clip.fps)
        refined = refine(
            animated,
            body.skeleton,
            views,
            tracked,
            first.known_frame,
            first.turn,
            self.settings.tracking,
            settings,
            self.request.seed,
            self.report,
            lifted,
        )
        still = standing_still(refined, body.skeleton, settings.hexplane)
        moving, standing = (known_view_loss(one, views[0], self.settings.tracking.loss) for one in (refined, still))
        if moving <= standing:
            return refined
        self.guessed = True
        self.first_note("no_motion", NO_MOTION)
        return still

    def bake(
        self, asset: Asset, body: Articulation, clip: Clip, masks: Masks, solved: SolvedPose, first: FirstPose, tracked: Track, refined: Refined
    ) -> Result:
        """The motion at the artist's own vertices, the camera in the artist's own space."""
        skin = skin_points(body.surface, body.parts, asset.vertices, self.device)
        baking = FrameBake(asset, body.welded, skin, refined.field, first.known_frame, self.settings.relaxing)
        positions = np.empty((len(clip.frames), *asset.bake_points.shape), np.float32)
        sequence = GaussianSequence(self.folder, asset, owners(asset, refined.animated.bound)) if self.request.gaussians else None
        for frame, moved in enumerate(windows_of(lambda frame: baking.vertices(refined.motion, frame), len(positions))):
            self.report.check_cancelled()
            positions[frame] = baking.points(moved)
            if sequence:
                viewmat = self.moves[frame] @ first.camera.world_to_camera()
                sequence.write(frame, refined.on_surface(frame, moved[asset.triangles], viewmat))
            self.report.progress(frame + 1, len(positions))
        figures = {
            "known_view_loss": refined.loss[-1] if refined.loss else float(tracked.loss.mean()),
            "look": self.look,
            "parts": float(body.parts.count),
            "gaussians": float(refined.animated.bound.count),
        }
        curves = {
            "tracking": {"frame": [float(i) for i in range(len(tracked.loss))], "loss": tracked.loss.tolist()},
            "refinement": {"iteration": [float(i) for i in range(len(refined.loss))], "loss": refined.loss},
        }
        views = self.views(clip, masks, first.camera, self.settings.refinement.resolution)
        found = asset.similarity, body.skeleton, skin, refined.animated, refined.motion, refined.field
        self.keep(Solved(*found, views, first.turn, first.known_frame, guessed=self.guessed), asset, clip.fps, refined.lifted)
        posed = skin_points(body.surface, body.parts_for_posing(), asset.bake_points, "cpu").weights.numpy()
        poses = write_poses(self.folder, asset.similarity, body.skeleton, sparse_weights(posed), refined.motion)
        return self.write(asset, clip, positions, solved, solved.camera, figures, curves, sequence.folders if sequence else (), poses)
