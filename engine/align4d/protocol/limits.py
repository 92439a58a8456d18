"""How far the artist's own bones may turn, as it lies in a job folder."""

from __future__ import annotations

LIMIT_ARRAYS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "names": ("U", ("K",)),
    "parent": ("i", ("K",)),
    "bone": ("i", ("L",)),
    "against_parent": ("b", ("L",)),
    "frame": ("f", ("L", 3, 3)),
    "stand": ("f", ("L", 3, 3)),
    "axes": ("i", ("L", 3)),
    "low": ("f", ("L", 3)),
    "high": ("f", ("L", 3)),
}
"""Arrays of the limits of bones: name -> kind and shape.

`names` (K,) are the bones that move meshes, as in `BONE_ARRAYS`, and `parent` the nearest of them above each, -1 for none. Limit l is one of
`bone`. The bone turns by the matrix frame^T R stand, R being how it has turned since the mesh was read, against its parent or in the world:
`stand` is how the bone stood then, `frame` how it would without a turn of its own, in world space. Taken apart into angles about `axes`,
in this order (0, 1, 2 for X, Y, Z: Blender's XYZ Euler is 0, 1, 2), these lie between `low` and `high` [rad]; infinite where they are free.
"""
