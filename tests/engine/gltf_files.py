"""Small glTF files of every kind that exporters write, and what is in them. Standard library and numpy: Blender's tests use it too."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

FLOAT, BYTE, SHORT, INT = 5126, 5121, 5123, 5125
_DTYPES = {FLOAT: np.float32, BYTE: np.uint8, SHORT: np.uint16, INT: np.uint32}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

QUAD = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], np.float32)
QUAD_UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
FACES = np.array([0, 1, 2, 0, 2, 3])
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
PICTURE = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(8, 0).repeat(8, 1)


def png(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a PNG."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Glb:
    """A .glb in the making."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": []}], "nodes": [], "meshes": []}
        self.binary = b""

    def view(self, data: bytes) -> int:
        self.binary += bytes(-len(self.binary) % 4)
        self.json.setdefault("bufferViews", []).append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)})
        self.binary += data
        return len(self.json["bufferViews"]) - 1

    def accessor(self, values: Any, component: int = FLOAT, normalized: bool = False, **others: Any) -> int:
        array = np.asarray(values)
        array = (array if array.ndim > 1 else array[:, None]).astype(_DTYPES[component])
        padded = np.pad(array, ((0, 0), (0, -array.shape[1] * array.itemsize % 4 // array.itemsize))) if array.shape[1] > 1 else array
        entry = {"componentType": component, "count": len(array), "type": _TYPES[array.shape[1]], "bufferView": self.view(padded.tobytes())}
        if padded.shape != array.shape:
            self.json["bufferViews"][entry["bufferView"]]["byteStride"] = padded.shape[1] * array.itemsize
        if array.shape[1] == 3 and component == FLOAT:
            entry |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        if normalized:
            entry["normalized"] = True
        self.json.setdefault("accessors", []).append(entry | others)
        return len(self.json["accessors"]) - 1

    def material(self, factor: tuple[float, ...] = (1, 1, 1, 1), picture: bool = False, **texture: Any) -> int:
        surface: dict[str, Any] = {"baseColorFactor": list(factor)}
        if picture:
            self.json["images"] = [{"bufferView": self.view(png(PICTURE)), "mimeType": "image/png"}]
            self.json["textures"] = [{"source": 0}]
            surface["baseColorTexture"] = {"index": 0, **texture}
        self.json.setdefault("materials", []).append({"name": f"Material {len(self.json.get('materials', []))}", "pbrMetallicRoughness": surface})
        return len(self.json["materials"]) - 1

    def mesh(self, *primitives: dict[str, Any], **others: Any) -> int:
        self.json["meshes"].append({"name": "Mesh", "primitives": list(primitives), **others})
        return len(self.json["meshes"]) - 1

    def node(self, root: bool = True, **content: Any) -> int:
        self.json["nodes"].append(content)
        if root:
            self.json["scenes"][0]["nodes"].append(len(self.json["nodes"]) - 1)
        return len(self.json["nodes"]) - 1

    def write(self, path: Path) -> Path:
        self.json["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps(self.json).encode()
        text += b" " * (-len(text) % 4)
        binary = self.binary + bytes(-len(self.binary) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
        return path


def quad(glb: Glb, indices: Any = FACES, points: np.ndarray = QUAD, **others: Any) -> dict[str, Any]:
    """A primitive."""
    return {"attributes": {"POSITION": glb.accessor(points)}, "indices": glb.accessor(indices, SHORT), **others}


def skinned(folder: Path) -> Path:
    """Bound under a node that is small and lies on its back; its joints stand upright."""
    glb = Glb()
    shape = quad(glb)
    shape["attributes"] |= {
        "JOINTS_0": glb.accessor([[0, 1, 0, 0]] * 4, BYTE),
        "WEIGHTS_0": glb.accessor([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]),
    }
    mesh = glb.mesh(shape)
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[:, 2, 3] = -1
    skin = {"joints": [2, 3], "inverseBindMatrices": glb.accessor(inverse.transpose(0, 2, 1).reshape(2, 16))}
    glb.json["skins"] = [skin]
    glb.node(name="Armature", scale=[0.01, 0.01, 0.01], rotation=[0.7071068, 0, 0, 0.7071068], children=[1])
    glb.node(False, name="Body", mesh=mesh, skin=0)
    glb.node(name="Hip", translation=[0, 0, 1], children=[3])
    glb.node(False, name="Arm", translation=[0, 0.5, 0])
    return glb.write(folder / "skinned.glb")


def bar() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) of a tube along X from -0.5 to 0.5, and its triangles' indices."""
    ring = np.array([[0, -0.1, -0.1], [0, 0.1, -0.1], [0, 0.1, 0.1], [0, -0.1, 0.1]])
    points = np.concatenate([ring + [x, 0, 0] for x in np.linspace(-0.5, 0.5, 17)])
    corners = np.array([[a, 4 + a, 4 + b, a, 4 + b, b] for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))]).ravel()
    return points.astype(np.float32), np.concatenate([4 * step + corners for step in range(16)])


def bound(glb: Glb, places: Any, joints: list[int], **others: Any) -> int:
    """A skin whose joints stood at `places` (K, 3), unturned, when the mesh was bound."""
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, 3, :3] = -np.asarray(places)  # column-major
    skin = {"joints": joints, "inverseBindMatrices": glb.accessor(inverse.reshape(-1, 16)), **others}
    glb.json.setdefault("skins", []).append(skin)
    return len(glb.json["skins"]) - 1


ROOT, BETWEEN, TIP = np.array([[-0.25, 0, 0], [-0.1, 0.05, 0], [0, 0, 0]])
HEADS = {"Root": (0, 0.5, 0), "Between": (-0.1, 0.8, 0), "Tip": (-0.3, 0.9, 0), "Other": (3, 0, 0)}
"""Where the joints of `rigged` stand, in its own world."""


def right_half(points: np.ndarray) -> np.ndarray:
    """(V,) how much the tip of `rigged` moves the bar."""
    return np.clip(0.5 + points[:, 0] / 0.2, 0, 1)


def rigged(folder: Path) -> Path:
    """A bar on two joints of a chain that is turned, doubled and bent, whose third moves nothing; a cap on its tip, by a skin that knows no
    other joint; and something on an armature of the same name."""
    glb = Glb()
    turned = [0, 0, 0.7071068, 0.7071068]
    glb.node(name="Rig", translation=[0, 1, 0], rotation=turned, scale=[2, 2, 2], children=[1, 4, 5])
    glb.node(False, name="Root", translation=ROOT.tolist(), children=[2])
    glb.node(False, name="Between", translation=(BETWEEN - ROOT).tolist(), rotation=turned, children=[3])
    glb.node(False, name="Tip", translation=(TIP - BETWEEN).tolist(), rotation=[0, 0.6, 0, 0.8])
    (points, faces), half = bar(), right_half(bar()[0])
    body, cap, other = quad(glb, faces, points), quad(glb, points=0.1 * QUAD), quad(glb, points=0.2 * QUAD)
    for number, (joint, weight) in enumerate(((2, half), (0, 1 - half))):
        body["attributes"][f"JOINTS_{number}"] = glb.accessor([[joint, 0, 0, 0]] * len(points), BYTE)
        body["attributes"][f"WEIGHTS_{number}"] = glb.accessor(weight[:, None] * [1, 0, 0, 0])
    for one in (cap, other):
        one["attributes"] |= {"JOINTS_0": glb.accessor([[0, 0, 0, 0]] * 4, BYTE), "WEIGHTS_0": glb.accessor([[1, 0, 0, 0]] * 4)}
    glb.node(False, name="Body", mesh=glb.mesh(body), skin=bound(glb, [ROOT, BETWEEN, TIP], [1, 2, 3]))
    glb.node(False, name="Cap", mesh=glb.mesh(cap), skin=bound(glb, [TIP], [3]))
    glb.node(name="Rig", translation=[3, 0, 0], children=[7, 8])
    glb.node(False, name="Root")
    glb.node(False, name="Other", mesh=glb.mesh(other), skin=bound(glb, [[0, 0, 0]], [7]))
    return glb.write(folder / "rigged.glb")


def sparse(folder: Path) -> Path:
    """One vertex is moved by sparse values."""
    glb = Glb()
    shape = quad(glb)
    places, values = glb.view(np.array([2], np.uint16).tobytes()), glb.view(np.array([[2, 4, 0]], np.float32).tobytes())
    entry = glb.json["accessors"][shape["attributes"]["POSITION"]]
    entry["sparse"] = {"count": 1, "indices": {"bufferView": places, "componentType": SHORT}, "values": {"bufferView": values}}
    entry["max"] = [2, 4, 0]
    glb.node(name="Sparse", mesh=glb.mesh(shape))
    return glb.write(folder / "sparse.glb")


def textured(folder: Path, **transform: Any) -> Path:
    """UVs in normalized 16 bits, the picture moved by KHR_texture_transform."""
    glb = Glb()
    extension = {"extensions": {"KHR_texture_transform": transform}} if transform else {}
    shape = quad(glb, material=glb.material(picture=True, **extension))
    shape["attributes"]["TEXCOORD_0"] = glb.accessor(np.rint(QUAD_UV * 65535), SHORT, True)
    glb.node(name="Textured", mesh=glb.mesh(shape), translation=[1, 2, 3])
    glb.json["extensionsUsed"] = ["KHR_texture_transform"]
    return glb.write(folder / "textured.glb")


def colored(folder: Path) -> Path:
    """Vertex colors beside a material."""
    glb = Glb()
    shape = quad(glb, material=glb.material((0.5, 1, 1, 1)))
    shape["attributes"]["COLOR_0"] = glb.accessor([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [255, 255, 255, 255]], BYTE, True)
    glb.node(name="Colored", mesh=glb.mesh(shape))
    return glb.write(folder / "colored.glb")


def fan_and_strip(folder: Path) -> Path:
    glb = Glb()
    glb.node(name="Fan", mesh=glb.mesh(quad(glb, [0, 1, 2, 3], mode=6)))
    glb.node(name="Strip", mesh=glb.mesh(quad(glb, [0, 1, 3, 2], mode=5)), translation=[0, 3, 0])
    return glb.write(folder / "fan.glb")


def primitives(folder: Path) -> Path:
    """Three primitives of one mesh, one of them of lines; not every vertex is used; a morph target that is on."""
    glb = Glb()
    stray = np.concatenate([[[9, 9, 9]], QUAD]).astype(np.float32)
    first = quad(glb, FACES + 1, stray, material=glb.material((1, 0, 0, 1)))
    second = quad(glb, FACES, np.add(QUAD, [0, 2, 0]), material=glb.material((0, 0, 1, 1)))
    first["targets"] = [{"POSITION": glb.accessor(np.full((5, 3), [0, 0, 1.0]))}]
    second["targets"] = [{"POSITION": glb.accessor(np.full((4, 3), [0, 0, 2.0]))}]
    lines = quad(glb, [0, 1, 1, 2], mode=1)
    lines["targets"] = [{"POSITION": glb.accessor(np.zeros((4, 3)))}]
    glb.node(name="Parent", rotation=[0, 0, 0.7071068, 0.7071068], children=[1])
    glb.node(False, name="Two", mesh=glb.mesh(first, second, weights=[0.5]), scale=[1, -2, 1])
    return glb.write(folder / "primitives.glb")


EVERY = {
    "skinned": skinned,
    "rigged": rigged,
    "sparse": sparse,
    "textured": textured,
    "colored": colored,
    "fan": fan_and_strip,
    "primitives": primitives,
}
