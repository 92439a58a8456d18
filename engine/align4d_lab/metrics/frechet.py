"""The Fréchet distance of two sets of features, as FID and FVD have it."""

from __future__ import annotations

import numpy as np


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the means and sample covariances of (N, D) and (M, D) features.

    With S1 = A'A and S2 = B'B, the trace of the root is the sum of the singular values of A B' (both products have the same
    eigenvalues): exact for fewer samples than features too, where the root of S1 S2 itself is ill-conditioned.

    Raises:
        ValueError: a set has fewer than two samples, which have no covariance.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"{len(first)} and {len(second)} samples; both sets need two or more")
    one, other = _spread(first), _spread(second)
    shift = np.mean(first, axis=0, dtype=np.float64) - np.mean(second, axis=0, dtype=np.float64)
    root = np.linalg.svd(one @ other.T, compute_uv=False).sum()
    return float(np.square(shift).sum() + np.square(one).sum() + np.square(other).sum() - 2 * root)


def _spread(features: np.ndarray) -> np.ndarray:
    """A (N, D) with A'A the sample covariance."""
    centered: np.ndarray = features - np.mean(features, axis=0, dtype=np.float64)
    return centered / np.sqrt(len(features) - 1)
