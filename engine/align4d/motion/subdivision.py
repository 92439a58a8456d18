"""Triangles cut into smaller ones until no edge is long, the same on both sides of each edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

ROUNDS = 16
"""Edges are halved at most so often."""


def subdivided(nodes: np.ndarray, triangles: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (W, 3) and triangles (F, 3) of the same surface, without edges above `longest`.

    Raises:
        ValueError: one is left after all rounds.
    """
    for _ in range(ROUNDS + 1):
        ends = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], -1), axis=-1)
        key, edge = np.unique(ends[..., 0] * len(nodes) + ends[..., 1], return_inverse=True)
        start, end = np.divmod(key, len(nodes))
        is_long = np.linalg.norm(nodes[start] - nodes[end], axis=1) > longest
        if not is_long.any():
            return nodes, triangles
        middle = np.where(is_long, len(nodes) + np.cumsum(is_long) - 1, -1)[edge.reshape(triangles.shape)]
        nodes = np.concatenate([nodes, (nodes[start[is_long]] + nodes[end[is_long]]) / 2])
        triangles = _cut(nodes, triangles, middle)
    raise ValueError("edges are still long")


def _cut(nodes: np.ndarray, triangles: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Triangles whose edges are halved at `middle` (F, 3), the first of which is between their first two corners; -1 where they are not."""
    halved = (middle >= 0).sum(1)
    found = [triangles[halved == 0]]
    a, b, c, p, _, _ = _from(triangles, middle, halved == 1, lambda cut: cut.argmax(1))
    found += _triangles((a, p, c), (p, b, c))
    a, b, c, p, q, _ = _from(triangles, middle, halved == 2, lambda cut: (cut.argmin(1) + 1) % 3)
    # what is left beside the corner has four, and is cut along its shorter diagonal
    across = np.linalg.norm(nodes[a] - nodes[q], axis=1) <= np.linalg.norm(nodes[p] - nodes[c], axis=1)
    found += _triangles((p, b, q), (a, p, np.where(across, q, c)), (np.where(across, a, p), q, c))
    a, b, c, p, q, r = _from(triangles, middle, halved == 3, lambda cut: np.zeros(len(cut), np.int64))
    return np.concatenate(found + _triangles((a, p, r), (p, b, q), (r, q, c), (p, q, r)))


def _from(triangles: np.ndarray, middle: np.ndarray, chosen: np.ndarray, first: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, ...]:
    """Corners and middles of the chosen ones, (G,) each, going round from the edge that `first` of what is cut (G, 3) names."""
    corners, middles = triangles[chosen], middle[chosen]
    order = (first(middles >= 0)[:, None] + np.arange(3)) % 3
    return *np.take_along_axis(corners, order, 1).T, *np.take_along_axis(middles, order, 1).T


def _triangles(*corners: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[np.ndarray]:
    return [np.stack(one, 1) for one in corners]
