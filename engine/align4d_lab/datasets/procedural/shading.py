"""What one camera ray sees: sphere tracing (Hart, 1996), the paint, the light (float32, for CPU and CUDA alike)."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .distance import F, clamp, primitive_distance, to_local, union_distance

TANGENT = F(math.tan(math.radians(49.13) / 2))
"""Of half the field of view, see cameras.FOVY."""


@njit(fastmath=True, cache=True)
def lattice(x: int, y: int, z: int) -> float:
    """A random number in [0, 1) of a lattice point."""
    h = np.uint32(np.uint32(x) * np.uint32(73856093)) ^ np.uint32(np.uint32(y) * np.uint32(19349663)) ^ np.uint32(np.uint32(z) * np.uint32(83492791))
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x7FEB352D))
    h = np.uint32(h ^ (h >> np.uint32(15)))
    h = np.uint32(h * np.uint32(0x846CA68B))
    return F(np.int32(np.uint32(h >> np.uint32(9)))) * F(1.0 / (1 << 23))


@njit(fastmath=True, cache=True)
def noise(x: float, y: float, z: float) -> float:
    """Value noise in [0, 1)."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    ix, iy, iz = np.int32(fx), np.int32(fy), np.int32(fz)
    x, y, z = F(x - F(fx)), F(y - F(fy)), F(z - F(fz))
    x, y, z = x * x * (F(3) - F(2) * x), y * y * (F(3) - F(2) * y), z * z * (F(3) - F(2) * z)
    total = F(0)
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (x if a else F(1) - x) * (y if b else F(1) - y) * (z if c else F(1) - z)
        total += weight * lattice(ix + a, iy + b, iz + c)
    return total


@njit(fastmath=True, cache=True)
def mixture(q: np.ndarray, x: float, y: float, z: float) -> float:
    """How much of SECOND the pattern mixes in at a point of the world."""
    kind = int(q[at.PATTERN])
    if kind == at.SOLID:
        return F(0)
    x, y, z = to_local(q, x, y, z)
    f, phase, reach = q[at.FREQUENCY], q[at.PHASE], q[at.REACH]
    u = q[at.DIRECTION] * x + q[at.DIRECTION + 1] * y + q[at.DIRECTION + 2] * z
    if kind == at.STRIPES:
        return clamp(F(0.5) + F(2.5) * math.sin(f * u + phase), F(0), F(1))
    if kind == at.CHECKS:
        f *= F(0.7)
        return F(1) if math.sin(f * x) * math.sin(f * y) * math.sin(f * z + F(1)) > F(0) else F(0)
    if kind == at.SPOTS:
        f *= F(0.35)
        return clamp((noise(x * f + phase, y * f, z * f) - F(0.6)) * F(12), F(0), F(1))
    if kind == at.NOISE:
        f *= F(0.3)
        return clamp(noise(x * f + phase, y * f, z * f) * F(2) - F(0.5), F(0), F(1))
    if kind == at.SPLIT:
        return clamp(F(0.5) + (u / reach - phase) * f, F(0), F(1))
    if kind == at.BAND:
        return F(1) if abs(u / reach - phase) < f else F(0)
    x, z = abs(x) / reach, z / reach - phase
    slot = (x < F(0.62) and abs(z) < F(0.1)) or (f > F(0) and x < F(0.11) and z < F(0))
    return F(1) if y < F(0) and slot else F(0)


