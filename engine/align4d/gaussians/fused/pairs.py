"""Numba kernel: what a cost that curves by Gaussians' places curves by as the parts move that carry them, summed up pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels import njit
from ...rendering.cpu.threads import run

LEAST_WEIGHT = 1e-3
"""Parts that carry a Gaussian by less are not felt."""

BLOCK = 1024
"""Gaussians whose sums are taken together, whatever the number of threads: sums in another order have other bits."""


@dataclass(frozen=True)
class Carriers:
    """The parts that carry each of N Gaussians.

    Attributes:
        first: (N + 1,) int64, where those of each Gaussian begin in the other two.
        part, weight: (M,) int32 and float32.
        parts: how many parts there are.
    """

    first: np.ndarray
    part: np.ndarray
    weight: np.ndarray
    parts: int

    @classmethod
    def of(cls, weights: np.ndarray) -> Carriers:
        """Of dense weights (N, K)."""
        felt = weights > LEAST_WEIGHT
        gaussian, part = felt.nonzero()
        first = np.concatenate([[0], np.cumsum(felt.sum(1))]).astype(np.int64)
        return cls(first, part.astype(np.int32), weights[gaussian, part].astype(np.float32), weights.shape[1])


def of_pairs(carriers: Carriers, means: np.ndarray, curved: np.ndarray) -> np.ndarray:
    """(K, K, 6, 6) float32 of the parts' twists (turn and motion at the origin): the sum over Gaussians at `means` (N, 3), whose cost
    curves by the symmetric `curved` (N, 3, 3). The same input gives the same bits, whatever the number of threads."""
    count = len(means)
    sums = np.zeros((-(-count // BLOCK), carriers.parts, carriers.parts, 36))
    run(_add_pairs, count, means, curved, carriers.first, carriers.part, carriers.weight, sums)
    upper = sums.sum(0).reshape(carriers.parts, carriers.parts, 6, 6)
    below = np.tril_indices(carriers.parts, -1)
    upper[below] = upper.transpose(1, 0, 3, 2)[below]
    return upper.astype(np.float32)


@njit(forceinline=True, error_model="numpy")
def _of_twist(place, curved, each):
    """Fills (36,), the rows of T' C T with T how a twist moves the place."""
    x, y, z = float(place[0]), float(place[1]), float(place[2])
    for i in range(3):
        first, second, third = float(curved[i, 0]), float(curved[i, 1]), float(curved[i, 2])
        row = 18 + 6 * i
        each[row], each[row + 1], each[row + 2] = z * -second + y * third, z * first - x * third, x * second - y * first
        each[row + 3], each[row + 4], each[row + 5] = first, second, third
    for j in range(6):
        first, second, third = each[18 + j], each[24 + j], each[30 + j]
        each[j], each[6 + j], each[12 + j] = z * -second + y * third, z * first - x * third, x * second - y * first


@njit(nogil=True, cache=True, error_model="numpy")
def _add_pairs(part, parts, means, curved, first, carrier, weight, sums):
    """Adds to sums (blocks, K, K, 36), of pairs whose first part comes no later; part p of n takes every n-th block from the p-th on."""
    each = np.empty(36)
    for block in range(part, sums.shape[0], parts):
        for n in range(block * BLOCK, min(means.shape[0], (block + 1) * BLOCK)):
            if curved[n, 0, 0] == 0.0 and curved[n, 1, 1] == 0.0 and curved[n, 2, 2] == 0.0:
                continue
            _of_twist(means[n], curved[n], each)
            for i in range(first[n], first[n + 1]):
                for j in range(i, first[n + 1]):
                    factor, into = float(weight[i]) * weight[j], sums[block, carrier[i], carrier[j]]
                    for k in range(36):
                        into[k] += factor * each[k]
