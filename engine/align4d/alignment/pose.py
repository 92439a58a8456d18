"""Where the video's camera stands: direction, roll, offset and distance, from the first frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..cameras.orbit import Orbit
from ..errors import EngineError
from ..gaussians.surface_bound import LOW_PASS, BoundGaussians
from ..inputs.asset import Asset
from ..job.reporting import Reporter
from ..rendering import rasterize
from .camera_steps import PARAMETERS, camera_steps, mean_square
from .distance import DistanceCurve, DistanceSettings, outermost, pinhole_distance, video_aligned_distance
from .known_views import KnownViewSettings
from .lighting import Lighting, fit_lighting, to_linear
from .outline import apart, extent, moments, overlap, unrolled
from .reference import Reference, in_front
from .side_by_side import Found, Look, Search, side_by_side

SPREAD = 20.0
"""Azimuths and elevations are tried up to so far from the artist's [degrees]."""

BLURS = (4, 1)
"""Half widths of the windows that pictures are blurred by, one after the other, where thin limbs that lie beside each other draw no camera [px]."""

CAMOUFLAGE = KnownViewSettings().camouflage
"""Difference of a channel below which a mask's residuals count less."""
UNCERTAIN = 0.3
"""Weight of a mask's residuals where what lies behind the object tells what is object, too: the mask was cut by that and may be wrong."""
DARK = Lighting(torch.zeros(13, 3))
"""For pictures of which the masks alone are looked at."""
CLEARLY = 0.75
"""A camera beside the start covers the object clearly better where it leaves less than this part of what is not covered from there."""

LEAST_OVERLAP = 0.4
"""Intersection over union of the masks below which mesh and video do not show the same thing."""


@dataclass(frozen=True)
class PoseSettings:
    """Attributes:
    resolution: side of the pictures that are compared [px].
    grid: directions around the artist's that are tried first: so many azimuths times so many elevations.
    candidates: how many of these are refined.
    iterations: Levenberg-Marquardt steps of each refinement.
    distance: the sweep of eq. 4.
    """

    resolution: int = 128
    grid: int = 5
    candidates: int = 4
    iterations: int = 14
    distance: DistanceSettings = field(default_factory=DistanceSettings)


@dataclass(frozen=True)
class SolvedPose:
    """Attributes:
    camera: the video's camera.
    lighting: the video's light.
    curve: the distance sweep at the solved direction.
    overlap: intersection over union of rendered and video mask in the first frame.
    apart: how far they are from each other, see `outline.apart`.
    """

    camera: Orbit
    lighting: Lighting
    curve: DistanceCurve
    overlap: float
    apart: float

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        return {
            "camera": np.array(dataclasses.astuple(self.camera)),
            "lighting": self.lighting.coefficients.cpu().numpy(),
            "distance": self.curve.distance,
            "error": self.curve.error,
            "best": np.array(self.curve.best),
            "overlap": np.array(self.overlap),
            "apart": np.array(self.apart),
        }

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray]) -> SolvedPose:
        """From `to_arrays`."""
        camera = Orbit(*arrays["camera"].tolist())
        curve = DistanceCurve(arrays["distance"], arrays["error"], float(arrays["best"]))
        return SolvedPose(camera, Lighting(torch.from_numpy(arrays["lighting"])), curve, float(arrays["overlap"]), float(arrays["apart"]))


