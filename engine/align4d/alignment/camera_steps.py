"""Steps of a camera towards where it sees what the video shows: as a search, see `side_by_side`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit
from .side_by_side import Look, Search

PARAMETERS = ("azimuth", "elevation", "roll", "yaw", "pitch", "distance")
TURN_STEP, SHIFT_STEP, DISTANCE_STEP = 0.5, 0.5, 0.005
"""Differences for the numeric Jacobian: azimuth, elevation and roll [degrees]; yaw and pitch [px]; distance [parts of it]."""

SETTLED = 1e-3
"""Gain of a step of the camera, in parts of the loss, below which there is no other."""


def camera_steps(camera: Orbit, iterations: int, free: Sequence[str], blur: int, focal: float) -> Search[Orbit]:
    """Levenberg-Marquardt on the `free` ones of PARAMETERS, with a numeric Jacobian: a picture for each in every step, and one more.

    Args:
        blur: of the pictures.
        focal: length [px].
    """
    damping, lighting = 1e-2, (yield camera)
    for step in range(iterations):
        if step and step % 3 == 0:
            lighting = yield camera
        values, steps = np.array([getattr(camera, name) for name in free]), _differences(camera, focal)[[PARAMETERS.index(name) for name in free]]
        around = [camera] + [camera.moved(**{name: values[i] + steps[i]}) for i, name in enumerate(free)]
        normal, gradient, before = normal_equations((yield Look(around, lighting, blur)))
        trusted = damping
        for _ in range(5):
            change = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), gradient)
            change = np.clip(change, -10, 10) * steps
            after = camera.moved(**{name: float(values[i] + change[i]) for i, name in enumerate(free)})
            left = mean_square((yield Look([after], lighting, blur))[0])
            if left < before:
                camera, damping = after, damping / 3
                break
            damping *= 4
        else:
            return camera
        if damping < trusted and before - left < SETTLED * before:  # what had to be damped gains little wherever it is
            break
    return camera


def _differences(camera: Orbit, focal: float) -> np.ndarray:
    """(6,) by how much each of PARAMETERS is moved to see what it does: about as much in the picture, whatever the lens."""
    shift = float(np.degrees(SHIFT_STEP / focal))
    return np.array([TURN_STEP, TURN_STEP, TURN_STEP, shift, shift, DISTANCE_STEP * camera.distance])


def normal_equations(residuals: Tensor) -> tuple[np.ndarray, np.ndarray, float]:
    """Of residuals (1 + P, M), here and with each of P parameters moved: the matrix (P, P), the gradient (P,) and the mean square here."""
    if residuals.is_cuda:  # a few numbers are brought here, and not all pictures
        every = residuals.double()
        moved = torch.cat([every[1:] - every[0], every[:1]])
        products = (moved @ moved.T).cpu().numpy()
        return products[:-1, :-1], products[:-1, -1], float(products[-1, -1]) / residuals.shape[1]
    array = residuals.double().numpy()
    jacobian = (array[1:] - array[0]).T
    return jacobian.T @ jacobian, jacobian.T @ array[0], float((array[0] ** 2).mean())


def mean_square(residuals: Tensor) -> float:
    """Of all of them."""
    return float((residuals**2).mean())
