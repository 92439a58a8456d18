"""Even samples of the asset's surface: the seeds of surface-bound Gaussians."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from .asset import Asset, face_normals, triangle_areas
from .colors import colors_at

CANDIDATES = 4
"""Candidates drawn for each sample that is kept; Yuksel 2015 advises 3 to 5."""
NEIGHBORS = 24
"""Nearest candidates that compete with each other; within the disk radius there are about 4 * CANDIDATES of them."""


@dataclasses.dataclass(frozen=True)
class SurfaceSamples:
    """Places on the surface, in normalized space.

    Attributes:
        triangle: (N,) int32 into `Asset.triangles`.
        barycentric: (N, 3) float32, sums to 1.
        position: (N, 3) float32.
        normal: (N, 3) float32 unit shading normal.
        face_normal: (N, 3) float32 unit normal of the triangle.
        color: (N, 3) float32 sRGB in [0, 1].
        area: (N,) float32, the part of the surface that each sample stands for; sums to the surface's area.
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    face_normal: np.ndarray
    color: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return len(self.triangle)


def sample_surface(asset: Asset, count: int, seed: int) -> SurfaceSamples:
    """`count` evenly spread samples, the same for the same asset and seed; degenerate triangles get none.

    Stratified candidates in proportion to area, thinned by sample elimination (C. Yuksel, "Sample Elimination for Generating
    Poisson Disk Sample Sets", 2015) with whole rounds in the place of a heap. The two sides of a thin sheet do not compete.
    """
    rng = np.random.default_rng(seed)
    areas = triangle_areas(asset)
    triangle, barycentric = _candidates(asset, areas, CANDIDATES * count, rng)
    position = _blend(asset.vertices[asset.triangles[triangle]], barycentric)
    face_normal = face_normals(asset)[triangle]
    kept = _eliminate(position, face_normal, float(areas.sum()), count)
    area = _shares(position, face_normal, kept, float(areas.sum()))
    triangle, barycentric, face_normal = triangle[kept], barycentric[kept], face_normal[kept]
    normal = _blend(asset.corner_normal[triangle], barycentric)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.where(length > 1e-6, normal / np.maximum(length, 1e-6), face_normal).astype(np.float32)
    return SurfaceSamples(triangle, barycentric, position[kept], normal, face_normal, colors_at(asset, triangle, barycentric), area)


def _candidates(asset: Asset, areas: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(M,) triangles and (M, 3) barycentric coordinates: one draw in each of M equal strips of the cumulative area, along a space-filling order."""
    order = np.argsort(_morton(asset.vertices[asset.triangles].mean(axis=1)), kind="stable")
    ends = np.cumsum(areas[order])
    strips = (np.arange(count) + rng.random(count)) / count * ends[-1]
    triangle = order[np.minimum(np.searchsorted(ends, strips, side="right"), len(order) - 1)].astype(np.int32)
    # R2 sequence (M. Roberts 2018): low discrepancy in two dimensions, of which each triangle sees a run
    step = np.array([0.7548776662466927, 0.5698402909980532])
    uv = (rng.random(2) + np.arange(count)[:, None] * step) % 1.0
    root = np.sqrt(uv[:, 0])
    barycentric = np.stack([1 - root, root * (1 - uv[:, 1]), root * uv[:, 1]], axis=1)
    return triangle, barycentric.astype(np.float32)


def _eliminate(position: np.ndarray, normal: np.ndarray, area: float, count: int) -> np.ndarray:
    """Sorted indices of the `count` candidates that stay."""
    total = len(position)
    radius = 2.0 * np.sqrt(area / (2.0 * np.sqrt(3.0) * count))
    distance, neighbor = cKDTree(position).query(position, k=min(NEIGHBORS + 1, total), distance_upper_bound=radius)
    own = np.repeat(np.arange(total), distance.shape[1])
    distance, neighbor = distance.ravel(), neighbor.ravel()
    valid = (neighbor < total) & (neighbor != own)
    own, neighbor, distance = own[valid], neighbor[valid], distance[valid]
    same_side = np.einsum("nc,nc->n", normal[own], normal[neighbor]) > 0
    own, neighbor = own[same_side], neighbor[same_side]
    weight = (1.0 - distance[same_side] / radius) ** 8
    crowd = csr_matrix((weight, (own, neighbor)), shape=(total, total))
    crowd = crowd.maximum(crowd.T).tocsr()
    alive = np.ones(total, bool)
    while (surplus := int(alive.sum()) - count) > 0:
        alive[_most_crowded(crowd, alive, surplus)] = False
    return np.flatnonzero(alive)


def _most_crowded(crowd: csr_matrix, alive: np.ndarray, surplus: int) -> np.ndarray:
    """Up to `surplus` candidates, none the neighbor of another, that are more crowded than all of their neighbors."""
    load = np.where(alive, crowd @ alive.astype(np.float64), -1.0)
    load += np.where(alive, np.arange(len(load)) * 1e-13, 0.0)  # no ties
    neighbor_load = np.append(load[crowd.indices], -1.0)
    starts = np.minimum(crowd.indptr[:-1], len(crowd.indices))
    highest = np.where(np.diff(crowd.indptr) > 0, np.maximum.reduceat(neighbor_load, starts), -1.0)
    peaks = np.flatnonzero(alive & (load > highest))
    # only the worst of them, so that a round comes close to removing one at a time
    limit = min(surplus, max(1, len(peaks) // 2))
    return peaks[np.argsort(-load[peaks], kind="stable")[:limit]]


def _shares(position: np.ndarray, normal: np.ndarray, kept: np.ndarray, area: float) -> np.ndarray:
    """(N,) float32: each candidate's equal part of the area goes to the nearest kept sample on its side of the surface."""
    nearest = cKDTree(position[kept]).query(position, k=min(4, len(kept)))[1].reshape(len(position), -1)
    facing = np.einsum("nc,nkc->nk", normal, normal[kept][nearest]) > 0
    owner = nearest[np.arange(len(position)), facing.argmax(axis=1)]
    owner[kept] = np.arange(len(kept))
    return (np.bincount(owner, minlength=len(kept)) * (area / len(position))).astype(np.float32)


def _morton(points: np.ndarray) -> np.ndarray:
    """(N,) uint64 keys of the 21-bit-a-side Z-order curve through the bounding box."""
    low, high = points.min(axis=0), points.max(axis=0)
    grid = ((points - low) / max(float((high - low).max()), 1e-12) * (2**21 - 1)).astype(np.uint64)
    key = np.zeros(len(points), np.uint64)
    for axis in range(3):
        bits = grid[:, axis]
        for shift, mask in (
            (32, 0x1F00000000FFFF),
            (16, 0x1F0000FF0000FF),
            (8, 0x100F00F00F00F00F),
            (4, 0x10C30C30C30C30C3),
            (2, 0x1249249249249249),
        ):
            bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
        key |= bits << np.uint64(axis)
    return key


def _blend(corners: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    return np.einsum("nkc,nk->nc", corners, barycentric).astype(np.float32)
