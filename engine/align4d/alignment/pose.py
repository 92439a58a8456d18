"""Where the video's camera stands: direction, roll, offset and distance, from the first frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
from .distance import DistanceCurve, DistanceSettings, pinhole_distance, video_aligned_distance
from .known_views import KnownViewSettings
from .lighting import Lighting, fit_lighting, to_linear
from .outline import apart, overlap
from .reference import Reference, in_front

PARAMETERS = ("azimuth", "elevation", "roll", "yaw", "pitch", "distance")
TURN_STEP, SHIFT_STEP, DISTANCE_STEP = 0.5, 0.5, 0.005
"""Differences for the numeric Jacobian: azimuth, elevation and roll [degrees]; yaw and pitch [px]; distance [parts of it]."""

SPREAD = 20.0
"""Azimuths and elevations are tried up to so far from the artist's [degrees]."""

BLURS = (4, 1)
"""Half widths of the windows that pictures are blurred by, one after the other, where thin limbs that lie beside each other draw no camera [px]."""

CAMOUFLAGE = KnownViewSettings().camouflage
"""Difference of a channel below which a mask's residuals count less."""
UNCERTAIN = 0.3
"""Weight of a mask's residuals where what lies behind the object tells what is object, too: the mask was cut by that and may be wrong."""
SETTLED = 1e-3
"""Gain of a step of the camera, in parts of the loss, below which there is no other."""
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
        tried = [scene.centered(one) for one in _directions(start, settings)]
        ranked = sorted(tried, key=lambda one: scene.loss(one, scene.light(one)))
        refined = []
        for number, one in enumerate(ranked[: settings.candidates]):
            report.check_cancelled()
            refined.append(scene.refine(one, settings.iterations))
            report.progress(number + 1, settings.candidates + 2)
        camera = min(refined, key=lambda one: scene.loss(one, scene.light(one)))
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
    best = min((scene.centered(one) for one in _directions(start, settings)), key=lambda one: scene.loss(one, scene.light(one)))
    camera = scene.refine(best, iterations)
    return camera, scene.loss(camera, scene.light(camera))


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

    def render(self, cameras: list[Orbit], lighting: Lighting) -> tuple[Tensor, Tensor]:
        """Colors (C, 3, R, R), in front of what lies behind, and alphas (C, 1, R, R)."""
        color, alpha = self._on_white(cameras, lighting)
        backdrop = self.reference.backdrop
        return color if backdrop is None else in_front(color, alpha, backdrop.behind[:1]), alpha

    def _on_white(self, cameras: list[Orbit], lighting: Lighting) -> tuple[Tensor, Tensor]:
        poses = np.stack([camera.world_to_camera() for camera in cameras])
        lit = self.gaussians.colored(lighting.shade(self.albedo, self.gaussians.normals))
        with torch.no_grad():
            picture = rasterize(lit, self.reference.cameras(poses), self.reference.size, backend=self.backend, low_pass=LOW_PASS)
        return picture.color, picture.alpha

    def light(self, camera: Orbit) -> Lighting:
        """What explains the frame's colors best, seen by `camera`."""
        return fit_lighting(self.asset, self.reference, camera.world_to_camera())

    def residuals(self, cameras: list[Orbit], lighting: Lighting, blur: int = 0) -> Tensor:
        """(C, P) differences of color and mask, `blur` see `BLURS`; the mask weighs as much as the three channels of color."""
        color, alpha = self.render(cameras, lighting)
        wrong, uncovered = color - self.color, alpha - self.alpha
        if self.reference.backdrop is not None:  # where both look alike, nobody can see whether it is object or background
            uncovered = UNCERTAIN * uncovered * (wrong.abs().amax(1, keepdim=True) / CAMOUFLAGE).clamp(0, 1)
        different = torch.cat([wrong, 3**0.5 * uncovered], 1)
        for _ in range(2 if blur else 0):
            different = avg_pool2d(different, 2 * blur + 1, 1, blur, count_include_pad=False)
        return different.flatten(1)

    def loss(self, camera: Orbit, lighting: Lighting, blur: int = 0) -> float:
        """Mean squared difference of color and mask."""
        return float((self.residuals([camera], lighting, blur)[0] ** 2).mean())

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
        return pinhole_distance(self.asset.vertices, matrix[:3, :3], matrix[:3, 3] / camera.distance, self.reference.intrinsics, _extent(self.alpha))

    def centered(self, camera: Orbit) -> Orbit:
        """Distance and offset from the size and the place of the mask (area falls with the square of the distance)."""
        lighting = Lighting(torch.zeros(13, 3))
        target_area, *target = _moments(self.alpha)
        focal, middle = float(self.reference.intrinsics[0, 0]), self.reference.intrinsics[:2, 2]
        right, down = np.degrees(np.arctan(_unrolled(np.array(target) - middle, camera.roll) / focal))
        camera = camera.moved(yaw=-float(right), pitch=float(down))
        camera = camera.moved(distance=self.pinhole_distance(camera))
        for _ in range(3):
            _, alpha = self.render([camera], lighting)
            area, *place = _moments(alpha[0])
            if area < 1:
                return camera
            right, down = np.degrees(_unrolled(np.array(target) - place, camera.roll) / focal)
            camera = camera.moved(
                distance=camera.distance * (area / target_area) ** 0.5, yaw=camera.yaw - float(right), pitch=camera.pitch + float(down)
            )
        return camera

    def steps(self, camera: Orbit) -> np.ndarray:
        """(6,) by how much each of PARAMETERS is moved to see what it does: about as much in the picture, whatever the lens."""
        shift = float(np.degrees(SHIFT_STEP / self.reference.intrinsics[0, 0]))
        return np.array([TURN_STEP, TURN_STEP, TURN_STEP, shift, shift, DISTANCE_STEP * camera.distance])

    def from_afar(self, camera: Orbit, iterations: int, free: Sequence[str] = PARAMETERS) -> Orbit:
        """The camera again by blurred pictures first, see `BLURS`; as it is where it does not get better so. Arguments as of `refine`."""
        found = camera
        for blur in (*BLURS, 0):
            found = self.refine(found, iterations, free, blur)
        return min((camera, found), key=lambda one: self.loss(one, self.light(one)))

    def refine(self, camera: Orbit, iterations: int, free: Sequence[str] = PARAMETERS, blur: int = 0) -> Orbit:
        """Levenberg-Marquardt on the `free` ones of PARAMETERS, with a numeric Jacobian: a picture for each in every step, and one more."""
        damping, lighting = 1e-2, self.light(camera)
        for step in range(iterations):
            if step % 3 == 0:
                lighting = self.light(camera)
            values, steps = np.array([getattr(camera, name) for name in free]), self.steps(camera)[[PARAMETERS.index(name) for name in free]]
            around = [camera] + [camera.moved(**{name: values[i] + steps[i]}) for i, name in enumerate(free)]
            residuals = self.residuals(around, lighting, blur).double().cpu().numpy()
            jacobian = (residuals[1:] - residuals[0]).T
            normal, gradient, before = jacobian.T @ jacobian, jacobian.T @ residuals[0], float((residuals[0] ** 2).mean())
            trusted = damping
            for _ in range(5):
                change = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), gradient)
                change = np.clip(change, -10, 10) * steps
                after = camera.moved(**{name: float(values[i] + change[i]) for i, name in enumerate(free)})
                left = self.loss(after, lighting, blur)
                if left < before:
                    camera, damping = after, damping / 3
                    break
                damping *= 4
            else:
                return camera
            if damping < trusted and before - left < SETTLED * before:  # what had to be damped gains little wherever it is
                break
        return camera

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


def _moments(alpha: Tensor) -> tuple[float, float, float]:
    """Area [px] and centroid (x, y) [px] of a mask (1, H, W)."""
    alpha = alpha.cpu()
    area = float(alpha.sum())
    rows, columns = torch.arange(alpha.shape[1]) + 0.5, torch.arange(alpha.shape[2]) + 0.5
    weight = max(area, 1e-9)
    return area, float((alpha[0].sum(0) * columns).sum()) / weight, float((alpha[0].sum(1) * rows).sum()) / weight


def _unrolled(offset: np.ndarray, roll: float) -> np.ndarray:
    """An offset (2,) in the picture as it were without the camera's roll [degrees], which comes after yaw and pitch."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.array([[cosine, -sine], [sine, cosine]]) @ offset


def _extent(alpha: Tensor) -> tuple[float, float]:
    """Width and height [px] of the box around a mask (1, H, W)."""
    rows, columns = (torch.nonzero(alpha[0].cpu().amax(axis) > 0.5)[:, 0] for axis in (1, 0))
    return tuple(float(one[-1] - one[0]) + 1 if len(one) else 1.0 for one in (columns, rows))  # type: ignore[return-value]