def solve_pose(
    asset: Asset,
    gaussians: BoundGaussians,
    reference: Reference,
    start: Orbit,
    solve: bool,
    settings: PoseSettings,
    backend: str,
    report: Reporter,
) -> SolvedPose:
    """Finds the camera near `start`; with `solve` off only the light and the curve are found.

    A grid of directions with distance and offset from the mask's size and place, the best of these refined together
    with the light; then the sweep of eq. 4 at the solved direction, and a last refinement from its minimum.

    Raises:
        EngineError: "no_overlap" when the mesh cannot be brought over the object of the video.
    """
    scene = RestScene(asset, gaussians, reference, settings, backend)
    camera = start
    if solve:
        report.progress(0, settings.candidates + 2)
        ranked = scene.ranked(scene.together([scene.centering(one) for one in _directions(start, settings)]))
        refining = [scene.refining(one, settings.iterations) for one in ranked[: settings.candidates]]
        camera = scene.ranked(scene.together(refining, report.check_cancelled))[0]
        report.progress(settings.candidates, settings.candidates + 2)
        camera = scene.from_afar(camera, settings.iterations)
        curve = scene.sweep(camera, scene.light(camera), camera.distance)
        camera = scene.refine(camera.moved(distance=curve.best), settings.iterations)
    solved = scene.solved(camera, camera.distance if solve else scene.pinhole_distance(camera))
    report.progress(settings.candidates + 2, settings.candidates + 2)
    if solved.overlap < LEAST_OVERLAP:
        raise no_overlap(solved.overlap)
    return solved


def glance(
    asset: Asset, gaussians: BoundGaussians, reference: Reference, start: Orbit, settings: PoseSettings, backend: str, iterations: int
) -> tuple[Orbit, float]:
    """The camera near `start` in few steps from the best of a grid of directions, and the loss there. Arguments as of `solve_pose`."""
    scene = RestScene(asset, gaussians, reference, settings, backend)
    best = scene.ranked(scene.together([scene.centering(one) for one in _directions(start, settings)]))[0]
    camera = scene.refine(best, iterations)
    return camera, scene.loss(camera)


def place_camera(asset: Asset, gaussians: BoundGaussians, reference: Reference, start: Orbit, settings: PoseSettings, backend: str) -> SolvedPose:
    """The camera that looks in the direction of `start`: where it aims, and from how far, are found. Arguments as of `solve_pose`.

    Raises:
        EngineError: "no_overlap" where the mesh reaches over the picture's border at every distance.
    """
    scene = RestScene(asset, gaussians, reference, settings, backend)
    free = ("yaw", "pitch", "distance")
    camera = scene.from_afar(scene.refine(scene.centered(start), settings.iterations, free), settings.iterations, free)
    return scene.solved(camera, camera.distance)


def covering_camera(
    asset: Asset, gaussians: BoundGaussians, reference: Reference, start: Orbit, solve: bool, settings: PoseSettings, backend: str, report: Reporter
) -> SolvedPose:
    """The camera that shows where the object is: as `place_camera`; as `solve_pose` where that covers it clearly better. Arguments as of the latter.

    Raises:
        EngineError: as `place_camera`.
    """
    placed = place_camera(asset, gaussians, reference, start, settings, backend)
    if not solve:
        return placed
    try:
        found = solve_pose(asset, gaussians, reference, start, solve, settings, backend, report)
    except EngineError as error:
        if error.code != "no_overlap":
            raise
        return placed
    return found if 1 - found.overlap < CLEARLY * (1 - placed.overlap) else placed


def no_overlap(overlap: float) -> EngineError:
    """The error for a mesh that covers the object of the video by no more than `overlap`."""
    return EngineError(
        "no_overlap",
        f"The object in the video and the mesh do not match: their outlines overlap by {overlap:.0%} only.",
        "Check that the video shows this object, and put the camera roughly where the video was taken from.",
    )


def _directions(start: Orbit, settings: PoseSettings) -> list[Orbit]:
    offsets = np.linspace(-SPREAD, SPREAD, settings.grid)
    return [
        start.moved(azimuth=start.azimuth + a, elevation=float(np.clip(start.elevation + e, -89, 89)), yaw=0.0, pitch=0.0)
        for a in offsets
        for e in offsets
    ]


