"""Where the artist's vertices sit on the evaluated mesh, so that they can follow it."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial import cKDTree

from ..inputs.asset import Asset, AssetObject, face_normals, triangle_areas

SAME = 1e-6
"""Distance, of the longest side, up to which a bake point is the vertex itself."""
CANDIDATES = 12
"""Places of the surface near a point whose triangles are tried."""
PLACES = 50_000
"""Places spread over the surface in addition to vertices and centroids, for triangles so long that these lie far apart."""


@dataclasses.dataclass(frozen=True)
class Binding:
    """Bake points in terms of triangles.

    Attributes:
        triangle: (B,) int32 into `Asset.triangles`, of the point's own object.
        barycentric: (B, 3) float32 of the nearest place; a point that is a vertex has a 1 and two 0.
        offset: (B, 3) float32 from that place to the point in the triangle's frame (along its first edge, across it, its normal).
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    offset: np.ndarray

    def follow(self, triangles: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """(..., B, 3) float32 positions of the points when the asset's vertices stand at `vertices` (..., V, 3); `triangles` as in the asset."""
        corners = vertices[..., triangles[self.triangle], :]
        points = np.einsum("...bkc,bk->...bc", corners, self.barycentric)
        away = np.flatnonzero(self.offset.any(axis=1))
        if len(away):
            points[..., away, :] += np.einsum("...bkc,bk->...bc", _frames(corners[..., away, :, :]), self.offset[away])
        return points.astype(np.float32)


def bind_points(asset: Asset) -> Binding:
    """Binds every bake point to the surface of its own object."""
    parts = [_bind_object(asset, item) for item in asset.objects]
    return Binding(*(np.concatenate([part[i] for part in parts]) for i in range(3)))


def _bind_object(asset: Asset, item: AssetObject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, vertices = asset.bake_points[item.points], asset.vertices[item.vertices]
    triangles = asset.triangles[item.triangles] - item.vertices.start
    count = len(points)
    triangle, barycentric, offset = np.zeros(count, np.int32), np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    vertex = _same_vertex(points, vertices, triangles)
    exact = np.flatnonzero(vertex >= 0)
    flat = np.zeros(len(vertices), np.int64)
    flat[triangles.ravel()] = np.arange(triangles.size)
    triangle[exact] = flat[vertex[exact]] // 3
    barycentric[exact, flat[vertex[exact]] % 3] = 1.0
    rest = np.flatnonzero(vertex < 0)
    if len(rest):
        triangle[rest], barycentric[rest] = _nearest(asset, item, points[rest].astype(np.float64), vertices.astype(np.float64), triangles)
        corners = vertices[triangles[triangle[rest]]].astype(np.float64)
        residual = points[rest] - np.einsum("bkc,bk->bc", corners, barycentric[rest])
        offset[rest] = np.einsum("bkc,bc->bk", _frames(corners), residual)
    return triangle + np.int32(item.triangles.start), barycentric, offset


def _same_vertex(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(B,) the vertex, used by a triangle, that each point is; -1 where it is none.

    Where the evaluated mesh is the artist's own, point i is vertex i: that keeps vertices apart that share a place.
    """
    used = np.zeros(len(vertices), bool)
    used[triangles] = True
    if len(points) == len(vertices):
        own = np.linalg.norm(points - vertices, axis=1) <= SAME
        if own.all():
            return np.where(used, np.arange(len(points)), -1)
    index = np.flatnonzero(used)
    distance, nearest = cKDTree(vertices[index]).query(points)
    return np.where(distance <= SAME, index[nearest], -1)


def _nearest(asset: Asset, item: AssetObject, points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest triangle (P,) of the object, and the barycentric coordinates (P, 3) of the nearest place in it."""
    solid = np.flatnonzero(np.linalg.norm(face_normals(asset)[item.triangles], axis=1) > 0)
    if not len(solid):
        solid = np.arange(len(triangles))
    places, owner = _places(vertices[triangles[solid]], triangle_areas(asset)[item.triangles][solid])
    _, near = cKDTree(places).query(points, k=min(CANDIDATES, len(places)))
    candidates = owner[near.reshape(len(points), -1)]
    best = np.full(len(points), np.inf)
    triangle, barycentric = np.zeros(len(points), np.int32), np.zeros((len(points), 3), np.float32)
    for column in candidates.T:
        weights = _closest(points, vertices[triangles[solid[column]]])
        distance = ((np.einsum("bkc,bk->bc", vertices[triangles[solid[column]]], weights) - points) ** 2).sum(axis=1)
        better = distance < best
        best[better], triangle[better], barycentric[better] = distance[better], solid[column[better]], weights[better]
    return triangle, barycentric


def _places(corners: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the surface and the triangle of each: corners, centroids, and PLACES more in proportion to area."""
    count = len(corners)
    ends = np.cumsum(areas)
    drawn = np.minimum(np.searchsorted(ends, (np.arange(PLACES) + 0.5) / PLACES * ends[-1]), count - 1)
    uv = (np.arange(1, PLACES + 1)[:, None] * np.array([0.7548776662466927, 0.5698402909980532])) % 1.0  # R2 sequence, as in sampling.py
    root = np.sqrt(uv[:, :1])
    weights = np.concatenate([1 - root, root * (1 - uv[:, 1:]), root * uv[:, 1:]], axis=1)
    spread = np.einsum("bkc,bk->bc", corners[drawn], weights)
    return np.concatenate([corners.reshape(-1, 3), corners.mean(axis=1), spread]), np.concatenate(
        [np.repeat(np.arange(count), 3), np.arange(count), drawn]
    )


def _closest(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(B, 3) barycentric coordinates of the place of each triangle (B, 3, 3) that is nearest to its point (B, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    inside = _plane_weights(points - a, b - a, c - a)
    weights = [inside] + [_edge_weights(points, corners, first, second) for first, second in ((0, 1), (1, 2), (2, 0))]
    distances = [((np.einsum("bkc,bk->bc", corners, item) - points) ** 2).sum(axis=1) for item in weights]
    distances[0] = np.where((inside >= 0).all(axis=1), distances[0], np.inf)
    choice = np.argmin(distances, axis=0)
    return np.stack(weights)[choice, np.arange(len(points))]


def _plane_weights(p: np.ndarray, ab: np.ndarray, ac: np.ndarray) -> np.ndarray:
    """Barycentric coordinates of the foot on the plane; negative ones lie outside, and all of a degenerate triangle are."""
    bb, bc, cc = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    pb, pc = (p * ab).sum(1), (p * ac).sum(1)
    determinant = bb * cc - bc * bc
    good = determinant > 1e-30
    safe = np.where(good, determinant, 1.0)
    v, w = np.where(good, (cc * pb - bc * pc) / safe, -1.0), np.where(good, (bb * pc - bc * pb) / safe, -1.0)
    return np.stack([1 - v - w, v, w], axis=1)


def _edge_weights(points: np.ndarray, corners: np.ndarray, first: int, second: int) -> np.ndarray:
    start, edge = corners[:, first], corners[:, second] - corners[:, first]
    share = np.clip(((points - start) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-30), 0.0, 1.0)
    weights = np.zeros((len(points), 3))
    weights[:, first], weights[:, second] = 1 - share, share
    return weights


def _frames(corners: np.ndarray) -> np.ndarray:
    """(..., 3, 3) orthonormal rows of triangles (..., 3, 3): along the first edge, across it, the normal."""
    edge = corners[..., 1, :] - corners[..., 0, :]
    along = edge / np.maximum(np.linalg.norm(edge, axis=-1, keepdims=True), 1e-12)
    cross = np.cross(edge, corners[..., 2, :] - corners[..., 0, :])
    normal = cross / np.maximum(np.linalg.norm(cross, axis=-1, keepdims=True), 1e-20)
    return np.stack([along, np.cross(normal, along), normal], axis=-2)
