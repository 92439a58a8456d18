"""Items that look the same, though their files differ: found by a difference hash before anything costly is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from align4d.inputs.image_file import open_image
from align4d.inputs.pictures import on_white

from .layout import Item

SIDE = 16
"""The hash compares neighbors on a grid of SIDE x SIDE: 256 bits."""

NEAR = 6
"""Bits in which pictures of the same thing may differ: compression, a slight change of size."""


def find_duplicates(items: Sequence[Item]) -> dict[str, str]:
    """id -> id of the earlier item (in order of ids) that it repeats. Only items with the same driver are compared.

    A given video is compared by its first, middle and last frame, everything else by its picture.
    """
    found: dict[str, str] = {}
    kept: dict[str, list[tuple[str, np.ndarray]]] = {}
    for item in sorted(items, key=lambda one: one.id):
        driver = item.source().driven_by
        if driver == "prompt":
            continue  # two prompts may well ask for alike pictures
        signature = _signature(item, driver)
        same = next((name for name, other in kept.setdefault(driver, []) if _near(signature, other)), None)
        if same is None:
            kept[driver].append((item.id, signature))
        else:
            found[item.id] = same
    return found


def difference_hash(path: Path) -> np.ndarray:
    """(SIDE * SIDE,) bool: whether each place of the reduced picture is darker than its right neighbor."""
    with open_image(path) as image:
        white = Image.fromarray(on_white(np.asarray(image.convert("RGBA")))).convert("L")
    small = np.asarray(white.resize((SIDE + 1, SIDE), Image.Resampling.BOX)).astype(np.int16)
    return (small[:, 1:] > small[:, :-1]).ravel()


def _signature(item: Item, driver: str) -> np.ndarray:
    if driver != "video":
        return difference_hash(item.folder / "image.png")[None]
    frames = sorted((item.folder / "video").glob("*.png"))
    return np.stack([difference_hash(frames[index]) for index in (0, len(frames) // 2, len(frames) - 1)])


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(((one != other).sum(axis=1) <= NEAR).all())
