"""Triton kernels: the gradient of those in `surface`, whose steps they repeat in the place of keeping them."""

from __future__ import annotations

import triton
import triton.language as tl

from ...motion.cuda.tree import swirl
from ...motion.cuda.vectors import conjugate, cross, load3, load_part, plus, product, store3, turned_back, unit_gradient
from .surface import (
    BARYCENTRIC,
    EDGES,
    INSET,
    NORMAL,
    YARDSTICK,
    axes_at_rest,
    depth_moved,
    edge,
    frame_of,
    lit,
    moved_corners,
    normal_of,
    quaternion_at_rest,
    rest3,
    small_turn,
)

_DARKEST = tl.constexpr(1e-5)


@triton.jit
def _linear_gradient(linear, color, g):
    """Gradient of a linear value from that of its sRGB, which is `color`."""
    slope = tl.where(linear <= 0.0031308, 12.92, (color + 0.055) / (2.4 * tl.maximum(linear, 0.0031308)))
    return tl.where((linear <= _DARKEST) | (linear > 1.0), 0.0, slope * g)


@triton.jit
def _normal_gradient(normal, light, channel, g_irradiance, g):
    """Gradient of the normal from those of a channel's irradiance and sheen."""
    x, y, z = normal
    at = light + channel
    xy, yz, zz = g_irradiance * tl.load(at + 12), g_irradiance * tl.load(at + 15), g_irradiance * tl.load(at + 18)
    xz, difference = g_irradiance * tl.load(at + 21), 2 * g_irradiance * tl.load(at + 24)
    return (
        g_irradiance * tl.load(at + 3) + g * tl.load(at + 30) + y * xy + z * xz + x * difference,
        g_irradiance * tl.load(at + 6) + g * tl.load(at + 33) + x * xy + z * yz - y * difference,
        g_irradiance * tl.load(at + 9) + g * tl.load(at + 36) + y * yz + 6 * z * zz + x * xz,
    )


@triton.jit
def _add_light(g_light, normal, g_irradiance, g, channel):
    """The gradient of one channel of the light (13, 3), summed over the block."""
    x, y, z = normal
    at = g_light + channel
    tl.store(at, tl.sum(g_irradiance))
    tl.store(at + 3, tl.sum(g_irradiance * x))
    tl.store(at + 6, tl.sum(g_irradiance * y))
    tl.store(at + 9, tl.sum(g_irradiance * z))
    tl.store(at + 12, tl.sum(g_irradiance * x * y))
    tl.store(at + 15, tl.sum(g_irradiance * y * z))
    tl.store(at + 18, tl.sum(g_irradiance * (3 * z * z - 1)))
    tl.store(at + 21, tl.sum(g_irradiance * x * z))
    tl.store(at + 24, tl.sum(g_irradiance * (x * x - y * y)))
    tl.store(at + 27, tl.sum(g))
    tl.store(at + 30, tl.sum(g * x))
    tl.store(at + 33, tl.sum(g * y))
    tl.store(at + 36, tl.sum(g * z))


@triton.jit
def _turn_gradient(along, across, face, rest, n, count, part, g_quaternion, mask):
    """Gradients of the triangle's frame, and the torque on the part that holds it."""
    turn, rotation, _ = part
    axes = axes_at_rest(rest, n, count, rotation, mask)
    left, norm, raised = small_turn(along, across, face, axes)
    g_both = product(g_quaternion, conjugate(quaternion_at_rest(rest, n, count, mask)))
    torque = swirl(turn, product(conjugate(left), g_both))
    g_left = product(g_both, conjugate(turn))
    inward = left[0] * g_left[0] + left[1] * g_left[1] + left[2] * g_left[2] + left[3] * g_left[3]
    g_real = tl.where(raised, 0.0, (g_left[0] - inward * left[0]) / norm)
    g = ((g_left[1] - inward * left[1]) / norm, (g_left[2] - inward * left[2]) / norm, (g_left[3] - inward * left[3]) / norm)
    # a turn of the part turns the axes, whose gradients are g_real times the frame's columns less their cross products with g
    for_along = (g_real * along[0], g_real * along[1], g_real * along[2])
    for_across = (g_real * across[0], g_real * across[1], g_real * across[2])
    for_face = (g_real * face[0], g_real * face[1], g_real * face[2])
    torque = plus(torque, 1.0, cross(axes[0], plus(for_along, -1.0, cross(g, along))))
    torque = plus(torque, 1.0, cross(axes[1], plus(for_across, -1.0, cross(g, across))))
    torque = plus(torque, 1.0, cross(axes[2], plus(for_face, -1.0, cross(g, face))))
    g_along = plus(cross(g, axes[0]), g_real, axes[0])
    return g_along, plus(cross(g, axes[1]), g_real, axes[1]), plus(cross(g, axes[2]), g_real, axes[2]), torque


