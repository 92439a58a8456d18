"""What a frame's outline says of surface points, without any rendering: how far each has to go, from however far away.

A rendered picture tells a limb where to go only where limb and object nearly overlap. Distances do so from anywhere, and
hundreds of poses are compared in the time of one picture.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import grid_sample

from ..kernels import njit
from .nearest import nearest_points

CELLS = 24
"""Cells along a side of the picture in which the nearest point hides those behind it."""
BEHIND = 0.08
"""How far behind the nearest point of its cell a point is hidden [longest sides of the asset]."""
HIDDEN = 0.1
"""What a hidden point counts farther away than it is [sides of the picture]: it is taken where nothing else is near."""
SOFT = 0.01
"""Distances below this count by their square, above by themselves [sides of the picture]."""
STRAY = 0.02
"""Part of an object's area that may be anywhere when it is said how far two outlines are apart."""


class Outline:
    """One frame of the video, as distances. Lengths are in pixels, costs in sides of the picture.

    Args:
        color: (3, R, R) sRGB.
        alpha: (1, R, R) coverage; somewhere above a half.
        samples: pixels of the object that want to be covered.
        color_weight: distance that a difference of 1 in color counts as [sides of the picture].
    """

    def __init__(self, color: Tensor, alpha: Tensor, samples: int, color_weight: float) -> None:
        inside = alpha[0].cpu().numpy() > 0.5
        self.side, self.color_weight = inside.shape[0], color_weight
        rows, columns = np.nonzero(inside)
        places = np.stack([columns, rows], 1) + 0.5
        chosen = spread_out(torch.from_numpy(places).to(color), samples)
        self.places = torch.from_numpy(places).to(color)[chosen]
        at = chosen.cpu().numpy()
        self.colors = color[:, rows[at], columns[at]].T.contiguous()
        self.spacing = float(np.sqrt(len(places) / len(at)))
        self.reach = torch.full_like(self.places[0, 0], self.spacing / 2)
        self.distance = torch.from_numpy(distance_transform_edt(~inside)).to(color)[None, None]
        edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        # where the border cuts the object nobody knows how far it goes on
        self.cut = any(bool(edge.any()) for edge in edges)

    @property
    def shape(self) -> tuple[int, int, bool]:
        """Outlines that differ in the values of `tensors` alone have the same."""
        return self.side, len(self.places), self.cut

    def tensors(self) -> list[Tensor]:
        """All that was read off the frame."""
        return [self.places, self.colors, self.distance, self.reach]

    def cost(self, pixels: Tensor, depth: Tensor, colors: Tensor) -> Tensor:
        """(B,) of poses: surface points outside of the object, and pixels of the object that no point is near.

        Args:
            pixels: (B, N, 2) where the points are seen.
            depth: (B, N) how far they are from the camera.
            colors: (B, N, 3) sRGB.
        """
        return 2 * (_soft(self._outside(pixels)).mean(-1) + _soft(self._uncovered(pixels, depth, colors)).mean(-1))

    def _outside(self, pixels: Tensor) -> Tensor:
        """(B, N) distance of each point from the object."""
        grid = pixels / self.side * 2 - 1
        within = grid_sample(self.distance.expand(len(pixels), -1, -1, -1), grid[:, None], padding_mode="border", align_corners=False)
        beyond = (grid.abs() - 1).clamp_min(0).sum(-1) * self.side / 2
        return (within[:, 0, 0] + (0 if self.cut else beyond)) / self.side

    def _uncovered(self, pixels: Tensor, depth: Tensor, colors: Tensor) -> Tensor:
        """(B, M) distance of each sampled pixel from the nearest point of its color."""
        with torch.no_grad():
            cell = (pixels / self.side * CELLS).long().clamp(0, CELLS - 1)
            cell = cell[..., 0] + CELLS * cell[..., 1]
            front = depth.new_full((len(pixels), CELLS * CELLS), torch.inf).scatter_reduce(1, cell, depth, "amin")
            hidden = depth > front.gather(1, cell) + BEHIND
            nearest = self._nearest(pixels, colors, HIDDEN * hidden)
        matched = _picked(pixels, nearest)
        distance = ((matched - self.places) ** 2).sum(-1).clamp_min(1e-6).sqrt()
        return (distance - self.reach).clamp_min(0) / self.side

    def _nearest(self, pixels: Tensor, colors: Tensor, extra: Tensor) -> Tensor:
        """(B, M) index of the point that each sampled pixel is matched with; `extra` (B, N) counts as farther [sides of the picture]."""
        if pixels.device.type == "cpu":
            places, points = ((one / self.side).numpy() for one in (self.places, pixels))
            return torch.from_numpy(nearest_points(places, self.colors.numpy(), points, colors.numpy(), extra.numpy(), self.color_weight))
        apart = torch.cdist(self.places.expand(len(pixels), -1, -1), pixels) / self.side
        unlike = torch.cdist(self.colors.expand(len(pixels), -1, -1), colors)
        return (apart + self.color_weight * unlike + extra[:, None]).argmin(-1)


