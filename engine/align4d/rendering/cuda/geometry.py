"""Triton kernels: 3D Gaussians to 2D and the gradient back; the same formulae as `rendering.projection`, in float32.

A projected Gaussian ("splat") is a row of 12 float32: mean x, mean y, slope, falloff x, falloff y, log2 opacity, red,
green, blue, three unused. With d = pixel - mean and u = d.x - slope * d.y, its alpha is
2^(log2 opacity - falloff x * u^2 - falloff y * d.y^2).
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from ..types import ALPHA_CUT, CLAMP_MARGIN

SPLAT_WIDTH = 12
SLOT_WIDTH = 9
SHARED_WIDTH = 12
"""Of a gradient slot, and of one in which pictures are shared out as well."""

_WIDTH = tl.constexpr(SPLAT_WIDTH)
_SLOT = tl.constexpr(SLOT_WIDTH)
_CUT = tl.constexpr(ALPHA_CUT)
_MARGIN = tl.constexpr(0.5 * CLAMP_MARGIN)
_LOG2_CUT = tl.constexpr(math.log2(ALPHA_CUT))
_TWO_LN_2 = tl.constexpr(2.0 * math.log(2.0))
_HALF_LOG2_E = tl.constexpr(0.5 / math.log(2.0))


@triton.jit
def _load3(base, index, mask):
    return (
        tl.load(base + index * 3, mask=mask, other=0.0),
        tl.load(base + index * 3 + 1, mask=mask, other=0.0),
        tl.load(base + index * 3 + 2, mask=mask, other=0.0),
    )


@triton.jit
def _load_rotation(quats, index, mask):
    """The rotation matrix's nine entries, the unit quaternion, and 1 / norm of the given one."""
    w = tl.load(quats + index * 4, mask=mask, other=1.0)
    x = tl.load(quats + index * 4 + 1, mask=mask, other=0.0)
    y = tl.load(quats + index * 4 + 2, mask=mask, other=0.0)
    z = tl.load(quats + index * 4 + 3, mask=mask, other=0.0)
    inverse = 1.0 / tl.maximum(tl.sqrt(w * w + x * x + y * y + z * z), 1e-12)
    w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
    matrix = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return matrix, (w, x, y, z), inverse


@triton.jit
def _load_camera(cameras, c, mask):
    """Rotation rows, translation, and fx, fy, cx, cy: 16 float32 a camera."""
    base = cameras + c * 16
    r0 = (tl.load(base, mask=mask, other=0.0), tl.load(base + 1, mask=mask, other=0.0), tl.load(base + 2, mask=mask, other=0.0))
    r1 = (tl.load(base + 3, mask=mask, other=0.0), tl.load(base + 4, mask=mask, other=0.0), tl.load(base + 5, mask=mask, other=0.0))
    r2 = (tl.load(base + 6, mask=mask, other=0.0), tl.load(base + 7, mask=mask, other=0.0), tl.load(base + 8, mask=mask, other=0.0))
    t = (tl.load(base + 9, mask=mask, other=0.0), tl.load(base + 10, mask=mask, other=0.0), tl.load(base + 11, mask=mask, other=0.0))
    k = (
        tl.load(base + 12, mask=mask, other=1.0),
        tl.load(base + 13, mask=mask, other=1.0),
        tl.load(base + 14, mask=mask, other=0.0),
        tl.load(base + 15, mask=mask, other=0.0),
    )
    return r0, r1, r2, t, k