@triton.jit
def _edge_gradient(a, b, rest, which, n, count, g, mask):
    """Gradient of an edge's vector where that of the squared relative change of its length is `g`."""
    between, length = edge(a, b)
    yardstick = tl.load(rest + (YARDSTICK + which) * count + n, mask=mask, other=1.0)
    by = 2 * g * (length - tl.load(rest + (EDGES + which) * count + n, mask=mask, other=0.0)) / (yardstick * yardstick * length)
    return by * between[0], by * between[1], by * between[2]


@triton.jit
def shade_backward_kernel(
    corners, rest, albedo, light, colors, g_colors, g_normals, g_albedo, g_light, count, blocks, BLOCK: tl.constexpr, LEARNING: tl.constexpr
):
    """Fills `g_normals` (B, 3, N) from the gradient of colors; where it is `LEARNING`, `g_albedo` (B, N, 3) and `g_light` (B, blocks, 13, 3), too."""
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    row = pose * count + n
    normal = normal_of(corners, rest, pose, n, count, mask)
    g_normal = (tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32))
    for channel in tl.static_range(3):
        irradiance, sheen = lit(normal, light, channel)
        own = tl.load(albedo + 3 * n + channel, mask=mask, other=0.0)
        color, g = tl.load(colors + 3 * row + channel, mask=mask, other=0.0), tl.load(g_colors + 3 * row + channel, mask=mask, other=0.0)
        g = _linear_gradient(own * irradiance + sheen, color, g)
        g_normal = plus(g_normal, 1.0, _normal_gradient(normal, light, channel, own * g, g))
        if LEARNING:
            tl.store(g_albedo + 3 * row + channel, irradiance * g, mask=mask)
            _add_light(g_light + (pose * blocks + block) * 39, normal, own * g, g, channel)
    for i in tl.static_range(3):
        tl.store(g_normals + (pose * 3 + i) * count + n, g_normal[i], mask=mask)