def _picked(points: Tensor, index: Tensor) -> Tensor:
    """(B, M, D) of points (B, N, D) those of an index (B, M); on a GPU by a product, since the gradient of a choice adds up in any order there."""
    if points.device.type == "cpu":
        return points.gather(1, index[..., None].expand(-1, -1, points.shape[-1]))
    return (index[..., None] == torch.arange(points.shape[1], device=points.device)).to(points) @ points


def overlap(ours: Tensor, theirs: Tensor) -> float:
    """Intersection over union of two masks of one shape."""
    first, second = ours > 0.5, theirs > 0.5
    return float((first & second).sum() / (first | second).sum().clamp_min(1))


def apart(ours: Tensor, theirs: Tensor) -> float:
    """How far two masks (1, R, R) are from each other: all but a part `STRAY` of both lies as near to the other [sides of the picture].

    Unlike the masks' overlap it does not punish thin limbs for being thin.
    """
    first, second = (one[0].cpu().numpy() > 0.5 for one in (ours, theirs))
    if not first.any() or not second.any():
        return 1.0
    distances = np.concatenate([distance_transform_edt(~second)[first], distance_transform_edt(~first)[second]])
    return float(np.quantile(distances, 1 - STRAY)) / len(first)


def moments(alpha: Tensor) -> tuple[float, float, float]:
    """Area [px] and centroid (x, y) [px] of a mask (1, H, W)."""
    alpha = alpha.cpu()
    area = float(alpha.sum())
    rows, columns = torch.arange(alpha.shape[1]) + 0.5, torch.arange(alpha.shape[2]) + 0.5
    weight = max(area, 1e-9)
    return area, float((alpha[0].sum(0) * columns).sum()) / weight, float((alpha[0].sum(1) * rows).sum()) / weight


def unrolled(offset: np.ndarray, roll: float) -> np.ndarray:
    """An offset (2,) in the picture as it were without the camera's roll [degrees], which comes after yaw and pitch."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.array([[cosine, -sine], [sine, cosine]]) @ offset


def extent(alpha: Tensor) -> tuple[float, float]:
    """Width and height [px] of the box around a mask (1, H, W)."""
    rows, columns = (torch.nonzero(alpha[0].cpu().amax(axis) > 0.5)[:, 0] for axis in (1, 0))
    return tuple(float(one[-1] - one[0]) + 1 if len(one) else 1.0 for one in (columns, rows))  # type: ignore[return-value]


def spread_out(points: Tensor, count: int) -> Tensor:
    """(count,) indices of points (N, D) as far from each other as can be; all of them where there are fewer."""
    first = int((points - points.mean(0)).norm(dim=-1).argmax())
    places = points.detach().float().cpu().numpy()
    return torch.from_numpy(_spread_out(places, first, min(count, len(points)))).to(points.device)


@njit(nogil=True, cache=True)
def _spread_out(points, first, count):  # type: ignore[no-untyped-def]
    chosen, apart = np.empty(count, np.int64), np.full(len(points), np.float32(np.inf))
    here = first
    for number in range(count):
        chosen[number] = here
        farthest = np.float32(-1)
        for i in range(len(points)):
            square = np.float32(0)
            for axis in range(points.shape[1]):
                square += (points[i, axis] - points[chosen[number], axis]) ** 2
            apart[i] = min(apart[i], np.sqrt(square))
            if apart[i] > farthest:
                farthest, here = apart[i], i
    return chosen


def _soft(distance: Tensor) -> Tensor:
    return (distance**2 + SOFT**2).sqrt() - SOFT
