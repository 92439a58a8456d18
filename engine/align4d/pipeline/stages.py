"""What every way to animate a mesh needs: the request, the inputs, the camera of the video, and how results are written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.certainty import judge_certainty
from ..alignment.lifted_depth import LiftedDepth
from ..alignment.pose import SolvedPose, place_camera, solve_pose
from ..alignment.reference import Reference, make_reference
from ..alignment.solved import Solved
from ..alignment.view import View, open_depth
from ..bake.result import write_result
from ..cameras.orbit import Orbit, blender_from_normalized, normalized_from_blender, orbit_from_matrix
from ..cameras.path import moves
from ..errors import writing
from ..gaussians.surface_bound import BoundGaussians, bind_gaussians
from ..inputs.asset import Asset, Similarity, load_asset
from ..inputs.cuts import first_shot, longest_shot
from ..inputs.masks import Masks
from ..inputs.sampling import SurfaceSamples
from ..inputs.video import Clip, load_clip
from ..job.checkpoint import Checkpoint
from ..job.fingerprint import digest, engine_digest, mesh_digest
from ..job.reporting import Reporter, tell_once
from ..lifting.network import Lifter
from ..lifting.weights import load_lifter
from ..machine.device import choose_device
from ..machine.memory import peak_gb
from ..protocol import CERTAINTY, GENERATED, SOLVED, CameraResult, CameraSpec, Matrix4, Request, Result, as_matrix, write_arrays
from .background import CAMERA_MOVES, CAMERA_TURNS, Background, followed
from .box_cutting import MASKS_OFF, BoxCutting
from .camera_moves import camera_moves
from .cutting import boxed, cut_clip, given_masks
from .first_pose_note import DISTANCE_AT_END
from .route import Route
from .settings import settings_for

ONE_CLIP = "The preset Paper goes by one clip: the others are not used. Choose Artist or Draft to have the motion solved from all of them."


class Job:
    """One job: its request, its settings, its checkpoints, and what has been said and measured so far.

    Args:
        route: by which the request was completed; None where it was complete.

    Attributes:
        checkpoint: stages that the video has a part in; there once the inputs are read.
        mesh_checkpoint: stages that the mesh alone decides; the same.
        similarity: of the asset; the same.
        moves: (T, 4, 4) of the camera from the clip's first frame to each, see `cameras.path.moves`; the same.
        begun: (4, 4) of the camera before the clip's first frame, from where the request has it.
        cutting: what cuts the object out by a box; None where there is none, or where it is not needed.
        background: how it moves behind the object; None where it is plain.
    """

    checkpoint: Checkpoint
    mesh_checkpoint: Checkpoint
    similarity: Similarity
    moves: np.ndarray
    begun: np.ndarray
    background: Background | None = None

    turns = False
    """Whether the camera turns with the background, and nobody said how."""

    turning = True
    """Whether a camera of which nobody knows how it moves is taken to turn with the background."""

    stages: tuple[str, ...]
    """Names of the stages, in their order."""

    def __init__(self, folder: Path, request: Request, report: Reporter, route: Route | None = None) -> None:
        self.folder, self.request, self.report = folder, request, report
        self.settings = settings_for(request.preset, request.settings)
        self.device = choose_device(request.device)
        self.notes: list[str] = []
        self.cutting: BoxCutting | None = None
        self._looked_at: tuple[Clip, Masks, int, Reference] | None = None
        self.seconds: dict[str, float] = {}
        self.steps_before = len(route.steps) if route else 0
        for sentence in request.notes:
            self.note("request", sentence)
        for sentence in route.notes if route else ():
            self.note("route", sentence)
        torch.manual_seed(request.seed)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announces a stage and times it."""
        self.report.stage(name, self.steps_before + self.stages.index(name), self.steps_before + len(self.stages))
        self.report.check_cancelled()
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)

    def note(self, code: str, sentence: str) -> None:
        """Something that the user should know, now and in the result."""
        self.report.warn(code, sentence)
        self.notes.append(sentence)

    def first_note(self, code: str, sentence: str) -> None:
        """What the user should know before anything else: it comes first in the result."""
        self.note(code, sentence)
        self.notes.insert(0, self.notes.pop())

    def read_inputs(self) -> tuple[Asset, Clip]:
        """The mesh and the video."""
        asset = load_asset(self.request, self.folder)
        clip = load_clip(self.request.video, self.settings.video_side)
        for sentence in clip.notes:
            self.note("input", sentence)
        self.similarity = asset.similarity
        self.follow_camera(clip)
        others = self.read_other_clips(asset)
        self._open_checkpoints(asset, clip, others)
        return asset, clip

    def read_other_clips(self, asset: Asset) -> tuple[Clip, ...]:
        """Further clips of the same motion; a method that takes none says so."""
        if self.request.views:
            self.note("one_clip", ONE_CLIP)
        return ()

    def cut_out(self, clip: Clip) -> tuple[Clip, Masks]:
        """The piece of the video that is used, and where the object is in it; what a box or a network makes of that is kept as pictures.

        That is the longest piece without a cut; with a box, which is drawn in the first frame, the piece that begins there.
        """
        shot: tuple[str, ...] = ()
        if boxed(self.request, clip):
            clip, shot = first_shot(clip)
        masks, self.cutting = cut_clip(self.folder, self.request, clip, self.checkpoint, self.report)
        if not self.cutting:
            clip, masks, shot = longest_shot(clip, masks)
        self.report.progress(len(clip.frames), len(clip.frames))
        for sentence in (*masks.notes, *shot):
            self.note("input", sentence)
        if len(clip.frames) != len(self.moves):  # a piece of it
            self.follow_camera(clip)
        self.background = self.cutting.background() if self.cutting else followed(clip, masks, self.request.camera.fovy, self.checkpoint)
        if self.background and not self.request.camera.path:
            self.turn_camera(self.background)
        return clip, masks

    def follow_camera(self, clip: Clip) -> None:
        """How the camera moves in the frames of `clip`, as far as somebody knows it."""
        known = camera_moves(self.request.camera, self.similarity, clip)
        self.begun, self.moves = known[0], moves(known)

    def turn_camera(self, background: Background) -> None:
        """Lets the camera, of which nobody has said how it moves, turn with the background; says so where it moves and cannot be known."""
        if self.turning and background.shakes:
            self.moves, self.turns = background.moves, True
            self.note("camera_turns", CAMERA_TURNS.format(background.figures()["camera_turn"]))
        elif background.moving:
            self.note("camera_moves", CAMERA_MOVES.format(background.shift))

    def _open_checkpoints(self, asset: Asset, clip: Clip, others: tuple[Clip, ...]) -> None:
        """From now on it is known of what the stages are made: of what was read, and not of files that may be written over meanwhile."""
        request, settings = self.request, self.settings
        note = tell_once(self.report, "made_anew")
        mesh = {"the mesh": mesh_digest(asset), "Align4D": engine_digest()}
        chosen = digest(settings.gaussians, request.seed, request.backend)
        self.mesh_checkpoint = Checkpoint(self.folder / "work", {**mesh, "the settings": chosen}, note)
        chosen = digest(settings, request.camera, request.seed, request.backend)
        masks = [given_masks(video) for video in (request.video, *(view.video for view in request.views))]
        made_of = {**mesh, "the video": digest(clip), "the masks": digest(masks), "the settings": chosen}
        if others:
            made_of["the other clips"] = digest(others, request.views)
        self.checkpoint = Checkpoint(self.folder / "work", made_of, note)

    def bind(self, asset: Asset, samples: SurfaceSamples | None = None) -> BoundGaussians:
        """Gaussians on the mesh; `samples` as of `bind_gaussians`."""
        stored = self.mesh_checkpoint.load("gaussians")
        if stored is None:
            bound = bind_gaussians(asset, self.settings.gaussians, self.request.seed, self.device, self.request.backend, self.report, samples)
            stored = {name: tensor.cpu().numpy() for name, tensor in vars(bound).items()}
            self.mesh_checkpoint.save("gaussians", stored)
        return BoundGaussians(**{name: torch.from_numpy(array) for name, array in stored.items()}).to(self.device)

    def reference(self, clip: Clip, masks: Masks, resolution: int) -> Reference:
        """The video as the optimization sees it; the last one is kept, since several stages look at the same."""
        kept = self._looked_at
        if kept is None or kept[0] is not clip or kept[1] is not masks or kept[2] != resolution:
            made = make_reference(clip, masks, self.request.camera.fovy, resolution, device=self.device)
            self._looked_at = kept = (clip, masks, resolution, made)
        return kept[3]

    def view(self, clip: Clip, masks: Masks, camera: Orbit, resolution: int) -> View:
        """The video and its camera, which stands at `camera` in the first frame."""
        return View(self.reference(clip, masks, resolution), self.moves @ camera.world_to_camera())

    def start_camera(self, asset: Asset) -> Orbit:
        """The artist's own camera, in the clip's first frame."""
        camera = self.camera_of(self.request.camera, asset)
        if not self.request.camera.path:
            return camera
        return orbit_from_matrix(self.begun @ camera.world_to_camera(), camera.fovy)

    def camera_of(self, spec: CameraSpec, asset: Asset) -> Orbit:
        """A camera of the request around the normalized asset."""
        similarity = asset.similarity
        return orbit_from_matrix(normalized_from_blender(np.array(spec.matrix_world), similarity.center, similarity.size), spec.fovy)

    def solve_camera(self, asset: Asset, gaussians: BoundGaussians, clip: Clip, masks: Masks) -> SolvedPose:
        """Object distance alignment, and direction and offset with it."""
        stored = self.checkpoint.load("camera")
        if stored is None:
            solved = self.found_camera(asset, gaussians, clip, masks)
            self.checkpoint.save("camera", solved.to_arrays())
        else:
            solved = SolvedPose.from_arrays(stored)
        if solved.curve.at_end:
            self.note("distance_at_end", DISTANCE_AT_END)
        return solved

    def found_camera(self, asset: Asset, gaussians: BoundGaussians, clip: Clip, masks: Masks) -> SolvedPose:
        """The camera that the first frame was taken with, searched from the scene's."""
        reference, start = self.first_frame(clip, masks), self.start_camera(asset)
        return solve_pose(asset, gaussians, reference, start, self.request.camera.solve, self.settings.pose, self.request.backend, self.report)

    def standing_camera(self, asset: Asset, gaussians: BoundGaussians, clip: Clip, masks: Masks) -> SolvedPose:
        """The camera that sees the mesh as it stands in the first frame.

        Where the outlines agree all but exactly, they say where the camera is. Where they agree less, a camera beside the artist's
        and a body in another pose explain the frame alike, and the artist's direction is believed.
        """
        solved = self.solve_camera(asset, gaussians, clip, masks)
        return solved if self.is_certain(solved) else self.placed_camera(asset, gaussians, clip, masks)

    def placed_camera(self, asset: Asset, gaussians: BoundGaussians, clip: Clip, masks: Masks) -> SolvedPose:
        """The camera in the artist's own direction that sees the mesh as it stands in the first frame."""
        frame, start = self.first_frame(clip, masks), self.start_camera(asset)
        return place_camera(asset, gaussians, frame, start, self.settings.pose, self.request.backend)

    def is_certain(self, rest: SolvedPose) -> bool:
        """Whether the first frame shows the mesh as it stands beyond doubt."""
        settings = self.settings.search
        exact = settings.exact - (MASKS_OFF if self.cutting else 0)
        return not self.request.camera.solve or (rest.overlap >= exact and rest.apart <= settings.matching)

    def first_frame(self, clip: Clip, masks: Masks) -> Reference:
        """The frame that the camera is solved in.

        As if it showed the object whole: the sweep tells by the space around it whether a distance is possible.
        """
        return make_reference(clip, masks, self.request.camera.fovy, self.settings.pose.resolution, slice(0, 1), self.device, whole=True)

    @cached_property
    def lifter(self) -> Lifter:
        """The network of the motion prior, loaded once."""
        return load_lifter(self.device)

    def motion_prior(self, animated: AnimatedAsset, views: tuple[View, ...], turned: Tensor, fps: float) -> LiftedDepth | None:
        """The motion prior for an asset before the first view's camera; None where the settings go without.

        It knows cameras that stand still: one that moves is to it where it stands in the middle of the clip.

        Args:
            turned: see `LiftedDepth`.
        """
        settings = self.settings.refinement.lifted
        if settings.weight <= 0:
            return None
        viewmats = views[0].viewmats
        middle = viewmats[len(viewmats) // 2]
        return LiftedDepth(self.lifter, animated, middle, fps, settings, self.request.seed, open_depth(views), turned)

    def keep(self, solved: Solved, asset: Asset, fps: float, lifted: LiftedDepth | None = None) -> None:
        """Leaves what it takes to solve frames anew when the artist knows better, and where that may be.

        Args:
            lifted: the motion prior as it was last asked; None: it is asked.
        """
        lifted = lifted or self.motion_prior(solved.animated, solved.views, solved.turned, fps)
        certainty = judge_certainty(solved, lifted, asset) if lifted else None
        with writing():
            (self.folder / SOLVED).parent.mkdir(parents=True, exist_ok=True)
            write_arrays(self.folder / SOLVED, solved.to_arrays())
            if certainty:
                point = certainty.nearest(asset.bake_points)
                write_arrays(self.folder / CERTAINTY, {"doubt": certainty.doubt, "seen": certainty.seen, "point": point})

    def write(
        self,
        asset: Asset,
        clip: Clip,
        positions: np.ndarray,
        solved: SolvedPose,
        camera: Orbit,
        figures: dict[str, float],
        curves: dict[str, dict[str, list[float]]],
        gaussians: tuple[str, ...] = (),
        poses: str = "",
    ) -> Result:
        """The result: motion of the bake points (T, B, 3) in normalized space, the camera, figures and curves; the rest as in `write_result`."""
        own = {"overlap": solved.overlap, "video_aligned_distance": solved.curve.best, "peak_memory_gb": peak_gb()}
        own |= self.background.figures() if self.background else {}
        return write_result(
            self.folder,
            self.request.job,
            asset,
            positions,
            clip.fps,
            self.camera_result(asset, clip, camera),
            notes=tuple(self.notes),
            seconds=self.seconds,
            figures={**own, **figures},
            curves={"video_aligned_distance": solved.curve.finite(), **curves},
            gaussians=gaussians,
            generated=next((spec for spec in self.request.objects if spec.id == GENERATED), None),
            skipped=clip.skipped,
            pace=clip.pace,
            poses=poses,
        )

    def camera_result(self, asset: Asset, clip: Clip, camera: Orbit) -> CameraResult:
        """The solved camera in world space."""
        similarity = asset.similarity
        matrix = blender_from_normalized(camera.world_to_camera(), similarity.center, similarity.size)
        width, height = clip.full_size
        return CameraResult(
            matrix_world=as_matrix(matrix),
            fovy=camera.fovy,
            width=width,
            height=height,
            azimuth=(camera.azimuth + 180) % 360 - 180,
            elevation=camera.elevation,
            roll=camera.roll,
            distance=camera.distance * similarity.size,
            path=() if (self.moves == np.eye(4)).all() else self._path(camera, similarity),
        )

    def _path(self, camera: Orbit, similarity: Similarity) -> tuple[Matrix4, ...]:
        poses = self.moves @ camera.world_to_camera()
        return tuple(as_matrix(blender_from_normalized(pose, similarity.center, similarity.size)) for pose in poses)
