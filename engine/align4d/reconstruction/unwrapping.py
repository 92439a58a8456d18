"""A UV map for a surface (xatlas), and what each texel of it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xatlas

from ..rendering.zbuffer import render_surface
from .solid import Surface

GAP = 4
"""Texels between charts: two of bleed each."""


@dataclass(frozen=True)
class Unwrapped:
    """A surface with one UV map.

    Attributes:
        surface: its vertices are shared over the seams.
        corner_uv: (F, 3, 2) float32, v upwards.
        texel: (M, 2) int64 row and column of the texels inside of charts; row 0 at the top.
        corner: (M, 3) int32 vertices of the triangle that each of them shows.
        weight: (M, 3) float32 its place among them.
    """

    surface: Surface
    corner_uv: np.ndarray
    texel: np.ndarray
    corner: np.ndarray
    weight: np.ndarray

    def at_texels(self, of_vertices: np.ndarray) -> np.ndarray:
        """(M, C) of (V, C), interpolated."""
        return np.einsum("mkc,mk->mc", of_vertices[self.corner], self.weight)


def unwrap(surface: Surface, side: int) -> Unwrapped:
    """Charts packed into a texture of `side` x `side` texels."""
    atlas = xatlas.Atlas()
    atlas.add_mesh(surface.vertices.astype(np.float32), surface.triangles.astype(np.uint32))
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_cost, charts.max_iterations = 8.0, 2  # few, large charts: the surface is smooth
    packing.resolution, packing.padding, packing.bilinear = side, GAP, True
    atlas.generate(charts, packing)
    _, split, uv = atlas[0]
    corner_uv = np.asarray(uv, np.float64)[split]
    corners = corner_uv.reshape(-1, 2) * [side, side]
    flat = np.concatenate([corners[:, :1], side - corners[:, 1:], np.ones((len(corners), 1))], axis=1)
    seen = render_surface(flat, np.arange(len(flat), dtype=np.int32).reshape(-1, 3), np.eye(4), np.eye(3), (side, side))
    row, column = np.nonzero(seen.triangle >= 0)
    corner, weight = surface.triangles[seen.triangle[row, column]], seen.barycentric[row, column]
    return Unwrapped(surface, corner_uv.astype(np.float32), np.stack([row, column], 1), corner, weight)


def vertex_normals(surface: Surface) -> np.ndarray:
    """(V, 3) unit normals, weighted by area."""
    a, b, c = (surface.vertices[surface.triangles[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros((len(surface.vertices), 3))
    for corner in range(3):
        np.add.at(normals, surface.triangles[:, corner], cross)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