@triton.jit
def _dot3(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@triton.jit
def _clamped_ratio(ratio, focal, center, extent):
    margin = extent / focal * _MARGIN
    return tl.minimum(tl.maximum(ratio, -(center / focal + margin)), (extent - center) / focal + margin)


@triton.jit
def _factor(first, third, row, row_z, m, s):
    """One row of J W, and of J W R S."""
    p = (first * row[0] + third * row_z[0], first * row[1] + third * row_z[1], first * row[2] + third * row_z[2])
    a = (
        (p[0] * m[0] + p[1] * m[3] + p[2] * m[6]) * s[0],
        (p[0] * m[1] + p[1] * m[4] + p[2] * m[7]) * s[1],
        (p[0] * m[2] + p[1] * m[5] + p[2] * m[8]) * s[2],
    )
    return p, a


@triton.jit
def _covariance(a, b, low_pass):
    """xx, xy, yy and the determinant (sum of squared minors: no cancellation) of the low-passed covariance."""
    xx, xy, yy = _dot3(a, a), _dot3(a, b), _dot3(b, b)
    m0, m1, m2 = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    determinant = m0 * m0 + m1 * m1 + m2 * m2 + low_pass * (xx + yy) + low_pass * low_pass
    return xx + low_pass, xy, yy + low_pass, determinant


@triton.jit
def project_kernel(
    means, quats, scales, opacities, colors, cameras, splats, depths, rects, counts,
    total, count, height, width, near, low_pass, views_c, views_r, views_s, views_o, views_k,
    TILE_X: tl.constexpr, TILE_Y: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Splat rows, depths, tile rectangles (x0, y0, x1, y1; end exclusive; 4 arrays) and tile counts of C * N Gaussians.

    `views_*` is the number of cameras that share one set of that tensor.
    """
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < total
    c, n = i // count, i % count
    row_x, row_y, row_z, t, k = _load_camera(cameras, c, mask)
    world = _load3(means, (c // views_c) * count + n, mask)
    x, y, z = _dot3(row_x, world) + t[0], _dot3(row_y, world) + t[1], _dot3(row_z, world) + t[2]
    opacity = tl.load(opacities + (c // views_o) * count + n, mask=mask, other=0.0)
    seen = mask & (z >= near) & (opacity >= _CUT)
    z = tl.where(seen, z, 1.0)
    m, _, _ = _load_rotation(quats, (c // views_r) * count + n, mask)
    s = _load3(scales, (c // views_s) * count + n, mask)
    _, a = _factor(k[0] / z, -k[0] * _clamped_ratio(x / z, k[0], k[2], width) / z, row_x, row_z, m, s)
    _, b = _factor(k[1] / z, -k[1] * _clamped_ratio(y / z, k[1], k[3], height) / z, row_y, row_z, m, s)
    xx, xy, yy, determinant = _covariance(a, b, low_pass)
    mean_x, mean_y = k[0] * x / z + k[2], k[1] * y / z + k[3]
    log2_opacity = tl.log2(tl.maximum(opacity, _CUT))
    squared = (log2_opacity - _LOG2_CUT) * _TWO_LN_2
    # A hundredth of a pixel more than exact, so that rounding here never cuts what the alpha test would keep.
    reach_x, reach_y = tl.sqrt(tl.maximum(squared * xx, 0.0)) + 0.01, tl.sqrt(tl.maximum(squared * yy, 0.0)) + 0.01
    seen = seen & (determinant > 0) & (mean_x + reach_x > 0) & (mean_y + reach_y > 0)
    seen = seen & (mean_x - reach_x < width) & (mean_y - reach_y < height)
    x0, x1 = tl.maximum(mean_x - reach_x, 0.0), tl.minimum(mean_x + reach_x, width - 1.0)
    y0, y1 = tl.maximum(mean_y - reach_y, 0.0), tl.minimum(mean_y + reach_y, height - 1.0)
    x0, x1 = tl.where(seen, x0, 0.0).to(tl.int32) // TILE_X, tl.where(seen, x1, 0.0).to(tl.int32) // TILE_X + 1
    y0, y1 = tl.where(seen, y0, 0.0).to(tl.int32) // TILE_Y, tl.where(seen, y1, 0.0).to(tl.int32) // TILE_Y + 1
    tl.store(rects + i, x0, mask=mask)
    tl.store(rects + total + i, y0, mask=mask)
    tl.store(rects + 2 * total + i, x1, mask=mask)
    tl.store(rects + 3 * total + i, y1, mask=mask)
    tl.store(counts + i, tl.where(seen, (x1 - x0) * (y1 - y0), 0), mask=mask)
    tl.store(depths + i, z, mask=mask)
    row = splats + i.to(tl.int64) * _WIDTH
    tl.store(row, mean_x, mask=seen)
    tl.store(row + 1, mean_y, mask=seen)
    tl.store(row + 2, xy / yy, mask=seen)
    tl.store(row + 3, yy / determinant * _HALF_LOG2_E, mask=seen)
    tl.store(row + 4, 1.0 / yy * _HALF_LOG2_E, mask=seen)
    tl.store(row + 5, log2_opacity, mask=seen)
    color = _load3(colors, (c // views_k) * count + n, seen)
    tl.store(row + 6, color[0], mask=seen)
    tl.store(row + 7, color[1], mask=seen)
    tl.store(row + 8, color[2], mask=seen)
