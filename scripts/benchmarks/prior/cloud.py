"""Objects as Gaussians fitted to pictures of them, many at once, and a smooth deformation of space that bends them.

A procedural object has no mesh. What is asked of a prior here, whether it moves a wrong shape towards the right one, needs
something that can be bent and drawn with gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from align4d.alignment.novel_views import NovelViews
from align4d.rendering import Gaussians, Rendering, rasterize

from . import cameras as prior_cameras
from .subjects import Subjects

GAUSSIANS = 1200
CANDIDATES = 60_000
FIT_STEPS, FIT_VIEWS = 200, 4
HALF_BOX = 0.6
"""Half the side of the cube that the lattice spans; objects are within 0.5."""

DEGREE = 3
"""Of the Bernstein polynomials; the lattice has (DEGREE + 1)^3 points."""


@dataclass(frozen=True)
class Clouds:
    """Gaussians of n objects; see `Gaussians`. All (n, N, ...); axis-aligned."""

    means: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor

    def render(self, means: Tensor, views: NovelViews, size: int) -> Tensor:
        """(n V, 3, size, size) on white with other `means` (n, N, 3), by n V cameras, those of one object next to each other."""
        return self.rendering(means, views, size).color

    def rendering(self, means: Tensor, views: NovelViews, size: int) -> Rendering:
        """As `render`, with the mask."""
        upright = means.new_tensor([1.0, 0, 0, 0]).expand(GAUSSIANS, 4)
        shown = Gaussians(means, upright, self.scales, self.opacities, self.colors)
        return rasterize(shown, views.cameras(prior_cameras.FOVY, size), (size, size))

    def repeat(self, times: int) -> Clouds:
        """Each object `times` times in a row."""
        return Clouds(*(tensor.repeat_interleave(times, 0) for tensor in vars(self).values()))

    def some(self, which: slice) -> Clouds:
        """The objects `which`."""
        return Clouds(*(tensor[which] for tensor in vars(self).values()))


def views_of(cameras: np.ndarray, device: torch.device) -> NovelViews:
    """Of (B, 3) elevation, azimuth, distance."""
    elevation, azimuth, distance = torch.from_numpy(np.asarray(cameras, np.float32)).to(device).unbind(-1)
    return NovelViews(azimuth, elevation, distance, torch.zeros(3, device=device))


def fit_clouds(subjects: Subjects, seed: int = 0) -> Clouds:
    """Gaussians that look like the objects from all around: carved from the silhouettes, then fitted by Adam."""
    cameras = prior_cameras.surrounding()
    pictures = subjects.pictures(np.broadcast_to(cameras, (subjects.count, *cameras.shape)))
    random = torch.Generator().manual_seed(seed)
    means = torch.stack([_carved(one, cameras, random) for one in pictures]).requires_grad_()
    shape = means.shape[:2]
    log_scales = torch.full((*shape, 3), math.log(0.02), device=subjects.device).requires_grad_()
    logits = torch.zeros(shape, device=subjects.device).requires_grad_()
    colors = torch.full((*shape, 3), 0.5, device=subjects.device).requires_grad_()
    rates = ((means, 2e-3), (log_scales, 2e-2), (logits, 5e-2), (colors, 3e-2))
    optimizer = torch.optim.Adam([{"params": [tensor], "lr": rate} for tensor, rate in rates])
    for _ in range(FIT_STEPS):
        chosen = torch.randperm(len(cameras), generator=random)[:FIT_VIEWS]
        views = views_of(np.tile(cameras[chosen], (subjects.count, 1)), subjects.device)
        now = Clouds(means, log_scales.exp(), logits.sigmoid(), colors)
        error = (now.render(means, views, subjects.size) - pictures[:, chosen].flatten(0, 1)) ** 2
        optimizer.zero_grad()
        # a sum, so that objects do not share their step
        error.sum().backward()
        optimizer.step()
    return Clouds(means.detach(), log_scales.exp().detach(), logits.sigmoid().detach(), colors.detach())


def _carved(pictures: Tensor, cameras: np.ndarray, random: torch.Generator) -> Tensor:
    """(N, 3) random points of the visual hull: those that no picture (K, 3, S, S) shows as background."""
    points = (torch.rand(CANDIDATES, 3, generator=random) - 0.5).to(pictures)
    solid = max_pool2d((pictures.amin(1, keepdim=True) < 0.97).float(), 3, 1, 1)[:, 0] > 0
    size = pictures.shape[-1]
    seen = views_of(cameras, pictures.device).cameras(prior_cameras.FOVY, size)
    local = torch.einsum("kij,nj->kni", seen.viewmats[:, :3, :3], points) + seen.viewmats[:, None, :3, 3]
    pixel = (seen.Ks[:, None, :2, :2].diagonal(dim1=-2, dim2=-1) * local[..., :2] / local[..., 2:] + size / 2).long().clamp(0, size - 1)
    view = torch.arange(len(cameras), device=points.device)[:, None]
    # a thin or a white part may be missed by one picture or two
    votes = solid[view, pixel[..., 1], pixel[..., 0]].float().mean(0)
    inside = points[votes >= votes.max() - 2.5 / len(cameras)]
    index = torch.randint(len(inside), (GAUSSIANS,), generator=random).to(points.device)
    return inside[index] + 0.004 * torch.randn(GAUSSIANS, 3, generator=random).to(points)


def lattice_weights(points: Tensor) -> Tensor:
    """(..., (DEGREE + 1)^3) of points (..., 3): free-form deformation (Sederberg and Parry 1986)."""
    place = (points / HALF_BOX + 1) / 2
    powers = torch.arange(DEGREE + 1, device=points.device)
    binomial = torch.tensor([float(math.comb(DEGREE, k)) for k in range(DEGREE + 1)], device=points.device)
    basis = binomial * place[..., None] ** powers * (1 - place[..., None]) ** (DEGREE - powers)
    return torch.einsum("...i,...j,...k->...ijk", *basis.unbind(-2)).flatten(-3)


BENT = 0.05
"""Mean displacement of a random deformation [longest sides]."""


def bend(weights: Tensor, seed: int) -> Tensor:
    """(n, points, 3) random lattices that move each object's Gaussians, of lattice weights (n, N, points), by BENT on average."""
    random = torch.randn(len(weights), (DEGREE + 1) ** 3, 3, generator=torch.Generator().manual_seed(seed)).to(weights)
    moved = (weights @ random).norm(dim=-1).mean(1)
    return random * (BENT / moved)[:, None, None]
