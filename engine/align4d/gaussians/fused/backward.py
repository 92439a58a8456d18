"""Numba kernel: the gradient of `forward.ride_kernel`, whose steps it repeats in the place of keeping them."""

from __future__ import annotations

import math

from ...kernels import njit
from ...kernels.algebra import conjugate, cross, plus, product, quaternion, vector
from .surface import (
    BARYCENTRIC,
    BLOCK,
    DARKEST,
    EDGES,
    FAST,
    FRAME,
    INSET,
    NO_EDGE,
    NORMAL,
    QUATERNION,
    YARDSTICK,
    axes_of_part,
    carried,
    frame_of,
    harmonics,
    lit,
    mixed,
    places_at_rest,
    small_turn,
    unit_gradient,
)

TURN_WIDTH = 13
"""Gradient of how a part is turned: its matrix, row after row, and its quaternion."""


@njit(forceinline=True, error_model="numpy")
def _linear_gradient(linear, color, g):
    """Gradient of a linear value from that of its sRGB, which is `color`."""
    if linear <= DARKEST or linear > 1.0:
        return 0.0
    return 12.92 * g if linear <= 0.0031308 else (color + 0.055) / (2.4 * linear) * g


@njit(forceinline=True)
def _light_gradient(normal, albedo, light, color, g_color, learning, g_albedo, g_light):
    """Adds, where they are `learning`, to the gradients of a Gaussian's albedo (3,) and of the light (13, 3); returns that of its normal."""
    x, y, z = normal
    basis = harmonics(normal)
    g_x, g_y, g_z = 0.0, 0.0, 0.0
    for channel in range(3):
        irradiance, sheen = lit(basis, light, channel)
        g = _linear_gradient(albedo[channel] * irradiance + sheen, color[channel], g_color[channel])
        if g == 0.0:
            continue
        g_irradiance = g * albedo[channel]
        if learning:
            g_albedo[channel] += g * irradiance
            for j in range(9):
                g_light[j, channel] += basis[j] * g_irradiance
            for j in range(4):
                g_light[9 + j, channel] += basis[j] * g
        xy, yz, zz = g_irradiance * light[4, channel], g_irradiance * light[5, channel], g_irradiance * light[6, channel]
        xz, difference = g_irradiance * light[7, channel], 2 * g_irradiance * light[8, channel]
        g_x += g_irradiance * light[1, channel] + g * light[10, channel] + y * xy + z * xz + x * difference
        g_y += g_irradiance * light[2, channel] + g * light[11, channel] + x * xy + z * yz - y * difference
        g_z += g_irradiance * light[3, channel] + g * light[12, channel] + y * yz + 6 * z * zz + x * xz
    return g_x, g_y, g_z


@njit(forceinline=True, error_model="numpy")
def _edge_gradient(start, end, rest, edge, g):
    """Gradient of an edge's vector where that of the squared relative change of its length is `g`."""
    x, y, z = plus(end, -1.0, start)
    x, y, z = x + NO_EDGE, y + NO_EDGE, z + NO_EDGE
    length = math.sqrt(x * x + y * y + z * z)
    by = 2 * g * (length - rest[EDGES + edge]) / (rest[YARDSTICK + edge] ** 2 * length)
    return by * x, by * y, by * z


@njit(forceinline=True, error_model="numpy")
def _turn_gradient(along, across, face, row, rotation, turn, g_quaternion, g_turn):
    """Adds to the gradient of how the part is turned (13,); returns that of the triangle's frame."""
    axes, part = axes_of_part(row, rotation), quaternion(turn, 0)
    left, norm, raised = small_turn(along, across, face, axes)
    g_both = product(g_quaternion, conjugate(quaternion(row, QUATERNION)))
    g_part, g_left = product(conjugate(left), g_both), product(g_both, conjugate(part))
    for j in range(4):
        g_turn[9 + j] += g_part[j]
    inward = left[0] * g_left[0] + left[1] * g_left[1] + left[2] * g_left[2] + left[3] * g_left[3]
    g_real = 0.0 if raised else (g_left[0] - inward * left[0]) / norm
    g = (g_left[1] - inward * left[1]) / norm, (g_left[2] - inward * left[2]) / norm, (g_left[3] - inward * left[3]) / norm
    columns = along, across, face
    for k in range(3):
        back = cross(g, columns[k])
        for i in range(3):
            g_axis = g_real * columns[k][i] - back[i]
            for j in range(3):
                g_turn[3 * i + j] += g_axis * row[FRAME + 3 * k + j]
    return (
        plus(cross(g, axes[0]), g_real, axes[0]),
        plus(cross(g, axes[1]), g_real, axes[1]),
        plus(cross(g, axes[2]), g_real, axes[2]),
    )


