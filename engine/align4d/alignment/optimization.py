"""The paper's optimization, eq. 10: known and unknown views teach the deformation field and the Gaussians, which take turns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit
from ..errors import Cancelled
from ..gaussians.adam import Adam, Group, field_adam
from ..gaussians.densification import CenterGradients, DensificationSettings
from ..gaussians.learned import LearnedGaussians
from ..gaussians.riding import RidingGaussians
from ..gaussians.surface_bound import BoundGaussians
from ..job.reporting import Reporter
from ..motion.hexplane import HexPlaneField, HexPlaneSettings, Offsets
from ..rendering import Gaussians, rasterize
from ..rendering.deferral import Deferral
from .asynchronous import AsynchronousSchedule
from .known_views import PAPER, KnownViewLoss, KnownViewSettings
from .motion_geometry import MotionGeometryLoss, MotionGeometrySettings, UnknownViews
from .reference import Reference
from .video_conditions import frame_video, middles

LOSSES = ("known", "motion", "geometry")
"""What is recorded of an iteration: eq. 6 without its factor s, and the means of eqs. 7 and 8."""

NOVEL_GROWTH = (0.3, 0.6)
"""Parts of the run at which the unknown views grow, as in DreamGaussian4D."""

FIELD_RATE, GRID_RATE = 6.4e-4, 6.4e-3
"""Learning rates of the field's MLP and planes, DreamGaussian4D's."""


PAINT_RATE = 2e-2
"""Of the colors, sRGB, in a step of `Scene.painted`."""

Learns = Literal["auto", "motion", "appearance", "all"]


@dataclass(frozen=True)
class OptimizationSettings:
    """Attributes:
    iterations: steps of the whole run [D].
    resolution: side of the known views [px] [D].
    novel_resolutions: sides of the unknown views [px], one after the other [D].
    frames: how many frames an iteration looks at; 0 is all of them [D].
    novel_frames: how many of these are seen by unknown views as well; 0 is all of them [D].
    learns: what learns beside the deformation field: "motion", nothing, so that only motion explains what pictures show, and
        Gaussians ride on the triangles of their mesh; "appearance", colors and opacities; "all", means, scales and quats as
        well, so that Gaussians leave the mesh; "auto", "appearance" for Gaussians that are bound to a mesh and "all" for
        an asset that is Gaussians. Where only motion learns, nobody takes turns with it.
    paint: steps in which the colors learn from the first frame, where the object stands as the asset does, before anything
        moves; only where the motion alone learns afterwards. Beyond the paper.
    reframe_every: iterations from one look at where the moved object's middle is to the next, from which the prior is shown
        it; 0 shows it where the asset's middle is at rest, as published [R].
    known: weights of eq. 6.
    unknown: weights of eqs. 7-9 and the distillation.
    schedule: which half is optimized when.
    hexplane: sizes of the field.
    densification: of free Gaussians.
    read_every: iterations from one look at the loss to the next: a look makes the processor wait for the graphics card.
    keep_every: iterations from one checkpoint to the next.
    """

    iterations: int = 500
    resolution: int = 256
    novel_resolutions: tuple[int, ...] = (128, 256, 512)
    frames: int = 0
    novel_frames: int = 0
    learns: Learns = "auto"
    paint: int = 60
    reframe_every: int = 20
    known: KnownViewSettings = PAPER
    unknown: MotionGeometrySettings = field(default_factory=MotionGeometrySettings)
    schedule: AsynchronousSchedule = field(default_factory=AsynchronousSchedule)
    hexplane: HexPlaneSettings = field(default_factory=HexPlaneSettings)
    densification: DensificationSettings = field(default_factory=DensificationSettings)
    read_every: int = 10
    keep_every: int = 50

    def __post_init__(self) -> None:
        if self.learns not in ("auto", "motion", "appearance", "all"):
            raise ValueError(f"learns is {self.learns!r}, none of auto, motion, appearance and all")

    def novel_resolution(self, done: float) -> int:
        """Of the unknown views when the part `done` of the run is over [px]."""
        return self.novel_resolutions[sum(done >= border for border in NOVEL_GROWTH)]


@dataclass(frozen=True)
class Scene:
    """What is given.

    Attributes:
        asset: G_3D, the Gaussians in the rest pose.
        bound: how they are bound to a mesh; None where the asset is Gaussians.
        reference: the video.
        camera: of the video, at d_V; its field of view is that of the whole frame.
        backend: of the rasterizer.
        low_pass: of the rasterizer [px^2].
    """

    asset: Gaussians
    bound: BoundGaussians | None
    reference: Reference
    camera: Orbit
    backend: str
    low_pass: float

    def painted(self, steps: int) -> Scene:
        """The scene with the asset in the colors of the first frame: Adam, `steps` times, on eq. 6 of that frame alone."""
        loss, first, cameras = KnownViewLoss(PAPER), self.reference.only(0), self.reference.cameras(self.camera.world_to_camera())
        colors = self.asset.colors.clone().requires_grad_()
        optimizer = Adam([Group([colors], PAINT_RATE)])
        for _ in range(steps):
            asset = replace(self.asset, colors=colors)
            picture = rasterize(asset, cameras, first.size, backend=self.backend, low_pass=self.low_pass)
            loss(picture.color, picture.alpha, first.color, first.alpha).backward()
            optimizer.step()
            optimizer.zero_grad()
        return replace(self, asset=replace(self.asset, colors=colors.detach().clamp(0, 1)))

    def rides(self, learns: Learns) -> bool:
        """Whether the asset's Gaussians do nothing but ride on a mesh."""
        return self.bound is not None and learns == "motion"

    def learned(self, learns: Learns) -> RidingGaussians | LearnedGaussians:
        """The asset, as far as it learns; see `OptimizationSettings`. An asset that is Gaussians has no mesh to ride on."""
        if self.bound is not None and self.rides(learns):
            return RidingGaussians(self.bound, self.asset)
        return LearnedGaussians(self.asset, free=learns == "all" or (self.bound is None and learns != "appearance"))


