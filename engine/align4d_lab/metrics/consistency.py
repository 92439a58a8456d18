"""How alike the pictures of one clip are, from their features."""

from __future__ import annotations

import torch
from torch import Tensor


def adjacent_similarity(features: Tensor) -> float:
    """CLIP-F: the mean cosine of neighboring frames' unit features (T, D). Raises ValueError for a single frame."""
    _check(features)
    return float((features[1:] * features[:-1]).sum(dim=1).mean())


def temporal_consistency(features: Tensor) -> float:
    """VBench's subject and background consistency of one video's unit features (T, D).

    The mean, over all frames but the first, of half the cosine with the first frame plus half that with the frame before; negative
    cosines count as 0 (Huang et al. 2024, appendix; one video).
    """
    _check(features)
    before = (features[1:] * features[:-1]).sum(dim=1).clamp(min=0)
    first = torch.mv(features[1:], features[0]).clamp(min=0)
    return float((before + first).mean() / 2)


def _check(features: Tensor) -> None:
    if len(features) < 2:
        raise ValueError("one frame has no neighbor")
