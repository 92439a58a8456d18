"""Cameras that no video camera stood at: where they stand, what the prior is told of them, and what it sees."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..cameras.orbit import intrinsics_for
from ..errors import EngineError
from ..priors.prior import PriorFacts
from ..rendering import Cameras

MaodMode = Literal["render", "delta", "radius"]

STEEPEST = 80.0
"""No view stands higher above or lower below the object than this [degrees], as in DreamGaussian4D."""


@dataclass(frozen=True)
class NovelViewSettings:
    """Where random views are drawn, relative to the video's camera.

    Attributes:
        count: views of each frame, N [D]; 1 is the low-memory mode. A prior that denoises several views together gets just these.
        azimuth: range of the difference in azimuth [degrees] [D].
        elevation: range of the difference in elevation, and of the elevation itself [degrees] [D].
    """

    count: int = 4
    azimuth: tuple[float, float] = (-180.0, 180.0)
    elevation: tuple[float, float] = (-30.0, 30.0)


@dataclass(frozen=True)
class NovelDistances:
    """What the multiview-aligned distance d_M is used for, see `novel_distances`.

    Counted from d, how far the video's camera stands from the object in a frame, at the prior's field of view.

    Attributes:
        rendered: from how far novel views are rendered, in parts of d.
        difference: what the prior is told as the difference of distance, in parts of d.
        raw: what it is told beside that, in longest sides.
    """

    rendered: float = 1.0
    difference: float = 0.0
    raw: float = 0.0

    def told(self, distance: Tensor) -> Tensor:
        """(B,) what the prior is told as the difference of distance, of d (B,)."""
        return self.difference * distance + self.raw


def novel_distances(mode: MaodMode, video: float, multiview: float, facts: PriorFacts) -> NovelDistances:
    """How d_M is used.

    - `render`: novel views are rendered from d_M, and the prior is told no difference. For every prior.
    - `delta`: rendered from d_V, as section III-C of the paper has it, and the difference that the prior is told is d_V - d_M.
    - `radius`: rendered from d_V, and the prior is told d_M itself in the place of the difference (the baseline has 0 there), as
      Fig. 11 of the paper reads.

    Args:
        video, multiview: d_V and d_M, at the prior's own field of view.

    Raises:
        EngineError: "prior_distance" for a mode that this prior cannot follow or that does not exist, and for a distance of 0 that
            cannot be rendered from.
    """
    if mode == "render":
        if multiview <= 0:
            advice = "Set maod_mode to radius, which only tells it, or paper.multiview.fixed above 0."
            raise EngineError("prior_distance", "Novel views cannot be rendered from a distance of 0.", advice)
        return NovelDistances(multiview / video)
    if mode not in ("delta", "radius"):
        raise EngineError("prior_distance", f"There is no use of the prior's distance called {mode!r}.", "Choose render, delta or radius.")
    if not facts.takes_distance:
        raise EngineError("prior_distance", f"{facts.name} is told no distance, which {mode!r} needs.", "Set maod_mode to render.")
    return NovelDistances(difference=1 - multiview / video) if mode == "delta" else NovelDistances(raw=multiview)


@dataclass(frozen=True)
class NovelViews:
    """Cameras that look at a point, without roll; each (B,).

    Attributes:
        azimuth, elevation: around that point, as in `Orbit` [degrees].
        distance: from it, in longest sides of the asset.
        target: (B, 3) the point, in longest sides; (3,) where all look at the same.
    """

    azimuth: Tensor
    elevation: Tensor
    distance: Tensor
    target: Tensor

    @property
    def count(self) -> int:
        """Number of cameras B."""
        return len(self.azimuth)

    def at(self, target: Tensor) -> NovelViews:
        """The same directions and distances, looking at another point (3,)."""
        return replace(self, target=target)

    def take(self, some: slice) -> NovelViews:
        """Some of them."""
        return NovelViews(self.azimuth[some], self.elevation[some], self.distance[some], self.target.expand(self.count, 3)[some])

    def cameras(self, fovy: float, size: int) -> Cameras:
        """For square pictures of `size` [px] with the vertical field of view `fovy` [degrees]."""
        intrinsics = _intrinsics(fovy, size, self.distance.device)
        return Cameras(orbit_matrices(self.azimuth, self.elevation, self.distance, self.target), intrinsics.expand(self.count, 3, 3))


@functools.cache
def _intrinsics(fovy: float, size: int, device: torch.device) -> Tensor:
    """(3, 3) K; made once, because a copy to the GPU makes the processor wait."""
    return torch.from_numpy(intrinsics_for(fovy, size, size)).float().to(device)


def orbit_matrices(azimuth: Tensor, elevation: Tensor, distance: Tensor, target: Tensor) -> Tensor:
    """(B, 4, 4) world-to-camera of cameras that look at `target`: `Orbit.world_to_camera`, many at once and on any device."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    zero = torch.zeros_like(a)
    right = torch.stack([a.cos(), a.sin(), zero], -1)
    forward = torch.stack([-a.sin() * e.cos(), a.cos() * e.cos(), -e.sin()], -1)
    down = torch.linalg.cross(forward, right)
    rows = torch.stack([right, down, forward], 1)
    # the camera looks at the target, so its own place is (0, 0, distance) behind it
    offset = torch.stack([zero, zero, distance], -1) - (rows @ target.expand(len(a), 3)[..., None])[..., 0]
    last = torch.stack([zero, zero, zero, torch.ones_like(a)], -1)[:, None]
    return torch.cat([torch.cat([rows, offset[..., None]], 2), last], 1)


def draw_views(
    azimuth: Tensor, elevation: Tensor, distance: Tensor, middle: Tensor, facts: PriorFacts, settings: NovelViewSettings, generator: torch.Generator
) -> NovelViews:
    """Random views of F frames, those of one frame next to each other: B = F x views.

    Elevations are drawn as DreamGaussian4D does: over the range of differences, made so wide that it holds that of the elevations
    themselves. A prior that denoises V views together gets V views around the object, evenly spaced and equally high.

    Args:
        azimuth, elevation: (F,) of the video's camera around the middle of the object in each frame [degrees].
        distance: (F,) of the novel views.
        middle: (F, 3).
        generator: on the device where the views are wanted.
    """
    frames, count = len(azimuth), facts.views if facts.views > 1 else settings.count
    drawn = 1 if facts.views > 1 else count
    low, high = settings.azimuth
    turns = low + (high - low) * torch.rand(frames, drawn, generator=generator, device=generator.device)
    least = (settings.elevation[0] - elevation.clamp_min(0)).maximum(-STEEPEST - elevation)[:, None]
    most = (settings.elevation[1] - elevation.clamp_max(0)).minimum(STEEPEST - elevation)[:, None]
    tilts = least + (most - least) * torch.rand(frames, drawn, generator=generator, device=generator.device)
    if facts.views > 1:
        turns = turns + torch.arange(count, device=turns.device) * (360 / count)
        tilts = tilts.expand(frames, count)
    far, target = distance.repeat_interleave(count), middle.repeat_interleave(count, 0)
    return NovelViews((azimuth[:, None] + turns).flatten(), (elevation[:, None] + tilts).flatten(), far, target)


def fit_to_prior(pictures: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, R, R) at the size that the prior takes, (B, 3, size, size); anti-aliased, differentiable."""
    if pictures.shape[-1] == size:
        return pictures
    return interpolate(pictures, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
