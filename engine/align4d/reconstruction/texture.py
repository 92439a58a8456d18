"""The surface's one texture: the picture's own pixels where it shows the surface, the prior's views elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..rendering.zbuffer import render_surface
from .carving import look_up
from .shot import Shot
from .solid import Surface
from .surrounding_views import SurroundingViews
from .unwrapping import Unwrapped, vertex_normals

GRAZING, FACING = 0.05, 0.4
"""Cosines between normal and viewing ray: below the first a picture says nothing of a place, from the second on everything."""

THIN, FULL = 0.3, 0.9
"""The same for coverage, and the coverage from which a pixel's color is the object's own: what is mixed into the outline must not color the rim."""

HIDDEN = 0.02
"""Depth behind the nearest surface from which a place is hidden, in longest sides; twice that in the coarse views."""

LEAST_COVERAGE = 0.3
"""Coverage below which the color of a view's pixel is mostly background."""

MOST_CONTRAST = 1.3
"""By how much the contrast of the views' colors is raised at most."""


@dataclass(frozen=True)
class Witness:
    """A picture of the object from a known side.

    Attributes:
        color: (3, S, S) of the object alone, without background in it.
        alpha: (S, S) coverage.
        world_to_camera: (4, 4); intrinsics: (3, 3) K [px].
        hidden: see `HIDDEN`.
    """

    color: Tensor
    alpha: Tensor
    world_to_camera: np.ndarray
    intrinsics: np.ndarray
    hidden: float

    def cosine(self, position: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """(N,) of the angle between the normals (N, 3) of places (N, 3) and the rays towards this picture's camera."""
        towards = -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3] - position
        return np.einsum("nc,nc->n", towards, normal) / np.linalg.norm(towards, axis=1)

    def says(self, surface: Surface, position: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What it shows of places (N, 3) of the surface with normals (N, 3).

        Returns:
            Their color (N, 3), the cosine (N,) at which they are seen, 0 where they are hidden, and the coverage (N,) there.
        """
        side = self.alpha.shape[-1]
        place = position @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        nearest = render_surface(surface.vertices, surface.triangles, self.world_to_camera, self.intrinsics, (side, side)).depth
        pixel = place @ self.intrinsics.T
        column, row = (np.clip((pixel[:, i] / pixel[:, 2]).astype(int), 0, side - 1) for i in (0, 1))
        seen = place[:, 2] <= nearest[row, column] + self.hidden  # infinite where the picture's pixels missed the surface
        points = torch.from_numpy(position.astype(np.float32))
        layers = look_up(torch.cat([self.color, self.alpha[None]]), points, self.world_to_camera, self.intrinsics).numpy()
        return layers[:3].T, np.where(seen, self.cosine(position, normal), 0).clip(0, 1), layers[3]


def _spread_out(color: Tensor, alpha: Tensor) -> Tensor:
    """(3, S, S) of which the pixels outside of the object have the color of the nearest one well inside."""
    nearest = distance_transform_edt(alpha.numpy() < FULL, return_distances=False, return_indices=True)
    return color[:, torch.from_numpy(nearest[0]), torch.from_numpy(nearest[1])]


def paint(unwrapped: Unwrapped, shot: Shot, views: SurroundingViews | None, side: int) -> np.ndarray:
    """The texture, (side, side, 3) uint8 sRGB. Without views the far side shows what lies in front of it."""
    surface, reference = unwrapped.surface, shot.reference
    normal = vertex_normals(surface)
    alpha = reference.alpha[0, 0]
    picture = Witness(_spread_out(reference.color[0], alpha), alpha, shot.camera.world_to_camera(), reference.intrinsics, HIDDEN)
    color, cosine, coverage = picture.says(surface, unwrapped.at_texels(surface.vertices), unwrapped.at_texels(normal))
    if views is not None:
        own, *seen = picture.says(surface, surface.vertices, normal)
        around = mean_of(of_views(views), surface, (surface.vertices, normal), own, power=2)
        around = _like_the_picture(around, own, _surety(*seen))
        sure = _surety(cosine, coverage)[:, None]
        color = sure * color + (1 - sure) * unwrapped.at_texels(around)
    return in_texture(unwrapped, color, side)


def in_texture(unwrapped: Unwrapped, color: np.ndarray, side: int) -> np.ndarray:
    """(side, side, 3) uint8 of the colors (M, 3) of its texels.

    Texels outside of charts take the color of the nearest inside, so that filtering at seams sees no gap.
    """
    texture, outside = np.zeros((side, side, 3), np.uint8), np.ones((side, side), bool)
    row, column = unwrapped.texel.T
    texture[row, column], outside[row, column] = (color.clip(0, 1) * 255).round(), False
    nearest = distance_transform_edt(outside, return_distances=False, return_indices=True)
    return texture[nearest[0], nearest[1]]


def _surety(cosine: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1]: how much of a place the picture shows."""
    return _smooth_step(cosine, GRAZING, FACING) * _smooth_step(coverage, THIN, FULL)


def _smooth_step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def mean_of(witnesses: Iterable[Witness], surface: Surface, place: tuple[np.ndarray, np.ndarray], otherwise: np.ndarray, power: float) -> np.ndarray:
    """(N, 3) color of every place of the surface: the mean of what is said of it, by how well it is seen.

    Args:
        place: positions and normals (N, 3).
        otherwise: (N, 3), where nobody sees it.
        power: of the cosine, by which those count more who see a place straight.
    """
    total, weights = np.zeros(otherwise.shape), np.zeros(len(otherwise))
    for witness in witnesses:
        facing = np.flatnonzero(witness.cosine(*place) > 0)
        said, cosine, coverage = witness.says(surface, place[0][facing], place[1][facing])
        weight = cosine**power * np.where(coverage > LEAST_COVERAGE, coverage, 0) ** 2
        total[facing] += weight[:, None] * said
        weights[facing] += weight
    few = 1e-3
    return (total + few * otherwise) / (weights + few)[:, None]


def of_views(views: SurroundingViews) -> Iterator[Witness]:
    """The prior's views, their background taken out."""
    unmixed = ((views.color - (1 - views.alpha[:, None])) / views.alpha[:, None].clamp_min(LEAST_COVERAGE)).clamp(0, 1)
    for color, alpha, pose in zip(unmixed, views.alpha, views.world_to_camera, strict=True):
        yield Witness(color, alpha, pose, views.intrinsics, 2 * HIDDEN)


def _like_the_picture(color: np.ndarray, own: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """The views' colors (V, 3), with the mean and the contrast of the picture's (V, 3) where both are known: a mean of many pictures is pale."""
    total = max(float(sure.sum()), 1e-6)
    means = [(sure[:, None] * one).sum(0) / total for one in (color, own)]
    spreads = [float((sure[:, None] * (one - mean) ** 2).sum()) ** 0.5 for one, mean in zip((color, own), means, strict=True)]
    gain = min(max(spreads[1] / max(spreads[0], 1e-6), 1.0), MOST_CONTRAST)
    return (means[1] + gain * (color - means[0])).clip(0, 1)
