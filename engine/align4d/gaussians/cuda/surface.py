"""Triton kernels: from how the parts stand to where Gaussians on triangles are, how they are turned, and their colors.

As `gaussians.fused.forward`, but for the vertices: each corner is moved by the parts that carry it, so that no map of a vertex is kept.
Triton takes the longer to compile a kernel, the more memory it reads, by the square: hence several.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ...motion.cuda.vectors import cross, dot, load3, load_part, mixed, plus, product, store3, turned, unit

CORNERS, BARYCENTRIC, INSET, NORMAL, FRAME, EDGES, YARDSTICK, QUATERNION = (tl.constexpr(start) for start in (0, 9, 12, 15, 18, 27, 30, 33))
"""Of a row of what does not change, see `gaussians.fused.Rider`; here (37, N)."""

_LEAST_REAL = tl.constexpr(1e-3)
_NO_EDGE = tl.constexpr(1e-9)
_DARKEST = tl.constexpr(1e-5)


@triton.jit
def rest3(rest, row, n, count, mask):
    """Three rows of what does not change (37, N)."""
    at = rest + row * count + n
    return tl.load(at, mask=mask, other=0.0), tl.load(at + count, mask=mask, other=0.0), tl.load(at + 2 * count, mask=mask, other=0.0)


@triton.jit
def corner_kernel(parts, offset, rest, corner, first, carriers, weights, corners, has_offset, number, count, blocks, BLOCK: tl.constexpr):
    """Fills `corners` (B, 9, N), where the parts that carry its vertex move each corner of each triangle.

    Args:
        parts: (B, K, 16), see `motion.cuda.tree`.
        offset: (B, N, 3), moves a triangle before it follows its parts, where there is one.
        rest, corner: as of `gaussians.fused.Rider`, the first (37, N).
        first, carriers, weights: see `seats`.
    """
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    c = block * BLOCK + tl.arange(0, BLOCK)
    mask = c < 3 * count
    which, n = c // count, c % count
    place = rest3(rest + which * 3 * count, CORNERS, n, count, mask)
    if has_offset > 0:
        place = plus(place, 1.0, load3(offset, pose * count + n, mask))
    vertex = tl.load(corner + 3 * n + which, mask=mask, other=0)
    # four carriers at a time: one after the other, each would wait for memory twice
    column = tl.arange(0, 4)[None, :]
    place = (place[0][:, None], place[1][:, None], place[2][:, None])
    x, y, z = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    begin, end = tl.load(first + vertex, mask=mask, other=0), tl.load(first + vertex + 1, mask=mask, other=0)
    most, t = tl.max(end - begin), 0
    while t < most:
        at = begin[:, None] + t + column
        here = mask[:, None] & (at < end[:, None])
        weight = tl.load(weights + at, mask=here, other=0.0)
        _, rotation, moved = load_part(parts, pose * number + tl.load(carriers + at, mask=here, other=0), here)
        there = plus(moved, 1.0, turned(rotation, place))
        x, y, z = x + tl.sum(weight * there[0], 1), y + tl.sum(weight * there[1], 1), z + tl.sum(weight * there[2], 1)
        t += 4
    into = corners + (pose * 9 + 3 * which) * count + n
    tl.store(into, x, mask=mask)
    tl.store(into + count, y, mask=mask)
    tl.store(into + 2 * count, z, mask=mask)


@triton.jit
def moved_corners(corners, pose, n, count, mask):
    """The three of each triangle."""
    own = corners + pose * 9 * count
    return rest3(own, 0, n, count, mask), rest3(own, 3, n, count, mask), rest3(own, 6, n, count, mask)


@triton.jit
def frame_of(a, b, c):
    """The columns of a triangle's frame, with its first two edges, the length of the first and that of their product."""
    first, second = plus(b, -1.0, a), plus(c, -1.0, a)
    along, length = unit(first)
    face, area = unit(cross(first, second))
    return along, cross(face, along), face, first, second, length, area


@triton.jit
def small_turn(along, across, face, axes):
    """The unit quaternion from a part's axes to a triangle's frame, its norm before, and whether its real part was raised."""
    real = 1.0 + dot(along, axes[0]) + dot(across, axes[1]) + dot(face, axes[2])
    x, y, z = plus(plus(cross(axes[0], along), 1.0, cross(axes[1], across)), 1.0, cross(axes[2], face))
    w = tl.maximum(real, _LEAST_REAL)
    norm = tl.sqrt(w * w + x * x + y * y + z * z)
    return (w / norm, x / norm, y / norm, z / norm), norm, real < _LEAST_REAL


@triton.jit
def axes_at_rest(rest, n, count, rotation, mask):
    """The columns of a triangle's frame at rest, turned as the part is that holds it."""
    first, second = turned(rotation, rest3(rest, FRAME, n, count, mask)), turned(rotation, rest3(rest, FRAME + 3, n, count, mask))
    return first, second, turned(rotation, rest3(rest, FRAME + 6, n, count, mask))


@triton.jit
def quaternion_at_rest(rest, n, count, mask):
    """The Gaussian's own."""
    at = rest + QUATERNION * count + n
    return (
        tl.load(at, mask=mask, other=1.0),
        tl.load(at + count, mask=mask, other=0.0),
        tl.load(at + 2 * count, mask=mask, other=0.0),
        tl.load(at + 3 * count, mask=mask, other=0.0),
    )


