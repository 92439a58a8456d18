"""Triton kernel: the gradient of the projection, from the tiles' gradient slots back to the 3D Gaussians."""

from __future__ import annotations

import triton
import triton.language as tl

from .geometry import _SLOT, _clamped_ratio, _covariance, _dot3, _factor, _load3, _load_camera, _load_rotation


@triton.jit
def _image_gradient(sums, a, b, low_pass):
    """Gradient of the image mean (x, y) and of the image covariance (xx, xy, yy) from the slot sums."""
    _, xy, yy, determinant = _covariance(a, b, low_pass)
    slope, precision_y, precision_x = xy / yy, 1.0 / yy, yy / determinant
    mean_x = precision_x * sums[1]
    mean_y = precision_y * sums[2] - slope * mean_x
    conditional = 0.5 * precision_x * precision_x * sums[3]  # gradient of xx - xy^2 / yy
    g_slope = precision_x * sums[4]
    g_xy = -2.0 * slope * conditional + g_slope / yy
    g_yy = slope * slope * conditional - g_slope * slope / yy + 0.5 * precision_y * precision_y * sums[5]
    return mean_x, mean_y, conditional, g_xy, g_yy


@triton.jit
def _row_gradient(g, m, s):
    """Gradient of a row of J W from that of the row of J W R S."""
    q0, q1, q2 = g[0] * s[0], g[1] * s[1], g[2] * s[2]
    return m[0] * q0 + m[1] * q1 + m[2] * q2, m[3] * q0 + m[4] * q1 + m[5] * q2, m[6] * q0 + m[7] * q1 + m[8] * q2


@triton.jit
def _axis_gradient(position, z, focal, center, extent, g_mean, g_p, row, row_z):
    """Gradient of one camera-space coordinate and of z, through the mean and the Jacobian of that image axis."""
    ratio = position / z
    used = _clamped_ratio(ratio, focal, center, extent)
    g_first, g_third = _dot3(g_p, row), _dot3(g_p, row_z)
    g_ratio = focal * g_mean - tl.where(used == ratio, focal / z * g_third, 0.0)
    g_z = -focal / (z * z) * (g_first - used * g_third) - g_ratio * ratio / z
    return g_ratio / z, g_z


@triton.jit
def _quaternion_gradient(g, unit, inverse):
    """Gradient of the unnormalized quaternion from that of the nine entries of the matrix."""
    w, x, y, z = unit
    g_w = 2 * (z * (g[3] - g[1]) + y * (g[2] - g[6]) + x * (g[7] - g[5]))
    g_x = 2 * (y * (g[1] + g[3]) + z * (g[2] + g[6]) + w * (g[7] - g[5])) - 4 * x * (g[4] + g[8])
    g_y = 2 * (x * (g[1] + g[3]) + z * (g[5] + g[7]) + w * (g[2] - g[6])) - 4 * y * (g[0] + g[8])
    g_z = 2 * (x * (g[2] + g[6]) + y * (g[5] + g[7]) + w * (g[3] - g[1])) - 4 * z * (g[0] + g[4])
    along = g_w * w + g_x * x + g_y * y + g_z * z
    return (g_w - along * w) * inverse, (g_x - along * x) * inverse, (g_y - along * y) * inverse, (g_z - along * z) * inverse


@triton.jit
def _sum_slots(slots, first, end, width, mask, BLOCK: tl.constexpr):
    """The sums over the slots of each Gaussian of the block: the nine, and the three of what is shared."""
    v, vu, vy = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    vuu, vuy, vyy = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    red, green, blue = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    one, two, three = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    most = tl.max(tl.where(mask, end - first, 0))
    t = 0
    while t < most:
        row = slots + (first + t) * width
        here = mask & (first + t < end)
        v += tl.load(row, mask=here, other=0.0)
        vu += tl.load(row + 1, mask=here, other=0.0)
        vy += tl.load(row + 2, mask=here, other=0.0)
        vuu += tl.load(row + 3, mask=here, other=0.0)
        vuy += tl.load(row + 4, mask=here, other=0.0)
        vyy += tl.load(row + 5, mask=here, other=0.0)
        red += tl.load(row + 6, mask=here, other=0.0)
        green += tl.load(row + 7, mask=here, other=0.0)
        blue += tl.load(row + 8, mask=here, other=0.0)
        if width > _SLOT:
            one += tl.load(row + 9, mask=here, other=0.0)
            two += tl.load(row + 10, mask=here, other=0.0)
            three += tl.load(row + 11, mask=here, other=0.0)
        t += 1
    return (v, vu, vy, vuu, vuy, vyy), (red, green, blue), (one, two, three)


