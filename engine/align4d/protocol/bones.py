"""The artist's bones, as they lie in a job folder."""

from __future__ import annotations

BONE_ARRAYS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "names": ("U", ("K",)),
    "parent": ("i", ("K",)),
    "head": ("f", ("K", 3)),
    "vertex": ("i", ("N",)),
    "bone": ("i", ("N",)),
    "weight": ("f", ("N",)),
}
"""Arrays of the artist's bones and skinning weights: name -> kind and shape.

`names` of the bones, with their armature's, those above others first; `parent` is the nearest bone above each, -1 for none; `head` is
where it begins as the mesh stands, in object space. `vertex`, `bone` and `weight`: how much a bone moves a vertex of the evaluated mesh.
Weights are not negative and need not sum to 1.
"""
