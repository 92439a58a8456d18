"""Quaternions of the poses in a job's result, as numpy; needs numpy, so the package does not import it by itself."""

from __future__ import annotations

from typing import Any

import numpy as np


def rotation_matrices(quaternions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(..., 3, 3) of quaternions (..., 4), wxyz, of any norm but 0."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)
