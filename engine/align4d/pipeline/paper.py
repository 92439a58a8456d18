"""The paper's own way from mesh and video to motion: the `paper` preset, and its ablations by single settings.

Published method and DreamGaussian4D's settings; what deviates stands in docs/developers/method.md. Where a mesh and a
camera of an artist ask for it, the shared stages before come in: Gaussians bound to the mesh, the direction of the
camera, and the light of the first frame, in which the Gaussians' first colors are shown (a generated asset has it in
its colors).
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..alignment.lighting import to_linear
from ..alignment.motion_geometry import MotionGeometryLoss
from ..alignment.multiview_distance import MultiviewDistanceCurve, multiview_aligned_distance
from ..alignment.novel_views import NovelViews, novel_distances
from ..alignment.optimization import LOSSES, Optimization
from ..alignment.pose import SolvedPose
from ..alignment.reference import Reference
from ..alignment.scene import Scene, film_at_rest
from ..alignment.video_conditions import FramedVideo, frame_video, middles
from ..bake.binding import bind_points
from ..bake.gaussians import GaussianSequence, owners
from ..cameras.orbit import Orbit
from ..cameras.path import standing
from ..gaussians.surface_bound import LOW_PASS, BoundGaussians
from ..generators.asset_object import kept_gaussians
from ..inputs.asset import Asset
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..job.preview import show_preview
from ..job.reporting import Reporter
from ..motion.hexplane import Offsets
from ..priors.catalog import EMBEDDED
from ..priors.loading import load_prior
from ..priors.prior import MultiviewPrior, same_apparent_size
from ..priors.recorded import RecordedPrior
from ..protocol import GENERATED, Request, Result
from ..rendering import Gaussians, rasterize
from .route import Route
from .settings import PaperSettings
from .stages import Job

STAGES = ("reading", "cutting", "sampling", "camera", "distance", "optimizing", "baking")
FOREIGN_LOW_PASS = 0.3
"""Of Gaussians that another program made: they were fitted to pictures that were blurred by so much [px^2]."""

OUT_OF_RANGE = "Novel views are told to stand {:.2f} farther away than the video's camera, and {} was trained on differences up to {:.2f}."
NOT_FREE = "Gaussians that stay on a mesh are not densified: set paper.optimization.learns to all to let them leave it."
CAMERA_STANDS = "The preset Paper knows no moving camera: it is taken to stand where it does in the first frame. Choose Artist to have it followed."
BASELINE_FOVY = 49.1
"""Field of view [degrees] at which the baseline's fixed distance is meant [D]."""


def animate_as_published(folder: Path, request: Request, report: Reporter, route: Route | None = None, online: bool = False) -> Result:
    """Runs the job of `folder` by the paper's method, or what is left of it. `route`: see `Job`; `online`: see `load_prior`.

    Raises:
        EngineError: what the user can act on.
        Cancelled: the user cancelled; the checkpoint is written.
    """
    job = PaperJob(folder, request, report, route)
    # a large prior takes as long to load as all the stages that need none; a job that ends before it is there does not wait for it
    beside = ThreadPoolExecutor(1, "prior")
    loading = beside.submit(job.read_prior, online)
    beside.shutdown(wait=False)
    with job.stage("reading"):
        asset, clip = job.read_inputs()
        job.settle_budget()
        if loading.done():
            loading.result()
    clip, masks, bound, solved = job.up_to_camera(asset, clip)
    with job.stage("distance"):
        prior = loading.result()
        shot = job.shot(asset, bound, clip, masks, solved, prior)
        curve = job.multiview_distance(shot, prior)
    with job.stage("optimizing"):
        optimization = job.optimize(shot, prior, curve)
    with job.stage("baking"):
        return job.bake(asset, bound, clip, solved, shot, curve, optimization)


@dataclass(frozen=True)
class Shot:
    """Asset and video, as the optimization and the prior see them.

    Attributes:
        scene: the asset in the light of the video, the video, its camera at d_V.
        video: the same as the prior sees it, about the asset's middle at rest.
    """

    scene: Scene
    video: FramedVideo

    @property
    def distance(self) -> float:
        """d_V as the prior counts it, in longest sides at its own field of view."""
        return float(self.video.condition.distance[0])


