"""Parts after the artist's own bones: who has rigged a mesh has said what of it moves as one, and how it creases."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from .parts import Parts, PartSettings, find_contacts
from .surface_graph import SurfaceGraph

NEIGHBORS = 3
"""Vertices from which a node between them takes its weights."""
RIGGED = 0.5
"""Least part of the area that bones move, for a mesh to count as rigged."""
SMALLEST_BONE = 0.004
"""A bone that rules less than this part of the area (a finger's end, an eyelid) leaves it to the other bones there."""


def parts_of_bones(surface: SurfaceGraph, settings: PartSettings, vertices: np.ndarray, weights: csr_matrix) -> Parts | None:
    """A part for every bone that rules a noticeable piece of the surface, with the artist's weights.

    Nodes that no bone moves (a hat on its own) go with the nearest that one moves.

    Args:
        settings: how near shells touch.
        vertices: (V, 3) of the asset.
        weights: (V, K) of its bones, not negative.

    Returns:
        None where bones move less than a part `RIGGED` of the area, or only one of them does.
    """
    nodes = _at_nodes(surface, vertices, weights)
    moved = nodes.sum(1) > 1e-6
    if surface.area[moved].sum() < RIGGED * surface.area.sum():
        return None
    kept = np.asarray(nodes.any(0))
    while kept.any():
        shares = _filled(surface, nodes * kept)
        area = np.bincount(shares.argmax(1), surface.area, len(kept)) / surface.area.sum()
        small = np.flatnonzero(kept & (area < SMALLEST_BONE))
        if not len(small):
            break
        kept[small[area[small].argmin()]] = False
    if kept.sum() < 2:
        return None
    shares = shares[:, kept]
    return Parts(shares.argmax(1), shares.astype(np.float32), find_contacts(surface, settings), np.flatnonzero(kept))


def _at_nodes(surface: SurfaceGraph, vertices: np.ndarray, weights: csr_matrix) -> np.ndarray:
    """(n, K): a vertex' own weights where a node is one, a mean of the nearest vertices' between them."""
    distance, near = cKDTree(vertices).query(surface.nodes, k=min(NEIGHBORS, len(vertices)))
    distance, near = distance.reshape(len(surface.nodes), -1), near.reshape(len(surface.nodes), -1)
    share = 1 / (distance + 1e-4) ** 2
    share /= share.sum(1, keepdims=True)
    mixing = csr_matrix((share.ravel(), near.ravel(), np.arange(len(near) + 1) * near.shape[1]), shape=(len(near), len(vertices)))
    return np.asarray((mixing @ weights).todense(), np.float64)


def _filled(surface: SurfaceGraph, weights: np.ndarray) -> np.ndarray:
    """(n, K) whose rows sum to 1; rows without any weight are those of the nearest node with some."""
    bare = weights.sum(1) <= 1e-6
    if bare.any() and not bare.all():
        weights = weights.copy()
        weights[bare] = weights[~bare][cKDTree(surface.nodes[~bare]).query(surface.nodes[bare])[1]]
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)
