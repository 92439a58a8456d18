"""Mesh files by the engine's command line are what Blender's own import makes of them: objects, vertices in their order, pose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Vector

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "engine"))

import gltf_files  # noqa: E402

READ = """
import json, pathlib, sys
import numpy as np
from align4d.inputs.mesh_import import import_mesh
from align4d.protocol import read_arrays
found, folder = {}, pathlib.Path(sys.argv[2])
(folder / "input").mkdir()
for item in import_mesh(pathlib.Path(sys.argv[1]), folder, print):
    arrays, matrix = read_arrays(folder / item.mesh), np.array(item.matrix_world)
    found[item.name] = {
        "vertices": (arrays["vertices"] @ matrix[:3, :3].T + matrix[:3, 3]).tolist(),
        "triangles": len(arrays["triangles"]),
        "slots": len(item.materials),
        "colors": [item.base_color[:3] for item in item.materials if item.kind == "flat"],
        "bones": {},
    }
    if item.bones:
        bones = read_arrays(folder / item.bones)
        for name, parent, head in zip(bones["names"].tolist(), bones["parent"].tolist(), bones["head"] @ matrix[:3, :3].T + matrix[:3, 3]):
            found[item.name]["bones"][name] = [bones["names"][parent].item() if parent >= 0 else "", *head.tolist()]
        moved = zip(bones["vertex"].tolist(), bones["bone"].tolist(), bones["weight"].tolist())
        found[item.name]["weights"] = sorted(moved)
print(json.dumps(found))
"""


def by_the_engine(path: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Its objects by name."""
    folder.mkdir()
    command = [os.environ["ALIGN4D_ENGINE_PYTHON"], "-c", READ, str(path), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "engine")})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_blender(path: Path) -> dict[str, bpy.types.Object]:
    """The objects that Blender's import shows, posed as it shows them."""
    before = set(bpy.data.objects)
    if path.suffix == ".fbx":
        newer = "fbx_import" in dir(bpy.ops.wm)
        (bpy.ops.wm.fbx_import if newer else bpy.ops.import_scene.fbx)(filepath=str(path))
    elif path.suffix == ".obj":
        bpy.ops.wm.obj_import(filepath=str(path))
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))
    for keys in bpy.data.shape_keys:  # Blender shows the first frame of an animation; the mesh is what stands still
        if keys.animation_data is None:
            continue
        keys.animation_data_clear()
        for block in keys.key_blocks[1:]:
            block.value = 0
    bpy.context.view_layer.update()
    return {item.name: item for item in bpy.data.objects if item not in before and item.type == "MESH" and item.visible_get()}


def assert_same(path: Path, folder: Path, tolerance: float = 1e-4) -> None:
    """`tolerance`: of the file's size."""
    ours, theirs = by_the_engine(path, folder), by_blender(path)
    assert sorted(ours) == sorted(theirs)
    graph = bpy.context.evaluated_depsgraph_get()
    for name, item in theirs.items():
        posed = item.evaluated_get(graph)
        mesh = posed.to_mesh()
        places = np.array([item.matrix_world @ vertex.co for vertex in mesh.vertices])
        np.testing.assert_allclose(ours[name]["vertices"], places, atol=tolerance * np.ptp(places))
        mesh.calc_loop_triangles()
        assert ours[name]["triangles"] == len(mesh.loop_triangles)
        assert ours[name]["slots"] == max(1, len(item.material_slots))
        posed.to_mesh_clear()


def assert_same_bones(capture: ModuleType, path: Path, folder: Path, objects: list[str], armature: bool = True) -> None:
    """Of these objects; `armature`: also how Blender calls their armatures, which it tells from all other objects."""
    ours, theirs = by_the_engine(path, folder), by_blender(path)
    graph = bpy.context.evaluated_depsgraph_get()
    for item in map(theirs.__getitem__, objects):
        standing = capture.bone_weights.standing_bones(item, graph, item.matrix_world)
        arrays = capture.slices.whole(capture.bone_weights.bone_arrays(item, item.data, standing))
        names = [name if armature else name.split("/")[1] for name in [*standing["names"].tolist(), "/"]]
        heads = [item.matrix_world @ Vector(head) for head in standing["head"].tolist()]
        found = ours[item.name]
        bones = {name if armature else name.split("/")[1]: bone for name, bone in found["bones"].items()}
        assert [*bones] == names[:-1]
        above = [bone[0] if armature else bone[0].split("/")[-1] for bone in bones.values()]
        assert above == [names[parent] if parent >= 0 else "" for parent in standing["parent"].tolist()]
        np.testing.assert_allclose([bone[1:] for bone in bones.values()], heads, atol=1e-4)
        moved = sorted(zip(arrays["vertex"].tolist(), arrays["bone"].tolist(), arrays["weight"].tolist(), strict=True))
        assert [one[:2] for one in found["weights"]] == [list(one[:2]) for one in moved]
        np.testing.assert_allclose([one[2] for one in found["weights"]], [one[2] for one in moved], atol=1e-4)


@pytest.mark.parametrize(("kind", "objects"), [("skinned", ["Body"]), ("rigged", ["Body", "Cap", "Other"])])
def test_bones_of_gltf(blender: ModuleType, tmp_path: Path, kind: str, objects: list[str]) -> None:
    path = gltf_files.EVERY[kind](tmp_path)
    assert_same_bones(blender.align4d_blender.capture, path, tmp_path / "job", objects, armature=False)


@pytest.mark.parametrize("kind", [*gltf_files.EVERY])
def test_gltf(blender: object, tmp_path: Path, kind: str) -> None:
    assert_same(gltf_files.EVERY[kind](tmp_path), tmp_path / "job")