@triton.jit
def turn_backward_kernel(
    parts, corners, rest, holder, at_rest, frames, views, reach, means, g_means, g_quats, g_normals, g_frames, g_holder, drifts,
    number, count, blocks, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fills `g_frames` (B, 12, N), gradients of the columns of the triangles' frames and of the means, and `g_holder` (B, 3, N), torques on
    the parts that hold them; arguments up to `means` as of `ride_kernel`, then gradients, the last of `shade_backward_kernel`."""
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    row = pose * count + n
    a, b, c = moved_corners(corners, pose, n, count, mask)
    along, across, face, _, _, _, _ = frame_of(a, b, c)
    g_mean = load3(g_means, row, mask)
    if drifts > 0:
        view = views + tl.load(frames + pose) * 8
        away = depth_moved(load3(means, row, mask), load3(at_rest, n, mask), view)
        square = away * away + reach * reach
        lean = 2 * tl.load(view + 3) * away * reach * reach / (square * square) / count
        g_mean = plus(g_mean, 1.0, (lean * tl.load(view + 4), lean * tl.load(view + 5), lean * tl.load(view + 6)))
    at = g_quats + 4 * row
    g_quaternion = (
        tl.load(at, mask=mask, other=0.0),
        tl.load(at + 1, mask=mask, other=0.0),
        tl.load(at + 2, mask=mask, other=0.0),
        tl.load(at + 3, mask=mask, other=0.0),
    )
    part = load_part(parts, pose * number + tl.load(holder + n, mask=mask, other=0), mask)
    g_along, g_across, g_face, torque = _turn_gradient(along, across, face, rest, n, count, part, g_quaternion, mask)
    inset, at_normal = rest3(rest, INSET, n, count, mask), rest3(rest, NORMAL, n, count, mask)
    g_normal = rest3(g_normals + pose * 3 * count, 0, n, count, mask)
    g_along = plus(plus(g_along, inset[0], g_mean), at_normal[0], g_normal)
    g_across = plus(plus(g_across, inset[1], g_mean), at_normal[1], g_normal)
    g_face = plus(plus(g_face, inset[2], g_mean), at_normal[2], g_normal)
    into = g_frames + pose * 12 * count + n
    for i in tl.static_range(3):
        tl.store(into + i * count, g_along[i], mask=mask)
        tl.store(into + (3 + i) * count, g_across[i], mask=mask)
        tl.store(into + (6 + i) * count, g_face[i], mask=mask)
        tl.store(into + (9 + i) * count, g_mean[i], mask=mask)
        tl.store(g_holder + (pose * 3 + i) * count + n, torque[i], mask=mask)


@triton.jit
def ride_backward_kernel(corners, rest, g_frames, g_stretch, g_corners, count, blocks, BLOCK: tl.constexpr):
    """Fills `g_corners` (B, 9, N), gradients of where the corners are moved, from `turn_backward_kernel` and that of the stretch (B,)."""
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    a, b, c = moved_corners(corners, pose, n, count, mask)
    along, _, face, ab, ac, length, area = frame_of(a, b, c)
    own = g_frames + pose * 12 * count
    g_along, g_across = rest3(own, 0, n, count, mask), rest3(own, 3, n, count, mask)
    g_face, g_mean = rest3(own, 6, n, count, mask), rest3(own, 9, n, count, mask)
    # across = face x along
    g_face = plus(g_face, 1.0, cross(along, g_across))
    g_along = plus(g_along, 1.0, cross(g_across, face))
    g_product = unit_gradient(face, area, g_face)
    g_ab = plus(unit_gradient(along, length, g_along), 1.0, cross(ac, g_product))
    g_ac = cross(g_product, ab)
    by_stretch = tl.load(g_stretch + pose) / (3.0 * count)
    side_ab = _edge_gradient(a, b, rest, 0, n, count, by_stretch, mask)
    side_bc = _edge_gradient(b, c, rest, 1, n, count, by_stretch, mask)
    side_ca = _edge_gradient(c, a, rest, 2, n, count, by_stretch, mask)
    share = rest3(rest, BARYCENTRIC, n, count, mask)
    g_a = plus(plus(plus(plus(side_ca, -1.0, side_ab), share[0], g_mean), -1.0, g_ab), -1.0, g_ac)
    g_b = plus(plus(plus(side_ab, -1.0, side_bc), share[1], g_mean), 1.0, g_ab)
    g_c = plus(plus(plus(side_bc, -1.0, side_ca), share[2], g_mean), 1.0, g_ac)
    into = g_corners + pose * 9 * count + n
    for i in tl.static_range(3):
        tl.store(into + i * count, g_a[i], mask=mask)
        tl.store(into + (3 + i) * count, g_b[i], mask=mask)
        tl.store(into + (6 + i) * count, g_c[i], mask=mask)


@triton.jit
def offset_kernel(
    parts, corner, first, carriers, weights, g_corners, g_offset, number, count, blocks, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fills `g_offset` (B, N, 3), the gradient of what moves triangles before they follow their parts; arguments as of `corner_kernel`."""
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    x, y, z = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    which = 0
    while which < 3:
        g = rest3(g_corners + (pose * 9 + 3 * which) * count, 0, n, count, mask)
        vertex = tl.load(corner + 3 * n + which, mask=mask, other=0)
        begin, end = tl.load(first + vertex, mask=mask, other=0), tl.load(first + vertex + 1, mask=mask, other=0)
        most, t = tl.max(end - begin), 0
        while t < most:
            here = mask & (begin + t < end)
            weight = tl.load(weights + begin + t, mask=here, other=0.0)
            _, rotation, _ = load_part(parts, pose * number + tl.load(carriers + begin + t, mask=here, other=0), here)
            back = turned_back(rotation, g)
            x, y, z = x + weight * back[0], y + weight * back[1], z + weight * back[2]
            t += 1
        which += 1
    store3(g_offset, pose * count + n, (x, y, z), mask)