@triton.jit
def project_backward_kernel(
    means, quats, scales, opacities, cameras, slots, first_slot, counts,
    g_means, g_rotations, g_scales, g_opacities, g_colors, shares, room, slot_width,
    total, count, height, width, low_pass, views_c, views_r, views_s, views_o, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of the five tensors, one for each camera: (C, N, ...), zero where a Gaussian is not drawn; where slots are
    wide enough, also `shares` (C, N, 3) of the pictures, see `blend_backward_kernel`. There are `room` slots."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < total
    pairs = tl.load(counts + i, mask=mask, other=0)
    drawn = mask & (pairs > 0)
    first = tl.load(first_slot + i, mask=drawn, other=0)
    sums, g_color, shared = _sum_slots(slots, first, tl.minimum(first + pairs, room), slot_width, drawn, BLOCK)
    c, n = i // count, i % count
    row_x, row_y, row_z, t, k = _load_camera(cameras, c, mask)
    world = _load3(means, (c // views_c) * count + n, mask)
    x, y, z = _dot3(row_x, world) + t[0], _dot3(row_y, world) + t[1], _dot3(row_z, world) + t[2]
    z = tl.where(drawn, z, 1.0)
    m, unit, inverse = _load_rotation(quats, (c // views_r) * count + n, mask)
    s = _load3(scales, (c // views_s) * count + n, mask)
    p, a = _factor(k[0] / z, -k[0] * _clamped_ratio(x / z, k[0], k[2], width) / z, row_x, row_z, m, s)
    q, b = _factor(k[1] / z, -k[1] * _clamped_ratio(y / z, k[1], k[3], height) / z, row_y, row_z, m, s)
    mean_x, mean_y, g_xx, g_xy, g_yy = _image_gradient(sums, a, b, low_pass)
    g_a = (2 * g_xx * a[0] + g_xy * b[0], 2 * g_xx * a[1] + g_xy * b[1], 2 * g_xx * a[2] + g_xy * b[2])
    g_b = (2 * g_yy * b[0] + g_xy * a[0], 2 * g_yy * b[1] + g_xy * a[1], 2 * g_yy * b[2] + g_xy * a[2])
    g_x, g_z_x = _axis_gradient(x, z, k[0], k[2], width, mean_x, _row_gradient(g_a, m, s), row_x, row_z)
    g_y, g_z_y = _axis_gradient(y, z, k[1], k[3], height, mean_y, _row_gradient(g_b, m, s), row_y, row_z)
    g_z = g_z_x + g_z_y
    # The 3x3 gradient of R S, column j: the image rows' gradients spread over the rows of J W.
    h0 = (p[0] * g_a[0] + q[0] * g_b[0], p[1] * g_a[0] + q[1] * g_b[0], p[2] * g_a[0] + q[2] * g_b[0])
    h1 = (p[0] * g_a[1] + q[0] * g_b[1], p[1] * g_a[1] + q[1] * g_b[1], p[2] * g_a[1] + q[2] * g_b[1])
    h2 = (p[0] * g_a[2] + q[0] * g_b[2], p[1] * g_a[2] + q[1] * g_b[2], p[2] * g_a[2] + q[2] * g_b[2])
    g_m = (h0[0] * s[0], h1[0] * s[1], h2[0] * s[2], h0[1] * s[0], h1[1] * s[1], h2[1] * s[2], h0[2] * s[0], h1[2] * s[1], h2[2] * s[2])
    g_q = _quaternion_gradient(g_m, unit, inverse)
    for j in tl.static_range(3):
        g_center = row_x[j] * g_x + row_y[j] * g_y + row_z[j] * g_z
        tl.store(g_means + i * 3 + j, tl.where(drawn, g_center, 0.0), mask=mask)
        tl.store(g_colors + i * 3 + j, tl.where(drawn, g_color[j], 0.0), mask=mask)
        if slot_width > _SLOT:
            tl.store(shares + i * 3 + j, tl.where(drawn, shared[j], 0.0), mask=mask)
    tl.store(g_scales + i * 3, tl.where(drawn, h0[0] * m[0] + h0[1] * m[3] + h0[2] * m[6], 0.0), mask=mask)
    tl.store(g_scales + i * 3 + 1, tl.where(drawn, h1[0] * m[1] + h1[1] * m[4] + h1[2] * m[7], 0.0), mask=mask)
    tl.store(g_scales + i * 3 + 2, tl.where(drawn, h2[0] * m[2] + h2[1] * m[5] + h2[2] * m[8], 0.0), mask=mask)
    for j in tl.static_range(4):
        tl.store(g_rotations + i * 4 + j, tl.where(drawn, g_q[j], 0.0), mask=mask)
    opacity = tl.load(opacities + (c // views_o) * count + n, mask=drawn, other=1.0)
    tl.store(g_opacities + i, tl.where(drawn, sums[0] / opacity, 0.0), mask=mask)