class PaperJob(Job):
    """The stages of the `paper` preset."""

    stages = STAGES
    turning = False

    def __init__(self, folder: Path, request: Request, report: Reporter, route: Route | None = None) -> None:
        super().__init__(folder, request, report, route)
        self.paper: PaperSettings = self.settings.paper

    def follow_camera(self, clip: Clip) -> None:
        """The published method has one camera for the whole clip."""
        super().follow_camera(clip)
        self.moves = standing(len(clip.frames))

    def read_other_clips(self, asset: Asset) -> tuple[Clip, ...]:
        """See `Job`; what this method does not follow is noted once."""
        if self.request.camera.path:
            self.note("camera_stands", CAMERA_STANDS)
        return super().read_other_clips(asset)

    def read_prior(self, online: bool) -> MultiviewPrior:
        """The multiview prior; changes nothing of the job, so that a thread beside it may read it."""
        prior = load_prior(self.settings.prior, self.device, online)
        return RecordedPrior(prior) if self.device == "cuda" and self.settings.prior.source == EMBEDDED else prior

    def settle_budget(self) -> None:
        """Takes from the optimization what the machine cannot afford, and says so."""
        self.paper, sentence = within_budget(self.paper, self.device)
        if sentence:
            self.note("budget", sentence)

    def up_to_camera(self, asset: Asset, clip: Clip) -> tuple[Clip, Masks, BoundGaussians, SolvedPose]:
        """The stages after reading that come before any optimization: cutting, sampling, camera."""
        with self.stage("cutting"):
            clip, masks = self.cut_out(clip)
        with self.stage("sampling"):
            bound = self.bind(asset)
        with self.stage("camera"):
            return clip, masks, bound, self.standing_camera(asset, bound, clip, masks)

    def shot(self, asset: Asset, bound: BoundGaussians, clip: Clip, masks: Masks, solved: SolvedPose, prior: MultiviewPrior) -> Shot:
        """What the rest works on. Without object distance alignment the video's camera stands at the baseline's distance."""
        fixed = same_apparent_size(self.paper.fixed_distance, BASELINE_FOVY, solved.camera.fovy)
        # eq. 4 compares pictures: of a mesh that does not stand as in the frame only its size in the picture tells how far it is
        aligned = solved.curve.best if self.is_certain(solved) else solved.camera.distance
        camera = solved.camera.moved(distance=aligned if self.paper.align_distance else fixed)
        reference = self.reference(clip, masks, self.paper.optimization.resolution)
        scene = self.scene(asset, bound, solved, reference, camera)
        middle = middles(scene.asset).expand(reference.frames, 3)
        return Shot(scene, frame_video(prior, reference.color, reference.alpha, reference.intrinsics, camera, middle))

    def scene(self, asset: Asset, bound: BoundGaussians, solved: SolvedPose, reference: Reference, camera: Orbit) -> Scene:
        """Asset and video: a mesh as its Gaussians in the light of the video; an asset that is Gaussians, generated or given, as these."""
        own = kept_gaussians(self.folder) if [spec.id for spec in self.request.objects] == [GENERATED] else None
        if own is None:
            lit = bound.colored(solved.lighting.shade(to_linear(bound.albedo), bound.normals))
            return Scene(lit, bound, reference, camera, self.request.backend, LOW_PASS)
        # the object's matrix scales evenly and does not turn, see `PairMaker`
        matrix, size = asset.objects[0].matrix_world, asset.similarity.size
        world = own.means.numpy().astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        means, scales = torch.from_numpy(asset.similarity.apply(world)), own.scales * float(matrix[0, 0] / size)
        lit = Gaussians(*(one.float().to(self.device) for one in (means, own.quats, scales, own.opacities, own.colors)))
        return Scene(lit, None, reference, camera, self.request.backend, FOREIGN_LOW_PASS)

    def multiview_distance(self, shot: Shot, prior: MultiviewPrior) -> MultiviewDistanceCurve | None:
        """Object distance alignment, the prior's side; None where it is switched off."""
        if not self.paper.align_distance:
            return None
        stored = self.checkpoint.load("multiview_distance")
        curve = self.sweep(shot, prior) if stored is None else MultiviewDistanceCurve.from_arrays(stored)
        if stored is None:
            self.checkpoint.save("multiview_distance", curve.to_arrays())
        if not curve.found and self.paper.multiview.choice == "local":
            self.note("no_multiview_distance", "The prior prefers no distance near the video's: novel views stand as far as the video's camera.")
        return curve

    def sweep(self, shot: Shot, prior: MultiviewPrior) -> MultiviewDistanceCurve:
        """Eq. 5, or eq. 11, with the first frame as the condition."""
        scene, facts = shot.scene, prior.facts
        size = max(self.paper.multiview_size, facts.size)
        background = torch.full((3,), facts.background, device=self.device)

        def render(views: NovelViews) -> Tensor:
            cameras = views.cameras(facts.fovy, size)
            return rasterize(scene.asset, cameras, (size, size), background, backend=scene.backend, low_pass=scene.low_pass).color

        return multiview_aligned_distance(render, prior, shot.video, self.paper.multiview, self.request.seed, self.report)

    def optimize(self, shot: Shot, prior: MultiviewPrior, curve: MultiviewDistanceCurve | None) -> Optimization:
        """Field and Gaussians, from known and unknown views."""
        settings = self.paper.optimization
        distances = novel_distances(settings.unknown.maod_mode, shot.distance, curve.best if curve else shot.distance, prior.facts)
        told, (nearest, farthest) = float(distances.told(shot.video.condition.distance[0])), prior.facts.distances
        if abs(told) > farthest - nearest:
            self.note("told_distance", OUT_OF_RANGE.format(told, prior.facts.name, farthest - nearest))
        rest = film_at_rest(shot.scene, prior) if settings.unknown.against == "rest" else None
        unknown = MotionGeometryLoss(prior, shot.video, distances, settings.unknown, rest)
        optimization = Optimization(shot.scene, unknown, settings, self.request.seed)
        if settings.densification.enabled and not optimization.free:
            self.note("densification", NOT_FREE)
        stored = self.checkpoint.load("optimization")
        if stored is not None:
            optimization.restore(stored)
        shown = int(np.flatnonzero(shot.scene.reference.usable)[-1])

        def save() -> None:
            self.checkpoint.save("optimization", optimization.arrays())
            show_preview(self.folder, shot.scene.reference.color[shown], lambda: optimization.picture(shown), self.report)

        optimization.run(self.report, save)
        return optimization

    def bake(
        self,
        asset: Asset,
        bound: BoundGaussians,
        clip: Clip,
        solved: SolvedPose,
        shot: Shot,
        curve: MultiviewDistanceCurve | None,
        optimization: Optimization,
    ) -> Result:
        """The field at the mesh's own vertices."""
        binding = bind_points(asset)
        rest = torch.from_numpy(asset.vertices).to(self.device)
        positions = np.empty((len(clip.frames), *asset.bake_points.shape), np.float32)
        usable = shot.scene.reference.usable
        for frame in np.flatnonzero(usable):
            self.report.check_cancelled()
            moved = rest + optimization.offsets(rest, int(frame)).center
            positions[frame] = binding.follow(asset.triangles, moved.cpu().numpy())
            self.report.progress(int(frame) + 1, len(positions))
        fill_frames(positions, usable)
        figures, curves = self.measured(shot, curve, optimization)
        folders = self.write_gaussians(asset, bound, optimization, usable) if self.request.gaussians else ()
        return self.write(asset, clip, positions, solved, shot.scene.camera, figures, curves, folders)

    def write_gaussians(self, asset: Asset, bound: BoundGaussians, optimization: Optimization, usable: np.ndarray) -> tuple[str, ...]:
        """The Gaussians of every frame, in the colors that they were given; one that learned to be elsewhere belongs to the object it is nearest to.

        Returns:
            The folder of each object.
        """
        rest = optimization.gaussians.points
        _, nearest = cKDTree(bound.means.cpu().numpy()).query(optimization.gaussians.means.cpu().numpy())
        sequence = GaussianSequence(self.folder, asset, owners(asset, bound)[nearest])
        for frame in range(len(usable)):
            self.report.check_cancelled()
            before, later, part = between(frame, usable)
            ends = optimization.offsets(rest, before), optimization.offsets(rest, later)
            mixed = Offsets(*(torch.lerp(one, two, part) for one, two in zip(*ends, strict=True)))
            sequence.write(frame, optimization.gaussians.deformed(mixed, learning=False))
        return sequence.folders

    def measured(
        self, shot: Shot, curve: MultiviewDistanceCurve | None, optimization: Optimization
    ) -> tuple[dict[str, float], dict[str, dict[str, list[float]]]]:
        """Figures and curves of the result."""
        losses = np.array(optimization.losses).T
        figures = {
            "known_view_loss": float(losses[0, -1]),
            "gaussians": float(len(optimization.gaussians.means)),
            "novel_distance": optimization.unknown.distances.rendered * shot.distance,
            "video_distance_of_prior": shot.distance,
        }
        steps = [float(i) for i in range(losses.shape[1])]
        curves = {"optimization": {"iteration": steps, **{name: row.tolist() for name, row in zip(LOSSES, losses, strict=True)}}}
        if curve:
            figures |= {"multiview_aligned_distance": curve.best, "multiview_minimum_found": float(curve.found)}
            curves["multiview_aligned_distance"] = curve.lists()
        return figures, curves


