"""Vertex groups, and so bones, that are held: what the request says of them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video


def captured(blender: ModuleType, folder: Path) -> dict[str, np.ndarray] | None:
    found = blender.align4d_blender.capture.capture.capture(bpy.context, "job", folder, "auto").request.objects[0].held
    return blender.engine.align4d.protocol.read_arrays(folder / found) if found else None


def test_a_group_says_which_vertices_stay(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    use_video(tmp_path / "video")
    assert captured(blender, tmp_path / "free") is None
    foot, belt = item.vertex_groups.new(name="Foot"), item.vertex_groups.new(name="Belt")
    foot.add([0, 1, 2], 0.5, "REPLACE")
    belt.add([5], 1.0, "REPLACE")
    item.align4d.ground = "Foot"
    arrays = captured(blender, tmp_path / "ground")
    assert arrays["ground"][:4].tolist() == [0.5, 0.5, 0.5, 0.0] and not arrays["still"].any()
    item.align4d.still = "Belt"
    item.modifiers.new("Finer", "SUBSURF").levels = 1
    arrays = captured(blender, tmp_path / "both")
    assert len(arrays["still"]) > len(item.data.vertices) and arrays["still"].max() == pytest.approx(1)  # carried to the new vertices
    item.vertex_groups.remove(belt)
    with pytest.raises(Exception, match="has no vertex group Belt"):
        captured(blender, tmp_path / "gone")
