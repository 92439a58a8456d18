"""How firmly the clip holds a motion: what of the surface it shows, and how far each place of it may be off, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..inputs.asset import Asset
from ..rendering.cpu.threads import beside_each_other
from ..rendering.zbuffer import render_surface
from .lifted_depth import LiftedDepth
from .solved import Solved
from .view import View, seen_by_any

FINER = 2
"""A clip's pictures are looked at with so many times their pixels: a slanted surface is not to hide itself."""
BEHIND = 0.01
"""A place so far behind what its pixel shows is hidden [longest sides]."""


@dataclass(frozen=True)
class Certainty:
    """Attributes:
    doubt: (T, P) how far places of the surface may be off [longest sides].
    seen: (T, P) bool, whether any clip shows them; what none does is a guess from the rest of the body.
    rest: (P, 3) these places at rest, normalized space.
    """

    doubt: np.ndarray
    seen: np.ndarray
    rest: np.ndarray

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """(B,) int32, the place nearest to each point (B, 3) at rest."""
        found: np.ndarray = cKDTree(self.rest).query(points)[1].astype(np.int32)
        return found


@torch.no_grad()
def judge_certainty(solved: Solved, lifted: LiftedDepth, asset: Asset) -> Certainty:
    """What the motion prior leaves open of a motion of an asset, and what of it the clips show.

    One camera sees where a place is in its picture, and hardly how far away. So the doubt is the standard deviation of the depth that the
    prior gives it: its spread within each hypothesis, and how far the hypotheses lie apart. Where no clip shows the object, it may also have gone
    as far as it usually goes in that time. Poses that are known leave nothing open.
    """
    lifted.answer(solved.motion)
    barycentric = lifted.surface.bound.barycentric[..., None]
    frames = range(len(solved.motion.offset))
    places = torch.stack([(lifted.surface.corners(solved.motion.frame(frame))[0] * barycentric).sum(1) for frame in frames]).cpu().numpy()
    doubt = _deviation(lifted).float().cpu().numpy() + unwatched(places, seen_by_any(solved.views))
    doubt[list(solved.certain)] = 0
    return Certainty(doubt, _seen(solved, places, asset), solved.animated.bound.means[lifted.index].cpu().numpy())


def unwatched(places: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """(T, P) how far places (T, P, 3) may have gone since a frame that shows the object (T,) bool: as they usually do in that time."""
    steps, watched = np.linalg.norm(np.diff(places, axis=0), axis=2), shown[1:] & shown[:-1]
    if not watched.any():
        return np.zeros(places.shape[:2], np.float32)
    at = np.flatnonzero(shown)
    away = np.abs(np.arange(len(shown))[:, None] - at).min(axis=1)
    return (away[:, None] * steps[watched].mean(axis=0)).astype(np.float32)


def _seen(solved: Solved, places: np.ndarray, asset: Asset) -> np.ndarray:
    """(T, P) bool, of places (T, P, 3)."""
    rest = torch.from_numpy(asset.vertices).to(solved.skin.weights)

    def in_frame(frame: int) -> np.ndarray:
        seen = np.zeros(places.shape[1], bool)
        vertices = solved.skin.move(solved.motion.frame(frame), rest)[0].cpu().numpy()
        for view in solved.views:
            if view.reference.usable[frame]:
                seen |= _shown(view, frame, vertices, asset.triangles, places[frame])
        return seen

    return np.stack(beside_each_other(in_frame, range(len(places))))


def _shown(view: View, frame: int, vertices: np.ndarray, triangles: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(P,) bool: which of `places` (P, 3) on a mesh a frame of a clip shows."""
    viewmat, (height, width) = view.viewmats[frame], (FINER * side for side in view.size)
    intrinsics = np.diag([FINER, FINER, 1]) @ view.reference.intrinsics
    depth = render_surface(vertices, triangles, viewmat, intrinsics, (height, width)).depth
    at = places @ viewmat[:3, :3].T + viewmat[:3, 3]
    column, row = (np.floor((at @ intrinsics.T)[:, :2] / np.maximum(at[:, 2:], 1e-6)).astype(np.int64)).T
    inside = (at[:, 2] > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    found: np.ndarray = inside & (at[:, 2] <= depth[row.clip(0, height - 1), column.clip(0, width - 1)] + BEHIND)
    return found


def _deviation(lifted: LiftedDepth) -> Tensor:
    """(T, P) standard deviation of the prior's mixture; the variance of a Laplace distribution is twice its scale squared."""
    modes = lifted.modes
    share = modes.log_share.exp()
    mean = (modes.depth * share).sum(-1, keepdim=True)
    variance: Tensor = ((2 * modes.spread**2 + (modes.depth - mean) ** 2) * share).sum(-1)
    return variance.sqrt()