@njit(fastmath=True, cache=True)
def albedo(rows: np.ndarray, order: np.ndarray, used: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The surface's color: of the nearest primitives, mixed over COLOR_BLEND."""
    nearest = F(1e3)
    for i in range(used):
        nearest = min(nearest, primitive_distance(rows[order[i]], x, y, z))
    width = rows[0, at.COLOR_BLEND]
    red, green, blue, total = F(0), F(0), F(0), F(0)
    for i in range(used):
        q = rows[order[i]]
        behind = primitive_distance(q, x, y, z) - nearest
        if behind < F(3) * width:
            weight = math.exp(-behind / width)
            second = mixture(q, x, y, z)
            red += weight * (q[at.COLOR] + (q[at.SECOND] - q[at.COLOR]) * second)
            green += weight * (q[at.COLOR + 1] + (q[at.SECOND + 1] - q[at.COLOR + 1]) * second)
            blue += weight * (q[at.COLOR + 2] + (q[at.SECOND + 2] - q[at.COLOR + 2]) * second)
            total += weight
    gain = F(1) / total
    if rows[0, at.MOTTLE] > F(0):
        gain *= F(1) + rows[0, at.MOTTLE] * (F(2) * noise(x * F(14) + F(3), y * F(14) + F(5), z * F(14) + F(7)) - F(1))
    return red * gain, green * gain, blue * gain


@njit(fastmath=True, cache=True)
def normal(rows: np.ndarray, order: np.ndarray, used: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The outward normal, from four distances about the point; in steps where the object has FACETS."""
    e = F(0.003)
    a = union_distance(rows, order, used, x + e, y - e, z - e)
    b = union_distance(rows, order, used, x - e, y - e, z + e)
    c = union_distance(rows, order, used, x - e, y + e, z - e)
    d = union_distance(rows, order, used, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, d + c - a - b, d + b - a - c
    scale = F(1) / math.sqrt(nx * nx + ny * ny + nz * nz + F(1e-20))
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    steps = rows[0, at.FACETS]
    if steps > F(0):
        nx, ny, nz = F(math.floor(nx * steps + F(0.5))), F(math.floor(ny * steps + F(0.5))), F(math.floor(nz * steps + F(0.5)))
        scale = F(1) / math.sqrt(nx * nx + ny * ny + nz * nz + F(1e-20))
        nx, ny, nz = nx * scale, ny * scale, nz * scale
    return nx, ny, nz


@njit(fastmath=True, cache=True)
def is_shadowed(rows: np.ndarray, order: np.ndarray, used: int, x: float, y: float, z: float) -> bool:
    """Whether something stands between the point and the light."""
    traveled = F(0.02)
    for _ in range(28):
        d = union_distance(
            rows,
            order,
            used,
            x + rows[0, at.LIGHT] * traveled,
            y + rows[0, at.LIGHT + 1] * traveled,
            z + rows[0, at.LIGHT + 2] * traveled,
        )
        if d < F(0.002):
            return True
        traveled += max(d, F(0.01))
        if traveled > F(1.6):
            return False
    return False


@njit(fastmath=True, cache=True)
def openness(rows: np.ndarray, order: np.ndarray, used: int, x: float, y: float, z: float, nx: float, ny: float, nz: float) -> float:
    """Ambient occlusion, from two distances along the normal: 1 where nothing is near."""
    if rows[0, at.OCCLUSION] <= F(0):
        return F(1)
    near, far = F(0.05), F(0.15)
    a = union_distance(rows, order, used, x + nx * near, y + ny * near, z + nz * near)
    b = union_distance(rows, order, used, x + nx * far, y + ny * far, z + nz * far)
    return clamp(F(1) - rows[0, at.OCCLUSION] * ((near - a) * F(4) + (far - b) * F(2)), F(0.15), F(1))


@njit(fastmath=True, cache=True)
def trace(rows: np.ndarray, order: np.ndarray, used: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> float:
    """Distance along the ray from o in the unit direction d to the object, or -1."""
    b = ox * dx + oy * dy + oz * dz
    root = b * b - (ox * ox + oy * oy + oz * oz - rows[0, at.BALL] * rows[0, at.BALL])
    if root < F(0):
        return F(-1)
    root = math.sqrt(root)
    t, end = max(-b - root, F(0)), root - b
    d = F(1)
    for _ in range(56):
        if t > end:
            return F(-1)
        d = union_distance(rows, order, used, ox + dx * t, oy + dy * t, oz + dz * t)
        if d < F(0.0015):
            return t
        t += d * F(0.9)
    return t if d < F(0.01) and t <= end else F(-1)


@njit(fastmath=True, cache=True)
def encode(linear: float) -> float:
    return clamp(linear, F(1e-6), F(1)) ** F(1.0 / 2.2)


@njit(fastmath=True, cache=True)
def shade(
    rows: np.ndarray, order: np.ndarray, visible: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> tuple[float, float, float]:
    """Display-encoded color along a ray; white where it meets nothing. The first `visible` of `order` are all that camera rays here can meet."""
    t = trace(rows, order, visible, ox, oy, oz, dx, dy, dz)
    if t < F(0):
        return F(1), F(1), F(1)
    x, y, z = ox + dx * t, oy + dy * t, oz + dz * t
    used = int(rows[0, at.COUNT])
    nx, ny, nz = normal(rows, order, visible, x, y, z)
    red, green, blue = albedo(rows, order, visible, x, y, z)
    lx, ly, lz = rows[0, at.LIGHT], rows[0, at.LIGHT + 1], rows[0, at.LIGHT + 2]
    facing = nx * lx + ny * ly + nz * lz
    wrap = rows[0, at.WRAP]
    lit = max((facing + wrap) / (F(1) + wrap), F(0))
    if rows[0, at.SHADOW] > F(0) and facing > F(0) and is_shadowed(rows, order, used, x + nx * F(0.01), y + ny * F(0.01), z + nz * F(0.01)):
        lit *= F(1) - rows[0, at.SHADOW]
    ambient = rows[0, at.AMBIENT] * openness(rows, order, used, x, y, z, nx, ny, nz) * (F(1) - rows[0, at.HEMISPHERE] * (F(0.5) - F(0.5) * nz))
    light = ambient + rows[0, at.DIFFUSE] * lit
    shine = F(0)
    if rows[0, at.SPECULAR] > F(0) and facing > F(0):
        shine = max(-((F(2) * facing * nx - lx) * dx + (F(2) * facing * ny - ly) * dy + (F(2) * facing * nz - lz) * dz), F(0))
        shine *= shine
        shine *= shine
        shine *= shine
        shine *= shine * rows[0, at.SPECULAR]
    return encode(red * light + shine), encode(green * light + shine), encode(blue * light + shine)