@njit(forceinline=True)
def _corner_gradient(affine, g, g_corner):
    """Fills a corner's gradient (3,) with `g`; returns that of its place before it was moved by `affine` (12,)."""
    g_corner[0], g_corner[1], g_corner[2] = g
    return (
        affine[0] * g[0] + affine[3] * g[1] + affine[6] * g[2],
        affine[1] * g[0] + affine[4] * g[1] + affine[7] * g[2],
        affine[2] * g[0] + affine[5] * g[1] + affine[8] * g[2],
    )


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def ride_backward(
    part, parts, affine, rotation, turn, offset, rest, corner, holder, albedo, light,
    colors, g_means, g_quats, g_colors, g_stretch, moving, learning, g_corners, g_turn, g_offset, g_albedo, g_light,
):  # fmt: skip
    """Arguments up to `light` as of `ride_kernel`; then the gradients of what it fills, where `g_stretch` (T,) is that of the sums.

    Args:
        colors: as it filled them.
        moving: whether the gradients of corners, turns and offsets are asked for.
        learning: the same of albedo and light.
        g_corners, g_offset: to be filled, (N, T, 3, 3) of where the corners are moved, and the shape of `offset`.
        g_turn, g_light: to be filled, of every block: (blocks, T, K, 13) and (blocks, 13, 3), zeros.
        g_albedo: to be filled, (N, 3) zeros.
    """
    count, frames = rest.shape[0], affine.shape[1]
    for block in range(part, g_light.shape[0], parts):
        for t in range(frames):
            for n in range(block * BLOCK, min(count, (block + 1) * BLOCK)):
                row, held = rest[n], holder[n]
                places = places_at_rest(row, offset, t, n)
                a, b, c = carried(affine, corner[n], t, places)
                along, across, face, first, second, length, area = frame_of(a, b, c)
                inset, normal = vector(row, INSET), vector(row, NORMAL)
                g_mean = vector(g_means[t, n], 0)
                facing, g_color = mixed(normal, along, across, face), vector(g_colors[t, n], 0)
                g_normal = _light_gradient(facing, albedo[n], light, colors[t, n], g_color, learning, g_albedo[n], g_light[block])
                if not moving:
                    continue
                g_along, g_across, g_face = _turn_gradient(
                    along, across, face, row, rotation[t, held], turn[t, held], quaternion(g_quats[t, n], 0), g_turn[block, t, held]
                )
                g_along = plus(plus(g_along, inset[0], g_mean), normal[0], g_normal)
                g_across = plus(plus(g_across, inset[1], g_mean), normal[1], g_normal)
                g_face = plus(plus(g_face, inset[2], g_mean), normal[2], g_normal)
                # across = face x along
                g_face = plus(g_face, 1.0, cross(along, g_across))
                g_along = plus(g_along, 1.0, cross(g_across, face))
                g_product = unit_gradient(face, area, g_face)
                g_first = plus(unit_gradient(along, length, g_along), 1.0, cross(second, g_product))
                g_second = cross(g_product, first)
                sides = (
                    _edge_gradient(a, b, row, 0, g_stretch[t]),
                    _edge_gradient(b, c, row, 1, g_stretch[t]),
                    _edge_gradient(c, a, row, 2, g_stretch[t]),
                )
                g_a = plus(plus(plus(plus(sides[2], -1.0, sides[0]), row[BARYCENTRIC], g_mean), -1.0, g_first), -1.0, g_second)
                g_b = plus(plus(plus(sides[0], -1.0, sides[1]), row[BARYCENTRIC + 1], g_mean), 1.0, g_first)
                g_c = plus(plus(plus(sides[1], -1.0, sides[2]), row[BARYCENTRIC + 2], g_mean), 1.0, g_second)
                by_a = _corner_gradient(affine[corner[n, 0], t], g_a, g_corners[n, t, 0])
                by_b = _corner_gradient(affine[corner[n, 1], t], g_b, g_corners[n, t, 1])
                by_c = _corner_gradient(affine[corner[n, 2], t], g_c, g_corners[n, t, 2])
                if offset.shape[0] > 0:
                    g_offset[t, n] = plus(plus(by_a, 1.0, by_b), 1.0, by_c)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def gather(part, parts, offset, rest, first, place, g_corners, g_affine):
    """Fills the gradient of the vertices' affine maps (V, T, 12) from that of the corners that are them, see `ride_backward`.

    Args:
        first, place: see `function.Rider`.
    """
    frames = g_affine.shape[1]
    for vertex in range(part, len(first) - 1, parts):
        g_affine[vertex] = 0.0
        for index in range(first[vertex], first[vertex + 1]):
            n, which = place[index] // 3, place[index] % 3
            for t in range(frames):
                into, at, g = g_affine[vertex, t], places_at_rest(rest[n], offset, t, n)[which], g_corners[n, t, which]
                for i in range(3):
                    into[9 + i] += g[i]
                    for j in range(3):
                        into[3 * i + j] += g[i] * at[j]
