"""Names for the bones of a made armature: by where they are, with .L and .R where the mesh is symmetric, as Blender's mirror tools want them."""

from __future__ import annotations

import numpy as np

ALIKE = 0.06
"""How far apart a joint and the mirror image of another may be to count as a pair, over the longest side."""
CENTER = 0.03
"""How near to the middle plane a joint is on neither side, over the longest side."""


def names_by_place(joint: np.ndarray, points: np.ndarray, parent: np.ndarray) -> list[str]:
    """A name for each joint (K, 3), such as "Root", "Upper Front", "Lower Back 2.L".

    Args:
        points: (B, 3) of all that is moved; world space, so that +X is the left of what looks along -Y.
        parent: (K,), -1 for the root.
    """
    low, high = points.min(0), points.max(0)
    size = max(float((high - low).max()), 1e-12)
    middle = (low + high) / 2
    place = (joint - middle) / size
    mirrored = place * np.array([-1.0, 1.0, 1.0])
    distance = np.linalg.norm(place[:, None] - mirrored[None], axis=-1)
    side = np.where(np.abs(place[:, 0]) < CENTER, "", np.where(place[:, 0] > 0, ".L", ".R"))
    partner = np.where((distance.min(1) < ALIKE) & (side != ""), distance.argmin(1), -1)
    names: list[str] = [""] * len(joint)
    used: dict[str, int] = {}
    for part in range(len(joint)):
        if names[part]:
            continue
        base = "Root" if parent[part] < 0 else _region(place[part], (high - low) / size)
        used[base] = used.get(base, 0) + 1
        numbered = base if used[base] == 1 else f"{base} {used[base]}"
        other = int(partner[part])
        pair = other >= 0 and partner[other] == part and not names[other] and other != part
        names[part] = numbered + (str(side[part]) if pair else "")
        if pair:
            names[other] = numbered + str(side[other])
    return names


def _region(place: np.ndarray, extent: np.ndarray) -> str:
    """Upper or Lower, and Front or Back where the body is long enough for that to say something."""
    words = ["Upper" if place[2] > 0 else "Lower"]
    if extent[1] > 0.4:
        words.append("Front" if place[1] < 0 else "Back")
    return " ".join(words)
