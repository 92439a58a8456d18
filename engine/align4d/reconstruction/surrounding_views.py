"""What a multiview prior thinks that the object looks like from all around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from ..cameras.orbit import Orbit, intrinsics_for
from ..job.reporting import Reporter
from ..priors.prior import MultiviewPrior, RelativeCamera
from .shot import Shot

RINGS = ((0.0, 30.0, 11, 30.0), (30.0, 0.0, 8, 45.0), (-20.0, 30.0, 6, 60.0))
"""Elevation above the picture's, first azimuth, number of views, step between them [degrees]. The picture itself is not among them."""

LOWEST, HIGHEST = -30.0, 60.0
"""Elevations that the embedded prior was trained on [degrees]."""

DARKER = 0.8
"""Colors are shown to the prior times this, so that a white object stands out from the white background."""

BATCH = 8
"""Views that are asked for at once."""

WINDOW, SOFTENED = 11, 7
"""Of the neighborhood whose strongest color counts as fully covered, and of its blur [px]."""

LEAST_CONTRAST, FAINT = 0.6, 0.15
"""Colors that stand out less than this part of a view's strongest one, or less than this at all, count as partly covered wherever they are."""

GAIN, CUT = 1.15, 0.05
"""Coverage = contrast * GAIN - CUT: the core is full, the haze around is empty."""


@dataclass(frozen=True)
class SurroundingViews:
    """N views of S px.

    Attributes:
        color: (N, 3, S, S) on white: the mean of what the object may look like, so blurred where the prior does not know.
        alpha: (N, S, S) estimated coverage.
        world_to_camera: (N, 4, 4) float64; the object's center at the origin, the picture's camera at azimuth 0.
        intrinsics: (3, 3) K [px].
    """

    color: Tensor
    alpha: Tensor
    world_to_camera: np.ndarray
    intrinsics: np.ndarray

    @property
    def count(self) -> int:
        """Number of views N."""
        return len(self.color)


def look_around(prior: MultiviewPrior, shot: Shot, seed: int, report: Reporter) -> SurroundingViews:
    """Asks the prior for the mean of the clean picture, in one step from pure noise, of every view of `RINGS`."""
    facts, camera, device = prior.facts, shot.camera, prior.device
    color, alpha = shot.straight(facts.size, facts.fovy, facts)
    told = torch.tensor([camera.elevation], device=device), torch.tensor([camera.distance], device=device)
    condition = prior.condition(_darker(color, alpha)[None].to(device), *told)
    turns = _turns(camera.elevation)
    noise = torch.randn(len(turns), facts.channels, facts.latent_size, facts.latent_size, generator=torch.Generator().manual_seed(seed))
    parts = []
    for start in range(0, len(turns), BATCH):
        report.check_cancelled()
        some = torch.tensor(turns[start : start + BATCH], dtype=torch.float32, device=device)
        last = torch.full((len(some),), prior.schedule.steps - 1, device=device)
        noisy = noise[start : start + BATCH].to(device)
        where = RelativeCamera(some[:, 0], some[:, 1], torch.zeros(len(some), device=device))
        found = prior.predict_noise(noisy, last, condition.take(torch.zeros(len(some), dtype=torch.long, device=device)), where)
        parts.append(((prior.schedule.clean(noisy, found, last) + 1) / 2).clamp(0, 1).cpu())
        report.progress(min(start + BATCH, len(turns)), len(turns))
    views = torch.cat(parts)
    coverage = coverage_of(views)
    plain = 1 - (1 - views - coverage[:, None] * (1 - DARKER)).clamp(0, 1) / DARKER
    poses = [Orbit(azimuth, camera.elevation + higher, camera.distance).world_to_camera() for higher, azimuth in turns]
    return SurroundingViews(plain.clamp(0, 1), coverage, np.stack(poses), intrinsics_for(facts.fovy, facts.size, facts.size))


def coverage_of(views: Tensor) -> Tensor:
    """(N, S, S) of views (N, 3, S, S) on white: how much a pixel differs from white, measured by the strongest difference around it."""
    contrast = (1 - views).norm(dim=1)
    strongest = max_pool2d(contrast[:, None], WINDOW, 1, WINDOW // 2)
    edge = SOFTENED // 2
    around = avg_pool2d(pad(strongest, (edge, edge, edge, edge), mode="replicate"), SOFTENED, 1)[:, 0]
    least = LEAST_CONTRAST * contrast.flatten(1).amax(1)[:, None, None]
    return (contrast / torch.maximum(around, least).clamp_min(FAINT) * GAIN - CUT).clamp(0, 1)


def _darker(color: Tensor, alpha: Tensor) -> Tensor:
    """The object's colors times `DARKER`, the white background as it is."""
    return color * DARKER + (1 - alpha) * (1 - DARKER)


def _turns(elevation: float) -> list[tuple[float, float]]:
    """Elevation and azimuth of every view, relative to the picture's."""
    rings = [(higher, first + step * i) for higher, first, count, step in RINGS for i in range(count)]
    return [turn for turn in rings if LOWEST <= elevation + turn[0] <= HIGHEST]
