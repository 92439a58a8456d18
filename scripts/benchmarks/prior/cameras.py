"""Where the pictures of the prior's benchmark are taken from.

A camera is elevation [degrees], azimuth [degrees], distance [longest sides of the object]; it looks at the object's center.
"""

from __future__ import annotations

import numpy as np

FOVY = 49.1
"""Vertical field of view of every picture [degrees]: the prior's and the cases' own."""

RING_STEP, RING_DISTANCE = 30, 1.85
"""Of the ring of views around an asset [degrees, longest sides]."""

NEAR = 1.5
"""The nearest distance at which the prior was shown objects: there they are largest [longest sides]."""

OTHER_ELEVATION = 20.0
"""How much higher the second ring stands than the video's camera [degrees]."""

SWEEP = np.arange(1.0, 4.025, 0.05)
"""Candidates of the distance sweep: the engine's own (eq. 5)."""

SWEEP_AZIMUTHS = (0.0, 90.0, 180.0, 270.0)
"""The orthogonal views of eq. 5, relative to the condition's [degrees]."""

HELD_OUT_AZIMUTHS = (-75.0, 15.0, 105.0, 195.0)
"""Consistent4D's views, relative to the condition's [degrees]."""

MOTION_AZIMUTHS = (60.0, 90.0, 180.0)
"""From where a moved mesh is judged, relative to the video's camera [degrees]."""


def rings(elevation: float) -> np.ndarray:
    """(2, 12, 3): all around at `elevation` and at a second one."""
    azimuths = np.arange(0, 360, RING_STEP)
    return np.array([[(height, azimuth, RING_DISTANCE) for azimuth in azimuths] for height in (elevation, elevation + OTHER_ELEVATION)], np.float32)


def around(condition: np.ndarray, azimuths: tuple[float, ...]) -> np.ndarray:
    """(..., len(azimuths), 3): the condition cameras (..., 3), turned by each of `azimuths`."""
    return condition[..., None, :] + np.array([(0.0, azimuth, 0.0) for azimuth in azimuths], np.float32)


def sweep(condition: np.ndarray) -> np.ndarray:
    """(..., D, 4, 3): the four orthogonal views at every candidate distance, for condition cameras (..., 3)."""
    views = np.broadcast_to(around(condition, SWEEP_AZIMUTHS)[..., None, :, :], (*condition.shape[:-1], len(SWEEP), 4, 3)).copy()
    views[..., 2] = SWEEP[:, None]
    return views.astype(np.float32)


def surrounding(count: int = 32) -> np.ndarray:
    """(count, 3): spread over the sphere between 30 degrees below and 60 above, for fitting Gaussians."""
    golden = 180 * (3 - 5**0.5)
    height = np.linspace(np.sin(np.radians(-30)), np.sin(np.radians(60)), count)
    return np.array([(np.degrees(np.arcsin(z)), i * golden % 360, RING_DISTANCE) for i, z in enumerate(height)], np.float32)
