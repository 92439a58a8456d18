"""What panels ask of the disk is asked once a second at most."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import pytest
from scenes import add_mesh, use_video
from test_panel import Layout


def test_drawing_again_asks_no_disk(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the video, nor for a motion's file: both are gone, and the panels say so when they look again."""
    remembered = blender.align4d_blender.storage.remembered
    monkeypatch.setattr(remembered, "SECONDS", 3600.0)
    remembered.forget()
    use_video(tmp_path / "video")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    fox = add_mesh("Fox")
    bpy.ops.align4d.generate()

    def drawn() -> str:
        layout = Layout()
        for name in ("generate", "result"):
            getattr(bpy.types, f"ALIGN4D_PT_{name}").draw(SimpleNamespace(layout=layout), bpy.context)
        return "\n".join(layout.drawn)

    before = drawn()
    assert "There is no video at" not in before and "Its file is gone" not in before
    os.rename(tmp_path / "video", tmp_path / "moved")
    os.unlink(bpy.path.abspath(fox.align4d.results[0].motion))
    assert drawn() == before
    remembered.forget()
    after = drawn()
    assert "There is no video at" in after and "Its file is gone" in after
