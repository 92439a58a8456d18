"""Edges that regain their lengths: what skinning tears where a joint is pulled or bent, closed again before it reaches the artist.

The positions x minimize  sum over edges (|e| / |e_rest| - 1)^2 + 1 / reach^2 sum over vertices |x - x_skinned|^2, by turns
of the edges' directions (each for itself) and of all vertices (one sparse system, factorised once): the projective
dynamics of springs, Bouaziz et al. 2014. A pull that reaches farther than `reach` stays, so a body that stretches as a
whole in the video does so in the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import splu

from ..inputs.asset import Weld
from ..motion.triangles import mesh_edges

SLIVER = 0.2
"""Edges shorter than this part of the usual length count as that long: they would rule."""


@dataclass(frozen=True)
class RelaxingSettings:
    """Attributes:
    reach: how far along the surface a relaxed edge pulls its neighbors [longest sides].
    iterations: turns of directions and positions.
    """

    reach: float = 0.05
    iterations: int = 12


class Relaxation:
    """The springs of a mesh.

    Args:
        welded: the rest pose; vertices in one place move as one, so that seams stay closed.
        settings: how far, how often.
    """

    def __init__(self, welded: Weld, settings: RelaxingSettings) -> None:
        self.settings, self.index = settings, welded.index
        edges = mesh_edges(welded.triangles)
        edges = edges[edges[:, 0] != edges[:, 1]]
        rest = welded.vertices.astype(np.float64)
        self.length = np.linalg.norm(rest[edges[:, 0]] - rest[edges[:, 1]], axis=1)
        usual = float(np.median(self.length))
        self.weight = (usual / np.maximum(self.length, SLIVER * usual)) ** 2
        self.hold = (usual / settings.reach) ** 2
        self.difference = _differences(edges, len(rest))
        self.gather = csr_matrix(self.difference.T)
        springs = self.gather @ diags(self.weight) @ self.difference
        self.system = splu((springs + self.hold * identity(len(rest))).tocsc())
        self.first = np.unique(welded.index, return_index=True)[1]

    def relax(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) float32 of the asset's skinned vertices (V, 3), as near to them as the edges' lengths allow."""
        skinned = vertices[self.first].astype(np.float64)
        points = skinned
        for _ in range(self.settings.iterations):
            spans = self.difference @ points
            now = np.linalg.norm(spans, axis=1)
            wanted = spans * (self.weight * self.length / np.maximum(now, 1e-12))[:, None]
            points = self.system.solve(self.gather @ wanted + self.hold * skinned)
        # what was moved is added, so that where nothing is torn every bit stays
        return (vertices + (points - skinned)[self.index]).astype(np.float32)


def _differences(edges: np.ndarray, count: int) -> csr_matrix:
    """(E, n): a product with it takes the second end of each edge (E, 2) from the first."""
    rows = np.arange(len(edges)).repeat(2)
    signs = np.tile([1.0, -1.0], len(edges))
    return coo_matrix((signs, (rows, edges.ravel())), shape=(len(edges), count)).tocsr()
