"""The paper's optimization, eq. 10: known and unknown views teach the deformation field and the Gaussians, which take turns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import Cancelled
from ..gaussians.adam import field_adam
from ..gaussians.densification import CenterGradients
from ..gaussians.learned import LearnedGaussians
from ..job.reporting import Reporter
from ..motion.hexplane import HexPlaneField, Offsets
from ..priors.recorded import RecordedPrior
from ..rendering import Gaussians, rasterize
from ..rendering.deferral import Deferral
from ..rendering.recorded_steps import RecordedSteps
from .asynchronous import Phase
from .isometry import Isometry
from .kept_sides import KeptSides
from .known_views import KnownViewLoss
from .motion_geometry import MotionGeometryLoss, UnknownViews
from .optimization_settings import OptimizationSettings
from .scene import Scene
from .video_conditions import frame_video, middles

LOSSES = ("known", "motion", "geometry")
"""What is recorded of an iteration: eq. 6 without its factor s, and the means of eqs. 7 and 8."""

FIELD_RATE, GRID_RATE = 6.4e-4, 6.4e-3
"""Learning rates of the field's MLP and planes, DreamGaussian4D's."""

Kind = tuple[tuple[Phase, ...], int]
"""Of an iteration: what learns, and the side of the unknown views [px]."""


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
        # the middles that it is shown about change
        unknown.video = unknown.video.copy()
        device = scene.reference.color.device
        self.generator = torch.Generator(device)
        self.gaussians = scene.learned(settings.learns, settings.floor)
        frames = scene.reference.frames
        self.field = HexPlaneField(frames, settings.hexplane, torch.Generator().manual_seed(seed)).to(device)
        self.field_optimizer = field_adam(self.field, GRID_RATE, FIELD_RATE)
        self.known = KnownViewLoss(settings.known)
        self.usable = torch.from_numpy(np.flatnonzero(scene.reference.usable)).to(device)
        self.per_step = min(settings.frames or len(self.usable), len(self.usable))
        self.novel_per_step = min(settings.novel_frames or self.per_step, self.per_step)
        self.known_cameras = scene.reference.cameras(scene.camera.world_to_camera(), self.per_step)
        self.rest_middle = middles(scene.asset)
        self.isometry = Isometry(scene.asset) if settings.isometry > 0 else None
        self.kept_sides = KeptSides(scene, settings.resolution) if settings.sides > 0 and self.free else None
        self.center_gradients = CenterGradients(scene.asset.means)
        self.deferral = Deferral(device)
        self.iteration = 0
        self.losses: list[list[float]] = []
        # what a recorded iteration reads: the frames that it looks at, its number; and where it leaves its losses
        self._shown = self.usable[: self.per_step].clone()
        self._number = torch.zeros(1, dtype=torch.long, device=device)
        self._rows = torch.zeros(settings.iterations, len(LOSSES), device=device)
        wanted = settings.recorded and unknown.prior.recordable and not settings.densification.enabled
        self.steps: RecordedSteps[Kind] = RecordedSteps(self._iterate, device, scene.backend, wanted, self.generator)
        if self.steps.recordable:
            unknown.prior = RecordedPrior.bare(unknown.prior)

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
            self.advance(self._to_next_look() if self.steps.recordable else 1)
            last = self.iteration == settings.iterations
            if last or self.iteration % settings.read_every == 0:
                self.read_losses()
            report.progress(self.iteration, settings.iterations, self.losses[-1][0] if self.losses else None)
            if last or self.iteration % settings.keep_every == 0:
                save()

    def _to_next_look(self) -> int:
        """Iterations until somebody looks at what they made."""
        settings = self.settings
        looks = [every for every in (settings.read_every, settings.keep_every, settings.reframe_every) if every]
        return min(settings.iterations - self.iteration, *(every - self.iteration % every for every in looks))

    def advance(self, count: int) -> None:
        """`count` iterations, recorded ones where that can be; nobody looks at what they made before the last."""
        if not self.steps.recordable:
            for _ in range(count):
                self.step()
            return
        self._reframe()
        began, tensors = self.iteration, self._changing()
        before = [one.detach().clone() for one in tensors]

        @torch.no_grad()
        def begin() -> None:
            self.iteration = began
            for one, was in zip(tensors, before, strict=True):
                one.copy_(was)

        self.steps.run(begin, count, self._prepare)

    def step(self) -> None:
        """One iteration, without waiting for the device."""
        self._reframe()
        kind = self._prepare()
        with self.deferral:
            self._iterate(kind)
        self._densify()

    def _changing(self) -> list[Tensor]:
        """All that an iteration changes, themselves."""
        return [self._number, *self.field_optimizer.tensors(), *self.gaussians.tensors()]

    def _prepare(self) -> Kind:
        """Chooses the frames of the next iteration and its random numbers; counts it."""
        settings = self.settings
        phases = settings.schedule.phases(self.iteration) if isinstance(self.gaussians, LearnedGaussians) else ("deformation",)
        kind = phases, settings.novel_resolution(self.iteration / settings.iterations)
        self._shown.copy_(self._frames())
        self._seed(self.iteration)
        self.iteration += 1
        return kind

    def _iterate(self, kind: Kind) -> None:
        """One iteration, of tensors alone."""
        settings, frames, phases = self.settings, self._shown, kind[0]
        done = self._number[0].double() / settings.iterations
        with torch.set_grad_enabled("deformation" in phases):
            offsets = self.field.at_frames(self.gaussians.points, frames)
        shown = self.gaussians.deformed(offsets, learning="appearance" in phases)
        few = self.novel_per_step
        known = self._known(shown, frames)
        unknown = self._unknown(first_frames(shown, few), frames[:few], done, kind)
        # s of eq. 6: the known views count more and more
        loss = (done + 1 / settings.iterations).to(known) * known + unknown.loss
        if self.isometry is not None and "deformation" in phases:
            places = self.isometry.places
            loss = loss + settings.isometry * self.isometry.cost(places + self.field.centers_at(places, frames))
        if self.kept_sides is not None and isinstance(self.gaussians, LearnedGaussians) and "appearance" in phases:
            loss = loss + settings.sides * self.kept_sides.loss(self.gaussians, self.generator)
        loss.backward()
        if "deformation" in phases:
            self.field_optimizer.step()
            self.field_optimizer.zero_grad()
        if "appearance" in phases:
            self._watch_means()
            self.gaussians.step(done)
        losses = torch.stack([known.detach(), unknown.motion, unknown.geometry])
        self._rows.index_copy_(0, self._number, losses[None])
        self._number += 1

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
        unknown.video.become(frame_video(unknown.prior, reference.color, reference.alpha, reference.intrinsics, self.scene.camera, middle))

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

    def _unknown(self, shown: Gaussians, frames: Tensor, done: Tensor, kind: Kind) -> UnknownViews:
        (phases, size), settings = kind, self.settings.unknown
        if settings.weight == 0 or (settings.teaches == "motion" and "deformation" not in phases):
            nothing = torch.zeros((), device=frames.device)
            return UnknownViews(nothing, nothing, nothing)
        scene, facts = self.scene, self.unknown.prior.facts
        if settings.teaches == "motion":
            still = {name: getattr(shown, name).detach() for name in ("quats", "scales", "opacities", "colors")}
            shown = replace(shown, **still)
        views = self.unknown.draw(frames, self.generator)
        cameras = views.cameras(facts.fovy, size)
        background = torch.full((3,), facts.background, device=frames.device)
        pictures = rasterize(shown, cameras, (size, size), background, backend=scene.backend, low_pass=scene.low_pass).color
        asset = None
        if settings.needs_asset:
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
        if self.center_gradients.count and self.iteration % settings.interval == 0 and isinstance(self.gaussians, LearnedGaussians):
            self.gaussians.densify(self.center_gradients.mean(), settings.gradient, self.generator)
            self.center_gradients = CenterGradients(self.gaussians.means)

    def read_losses(self) -> None:
        """Brings the losses of the last iterations to the processor.

        Raises:
            EngineError: "not_finite" where something that was rendered since the last time was damaged.
        """
        self.deferral.verify()
        self.losses += self._rows[len(self.losses) : self.iteration].tolist()

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
        self._number.fill_(self.iteration)


def first_frames(gaussians: Gaussians, count: int) -> Gaussians:
    """The first frames of Gaussians whose means and quats are per frame, and their scales where they are."""
    scales = gaussians.scales[:count] if gaussians.scales.dim() == 3 else gaussians.scales
    return replace(gaussians, means=gaussians.means[:count], quats=gaussians.quats[:count], scales=scales)
