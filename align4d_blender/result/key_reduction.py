"""As few keys as show a surface where it was: a key is worth what the surface would be off without it. numpy only.

Each bone's curves lose the keys that cost least (`key_curves.thinned`), measured on the surface; at one price of a key for all bones, keys go
where they show most. What is left is then fitted together, so that one curve makes up for what others are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..capture.slices import Fractions, part
from . import key_curves
from .key_curves import Keys, Thinning

Array = np.ndarray[Any, np.dtype[Any]]

PRICES = 1e-4, 10.0
"""Of a key, least and highest, as the square of how far the surface may be off."""
TRIES = 9
"""How many prices are tried."""
BEFORE = 0.5
"""Part of the work that comes before the first price is tried."""
SURE = 0.97
"""Part of what the surface may be off that is spent: it is measured at some of the surface's points."""
NEAR = 0.96
"""A price is good enough that spends this much of what the surface may be off."""
SWEEPS = 4
"""How often each curve is fitted to what the others leave."""
ALONE = 0.1
"""How much what a curve is off counts by itself, even where others make up for it: else they drift apart together."""
FIRM = 1e-5
"""How much curves stay as they are in what the surface does not show, over what it does."""


class Surface(Protocol):
    """A surface that hangs on channels of bones, which are close to a motion."""

    def responses(self, channel: int) -> Array:
        """(T, P, C) how P coordinates of the surface change with each value of a channel; over the root of the number of points."""

    def off(self, values: Sequence[Array]) -> Fractions[float]:
        """How far the surface is off in the mean over its points and the frames, where the channels have these values (T, C)."""


def fewest(channels: Sequence[Array], surface: Surface, allowed: float) -> Fractions[list[Keys]]:
    """As few keys of channels (T, C) each as leave the surface where it is, but for `allowed` in the mean [units of length]."""
    allowed = SURE * allowed
    fit = _Fit(channels)
    yield from part(0, BEFORE, fit.prepare(surface))
    low, high = (np.log(price * allowed**2) for price in PRICES)
    best = [key_curves.every_key(values) for values in channels]
    for number in range(TRIES):
        middle = (low + high) / 2
        first, last = (BEFORE + (1 - BEFORE) * (number + end) / TRIES for end in (0, 1))
        tried = yield from part(first, (first + last) / 2, fit.keys(float(np.exp(middle))))
        off = yield from part((first + last) / 2, last, surface.off([keys.drawn() for keys in tried]))
        if off <= allowed:
            low, best = middle, tried
            if off >= NEAR * allowed:
                break
        else:
            high = middle
    return best


class _Fit:
    """Channels, and which of their keys can go."""

    def __init__(self, channels: Sequence[Array]) -> None:
        self.channels = channels
        self.responses: list[Array] = []
        self.metrics: list[Array] = []
        self.scales: list[Array] = []
        self.thinnings: list[Thinning] = []

    def prepare(self, surface: Surface) -> Fractions[None]:
        """Looks what each channel does to the surface, and which of its keys show least."""
        for number, values in enumerate(self.channels):
            self.responses.append(surface.responses(number))
            self.metrics.append(_metric(self.responses[-1]))
            self.scales.append(_root(self.metrics[-1].mean(0)))
            self.thinnings.append(key_curves.thinned(values @ self.scales[-1]))
            yield (number + 1) / len(self.channels)

    def keys(self, price: float) -> Fractions[list[Keys]]:
        """The keys that are worth a price, each curve fitted to what the others leave of the surface."""
        keys = []
        for values, scale, thinning in zip(self.channels, self.scales, self.thinnings, strict=True):
            fit = key_curves.fitted(values @ scale, thinning.rows(price * values.shape[1]))
            back = np.linalg.inv(scale)
            keys.append(Keys(fit.rows, fit.values @ back, fit.slopes @ back, fit.frames))
        changes = [one.drawn() - values for one, values in zip(keys, self.channels, strict=True)]
        left = sum(_moved(response, change) for response, change in zip(self.responses, changes, strict=True))
        for number, channel in enumerate([*range(len(keys))] * SWEEPS):
            yield number / (len(keys) * SWEEPS)
            left = left - _moved(self.responses[channel], changes[channel])
            keys[channel] = self._made_up(channel, keys[channel], np.einsum("tpi,tp->ti", self.responses[channel], left))
            changes[channel] = keys[channel].drawn() - self.channels[channel]
            left = left + _moved(self.responses[channel], changes[channel])
        return keys

    def _made_up(self, channel: int, keys: Keys, pull: Array) -> Keys:
        """The keys of a channel, fitted to its values and to what the others leave; `pull` (T, C) of that on its values."""
        values, metric = self.channels[channel], self.metrics[channel]
        alone = np.full(len(values), ALONE)
        if len(keys.rows) > 1:
            alone[[0, -1]] = key_curves.ENDS
        metric = metric + alone[:, None, None] * (metric + np.trace(metric.mean(0)) / values.shape[1] * np.eye(values.shape[1]))
        basis = key_curves.hermite(keys.rows, keys.frames)
        count, columns = basis.shape[1], values.shape[1]
        each = basis[..., None, None] * metric[:, None]
        blocks = (basis.T @ each.reshape(len(values), -1)).reshape(count, count, columns, columns)
        system = blocks.transpose(0, 2, 1, 3).reshape(count * columns, count * columns)
        right = basis.T @ (np.einsum("tij,tj->ti", metric, values) - pull)
        firm = FIRM * max(float(np.trace(system)) / len(system), 1e-30)
        held = np.concatenate([keys.values, keys.slopes])
        solution = np.linalg.solve(system + firm * np.eye(len(system)), right.ravel() + firm * held.ravel()).reshape(count, columns)
        return Keys(keys.rows, solution[: len(keys.rows)], solution[len(keys.rows) :], keys.frames)


def _moved(response: Array, change: Array) -> Array:
    """(T, P) how far the surface moves by a change (T, C) of a channel."""
    moved: Array = np.einsum("tpi,ti->tp", response, change)
    return moved


def _metric(response: Array) -> Array:
    """(T, C, C) by which a change of a channel is measured as what the surface moves, in the mean of its squares."""
    metric: Array = np.einsum("tpi,tpj->tij", response, response)
    return metric


def _root(metric: Array) -> Array:
    """(C, C) by which values are multiplied to be measured by a metric (C, C); what that does not see counts a little."""
    firm = 1e-4 * max(float(np.trace(metric)) / len(metric), 1e-30)
    root: Array = np.linalg.cholesky(metric + firm * np.eye(len(metric)))
    return root