def within_budget(paper: PaperSettings, device: str) -> tuple[PaperSettings, str]:
    """What of the optimization a machine can afford, and a sentence about what was left out ("" where nothing was).

    The rule: without a graphics card an iteration looks at `cpu_frames` frames, of which `cpu_novel_frames` are seen by one
    unknown view each, and at pictures of at most `cpu_resolution` pixels; the number of iterations stays. `cpu_frames` 0
    switches it off.
    """
    full = paper.optimization
    if device != "cpu" or paper.cpu_frames == 0:
        return paper, ""
    most = paper.cpu_resolution
    frames = min(full.frames or paper.cpu_frames, paper.cpu_frames)
    novel = min(full.novel_frames or paper.cpu_novel_frames, paper.cpu_novel_frames, frames)
    small = dataclasses.replace(
        full,
        frames=frames,
        novel_frames=novel,
        resolution=min(full.resolution, most),
        novel_resolutions=tuple(min(one, most) for one in full.novel_resolutions),
        unknown=dataclasses.replace(full.unknown, views=dataclasses.replace(full.unknown.views, count=1)),
    )
    if small == full:
        return paper, ""
    sentence = (
        f"Without a graphics card an iteration of the paper's method looks at {frames} frames, at {novel} of them from one new side, in pictures of"
        f" at most {most} px. With one it is {full.frames or 'all'} frames, {full.unknown.views.count} new sides and up to"
        f" {max(full.resolution, *full.novel_resolutions)} px."
    )
    return dataclasses.replace(paper, optimization=small), sentence


def fill_frames(positions: np.ndarray, usable: np.ndarray) -> None:
    """Frames that teach nothing, because the object is not in them, are put between their neighbors, in place.

    Args:
        positions: (T, B, 3).
        usable: (T,) bool, at least one of them.
    """
    for frame in np.flatnonzero(~usable):
        before, later, part = between(int(frame), usable)
        positions[frame] = (1 - part) * positions[before] + part * positions[later]


def between(frame: int, usable: np.ndarray) -> tuple[int, int, float]:
    """The usable frames before and after `frame`, and how far it is from one to the other; a usable frame, or one at the end, is between itself."""
    known = np.flatnonzero(usable)
    after = int(np.searchsorted(known, frame))
    later = int(known[min(after, len(known) - 1)])
    before = frame if usable[frame] else int(known[max(after - 1, 0)])
    return before, later, (frame - before) / (later - before) if later > before else 0.0
