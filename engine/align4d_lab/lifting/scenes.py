"""Clips of moving creatures as a camera and a tracker see them: what the lifter is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from align4d.lifting.tokens import Tracks, project, visible
from align4d.motion.rotations import matrix_from_quaternion, quaternion_from_vector

from .animations import Animations, Posed, VariationSettings
from .random_curves import Draws
from .tracker_errors import ErrorSettings, TrackerErrors

OCCLUDERS = 256
"""Points of each creature that may hide others."""


@dataclass(frozen=True)
class SceneSettings:
    """Shares are of clips.

    Attributes:
        first_frame, bind_pose: share whose mesh rests as in the first frame, or in its bind pose; the others rest as in any frame.
        body_scaling: standard deviation of the logarithm of each axis of the body.
        turned, turn: share that turns about the vertical as a whole, and how far at most [rad].
        tilted, tilt: the same about the other axes.
        gone, path: share that moves as a whole, and how far at most [longest sides].
        lowest, highest: elevation of the camera [degrees].
        nearest, farthest: distance of the camera [longest sides].
        variation: of the animations.
        errors: of the tracker.
    """

    first_frame: float = 0.5
    bind_pose: float = 0.3
    body_scaling: float = 0.15
    turned: float = 0.35
    turn: float = 0.45
    tilted: float = 0.2
    tilt: float = 0.2
    gone: float = 0.4
    path: float = 0.25
    lowest: float = -15.0
    highest: float = 40.0
    nearest: float = 1.3
    farthest: float = 5.0
    variation: VariationSettings = field(default_factory=VariationSettings)
    errors: ErrorSettings = field(default_factory=ErrorSettings)


@dataclass(frozen=True)
class Scenes:
    """Attributes:
    tracks: what the lifter sees.
    depth: (B, T, P) the true change of depth from the rest pose [longest sides].
    creature: (B,) index in the pack.
    """

    tracks: Tracks
    depth: Tensor
    creature: Tensor


@torch.no_grad()
def varied_scenes(animations: Animations, clips: int, frames: int, points: int, settings: SceneSettings) -> Scenes:
    """Clips to train on."""
    posed = animations.pose(clips, frames, OCCLUDERS, settings.variation)
    return _Scene(animations.draws, posed, settings).seen(points, settings.errors)


@torch.no_grad()
def plain_scenes(animations: Animations, clips: int, frames: int, points: int, settings: SceneSettings, errors: ErrorSettings | None) -> Scenes:
    """Clips to judge by: animations as they are, resting as in the first frame; without `errors`, seen exactly."""
    posed = animations.pose(clips, frames, OCCLUDERS, None)
    still = replace(settings, first_frame=1.0, bind_pose=0.0, body_scaling=0.0, turned=0.0, tilted=0.0, gone=0.0)
    return _Scene(animations.draws, posed, still).seen(points, errors)


class _Scene:
    """The clips in the camera's axes, centered on the rest pose, whose longest side is 1."""

    def __init__(self, draws: Draws, posed: Posed, settings: SceneSettings) -> None:
        self.draws, self.posed, self.settings = draws, posed, settings
        self.clips, frames, self.count, _ = posed.points.shape
        self.frames = frames - 1
        self._choose_rest()
        place, joints, normal = self._in_unit_box()
        self._move_as_a_whole(place, joints, normal)
        self._look()

    def _choose_rest(self) -> None:
        clip, settings = (self.clips,), self.settings
        draw = self.draws.uniform(clip)
        any_frame = (self.draws.uniform(clip) * self.frames).long()
        self.rests_bound = draw > 1 - settings.bind_pose
        self.rest_frame = torch.where(draw < settings.first_frame, 0, any_frame)
        self.rest_frame = torch.where(self.rests_bound, self.frames, self.rest_frame)

    def _at_rest(self, values: Tensor) -> Tensor:
        return values[torch.arange(self.clips, device=values.device), self.rest_frame]

    def _in_unit_box(self) -> tuple[Tensor, Tensor, Tensor]:
        size = self.draws.normal((self.clips, 1, 1, 3), self.settings.body_scaling).exp()
        place, joints, normal = self.posed.points * size, self.posed.joints * size, self.posed.normals / size
        rest = self._at_rest(place)
        low, high = rest.amin(1), rest.amax(1)
        longest = (high - low).amax(-1).clamp_min(1e-3).view(-1, 1, 1, 1)
        middle = ((low + high) / 2)[:, None, None]
        return (place - middle) / longest, (joints - middle) / longest, torch.nn.functional.normalize(normal, dim=-1)

    def _move_as_a_whole(self, place: Tensor, joints: Tensor, normal: Tensor) -> None:
        draws, settings = self.draws, self.settings
        clip = (self.clips, 1, 1)

        def path(axes: int, fastest: float, share: float, farthest: float) -> Tensor:
            curves = draws.curves(self.clips, self.frames, axes, 0.1, fastest) * draws.uniform(clip, 0, farthest) * draws.chance(clip, share)
            curves = torch.cat([curves, curves[:, :1]], 1)  # a bind pose stands where the clip begins
            return curves - self._at_rest(curves)[:, None]

        turn = torch.cat([path(2, 1.0, settings.tilted, settings.tilt), path(1, 1.0, settings.turned, settings.turn)], -1)
        rotation = matrix_from_quaternion(quaternion_from_vector(turn)).mT
        way = path(3, 1.0, settings.gone, settings.path)[:, :, None]
        self.place, self.joints, self.normal = place @ rotation + way, joints @ rotation + way, normal @ rotation

    def _look(self) -> None:
        draws, settings, clip = self.draws, self.settings, (self.clips,)
        azimuth = draws.uniform(clip, 0, 2 * math.pi)
        self.elevation = draws.uniform(clip, math.radians(settings.lowest), math.radians(settings.highest))
        self.distance = draws.log_uniform(clip, settings.nearest, settings.farthest)
        mirror = torch.where(draws.chance(clip, 0.5) > 0, -1.0, 1.0)
        axes = camera_axes(azimuth, self.elevation)
        axes = torch.cat([axes[:, :1] * mirror.view(-1, 1, 1), axes[:, 1:]], 1).mT[:, None]
        self.place, self.joints, self.normal = self.place @ axes, self.joints @ axes, self.normal @ axes

    def seen(self, points: int, errors: ErrorSettings | None) -> Scenes:
        """The first `points` of each creature, as a tracker with these errors follows them."""
        place, normal, rest = self.place[:, :-1], self.normal[:, :-1], self._at_rest(self.place)[:, :points]
        shown = visible(place[:, :, :points], normal[:, :, :points], place, normal, self.distance)
        picture, _ = project(place[:, :, :points], self.distance)
        depth = place[:, :, :points, 2] - rest[:, None, :, 2]
        found, given = depth, torch.zeros_like(self.distance)
        if errors:
            joints = self.joints[:, :-1]
            tracker = TrackerErrors(self.draws, errors, self.posed.movable, joints, project(joints, self.distance)[0])
            at_rest = torch.where(self.rests_bound, -1, self.rest_frame)
            tracker.look(rest, project(rest, self.distance)[0], self.posed.hanging[:, :points], at_rest)
            found = tracker.depth(depth)
            picture = tracker.picture(picture, shown)
            shown = shown ^ (self.draws.chance(shown.shape, errors.misjudged) > 0)
            given = self.draws.chance(given.shape, errors.given)
        time = self.posed.step[:, None] * torch.arange(self.frames, device=depth.device)
        tracks = Tracks(rest, self._at_rest(self.normal)[:, :points], picture, shown.float(), found, given, self.distance, self.elevation, time)
        return Scenes(tracks, depth, self.posed.creature)


def camera_axes(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """(B, 3, 3) rows right, up, away of a camera that stands at an azimuth and an elevation [rad] and looks at the origin."""
    flat = torch.stack([azimuth.sin(), -azimuth.cos(), torch.zeros_like(azimuth)], -1) * elevation.cos()[:, None]
    away = -torch.cat([flat[:, :2], elevation.sin()[:, None]], -1)
    right = torch.nn.functional.normalize(torch.linalg.cross(away, away.new_tensor([0.0, 0.0, 1.0]).expand_as(away)), dim=-1)
    return torch.stack([right, torch.linalg.cross(right, away), away], 1)
