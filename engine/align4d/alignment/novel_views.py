"""Cameras that no video camera stood at: where they stand, what the prior is told of them, and what it sees."""

from __future__ import annotations

import functools
from dataclasses import dataclass
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
        elevation: range of the difference in elevation [degrees] [D].
    """

    count: int = 4
    azimuth: tuple[float, float] = (-180.0, 180.0)
    elevation: tuple[float, float] = (-30.0, 30.0)


@dataclass(frozen=True)
class NovelDistances:
    """What the multiview-aligned distance d_M is used for, see `novel_distances`. In longest sides, at the prior's field of view.

    Attributes:
        rendered: from how far novel views are rendered.
        told: what the prior is told as the difference of distance (or, for `radius`, in its place).
    """

    rendered: float
    told: float


def novel_distances(mode: MaodMode, video: float, multiview: float, facts: PriorFacts) -> NovelDistances:
    """How d_M is used, which the paper leaves open.

    - `render`: novel views are rendered from d_M, and the prior is told no difference. For every prior.
    - `delta`: rendered from d_V, and the difference that the prior is told is d_V - d_M.
    - `radius`: rendered from d_V, and the prior is told d_M itself in the place of the difference (the baseline has 0 there).

    Args:
        video, multiview: d_V and d_M, at the prior's own field of view.

    Raises:
        EngineError: "prior_distance" for a mode that this prior cannot follow or that does not exist.
    """
    if mode == "render":
        return NovelDistances(multiview, 0.0)
    if mode not in ("delta", "radius"):
        raise EngineError("prior_distance", f"There is no use of the prior's distance called {mode!r}.", "Choose render, delta or radius.")
    if not facts.takes_distance:
        raise EngineError("prior_distance", f"{facts.name} is told no distance, which {mode!r} needs.", "Set maod_mode to render.")
    return NovelDistances(video, video - multiview if mode == "delta" else multiview)


@dataclass(frozen=True)
class NovelViews:
    """Cameras that look at the object's center, without roll; each (B,).

    Attributes:
        azimuth, elevation: around the asset, as in `Orbit` [degrees].
        distance: in longest sides of the asset.
    """

    azimuth: Tensor
    elevation: Tensor
    distance: Tensor

    @property
    def count(self) -> int:
        """Number of cameras B."""
        return len(self.azimuth)

    def cameras(self, fovy: float, size: int) -> Cameras:
        """For square pictures of `size` [px] with the vertical field of view `fovy` [degrees]."""
        intrinsics = _intrinsics(fovy, size, self.distance.device)
        return Cameras(orbit_matrices(self.azimuth, self.elevation, self.distance), intrinsics.expand(self.count, 3, 3))


@functools.cache
def _intrinsics(fovy: float, size: int, device: torch.device) -> Tensor:
    """(3, 3) K; made once, because a copy to the GPU makes the processor wait."""
    return torch.from_numpy(intrinsics_for(fovy, size, size)).float().to(device)


def orbit_matrices(azimuth: Tensor, elevation: Tensor, distance: Tensor) -> Tensor:
    """(B, 4, 4) world-to-camera of cameras that look at the origin: `Orbit.world_to_camera`, many at once and on any device."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    zero = torch.zeros_like(a)
    right = torch.stack([a.cos(), a.sin(), zero], -1)
    forward = torch.stack([-a.sin() * e.cos(), a.cos() * e.cos(), -e.sin()], -1)
    down = torch.linalg.cross(forward, right)
    rows = torch.stack([right, down, forward], 1)
    # the camera looks at the origin, so its own place is (0, 0, distance) behind it
    offset = torch.stack([zero, zero, distance], -1)[..., None]
    last = torch.stack([zero, zero, zero, torch.ones_like(a)], -1)[:, None]
    return torch.cat([torch.cat([rows, offset], 2), last], 1)


def draw_views(
    frames: int, azimuth: float, elevation: float, distance: float, facts: PriorFacts, settings: NovelViewSettings, generator: torch.Generator
) -> NovelViews:
    """Random views of `frames` frames, those of one frame next to each other: B = frames x views.

    A prior that denoises V views together gets V views around the object, evenly spaced and equally high.

    Args:
        azimuth, elevation: of the video's camera [degrees].
        distance: of the novel views.
        generator: on the device where the views are wanted.
    """
    count = facts.views if facts.views > 1 else settings.count
    drawn = 1 if facts.views > 1 else count
    low, high = settings.azimuth
    turns = low + (high - low) * torch.rand(frames, drawn, generator=generator, device=generator.device)
    low, high = settings.elevation
    tilts = low + (high - low) * torch.rand(frames, drawn, generator=generator, device=generator.device)
    if facts.views > 1:
        turns = turns + torch.arange(count, device=turns.device) * (360 / count)
        tilts = tilts.expand(frames, count)
    tilted = (elevation + tilts).clamp(-STEEPEST, STEEPEST)
    return NovelViews((azimuth + turns).flatten(), tilted.flatten(), torch.full((frames * count,), distance, device=turns.device))


def fit_to_prior(pictures: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, R, R) at the size that the prior takes, (B, 3, size, size); anti-aliased, differentiable."""
    if pictures.shape[-1] == size:
        return pictures
    return interpolate(pictures, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
