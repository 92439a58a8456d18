"""Colors that change with the side from which a Gaussian is seen: the harmonics as nodes, and as numbers.

Source: the real spherical harmonics as 3D Gaussian splatting stores them (Kerbl et al. 2023), degrees 1 to 3.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import bpy

from .node_graph import Graph

if TYPE_CHECKING:
    import numpy as np

COEFFICIENTS = (0, 9, 24, 45)
"""Number of f_rest properties by degree."""

Polynomial = tuple[tuple[float, str], ...]
"""Factors and monomials, such as (2.0, "zz")."""


def _scaled(factor: float, *terms: tuple[float, str]) -> Polynomial:
    return tuple((factor * weight, monomial) for weight, monomial in terms)


FUNCTIONS: tuple[Polynomial, ...] = (
    _scaled(-0.4886025119029199, (1, "y")),
    _scaled(0.4886025119029199, (1, "z")),
    _scaled(-0.4886025119029199, (1, "x")),
    _scaled(1.0925484305920792, (1, "xy")),
    _scaled(-1.0925484305920792, (1, "yz")),
    _scaled(0.31539156525252005, (2, "zz"), (-1, "xx"), (-1, "yy")),
    _scaled(-1.0925484305920792, (1, "xz")),
    _scaled(0.5462742152960396, (1, "xx"), (-1, "yy")),
    _scaled(-0.5900435899266435, (3, "xxy"), (-1, "yyy")),
    _scaled(2.890611442640554, (1, "xyz")),
    _scaled(-0.4570457994644658, (4, "yzz"), (-1, "xxy"), (-1, "yyy")),
    _scaled(0.3731763325901154, (2, "zzz"), (-3, "xxz"), (-3, "yyz")),
    _scaled(-0.4570457994644658, (4, "xzz"), (-1, "xxx"), (-1, "xyy")),
    _scaled(1.445305721320277, (1, "xxz"), (-1, "yyz")),
    _scaled(-0.5900435899266435, (1, "xxx"), (-3, "xyy")),
)
"""Degrees 1 to 3 in the order of f_rest, of a unit vector from the camera to the Gaussian."""


def values(directions: np.ndarray, count: int) -> np.ndarray:
    """(N, count) of the first functions at unit vectors (N, 3)."""
    import numpy as np

    axes = dict(zip("xyz", directions.T, strict=True))

    def monomial(name: str) -> np.ndarray:
        return reduce(np.multiply, (axes[letter] for letter in name))

    return np.stack([sum(weight * monomial(name) for weight, name in function) for function in FUNCTIONS[:count]], 1)


def sockets(graph: Graph, direction: bpy.types.NodeSocket, count: int) -> list[bpy.types.NodeSocket]:
    """The same at a unit vector, as nodes."""
    known = dict(zip("xyz", graph.separated(direction), strict=True))

    def monomial(name: str) -> bpy.types.NodeSocket:
        if name not in known:
            known[name] = graph.math("MULTIPLY", monomial(name[:-1]), known[name[-1]])
        return known[name]

    found = []
    for function in FUNCTIONS[:count]:
        total = graph.math("MULTIPLY", monomial(function[0][1]), function[0][0])
        for weight, name in function[1:]:
            total = graph.math("MULTIPLY_ADD", monomial(name), weight, total)
        found.append(total)
    return found
