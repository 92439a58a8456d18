"""glTF 2.0 as a job's objects: the same objects, vertices and colors, in the same pose, as Blender's import of the file.

A node with a mesh is one object, with a material slot for each of the mesh's primitives. A skinned mesh stands where its joints put
it: the node's own transform does not count (glTF 2.0, 3.7.3.3). The joints come along as its bones.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import EngineError
from ..protocol import MaterialSpec
from ..protocol.srgb import linear_to_srgb
from .gltf_file import GltfFile
from .gltf_nodes import Nodes
from .gltf_primitive import DRACO, Primitive, read_primitive
from .gltf_skins import Skins
from .imported import MOST_OBJECTS, ImportedMesh, Tell, multiplied, not_beside
from .meshopt import EXTENSIONS

KNOWN = {
    DRACO,
    *EXTENSIONS,
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "EXT_texture_webp",
    "KHR_lights_punctual",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_node_visibility",
    "KHR_animation_pointer",
}
"""Extensions without which a mesh would be wrong, and which are read here, or which do not concern it. All `KHR_materials_` ones do neither."""


def read_gltf(path: Path, tell: Tell) -> list[ImportedMesh]:
    """The meshes of a .glb or .gltf file, in the order of its nodes, in its own axes. `tell`: as for `import_mesh`.

    Raises:
        EngineError: "gltf_unreadable", or "mesh_compressed" for what cannot be unpacked here.
    """
    file = GltfFile(path)
    with file.reading():
        _check_extensions(file)
        scene = Nodes(file)
        skins = Skins(file, scene)
        pictures = _Pictures(file, tell)
        shown = [index for index in scene.world if "mesh" in file.item("nodes", index)]
        if len(shown) > MOST_OBJECTS:
            raise ValueError(f"{len(shown)} objects are too many; join some of them")
        return [_imported(file, scene, skins, pictures, index) for index in shown]


def _check_extensions(file: GltfFile) -> None:
    required = [str(name) for name in file.json.get("extensionsRequired", [])]
    unknown = [name for name in required if name not in KNOWN and not name.startswith("KHR_materials_")]
    if unknown:
        raise EngineError(
            "mesh_compressed",
            f"{file.path.name} needs {unknown[0]}, which is not read here.",
            "Export it without compression and without extensions, or import it into Blender and animate it there.",
        )


class _Pictures:
    """The file's images, each decoded and multiplied once."""

    def __init__(self, file: GltfFile, tell: Tell) -> None:
        self.file, self.tell = file, functools.cache(tell)
        self._found: dict[tuple[int, tuple[float, ...]], Image.Image] = {}

    def find(self, source: int | None, factor: np.ndarray) -> Image.Image | None:
        """Image `source`, times a linear factor (3,); None where there is none, which is told where it should be a file beside."""
        if source is None:
            return None
        if missing := self.file.missing_image(source):
            self.tell(not_beside(self.file.path, missing))
            return None
        key = source, tuple(np.round(factor, 3).tolist())
        if key not in self._found:
            self._found[key] = multiplied(self.file.image(source), factor)
        return self._found[key]


def _imported(file: GltfFile, scene: Nodes, skins: Skins, pictures: _Pictures, index: int) -> ImportedMesh:
    node = file.item("nodes", index)
    mesh = file.item("meshes", node["mesh"])
    weights = node.get("weights", mesh.get("weights", []))
    read = [read_primitive(file, entry, weights) for entry in mesh.get("primitives", [])]
    parts = [part for part in read if part is not None and len(part.triangles)]
    pieces = [_piece(file, pictures, part) for part in parts]
    if "skin" in node:
        pieces = [skins.posed(node["skin"], part, piece) for part, piece in zip(parts, pieces, strict=True)]
    name = node.get("name") or mesh.get("name") or f"Mesh_{node['mesh']}"
    matrix = np.eye(4) if "skin" in node else scene.world[index]
    return ImportedMesh.joined(str(name), matrix, pieces)


def _piece(file: GltfFile, pictures: _Pictures, part: Primitive) -> ImportedMesh:
    """One primitive as a mesh of its own."""
    surface, source, transform = _surface(file, part.material)
    colors = np.ones((part.count, 4))
    if "COLOR_0" in part.attributes:
        stored = part.attributes["COLOR_0"].astype(np.float64)
        colors[:, : stored.shape[1]] = stored
    uv = np.zeros((part.count, 2))
    mean = colors[:, :3].mean(axis=0)  # a picture and colors at once are more than a material of the engine shows
    image = pictures.find(source, surface[:3] * mean) if transform.name in part.attributes else None
    if image is not None:
        uv = transform.applied(part.attributes[transform.name].astype(np.float64))
        material = MaterialSpec("texture")
    elif "COLOR_0" in part.attributes:
        material = MaterialSpec("attribute")
        colors[:, :3] = linear_to_srgb((colors[:, :3] * surface[:3]).clip(0, 1))
    elif part.material is None:
        material = MaterialSpec()
    else:
        material = MaterialSpec("flat", base_color=(*linear_to_srgb(surface[:3]).tolist(), 1.0))
    normals = part.attributes.get("NORMAL", np.zeros((part.count, 3))).astype(np.float64)
    return ImportedMesh("", np.eye(4), part.attributes["POSITION"], part.triangles, normals, uv, colors, [material], [image])


@dataclasses.dataclass(frozen=True)
class _TextureTransform:
    """KHR_texture_transform. Attributes: name of the UV map; offset, rotation [rad] and scale."""

    name: str
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)

    def applied(self, uv: np.ndarray) -> np.ndarray:
        """(V, 2) with v upwards, of the file's, which counts v downwards."""
        u, v = (uv * self.scale).T
        cosine, sine = np.cos(self.rotation), np.sin(self.rotation)
        return np.stack([cosine * u + sine * v + self.offset[0], 1 - (-sine * u + cosine * v + self.offset[1])], 1)


def _surface(file: GltfFile, index: int | None) -> tuple[np.ndarray, int | None, _TextureTransform]:
    """A material's linear base color (4,), the image that is its picture, and how that lies on the mesh."""
    material = file.item("materials", index) if index is not None else {}
    surface = material.get("pbrMetallicRoughness", {})
    factor, texture = surface.get("baseColorFactor"), surface.get("baseColorTexture")
    glossy = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
    if glossy is not None:
        factor, texture = glossy.get("diffuseFactor"), glossy.get("diffuseTexture")
    color = np.array(factor or (1, 1, 1, 1), np.float64)
    if texture is None:
        return color, None, _TextureTransform("TEXCOORD_0")
    entry = file.item("textures", texture["index"])
    source = entry.get("extensions", {}).get("EXT_texture_webp", entry).get("source", entry.get("source"))
    moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
    transform = _TextureTransform(
        f"TEXCOORD_{moved.get('texCoord', texture.get('texCoord', 0))}",
        tuple(moved.get("offset", (0, 0))),
        float(moved.get("rotation", 0)),
        tuple(moved.get("scale", (1, 1))),
    )
    return color, source, transform