def test_obj(blender: object, tmp_path: Path) -> None:
    path = tmp_path / "mesh.obj"
    path.write_text("o Front\nv 9 9 9\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 2 3 4 5\no Back\nv 0 0 -1\nf 2 4 6\nf 6 4 3\n")
    assert_same(path, tmp_path / "job")


def test_colors_of_an_obj(blender: object, tmp_path: Path) -> None:
    path = tmp_path / "mesh.obj"
    (tmp_path / "paint.mtl").write_text("newmtl paint\nKd 0.5 0.2 0\n")
    path.write_text("mtllib paint.mtl\no Front\nusemtl paint\nv 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n")
    linear = np.array(by_blender(path)["Front"].material_slots[0].material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value[:3])
    srgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    np.testing.assert_allclose(by_the_engine(path, tmp_path / "job")["Front"]["colors"], [srgb], atol=1e-3)


PROGRAM = """#!{python}
import runpy, sys
runpy.run_path(sys.argv[sys.argv.index("--python") + 1], run_name="__main__")
"""
"""Stands in for an installed Blender where Blender is a Python module."""


def export_fbx(path: Path) -> None:
    """A rigged pair of towers under an empty that is turned and small, one of them with a picture."""
    bpy.ops.object.empty_add(rotation=(0.3, 0, 0.7))
    root = bpy.context.object
    root.scale = (0.1, 0.1, 0.1)
    image = bpy.data.images.new("Picture", 8, 8)
    image.filepath_raw, image.file_format = str(path.with_name("picture.png")), "PNG"
    image.save()
    for name, place in (("Tower", 0.0), ("Mast", 3.0)):
        bpy.ops.mesh.primitive_cone_add(vertices=5, depth=3, location=(place, 1, 2))
        tower = bpy.context.object
        tower.name, tower.parent, tower.scale = name, root, (1, 2, 0.5)
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.6, 0.1, 0.2, 1)
        if name == "Mast":
            texture = nodes.new("ShaderNodeTexImage")
            texture.image = image
            links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
        tower.data.materials.append(material)
    bpy.ops.export_scene.fbx(filepath=str(path))
    for item in [*bpy.data.objects]:
        bpy.data.objects.remove(item)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Blender in the PATH, this one."""
    program = tmp_path / "bin" / "blender"
    program.parent.mkdir()
    if bpy.app.binary_path:
        program.symlink_to(bpy.app.binary_path)
    else:
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


def test_fbx_through_a_blender(blender: object, program: None, tmp_path: Path) -> None:
    export_fbx(tmp_path / "towers.fbx")
    assert_same(tmp_path / "towers.fbx", tmp_path / "job")
    found = by_the_engine(tmp_path / "towers.fbx", tmp_path / "again")
    np.testing.assert_allclose(found["Tower"]["colors"], [[0.797, 0.349, 0.485]], atol=0.01)
    assert len(list((tmp_path / "again" / "input").glob("*.png"))) == 1
    (tmp_path / "damaged.fbx").write_bytes(b"Kaydara FBX Binary")
    with pytest.raises(AssertionError, match="Blender cannot read damaged.fbx"):
        by_the_engine(tmp_path / "damaged.fbx", tmp_path / "third")


def export_rigged_fbx(path: Path) -> None:
    """A cylinder on two bones, the upper of them bent, under an armature that is moved and doubled."""
    bpy.ops.object.armature_add(enter_editmode=True, location=(0, 1, 0))
    rig = bpy.context.object
    rig.scale = (2, 2, 2)
    upper = rig.data.edit_bones.new("Upper")
    upper.parent = rig.data.edit_bones["Bone"]
    upper.head, upper.tail = (0, 0, 1), (0, 0, 2)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.mesh.primitive_cylinder_add(vertices=6, depth=4, location=(0, 1, 2))
    limb = bpy.context.object
    limb.name, limb.parent = "Limb", rig
    limb.matrix_parent_inverse = rig.matrix_world.inverted()
    for name, high in (("Bone", False), ("Upper", True)):
        limb.vertex_groups.new(name=name).add([one.index for one in limb.data.vertices if (one.co.z > 0) == high], 0.75, "REPLACE")
    limb.modifiers.new("Armature", "ARMATURE").object = rig
    rig.pose.bones["Upper"].rotation_mode = "XYZ"
    rig.pose.bones["Upper"].rotation_euler.x = 0.6
    bpy.ops.export_scene.fbx(filepath=str(path), add_leaf_bones=False)
    for item in [*bpy.data.objects]:
        bpy.data.objects.remove(item)


def test_bones_of_fbx(blender: ModuleType, program: None, tmp_path: Path) -> None:
    export_rigged_fbx(tmp_path / "limb.fbx")
    assert_same_bones(blender.align4d_blender.capture, tmp_path / "limb.fbx", tmp_path / "job", ["Limb"])


SHARED = os.environ.get("ALIGN4D_ODD_INPUTS", "")
FILES = (
    "sparse.gltf",
    "skinned-simple.glb",
    "skinned-under-scaled-node.glb",
    "triangle-fan/Mesh_PrimitiveMode_05.gltf",
    "vertex-colors-beside-material.glb",
    "texture-transform/TextureTransformTest.gltf",
    "draco.glb",
    "eight-primitives.glb",
)
STANDING = {"eight-primitives.glb": 0.03}
"""Of the size: what may differ where Blender shows the first frame of an animation of bones, and the engine what stands still."""


@pytest.mark.skipif(not SHARED, reason="ALIGN4D_ODD_INPUTS does not name the folder of public files")
@pytest.mark.parametrize("name", FILES)
def test_public_files(blender: object, tmp_path: Path, name: str) -> None:
    assert_same(Path(SHARED) / name, tmp_path / "job", STANDING.get(name, 5e-4))  # exporters round bones' scales
