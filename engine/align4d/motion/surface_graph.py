"""The asset's surface as a graph whose shortest paths run over the surface AND straight through the body.

With edges through the body a limb is as short around as it is along, so that cells of the graph are slices of the
limb and not patches of its skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..kernels import njit
from .subdivision import subdivided
from .triangles import mesh_edges

EDGE = 0.035
"""Longest edge of the graph, of the asset's longest side."""
GRID = 0.02
"""Vertices of dense meshes are merged on a grid of this size."""
DENSE = 20_000
"""Triangles from which a mesh counts as dense."""


@dataclass(frozen=True)
class SurfaceGraph:
    """Nodes on the surface.

    Attributes:
        nodes: (n, 3) float64 positions.
        edges: (E, 2) pairs along the surface.
        area: (n,) surface area that each node stands for.
        shell: (n,) connected component along the surface.
        thickness: (n,) depth of the body below each node.
        graph: (n, n) symmetric lengths of the edges along the surface and through the body.
    """

    nodes: np.ndarray
    edges: np.ndarray
    area: np.ndarray
    shell: np.ndarray
    thickness: np.ndarray
    graph: csr_matrix

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Indices of the nodes nearest to `points` (P, 3)."""
        return cKDTree(self.nodes).query(points)[1]


def build_surface_graph(vertices: np.ndarray, triangles: np.ndarray) -> SurfaceGraph:
    """The graph of a welded mesh, normalized (longest side 1).

    Args:
        vertices: (W, 3).
        triangles: (F, 3), may hold degenerate ones.
    """

    nodes, triangles = vertices.astype(np.float64), _proper(triangles)
    if len(triangles) > DENSE:
        nodes, triangles = _merge_on_grid(nodes, triangles)
    nodes, triangles = subdivided(nodes, triangles, EDGE)
    nodes, index = np.unique(np.round(nodes, 6), axis=0, return_inverse=True)
    triangles = _proper(index.reshape(-1)[triangles])
    nodes, triangles = _without_loose(nodes, triangles)
    edges = mesh_edges(triangles)
    length = np.linalg.norm(nodes[edges[:, 0]] - nodes[edges[:, 1]], axis=1)
    surface = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(nodes), len(nodes)))
    _, shell = connected_components(surface, directed=False)
    area, normal = _areas_and_normals(nodes, triangles)
    depth, across = _through_body(nodes, normal, nodes, triangles, shell)
    thickness = np.where(np.isfinite(depth), depth, EDGE)
    return SurfaceGraph(nodes, edges, area, shell, thickness, _graph(nodes, edges, across))


def _proper(triangles: np.ndarray) -> np.ndarray:
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (c != a)].astype(np.int64)


def _merge_on_grid(nodes: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the same shell and grid cell become their mean."""
    links = coo_matrix((np.ones(len(triangles)), (triangles[:, 0], triangles[:, 1])), shape=(len(nodes),) * 2)
    links = links + coo_matrix((np.ones(len(triangles)), (triangles[:, 1], triangles[:, 2])), shape=(len(nodes),) * 2)
    _, shell = connected_components(links, directed=False)
    cell = np.column_stack([np.floor(nodes / GRID).astype(np.int64), shell])
    _, index = np.unique(cell, axis=0, return_inverse=True)
    index = index.reshape(-1)
    count = np.bincount(index)
    merged = np.stack([np.bincount(index, nodes[:, axis]) / count for axis in range(3)], axis=1)
    return merged, np.unique(_proper(index[triangles]), axis=0)


def _without_loose(nodes: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used, index = np.unique(triangles, return_inverse=True)
    return nodes[used], index.reshape(triangles.shape)


def _areas_and_normals(nodes: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (nodes[triangles[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    share = np.linalg.norm(cross, axis=1) / 6
    area, normal = np.zeros(len(nodes)), np.zeros_like(nodes)
    for corner in range(3):
        np.add.at(area, triangles[:, corner], share)
        np.add.at(normal, triangles[:, corner], cross)
    return area, normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _through_body(
    origin: np.ndarray, normal: np.ndarray, nodes: np.ndarray, triangles: np.ndarray, shell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth below each node along the inward normal, and the pairs (node, node nearest to where the ray leaves)."""
    order = np.argsort(shell[triangles[:, 0]], kind="stable")
    triangles = triangles[order]
    bounds = np.searchsorted(shell[triangles[:, 0]], np.arange(shell.max() + 2))
    depth, hit = _cast_inwards(origin, normal, nodes, triangles, shell, bounds)
    found = np.flatnonzero(hit >= 0)
    exits = origin[found] - depth[found, None] * normal[found]
    corners = triangles[hit[found]]
    nearest = np.linalg.norm(nodes[corners] - exits[:, None], axis=2).argmin(axis=1)
    pairs = np.stack([found, corners[np.arange(len(found)), nearest]], axis=1)
    return depth, pairs[pairs[:, 0] != pairs[:, 1]]


@njit(cache=True, nogil=True)
def _cast_inwards(origin, normal, nodes, triangles, shell, bounds):  # type: ignore[no-untyped-def]
    """Moeller-Trumbore against the triangles of the origin's own shell: nearest distance and triangle, or inf and -1."""
    depth, hit = np.full(len(origin), np.inf), np.full(len(origin), -1)
    for i in range(len(origin)):
        dx, dy, dz = -normal[i, 0], -normal[i, 1], -normal[i, 2]
        px, py, pz = origin[i, 0] + 1e-3 * dx, origin[i, 1] + 1e-3 * dy, origin[i, 2] + 1e-3 * dz
        for f in range(bounds[shell[i]], bounds[shell[i] + 1]):
            a, b, c = nodes[triangles[f, 0]], nodes[triangles[f, 1]], nodes[triangles[f, 2]]
            ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
            hx, hy, hz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
            determinant = ux * hx + uy * hy + uz * hz
            if abs(determinant) < 1e-12:
                continue
            sx, sy, sz = px - a[0], py - a[1], pz - a[2]
            u = (sx * hx + sy * hy + sz * hz) / determinant
            if u < 0 or u > 1:
                continue
            qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
            v = (dx * qx + dy * qy + dz * qz) / determinant
            if v < 0 or u + v > 1:
                continue
            distance = (vx * qx + vy * qy + vz * qz) / determinant
            if 1e-3 < distance < depth[i]:
                depth[i], hit[i] = distance, f
    return depth, hit


def _graph(nodes: np.ndarray, edges: np.ndarray, across: np.ndarray) -> csr_matrix:
    pairs = np.unique(np.sort(np.concatenate([edges, across]), axis=1), axis=0)
    length = np.maximum(np.linalg.norm(nodes[pairs[:, 0]] - nodes[pairs[:, 1]], axis=1), 1e-6)
    graph = coo_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes),) * 2).tocsr()
    return graph.maximum(graph.T).tocsr()
