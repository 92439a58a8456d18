"""Points that parts carry, in many poses at once: where they are, what color they have in a light, and the gradient of the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels import njit
from ...kernels.algebra import dot, vector
from ...rendering.cpu.threads import run
from .forward import srgb
from .surface import FAST, harmonics, lit, unit


@dataclass(frozen=True)
class Points:
    """Attributes:
    first: (N + 1,) int64, where the carriers of each of N points begin in the next two.
    part, weight: (M,) int32 and float32.
    means, normals, albedo: (N, 3) at rest, float32; linear RGB.
    """

    first: np.ndarray
    part: np.ndarray
    weight: np.ndarray
    means: np.ndarray
    normals: np.ndarray
    albedo: np.ndarray

    @staticmethod
    def of(weights: np.ndarray, means: np.ndarray, normals: np.ndarray, albedo: np.ndarray) -> Points:
        """Carried by parts with dense weights (N, K)."""
        point, part = weights.nonzero()
        first = np.concatenate([[0], np.cumsum((weights != 0).sum(1))]).astype(np.int64)
        return Points(first, part.astype(np.int32), weights[point, part], means, normals, albedo)

    def shown(self, rotation: np.ndarray, offset: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places and sRGB (B, N, 3) where parts stand as (B, K, 3, 3) and (B, K, 3) say, in a light (13, 3)."""
        places, colors = (np.empty((len(rotation), *self.means.shape), np.float32) for _ in range(2))
        given = rotation, offset, self.first, self.part, self.weight, self.means, self.normals, self.albedo, light
        run(_show, places.size, *given, places, colors)
        return places, colors

    def gradients(self, g_places: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
        """Of how the parts stand, from that of the places."""
        g_rotation, g_offset = np.zeros((len(g_places), parts, 3, 3), np.float32), np.zeros((len(g_places), parts, 3), np.float32)
        run(_gather, g_places.size, g_places, self.first, self.part, self.weight, self.means, g_rotation, g_offset)
        return g_rotation, g_offset


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def _show(part, parts, rotation, offset, first, carrier, weight, means, normals, albedo, light, places, colors):
    """Part p of n takes every n-th pose from the p-th on."""
    matrix, moved = np.empty((3, 3)), np.empty(3)
    for b in range(part, len(rotation), parts):
        for n in range(len(means)):
            matrix[:], moved[:] = 0.0, 0.0
            for index in range(first[n], first[n + 1]):
                by, k = float(weight[index]), carrier[index]
                for i in range(3):
                    moved[i] += by * offset[b, k, i]
                    for j in range(3):
                        matrix[i, j] += by * rotation[b, k, i, j]
            mean, normal = vector(means[n], 0), vector(normals[n], 0)
            rows = vector(matrix[0], 0), vector(matrix[1], 0), vector(matrix[2], 0)
            places[b, n, 0], places[b, n, 1], places[b, n, 2] = (
                dot(rows[0], mean) + moved[0],
                dot(rows[1], mean) + moved[1],
                dot(rows[2], mean) + moved[2],
            )
            basis = harmonics(unit((dot(rows[0], normal), dot(rows[1], normal), dot(rows[2], normal)))[0])
            for channel in range(3):
                irradiance, sheen = lit(basis, light, channel)
                colors[b, n, channel] = srgb(albedo[n, channel] * irradiance + sheen)


@njit(nogil=True, cache=True, error_model="numpy")
def _gather(part, parts, g_places, first, carrier, weight, means, g_rotation, g_offset):
    """Adds to zeros; part p of n takes every n-th pose from the p-th on."""
    for b in range(part, len(g_places), parts):
        for n in range(len(means)):
            for index in range(first[n], first[n + 1]):
                k = carrier[index]
                for i in range(3):
                    g = weight[index] * g_places[b, n, i]
                    g_offset[b, k, i] += g
                    for j in range(3):
                        g_rotation[b, k, i, j] += g * means[n, j]
