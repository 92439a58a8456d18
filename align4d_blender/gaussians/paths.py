"""The paths of Gaussians, which follow the .blend as the others do: texts of nodes and folders of bakes, which Blender does not rewrite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import bpy

from .. import compat
from ..storage.paths import StoredPath
from . import sequence_object


def stored() -> Iterator[StoredPath]:
    """Those of every object that shows Gaussians."""
    for item in bpy.data.objects:
        modifier = sequence_object.shown_by(item)
        if modifier is None:
            continue
        changed = partial(sequence_object.point_to_files, item) if compat.NODES_READ_PLY else None
        yield StoredPath(item.align4d_gaussians, "file", library=item.library, changed=changed)
        for bake in () if compat.NODES_READ_PLY else modifier.bakes:
            yield StoredPath(bake, "directory", library=item.library)
