"""Filters of meshopt compression: values as they are stored compactly -> as a glTF file's accessors read them.

Specification: EXT_meshopt_compression, appendix B; KHR_meshopt_compression for colors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _octahedral(elements: np.ndarray) -> np.ndarray:
    """Unit vectors, of their places on an unfolded octahedron; the third value says how long 1 is, the fourth stays."""
    values = elements.view({4: "<i1", 8: "<i2"}[elements.shape[1]])
    x, y, one = values[:, :3].astype(np.float64).T
    x, y = x / np.where(one == 0, 1, one), y / np.where(one == 0, 1, one)
    z = 1 - np.abs(x) - np.abs(y)
    folded = np.maximum(-z, 0)
    unit = np.stack([x - np.copysign(folded, x), y - np.copysign(folded, y), z], 1)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.concatenate([np.rint(unit * np.iinfo(values.dtype).max).astype(values.dtype), values[:, 3:]], 1)


def _quaternion(elements: np.ndarray) -> np.ndarray:
    """Unit quaternions, of the three smaller components; the fourth value says how long 1 is and which one is left out."""
    if elements.shape[1] != 8:
        raise ValueError("quaternions have 8 bytes")
    values = elements.view("<i2").astype(np.int64)
    small = values[:, :3] / (values[:, 3:] | 3) * np.sqrt(0.5)
    largest = np.sqrt(np.maximum(0, 1 - (small**2).sum(axis=1, keepdims=True)))
    places = ((values[:, 3:] & 3) + np.arange(4)) % 4
    found = np.empty((len(values), 4), "<i2")
    np.put_along_axis(found, places, np.rint(np.concatenate([largest, small], 1).clip(-1, 1) * 32767).astype("<i2"), 1)
    return found


def _exponential(elements: np.ndarray) -> np.ndarray:
    """float32, of an exponent in the highest 8 bits and a factor in the others."""
    values = elements.view("<i4")
    with np.errstate(over="ignore"):
        return np.ldexp(((values << 8) >> 8).astype("<f4"), values >> 24).astype("<f4")


def _color(elements: np.ndarray) -> np.ndarray:
    """RGBA, of luminance, two differences of colors, and alpha, whose highest bit says how many there are."""
    kind = {4: "u1", 8: "<u2"}[elements.shape[1]]
    values = elements.view(kind).astype(np.int64)
    light, alpha = values[:, 0], values[:, 3]
    orange, green = elements.view(kind.replace("u", "i"))[:, 1:3].astype(np.int64).T
    most = (1 << np.frexp(alpha)[1]) - 1  # as many ones as alpha has bits
    alpha = alpha & most >> 1
    rgba = np.stack([light + orange - green, light + green, light - orange - green, alpha << 1 | alpha & 1], 1)
    return np.rint(rgba * (np.iinfo(kind).max / np.maximum(most, 1))[:, None]).clip(0, np.iinfo(kind).max).astype(kind)


FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "OCTAHEDRAL": _octahedral,
    "QUATERNION": _quaternion,
    "EXPONENTIAL": _exponential,
    "COLOR": _color,
}
"""(N, stride) uint8 -> (N, ...) values of the same size."""
