"""The transfer function of sRGB (IEC 61966-2-1) for both processes. `alignment.lighting` has its twin that can be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear values of any shape, clipped to [0, 1], as sRGB."""
    import numpy as np

    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB values in [0, 1] of any shape as linear ones."""
    import numpy as np

    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
