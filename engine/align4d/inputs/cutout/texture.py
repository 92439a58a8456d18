"""How rough a picture is at each place: an object may have the colors of its background, and seldom its grain as well.

What that says depends on the clip: smooth before gravel, or fur before a wall. So how often the object and the background are so rough is
counted where the masks so far say that they are.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .counted import counted_odds

WINDOW = 3
"""Side of the window that is looked at; the smoothest one that holds a place counts, which lies on one side of an edge [px]."""
STEPS = np.array([1.0, 1.7, 2.5, 3.5, 5.0, 7.0, 10.0, 15.0])
"""Where the grades of roughness part, in standard deviations of the gray value, of 255."""
GRADES = len(STEPS) + 1
PRIOR = 50.0
"""Pixels of each grade that both have before any is counted."""


def roughness(picture: np.ndarray) -> np.ndarray:
    """(H, W) int: the grade of each place of a picture (H, W, 3) in [0, 255]."""
    gray = picture.mean(axis=2)
    variance = ndimage.uniform_filter(gray**2, WINDOW) - ndimage.uniform_filter(gray, WINDOW) ** 2
    return np.digitize(np.sqrt(ndimage.minimum_filter(variance, WINDOW).clip(0)), STEPS)


def log_odds_of_grades(of_object: np.ndarray, of_background: np.ndarray) -> np.ndarray:
    """(GRADES,) float32 log odds of each grade for the object, from grades (N,) that were counted in both."""
    return counted_odds(of_object, of_background, GRADES, PRIOR).astype(np.float32)
