"""Numba functions of vectors and quaternions as tuples, for kernels that take them one by one. Float64."""

from __future__ import annotations

from . import njit


@njit(forceinline=True)
def vector(array, start):
    """Three entries of an array from `start` on."""
    return float(array[start]), float(array[start + 1]), float(array[start + 2])


@njit(forceinline=True)
def dot(a, b):
    """a . b"""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(forceinline=True)
def cross(a, b):
    """a x b"""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(forceinline=True)
def plus(a, factor, b):
    """a + factor b"""
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


@njit(forceinline=True)
def quaternion(array, start):
    """Four entries of an array from `start` on."""
    return float(array[start]), float(array[start + 1]), float(array[start + 2]), float(array[start + 3])


@njit(forceinline=True)
def product(p, q):
    """Hamilton's product of quaternions wxyz."""
    return (
        p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3],
        p[0] * q[1] + p[1] * q[0] + p[2] * q[3] - p[3] * q[2],
        p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1],
        p[0] * q[3] + p[1] * q[2] - p[2] * q[1] + p[3] * q[0],
    )


@njit(forceinline=True)
def conjugate(q):
    """The inverse of a unit quaternion; for any, the product with it is the transpose of the product with q."""
    return q[0], -q[1], -q[2], -q[3]