class Optimization:
    """The run: `step` by step, or `run` to its end.

    Everything random of an iteration comes from the seed and the iteration's number, so that a run that goes on from a
    checkpoint is the run that was never broken off.

    Args:
        scene: what is given.
        unknown: the unknown views' teacher.
        settings: how.
        seed: of everything random.
    """

    def __init__(self, scene: Scene, unknown: MotionGeometryLoss, settings: OptimizationSettings, seed: int) -> None:
        if scene.rides(settings.learns):
            scene = scene.painted(settings.paint)
        self.scene, self.unknown, self.settings, self.seed = scene, unknown, settings, seed
        device = scene.reference.color.device
        self.generator = torch.Generator(device)
        self.gaussians = scene.learned(settings.learns)
        frames = scene.reference.frames
        self.field = HexPlaneField(frames, settings.hexplane, torch.Generator().manual_seed(seed)).to(device)
        self.field_optimizer = field_adam(self.field, GRID_RATE, FIELD_RATE)
        self.known = KnownViewLoss(settings.known)
        self.usable = torch.from_numpy(np.flatnonzero(scene.reference.usable)).to(device)
        self.per_step = min(settings.frames or len(self.usable), len(self.usable))
        self.novel_per_step = min(settings.novel_frames or self.per_step, self.per_step)
        self.known_cameras = scene.reference.cameras(scene.camera.world_to_camera(), self.per_step)
        self.rest_middle = middles(scene.asset)
        self.center_gradients = CenterGradients(scene.asset.means)
        self.deferral = Deferral(device)
        self.iteration = 0
        self.losses: list[list[float]] = []
        self._unread: list[Tensor] = []

    @property
    def free(self) -> bool:
        """Whether the Gaussians learn where they are."""
        return isinstance(self.gaussians, LearnedGaussians) and "center" in self.gaussians.names

    def run(self, report: Reporter, save: Callable[[], None]) -> None:
        """All iterations that are left; `save` is called every so often, and when the user cancels.

        Raises:
            Cancelled: within one iteration.
        """
        settings = self.settings
        while self.iteration < settings.iterations:
            try:
                report.check_cancelled()
            except Cancelled:
                save()
                raise
            self.step()
            last = self.iteration == settings.iterations
            if last or self.iteration % settings.read_every == 0:
                self.read_losses()
            report.progress(self.iteration, settings.iterations, self.losses[-1][0] if self.losses else None)
            if last or self.iteration % settings.keep_every == 0:
                save()

    def step(self) -> None:
        """One iteration, without waiting for the device."""
        settings, done = self.settings, self.iteration / self.settings.iterations
        phases = settings.schedule.phases(self.iteration) if isinstance(self.gaussians, LearnedGaussians) else ("deformation",)
        self._reframe()
        frames = self._frames()
        self._seed(self.iteration)
        with torch.set_grad_enabled("deformation" in phases):
            offsets = self.field.at_frames(self.gaussians.points, frames)
        shown = self.gaussians.deformed(offsets, learning="appearance" in phases)
        few = self.novel_per_step
        with self.deferral:
            known = self._known(shown, frames)
            unknown = self._unknown(first_frames(shown, few), frames[:few], done)
        # s of eq. 6: the known views count more and more
        ((self.iteration + 1) / settings.iterations * known + unknown.loss).backward()
        if "deformation" in phases:
            self.field_optimizer.step()
            self.field_optimizer.zero_grad()
        if "appearance" in phases:
            self._watch_means()
            self.gaussians.step(done)
        self._densify()
        self._unread.append(torch.stack([known.detach(), unknown.motion, unknown.geometry]))
        self.iteration += 1

    @torch.no_grad()
    def _reframe(self) -> None:
        """Every so often the prior looks at where the object now is in each frame."""
        every = self.settings.reframe_every
        if self.settings.unknown.weight == 0 or every == 0 or self.iteration == 0 or self.iteration % every:
            return
        shown = [self.gaussians.deformed(self.field.at_frame(self.gaussians.points, frame), False) for frame in range(self.scene.reference.frames)]
        self._look_at(torch.cat([middles(one) for one in shown]))

    def _look_at(self, middle: Tensor) -> None:
        """Shows the prior all frames about the middles (T, 3)."""
        reference, unknown = self.scene.reference, self.unknown
        unknown.video = frame_video(unknown.prior, reference.color, reference.alpha, reference.intrinsics, self.scene.camera, middle)

    def _seed(self, stream: int) -> None:
        self.generator.manual_seed(1_000_003 * self.seed + stream)

    def _frames(self) -> Tensor:
        """(F,) int64 frames of this iteration, on the device; each pass over the clip sees every frame once, up to a remainder."""
        if self.per_step == len(self.usable):
            return self.usable
        a_pass = len(self.usable) // self.per_step
        self._seed(-1 - self.iteration // a_pass)
        order = torch.randperm(len(self.usable), generator=self.generator, device=self.usable.device)
        start = self.iteration % a_pass * self.per_step
        return self.usable[order[start : start + self.per_step]]

    def _known(self, shown: Gaussians, frames: Tensor) -> Tensor:
        scene = self.scene
        picture = rasterize(shown, self.known_cameras, scene.reference.size, backend=scene.backend, low_pass=scene.low_pass)
        return self.known(picture.color, picture.alpha, scene.reference.color[frames], scene.reference.alpha[frames])

    def _unknown(self, shown: Gaussians, frames: Tensor, done: float) -> UnknownViews:
        if self.settings.unknown.weight == 0:
            nothing = torch.zeros((), device=frames.device)
            return UnknownViews(nothing, nothing, nothing)
        scene, facts, size = self.scene, self.unknown.prior.facts, self.settings.novel_resolution(done)
        views = self.unknown.draw(frames, self.generator)
        cameras = views.cameras(facts.fovy, size)
        background = torch.full((3,), facts.background, device=frames.device)
        pictures = rasterize(shown, cameras, (size, size), background, backend=scene.backend, low_pass=scene.low_pass).color
        asset = None
        if self.settings.unknown.needs_asset:
            # about its own middle: the term holds shape and texture, and says nothing of the place
            cameras = views.at(self.rest_middle).cameras(facts.fovy, size)
            with torch.no_grad():
                asset = rasterize(scene.asset, cameras, (size, size), background, backend=scene.backend, low_pass=scene.low_pass).color
        return self.unknown(pictures, asset, frames, views, done, self.generator)

    def _watch_means(self) -> None:
        """Gathers what densification goes by."""
        gradient = self.gaussians.attributes["center"].grad if isinstance(self.gaussians, LearnedGaussians) else None
        if self.settings.densification.enabled and gradient is not None:
            far = self.unknown.distances.rendered * self.unknown.video.condition.distance.mean()
            self.center_gradients.add(gradient, far * math.tan(math.radians(self.unknown.prior.facts.fovy) / 2))

    def _densify(self) -> None:
        """Every so often, and only Gaussians that are free: a bound one's center has no gradient."""
        settings = self.settings.densification
        if self.center_gradients.count and (self.iteration + 1) % settings.interval == 0 and isinstance(self.gaussians, LearnedGaussians):
            self.gaussians.densify(self.center_gradients.mean(), settings.gradient, self.generator)
            self.center_gradients = CenterGradients(self.gaussians.means)

    def read_losses(self) -> None:
        """Brings the losses of the last iterations to the processor.

        Raises:
            EngineError: "not_finite" where something that was rendered since the last time was damaged.
        """
        if self._unread:
            self.deferral.verify()
            self.losses += torch.stack(self._unread).cpu().tolist()
            self._unread = []

    @torch.no_grad()
    def offsets(self, points: Tensor, frame: int) -> Offsets:
        """The field at rest positions (N, 3) in one frame."""
        return Offsets(*(one[0] for one in self.field.at_frame(points, frame)))

    @torch.no_grad()
    def picture(self, frame: int) -> Tensor:
        """(3, H, W) the known view of one frame as it is now."""
        offsets = self.field.at_frame(self.gaussians.points, frame)
        scene = self.scene
        shown, camera = self.gaussians.deformed(offsets, learning=False), scene.reference.cameras(scene.camera.world_to_camera())
        return rasterize(shown, camera, scene.reference.size, backend=scene.backend, low_pass=scene.low_pass).color[0]

    def arrays(self) -> dict[str, np.ndarray]:
        """All that goes on, for the checkpoint."""
        self.read_losses()
        kept = {f"field.{name}": tensor.cpu().numpy() for name, tensor in self.field.state_dict().items()}
        gathered = {"gradients.total": self.center_gradients.total.cpu().numpy(), "gradients.count": np.array(self.center_gradients.count)}
        kept |= self.field_optimizer.arrays("field_adam") | self.gaussians.arrays() | gathered
        kept["middle"] = self.unknown.video.middle.cpu().numpy()
        return {**kept, "iteration": np.array(self.iteration), "losses": np.array(self.losses, np.float64).reshape(-1, len(LOSSES))}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """From `arrays`."""
        self.field.load_state_dict({name: torch.from_numpy(arrays[f"field.{name}"]) for name in self.field.state_dict()})
        self.field_optimizer.restore("field_adam", arrays)
        self.gaussians.restore(arrays)
        self.center_gradients = CenterGradients(self.gaussians.means)
        self.center_gradients.total += torch.from_numpy(arrays["gradients.total"]).to(self.center_gradients.total)
        self.center_gradients.count = int(arrays["gradients.count"])
        if self.settings.unknown.weight > 0:
            self._look_at(torch.from_numpy(arrays["middle"]))
        self.iteration, self.losses = int(arrays["iteration"]), arrays["losses"].tolist()


def first_frames(gaussians: Gaussians, count: int) -> Gaussians:
    """The first frames of Gaussians whose means and quats are per frame, and their scales where they are."""
    scales = gaussians.scales[:count] if gaussians.scales.dim() == 3 else gaussians.scales
    return replace(gaussians, means=gaussians.means[:count], quats=gaussians.quats[:count], scales=scales)
