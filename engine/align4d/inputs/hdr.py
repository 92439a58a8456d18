"""High dynamic range to what screens show: PQ and HLG video (BT.2100) as sRGB.

White paper, 203 cd/m² (BT.2408), becomes white; what is brighter is pressed into the last quarter below it. Phones film in HLG by
themselves, and read as ordinary video such a clip is pale.
"""

from __future__ import annotations

import functools

import numpy as np

PQ, HLG = 16, 18
"""Values of AVColorTransferCharacteristic."""

WHITE = 203.0
"""Of white paper [cd/m²]."""
PEAK = 1000.0 / WHITE
"""The brightest highlight that is told from white."""
KNEE = 0.75
"""Up to here, in parts of white, light stays as it is."""

_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear BT.2020 to linear BT.709 (BT.2087)."""
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)


def to_srgb(pixels: np.ndarray, transfer: int) -> np.ndarray:
    """(H, W, 3) uint8 sRGB of (H, W, 3) uint16 BT.2020 with the transfer function PQ or HLG."""
    light = _decoded(transfer)[pixels]
    if transfer == HLG:  # the display's own gamma, 1.2 at 1000 cd/m² (BT.2100)
        light *= (light @ _LUMA)[..., None] ** 0.2 * PEAK
    light = (light @ _TO_BT709.T).clip(0)
    brightest = light.max(axis=2, keepdims=True)
    light *= _pressed(brightest) / brightest.clip(1e-6)
    return _encoded()[(light.clip(0, 1) * 4095 + 0.5).astype(np.uint16)]


def _pressed(light: np.ndarray) -> np.ndarray:
    """Reinhard's curve with a white point, from the knee on: smooth, and PEAK becomes 1."""
    above, peak = (light - KNEE).clip(0) / (1 - KNEE), (PEAK - KNEE) / (1 - KNEE)
    return np.where(light > KNEE, KNEE + (1 - KNEE) * above * (1 + above / peak**2) / (1 + above), light)


@functools.cache
def _decoded(transfer: int) -> np.ndarray:
    """(65536,) float32: PQ as light in parts of WHITE; HLG as the scene's light, 1 at its peak."""
    value = np.linspace(0, 1, 65536)
    if transfer == PQ:
        power = value ** (1 / 78.84375)
        return (10000 / WHITE * ((power - 0.8359375).clip(0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)).astype(np.float32)
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12).astype(np.float32)


@functools.cache
def _encoded() -> np.ndarray:
    """(4096,) uint8 sRGB of linear light (IEC 61966-2-1)."""
    light = np.linspace(0, 1, 4096)
    return np.rint(255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)).astype(np.uint8)
