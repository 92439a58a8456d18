"""What of Gaussians on triangles does not change while they move, as the kernels read it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..fused.pairs import LEAST_WEIGHT

ENTRIES = 1024
"""Of a chunk, at most."""

LEAST_CARRIED = 1e-5
"""Parts that carry a vertex by less do not move it: diffused weights are small everywhere, and hardly 0 anywhere."""


@dataclass(frozen=True)
class Seats:
    """Of N Gaussians, whose triangles' corners are V vertices, which follow K parts. Indices are int32.

    Attributes:
        rest: (37, N), the rows of `gaussians.fused.Rider`.
        corner, holder: (3N,) and (N,), as there.
        first, carriers, weights: where those of each vertex begin (V + 1,), and the parts that carry it, by how much.
        table, entries, by: what pulls at each part, see `gather`; by how much.
        chunks: (K + 1,), where the rows of `table` of each part begin.
    """

    rest: Tensor
    corner: Tensor
    holder: Tensor
    first: Tensor
    carriers: Tensor
    weights: Tensor
    table: Tensor
    entries: Tensor
    by: Tensor
    chunks: Tensor

    @staticmethod
    def of(rest: np.ndarray, corner: np.ndarray, holder: np.ndarray, weights: np.ndarray, device: torch.device) -> Seats:
        """Of rows (N, 37), corners' vertices (3N,), holders (N,), and weights (V, K)."""
        weights = np.where(weights < LEAST_CARRIED, 0, weights)
        weights = weights / np.maximum(weights.sum(1, keepdims=True), LEAST_CARRIED)
        vertex, part = weights.nonzero()
        felt = weights[corner].T
        of_corners, of_holders = felt.nonzero(), (np.sort(holder), np.argsort(holder, kind="stable"))
        number = weights.shape[1]
        ranges = [_ranges(parts, number) for parts in (of_corners[0], of_holders[0])]
        rows, begins = [], [0]
        for k in range(number):
            for is_corner, (starts, skipped) in ((1, (ranges[0], 0)), (0, (ranges[1], len(of_corners[0])))):
                cuts = [*range(starts[k], starts[k + 1], ENTRIES), starts[k + 1]]
                rows += [(k, skipped + begin, skipped + end, is_corner) for begin, end in itertools.pairwise(cuts)]
            begins.append(len(rows))
        entries, by = np.concatenate([of_corners[1], of_holders[1]]), np.append(felt[of_corners], np.ones(len(holder)))
        indices, numbers = _on(device, np.int32), _on(device, np.float32)
        return Seats(
            numbers(rest.T), indices(corner), indices(holder), indices(_ranges(vertex, len(weights))), indices(part), numbers(weights[vertex, part]),
            indices(np.array(rows)), indices(entries), numbers(by), indices(np.array(begins)),
        )  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """The Gaussians that both of two parts carry, for all pairs of K parts. Indices are int32.

    Attributes:
        pairs: (P, 2), of which the second part comes no earlier.
        first: (P + 1,), where the rows of `table` of each pair begin.
        table: (chunks, 2), where entries begin and end.
        entries, by: the Gaussians, and the products of the weights.
    """

    pairs: Tensor
    first: Tensor
    table: Tensor
    entries: Tensor
    by: Tensor

    @staticmethod
    def of(weights: np.ndarray, device: torch.device) -> Pairs:
        """Of weights (N, K) of the Gaussians; those that hardly count are left out."""
        felt, number = weights > LEAST_WEIGHT, weights.shape[1]
        pairs, first, entries, by = [], [0], [], []
        rows: list[tuple[int, int]] = []
        at = 0
        for i in range(number):
            other, gaussian = (felt[:, i : i + 1] & felt[:, i:]).T.nonzero()
            starts = _ranges(other, number - i)
            entries.append(gaussian)
            by.append(weights[gaussian, i] * weights[gaussian, i + other])
            for j in range(number - i):
                pairs.append((i, i + j))
                cuts = [*range(at + starts[j], at + starts[j + 1], ENTRIES), at + starts[j + 1]]
                rows += itertools.pairwise(cuts)
                first.append(len(rows))
            at += len(gaussian)
        indices = _on(device, np.int32)
        products = torch.from_numpy(np.concatenate(by).astype(np.float32)).to(device)
        return Pairs(
            indices(np.array(pairs)), indices(np.array(first)), indices(np.array(rows).reshape(-1, 2)), indices(np.concatenate(entries)), products
        )


def _on(device: torch.device, kind: type) -> Callable[[np.ndarray], Tensor]:
    """Makes tensors of a type there."""
    return lambda array: torch.from_numpy(np.ascontiguousarray(array, kind)).to(device)


def _ranges(sorted_index: np.ndarray, count: int) -> np.ndarray:
    """(count + 1,) where each index begins."""
    return np.searchsorted(sorted_index, np.arange(count + 1))