class RestScene:
    """The asset in its rest pose against the first frame of `reference`; arguments as of `solve_pose`."""

    def __init__(self, asset: Asset, gaussians: BoundGaussians, reference: Reference, settings: PoseSettings, backend: str) -> None:
        self.asset, self.gaussians, self.reference, self.settings, self.backend = asset, gaussians, reference, settings, backend
        self.color, self.alpha = reference.compared(reference.color, reference.alpha)[2][0], reference.alpha[0]
        self.albedo = to_linear(gaussians.albedo)
        self._place, self._extent = moments(self.alpha), extent(self.alpha)
        self._hull = outermost(asset.vertices)

    def render(self, cameras: list[Orbit], lighting: Lighting | list[Lighting]) -> tuple[Tensor, Tensor]:
        """Colors (C, 3, R, R), in front of what lies behind, and alphas (C, 1, R, R); in one light, or in one for each camera."""
        color, alpha = self._on_white(cameras, lighting)
        backdrop = self.reference.backdrop
        return color if backdrop is None else in_front(color, alpha, backdrop.behind[:1]), alpha

    def _on_white(self, cameras: list[Orbit], lighting: Lighting | list[Lighting]) -> tuple[Tensor, Tensor]:
        poses = np.stack([camera.world_to_camera() for camera in cameras])
        with torch.no_grad():
            lit = self.gaussians.colored(self._colors(lighting))
            picture = rasterize(lit, self.reference.cameras(poses), self.reference.size, backend=self.backend, low_pass=LOW_PASS)
        return picture.color, picture.alpha

    def _colors(self, lighting: Lighting | list[Lighting]) -> Tensor:
        """(N, 3) in one light, (C, N, 3) in several."""
        if isinstance(lighting, Lighting):
            return lighting.shade(self.albedo, self.gaussians.normals)
        different = list({id(one): one for one in lighting}.values())
        index = torch.tensor([[one is other for other in different].index(True) for one in lighting], device=self.albedo.device)
        if self.albedo.is_cuda:  # one operation for all
            every = Lighting(torch.stack([one.coefficients for one in different])).shade(self.albedo, self.gaussians.normals)
        else:
            every = torch.stack([one.shade(self.albedo, self.gaussians.normals) for one in different])
        return every.index_select(0, index)

    def light(self, camera: Orbit) -> Lighting:
        """What explains the frame's colors best, seen by `camera`."""
        return fit_lighting(self.asset, self.reference, camera.world_to_camera())

    def residuals(self, color: Tensor, alpha: Tensor, blur: int = 0) -> Tensor:
        """(C, P) differences of color and mask, `blur` see `BLURS`; the mask weighs as much as the three channels of color."""
        wrong, uncovered = color - self.color, alpha - self.alpha
        if self.reference.backdrop is not None:  # where both look alike, nobody can see whether it is object or background
            uncovered = UNCERTAIN * uncovered * (wrong.abs().amax(1, keepdim=True) / CAMOUFLAGE).clamp(0, 1)
        different = torch.cat([wrong, 3**0.5 * uncovered], 1)
        for _ in range(2 if blur else 0):
            different = avg_pool2d(different, 2 * blur + 1, 1, blur, count_include_pad=False)
        return different.flatten(1)

    def draw(self, looks: list[Look]) -> list[Tensor]:
        """Of looks that are alike their residuals (C, P), or their masks (C, 1, R, R) in main memory."""
        lights = [look.lighting for look in looks for _ in look.cameras]
        color, alpha = self.render([camera for look in looks for camera in look.cameras], lights)
        answer = alpha.cpu() if looks[0].masks else self.residuals(color, alpha, looks[0].blur)
        return list(answer.split([len(look.cameras) for look in looks]))

    def together(self, searches: Sequence[Search[Found]], each: Callable[[], None] = lambda: None) -> list[Found]:
        """See `side_by_side`."""
        return side_by_side(searches, self.draw, self.light, each)

    def ranked(self, cameras: list[Orbit]) -> list[Orbit]:
        """The best first, each in the light that explains it best."""
        return [camera for _, camera in sorted(zip(self.losses(cameras), cameras, strict=True), key=lambda one: one[0])]

    def losses(self, cameras: list[Orbit]) -> list[float]:
        """Mean squared difference of color and mask of each, in the light that explains it best."""
        return self.together([self._judging(one) for one in cameras])

    def loss(self, camera: Orbit) -> float:
        """That of one."""
        return self.losses([camera])[0]

    def _judging(self, camera: Orbit) -> Search[float]:
        lighting = yield camera
        return mean_square((yield Look([camera], lighting))[0])

    def solved(self, camera: Orbit, guess: float) -> SolvedPose:
        """Everything about `camera`; its sweep is around the distance `guess`."""
        lighting = self.light(camera)
        return SolvedPose(camera, lighting, self.sweep(camera, lighting, guess), *self.overlap(camera))

    def overlap(self, camera: Orbit) -> tuple[float, float]:
        """Intersection over union of the masks, and how far they are apart."""
        masks = self.reference.disputed(*self._on_white([camera], self.light(camera)))
        return overlap(*masks), apart(*masks)

    def pinhole_distance(self, camera: Orbit) -> float:
        """The distance at which the mesh looks as large as the video's mask, on the ray on which `camera` sees it."""
        matrix = camera.world_to_camera()
        return pinhole_distance(self._hull, matrix[:3, :3], matrix[:3, 3] / camera.distance, self.reference.intrinsics, self._extent)

    def centered(self, camera: Orbit) -> Orbit:
        """What `centering` finds."""
        return self.together([self.centering(camera)])[0]

    def centering(self, camera: Orbit) -> Search[Orbit]:
        """Distance and offset from the size and the place of the mask (area falls with the square of the distance)."""
        target_area, *target = self._place
        focal, middle = float(self.reference.intrinsics[0, 0]), self.reference.intrinsics[:2, 2]
        right, down = np.degrees(np.arctan(unrolled(np.array(target) - middle, camera.roll) / focal))
        camera = camera.moved(yaw=-float(right), pitch=float(down))
        camera = camera.moved(distance=self.pinhole_distance(camera))
        for _ in range(3):
            alpha = yield Look([camera], DARK, masks=True)
            area, *place = moments(alpha[0])
            if area < 1:
                return camera
            right, down = np.degrees(unrolled(np.array(target) - place, camera.roll) / focal)
            camera = camera.moved(
                distance=camera.distance * (area / target_area) ** 0.5, yaw=camera.yaw - float(right), pitch=camera.pitch + float(down)
            )
        return camera

    def from_afar(self, camera: Orbit, iterations: int, free: Sequence[str] = PARAMETERS) -> Orbit:
        """The camera again by blurred pictures first, see `BLURS`; as it is where it does not get better so. Arguments as of `refining`."""
        found = camera
        for blur in (*BLURS, 0):
            found = self.refine(found, iterations, free, blur)
        return self.ranked([camera, found])[0]

    def refine(self, camera: Orbit, iterations: int, free: Sequence[str] = PARAMETERS, blur: int = 0) -> Orbit:
        """What `refining` finds."""
        return self.together([self.refining(camera, iterations, free, blur)])[0]

    def refining(self, camera: Orbit, iterations: int, free: Sequence[str] = PARAMETERS, blur: int = 0) -> Search[Orbit]:
        """See `camera_steps`."""
        return camera_steps(camera, iterations, free, blur, float(self.reference.intrinsics[0, 0]))

    def sweep(self, camera: Orbit, lighting: Lighting, guess: float) -> DistanceCurve:
        """Eq. 4 at the camera's direction, around the distance `guess`."""

        def render(distances: np.ndarray) -> tuple[Tensor, Tensor]:
            return self.render([camera.moved(distance=float(one)) for one in distances], lighting)

        try:
            return video_aligned_distance(render, self.color, self.alpha, guess, self.settings.distance)
        except ValueError as error:
            raise EngineError(
                "no_overlap",
                "The mesh reaches over the video's border at every distance.",
                "Check that the video shows this object whole in its first frame, and that the camera looks at it.",
            ) from error
