"""What a kind of place says for the object or the background, by how often either is so."""

from __future__ import annotations

import numpy as np


def counted_odds(of_object: np.ndarray, of_background: np.ndarray, kinds: int, prior: float) -> np.ndarray:
    """(kinds,) float64 log odds of each kind for the object, from places (N,) of both; so many of each kind both have before any is counted."""
    ours, others = (np.bincount(one, minlength=kinds) + prior for one in (of_object, of_background))
    odds: np.ndarray = np.log(ours / ours.sum()) - np.log(others / others.sum())
    return odds