@triton.jit
def edge(a, b):
    """An edge's vector and length."""
    between = plus(b, -1.0, a)
    between = (between[0] + _NO_EDGE, between[1] + _NO_EDGE, between[2] + _NO_EDGE)
    return between, tl.sqrt(dot(between, between))


@triton.jit
def lit(normal, light, channel):
    """Irradiance and sheen of one channel; `light` (13, 3), see `alignment.lighting`."""
    x, y, z = normal
    at = light + channel
    irradiance = tl.load(at) + tl.load(at + 3) * x + tl.load(at + 6) * y + tl.load(at + 9) * z + tl.load(at + 12) * (x * y)
    irradiance += tl.load(at + 15) * (y * z) + tl.load(at + 18) * (3 * z * z - 1)
    irradiance += tl.load(at + 21) * (x * z) + tl.load(at + 24) * (x * x - y * y)
    return irradiance, tl.load(at + 27) + tl.load(at + 30) * x + tl.load(at + 33) * y + tl.load(at + 36) * z


@triton.jit
def srgb(linear):
    """As `alignment.lighting.to_srgb`, and no more than 1."""
    bright = 1.055 * tl.exp2(tl.log2(tl.maximum(linear, 0.0031308)) / 2.4) - 0.055
    return tl.where(linear <= 0.0031308, tl.maximum(linear, _DARKEST) * 12.92, tl.minimum(bright, 1.0))


@triton.jit
def depth_moved(mean, at_rest, view):
    """How far a place has moved in depth; `view` is a row of `pictures`."""
    moved = plus(mean, -1.0, at_rest)
    return moved[0] * tl.load(view + 4) + moved[1] * tl.load(view + 5) + moved[2] * tl.load(view + 6)


@triton.jit
def ride_kernel(
    parts, corners, rest, holder, at_rest, frames, views, reach, means, quats, of_surface, drifts,
    number, count, blocks, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fills means (B, N, 3), quaternions (B, N, 4) and `of_surface` (B, blocks, 2): the parts of what a pose stretches the
    surface and, where that `drifts`, moves it in depth, both means over the surface.

    Args:
        parts, corners: see `corner_kernel`.
        rest, holder: see `seats`.
        at_rest: (N, 3), where means rest; reach: see `PoseCost`.
        frames, views: see `alignment.cuda.pictures`.
    """
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    a, b, c = moved_corners(corners, pose, n, count, mask)
    yardstick, edges = rest3(rest, YARDSTICK, n, count, mask), rest3(rest, EDGES, n, count, mask)
    _, ab = edge(a, b)
    _, bc = edge(b, c)
    _, ca = edge(c, a)
    changed = ((ab - edges[0]) / yardstick[0], (bc - edges[1]) / yardstick[1], (ca - edges[2]) / yardstick[2])
    tl.store(of_surface + (pose * blocks + block) * 2, tl.sum(tl.where(mask, dot(changed, changed), 0.0)) / (3.0 * count))
    along, across, face, _, _, _, _ = frame_of(a, b, c)
    inset = mixed(rest3(rest, INSET, n, count, mask), along, across, face)
    mean = plus(mixed(rest3(rest, BARYCENTRIC, n, count, mask), a, b, c), 1.0, inset)
    store3(means, pose * count + n, mean, mask)
    turn, rotation, _ = load_part(parts, pose * number + tl.load(holder + n, mask=mask, other=0), mask)
    left, _, _ = small_turn(along, across, face, axes_at_rest(rest, n, count, rotation, mask))
    quaternion = product(product(left, turn), quaternion_at_rest(rest, n, count, mask))
    for i in tl.static_range(4):
        tl.store(quats + (pose * count + n) * 4 + i, quaternion[i], mask=mask)
    if drifts > 0:
        away = depth_moved(mean, load3(at_rest, n, mask), views + tl.load(frames + pose) * 8)
        drift = tl.where(mask, away * away / (away * away + reach * reach), 0.0)
        tl.store(of_surface + (pose * blocks + block) * 2 + 1, tl.sum(drift) / count)


@triton.jit
def normal_of(corners, rest, pose, n, count, mask):
    """The shading normal of each Gaussian."""
    a, b, c = moved_corners(corners, pose, n, count, mask)
    along, across, face, _, _, _, _ = frame_of(a, b, c)
    return mixed(rest3(rest, NORMAL, n, count, mask), along, across, face)


@triton.jit
def shade_kernel(corners, rest, albedo, light, colors, count, blocks, BLOCK: tl.constexpr):
    """Fills sRGB (B, N, 3) of surfaces of albedo (N, 3) in a light (13, 3); for `corners` and `rest` see `corner_kernel`."""
    pose, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    n = block * BLOCK + tl.arange(0, BLOCK)
    mask = n < count
    normal = normal_of(corners, rest, pose, n, count, mask)
    for channel in tl.static_range(3):
        irradiance, sheen = lit(normal, light, channel)
        linear = tl.load(albedo + 3 * n + channel, mask=mask, other=0.0) * irradiance + sheen
        tl.store(colors + (pose * count + n) * 3 + channel, srgb(linear), mask=mask)
