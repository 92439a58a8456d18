"""Triton functions of vectors, quaternions and matrices as tuples; the same as `kernels.algebra` and `gaussians.fused.surface`, in float32."""

from __future__ import annotations

import triton
import triton.language as tl

_LEAST_LENGTH = tl.constexpr(1e-12)


@triton.jit
def load3(base, index, mask):
    """Three entries of each row."""
    at = base + index * 3
    return tl.load(at, mask=mask, other=0.0), tl.load(at + 1, mask=mask, other=0.0), tl.load(at + 2, mask=mask, other=0.0)


@triton.jit
def store3(base, index, vector, mask):
    """Three entries of each row."""
    at = base + index * 3
    tl.store(at, vector[0], mask=mask)
    tl.store(at + 1, vector[1], mask=mask)
    tl.store(at + 2, vector[2], mask=mask)


@triton.jit
def dot(a, b):
    """a . b"""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@triton.jit
def cross(a, b):
    """a x b"""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@triton.jit
def plus(a, factor, b):
    """a + factor b"""
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


@triton.jit
def mixed(weights, a, b, c):
    """weights[0] a + weights[1] b + weights[2] c"""
    return (
        weights[0] * a[0] + weights[1] * b[0] + weights[2] * c[0],
        weights[0] * a[1] + weights[1] * b[1] + weights[2] * c[1],
        weights[0] * a[2] + weights[1] * b[2] + weights[2] * c[2],
    )


@triton.jit
def turned(m, a):
    """The product of a matrix, row after row, with a vector."""
    return (
        m[0] * a[0] + m[1] * a[1] + m[2] * a[2],
        m[3] * a[0] + m[4] * a[1] + m[5] * a[2],
        m[6] * a[0] + m[7] * a[1] + m[8] * a[2],
    )


@triton.jit
def turned_back(m, a):
    """That of the transposed matrix."""
    return (
        m[0] * a[0] + m[3] * a[1] + m[6] * a[2],
        m[1] * a[0] + m[4] * a[1] + m[7] * a[2],
        m[2] * a[0] + m[5] * a[1] + m[8] * a[2],
    )


@triton.jit
def multiplied(m, n):
    """The product of two matrices, row after row."""
    first, second, third = turned(m, (n[0], n[3], n[6])), turned(m, (n[1], n[4], n[7])), turned(m, (n[2], n[5], n[8]))
    return first[0], second[0], third[0], first[1], second[1], third[1], first[2], second[2], third[2]


@triton.jit
def product(p, q):
    """Hamilton's product of quaternions wxyz."""
    return (
        p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3],
        p[0] * q[1] + p[1] * q[0] + p[2] * q[3] - p[3] * q[2],
        p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1],
        p[0] * q[3] + p[1] * q[2] - p[2] * q[1] + p[3] * q[0],
    )


@triton.jit
def conjugate(q):
    """The inverse of a unit quaternion; for any, the product with it is the transpose of the product with q."""
    return q[0], -q[1], -q[2], -q[3]


@triton.jit
def unit(a):
    """a / |a|, and |a|."""
    norm = tl.sqrt(dot(a, a))
    inverse = 1.0 / tl.maximum(norm, _LEAST_LENGTH)
    return (a[0] * inverse, a[1] * inverse, a[2] * inverse), norm


@triton.jit
def unit_gradient(direction, norm, g):
    """Gradient of a from that of a / |a|."""
    along = tl.where(norm < _LEAST_LENGTH, 0.0, dot(direction, g))
    inverse = 1.0 / tl.maximum(norm, _LEAST_LENGTH)
    back = plus(g, -along, direction)
    return back[0] * inverse, back[1] * inverse, back[2] * inverse


@triton.jit
def load_part(parts, index, mask):
    """Quaternion, rotation and offset of a part: 16 float32."""
    at = parts + index * 16
    quaternion = (
        tl.load(at, mask=mask, other=1.0),
        tl.load(at + 1, mask=mask, other=0.0),
        tl.load(at + 2, mask=mask, other=0.0),
        tl.load(at + 3, mask=mask, other=0.0),
    )
    rotation = (
        tl.load(at + 4, mask=mask, other=1.0),
        tl.load(at + 5, mask=mask, other=0.0),
        tl.load(at + 6, mask=mask, other=0.0),
        tl.load(at + 7, mask=mask, other=0.0),
        tl.load(at + 8, mask=mask, other=1.0),
        tl.load(at + 9, mask=mask, other=0.0),
        tl.load(at + 10, mask=mask, other=0.0),
        tl.load(at + 11, mask=mask, other=0.0),
        tl.load(at + 12, mask=mask, other=1.0),
    )
    offset = (tl.load(at + 13, mask=mask, other=0.0), tl.load(at + 14, mask=mask, other=0.0), tl.load(at + 15, mask=mask, other=0.0))
    return quaternion, rotation, offset


@triton.jit
def store_part(parts, index, quaternion, rotation, offset, mask):
    """The same, stored."""
    at = parts + index * 16
    for i in tl.static_range(4):
        tl.store(at + i, quaternion[i], mask=mask)
    for i in tl.static_range(9):
        tl.store(at + 4 + i, rotation[i], mask=mask)
    for i in tl.static_range(3):
        tl.store(at + 13 + i, offset[i], mask=mask)
