"""Run by Blender for the engine: imports an FBX file into an empty scene, and writes what is to be seen there as arrays and pictures.

blender --background --factory-startup --python dump_meshes.py -- FILE FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np


def main(source: Path, folder: Path) -> None:
    """Leaves FOLDER/meshes.json, an .npz for each object, and a PNG for each picture."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    newer = "fbx_import" in dir(bpy.ops.wm)  # hasattr finds every name there
    (bpy.ops.wm.fbx_import if newer else bpy.ops.import_scene.fbx)(filepath=str(source))
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    pictures = Pictures(source.parent.resolve(), folder)
    found = []
    for number, item in enumerate(one for one in bpy.context.scene.objects if one.type == "MESH" and one.visible_get()):
        np.savez(folder / f"{number}.npz", **arrays(item, graph))  # type: ignore[arg-type]  # its stub takes them for allow_pickle
        slots = [look(slot.material, pictures) for slot in item.material_slots]
        found.append({"name": item.name, "matrix": [list(row) for row in item.matrix_world], "slots": slots})
    (folder / "meshes.json").write_text(json.dumps({"meshes": found, "missing": pictures.missing}), encoding="utf-8")


def arrays(item: Any, graph: Any) -> dict[str, np.ndarray]:
    """A posed object's vertices (V, 3) in its own space; triangles and their corners (F, 3); normals and UVs of the corners (L, ...); slots (F,).

    And its bones, see `bones`.
    """
    mesh = item.evaluated_get(graph).to_mesh()
    mesh.calc_loop_triangles()
    if hasattr(mesh, "corner_normals"):
        normals = values(mesh.corner_normals, "vector", 3)
    else:  # before Blender 4.1
        mesh.calc_normals_split()
        normals = values(mesh.loops, "normal", 3)
    layer = mesh.uv_layers.active
    return {
        "vertices": values(mesh.vertices, "co", 3),
        "triangles": values(mesh.loop_triangles, "vertices", 3, np.int32),
        "corners": values(mesh.loop_triangles, "loops", 3, np.int32),
        "slot": values(mesh.loop_triangles, "material_index", 1, np.int32)[:, 0],
        "normals": normals,
        "uv": values(layer.data, "uv", 2) if layer else np.zeros((len(mesh.loops), 2), np.float32),
        **bones(item, mesh, graph),
    }


def bones(item: Any, mesh: Any, graph: Any) -> dict[str, np.ndarray]:
    """Those that move a posed object: their names, with their armature's; which hangs on which; heads (K, 3) in the object's space.

    And how much bone (N,) moves vertex (N,), by weight (N,).
    """
    back = item.matrix_world.inverted_safe()
    names: list[str] = []
    parent: list[int] = []
    head: list[Any] = []
    tied: dict[int, int] = {}  # a vertex group's bone
    for rig in dict.fromkeys(one.object for one in item.modifiers if one.type == "ARMATURE" and one.object):
        number: dict[str, int] = {}
        for bone in rig.evaluated_get(graph).pose.bones:  # those above others first
            if bone.bone.use_deform:
                parent.append(next((number[above.name] for above in bone.parent_recursive if above.name in number), -1))
                number[bone.name] = len(names)
                names.append(f"{rig.name}/{bone.name}")
                head.append(back @ rig.matrix_world @ bone.head)
        tied |= {group.index: number[group.name] for group in item.vertex_groups if group.name in number}
    moved = [(vertex.index, tied[one.group], one.weight) for vertex in mesh.vertices for one in vertex.groups if one.weight > 0 and one.group in tied]
    vertex, bone, weight = (np.array(column) for column in zip(*moved, strict=True)) if moved else (np.zeros(0, np.int32),) * 3
    stand = {"names": np.array(names, np.str_), "parent": np.array(parent, np.int32), "head": np.array(head).reshape(-1, 3)}
    return {**stand, "vertex": vertex, "bone": bone, "weight": weight}


def values(collection: Any, name: str, width: int, kind: Any = np.float32) -> np.ndarray:
    """(N, width) of a property of everything in a collection."""
    found = np.zeros(len(collection) * width, kind)
    collection.foreach_get(name, found)
    return found.reshape(-1, width)


def look(material: Any, pictures: Pictures) -> dict[str, Any]:
    """A material's linear color, and its picture's file, "" without one."""
    nodes = material.node_tree.nodes if material and material.use_nodes else ()
    surface = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    if surface is None:
        return {"color": list(material.diffuse_color)[:3] if material else None, "picture": ""}
    base = surface.inputs["Base Color"]
    image = base.links[0].from_node.image if base.is_linked and base.links[0].from_node.type == "TEX_IMAGE" else None
    return {"color": list(base.default_value)[:3], "picture": pictures.write(image) if image else ""}


class Pictures:
    """Pictures of the file, each written once: those in it, and those in its folder or below."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.missing: list[str] = []
        self._written: dict[str, str] = {}

    def write(self, image: Any) -> str:
        """The name of its PNG; "" for one that is missing or lies elsewhere."""
        if image.name not in self._written:
            self._written[image.name] = self._write(image, f"picture_{len(self._written)}.png")
        return self._written[image.name]

    def _write(self, image: Any, name: str) -> str:
        path = Path(bpy.path.abspath(image.filepath)).resolve()
        if not image.packed_file and not (path.is_relative_to(self.home) and path.is_file()):
            self.missing.append(path.name)
            return ""
        image.filepath_raw, image.file_format = str(self.folder / name), "PNG"
        image.save()
        return name


if __name__ == "__main__":
    main(*map(Path, sys.argv[-2:]))
