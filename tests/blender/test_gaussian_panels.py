"""The panels of Gaussians and exports: what there is to do, and what is wrong, where it is wrong."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import clouds
import test_panel
from scenes import add_mesh, use_video


class Layout(test_panel.Layout):
    def operator_menu_enum(self, name: str, property_name: str, icon: str = "NONE") -> None:
        rna = getattr(bpy.ops.align4d, name.split(".")[1]).get_rna_type()
        assert property_name in rna.properties
        self.drawn.append(rna.name)


def draw(panel: str) -> str:
    layout = Layout()
    getattr(bpy.types, f"ALIGN4D_PT_{panel}").draw(SimpleNamespace(layout=layout), bpy.context)
    return "\n".join(layout.drawn)


def test_an_empty_scene_offers_to_open_a_sequence(blender: ModuleType) -> None:
    assert draw("gaussians").split("\n") == ["Write Gaussians", "Open Gaussian Sequence"]


def test_the_active_sequence(blender: ModuleType, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.align4d.open_gaussians(filepath=str(clouds.sequence(tmp_path / "clip")))
    shown = draw("gaussians")
    assert "Start" in shown and "Files per Second" in shown and ("Bake Again" in shown) == (bpy.app.version < (4, 5, 0))
    assert "changes their colors" in shown and "Use Standard View Transform" in shown
    bpy.ops.align4d.standard_view()
    (tmp_path / "clip" / "frame_0000.ply").unlink()
    shown = draw("gaussians")
    assert "changes their colors" not in shown and "Its files are gone: frame_0000.ply" in shown


def test_a_result_with_gaussians_offers_to_show_them(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path)
    assert "Show Result As" not in draw("gaussians")
    bpy.context.scene.align4d.gaussians = True
    bpy.ops.align4d.generate()
    assert "Show Result As" in draw("gaussians")


def test_a_button_for_every_format(blender: ModuleType) -> None:
    formats = ["glTF", "Alembic", "USD", "FBX", "BVH", "OBJ Sequence", "MDD", "PC2", "Gaussian Sequence"]
    assert draw("exports").split("\n") == formats
    for name in dir(bpy.ops.align4d):
        assert getattr(bpy.ops.align4d, name).get_rna_type().description, name
