"""How thick an object would be if it were as deep as it is wide: its outline, inflated."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

LOAD = 3.0
"""Of the membrane: 4 makes a disc a perfect ball (half depth = radius), 2 an endless strip a perfect cylinder."""


def inflated(mask: np.ndarray) -> np.ndarray:
    """(H, W) float64 half thickness [px] of a mask (H, W) bool: the root of a membrane under an even load that is held at the outline.

    The membrane solves Poisson's equation, laplacian(u) = -LOAD inside, u = 0 outside.
    """
    number = np.full(mask.shape, -1)
    rows, columns = np.nonzero(mask)
    count = len(rows)
    number[rows, columns] = np.arange(count)
    padded = np.pad(number, 1, constant_values=-1)
    own, other = [], []
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        neighbor = padded[rows + down, columns + right]
        own.append(np.flatnonzero(neighbor >= 0))
        other.append(neighbor[neighbor >= 0])
    first, second = np.concatenate(own), np.concatenate(other)
    entries = np.concatenate([np.full(count, 4.0), np.full(len(first), -1.0)])
    place = np.concatenate([np.arange(count), first]), np.concatenate([np.arange(count), second])
    height = np.zeros(mask.shape)
    height[rows, columns] = np.sqrt(np.maximum(spsolve(coo_matrix((entries, place), (count, count)).tocsc(), np.full(count, LOAD)), 0))
    return height
