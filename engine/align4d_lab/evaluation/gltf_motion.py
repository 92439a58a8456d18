"""An animated glTF as a moving mesh: node transforms, morph targets and skins, played at an even frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from align4d.errors import EngineError
from align4d.inputs.asset import Asset, AssetObject, Material, Similarity
from align4d.inputs.gltf_file import GltfFile
from align4d.inputs.mesh_import import Y_UP
from align4d.protocol.srgb import linear_to_srgb

from .moving import MovingMesh

DEFAULT_FPS = 24.0
MOST_FRAMES = 1000


@dataclass(frozen=True)
class Channel:
    """One animated property of one node.

    Attributes:
        node: index of the node.
        path: "translation", "rotation", "scale" or "weights".
        times: (K,) seconds.
        values: (K, D), or (K, 3, D) of tangent, value, tangent for cubic splines.
        mode: "LINEAR", "STEP" or "CUBICSPLINE".
    """

    node: int
    path: str
    times: np.ndarray
    values: np.ndarray
    mode: str

    def at(self, time: float) -> np.ndarray:
        """(D,) at a time; held before the first and after the last key."""
        cubic = self.mode == "CUBICSPLINE"
        keys = self.values[:, 1] if cubic else self.values
        after = int(np.searchsorted(self.times, time, side="right"))
        if after == 0 or after == len(self.times):
            return keys[0] if after == 0 else keys[-1]
        before = after - 1
        span = float(self.times[after] - self.times[before])
        share = (time - float(self.times[before])) / span if span > 0 else 0.0
        if self.mode == "STEP":
            return keys[before]
        if cubic:
            found = _hermite(share, span, self.values[before], self.values[after])
        elif self.path == "rotation":
            return _slerp(keys[before], keys[after], share)
        else:
            found = keys[before] + share * (keys[after] - keys[before])
        return found / max(float(np.linalg.norm(found)), 1e-12) if self.path == "rotation" else found


def read_animated_gltf(path: Path, fps: float) -> MovingMesh:
    """The file's first animation, all its meshes as one.

    Args:
        fps: frames a second to play it at; 0 takes 24.

    Raises:
        EngineError: "gltf_unreadable", "gltf_static" without an animation, "mesh_empty".
    """
    file = GltfFile(path)
    if not file.items("animations"):
        raise EngineError("gltf_static", f"{path.name} has no animation.", "Export it with its animation, or give a .pc2 beside it.")
    with file.reading():
        channels = read_channels(file, file.items("animations")[0])
        meshes = [MeshNode(file, index, node) for index, node in enumerate(file.items("nodes")) if "mesh" in node]
        if not meshes:
            raise EngineError("mesh_empty", f"{path.name} has no mesh.", "Use a file with a mesh in it.")
        rate = fps or DEFAULT_FPS
        first = min(float(channel.times[0]) for channel in channels)
        last = max(float(channel.times[-1]) for channel in channels)
        frames = min(round((last - first) * rate) + 1, MOST_FRAMES)
        parents = parents_of(file)
        moments = [Moment(file, parents, channels, first + frame / rate) for frame in range(frames)]
        vertices = np.stack([np.concatenate([part.positions(moment) for part in meshes]) for moment in moments])
        vertices = (vertices @ Y_UP[:3, :3].T).astype(np.float32)
        return MovingMesh(_asset(meshes, vertices[0]), vertices, rate)


class Moment:
    """Where every node stands at a time."""

    def __init__(self, file: GltfFile, parents: dict[int, int], channels: list[Channel], time: float) -> None:
        animated: dict[int, dict[str, np.ndarray]] = {}
        for channel in channels:
            animated.setdefault(channel.node, {})[channel.path] = channel.at(time)
        nodes = file.items("nodes")
        local = [_local_matrix(node, animated.get(index, {})) for index, node in enumerate(nodes)]
        self.world: dict[int, np.ndarray] = {}
        for index in range(len(nodes)):
            chain, at = [index], index
            while at in parents and len(chain) <= len(nodes):
                at = parents[at]
                chain.append(at)
            matrix = np.eye(4)
            for ancestor in reversed(chain):
                matrix = matrix @ local[ancestor]
            self.world[index] = matrix
        self.weights = {node: values["weights"] for node, values in animated.items() if "weights" in values}


class MeshNode:
    """A node's mesh: all its primitives as one set of triangles, its morph targets and its skin."""

    def __init__(self, file: GltfFile, index: int, node: dict[str, Any]) -> None:
        self.index = index
        mesh = file.item("meshes", node["mesh"])
        self.resting = np.array(node.get("weights", mesh.get("weights", [])), np.float64)
        solid = [one for one in mesh["primitives"] if one.get("mode", 4) == 4]
        self.base = np.concatenate([file.accessor(one["attributes"]["POSITION"]).astype(np.float64) for one in solid])
        counts = [file.item("accessors", one["attributes"]["POSITION"])["count"] for one in solid]
        starts = np.cumsum([0, *counts])
        self.triangles = np.concatenate([_triangles(file, one, count) + start for one, count, start in zip(solid, counts, starts, strict=False)])
        if self.triangles.max() >= len(self.base):
            raise file.unreadable("a triangle points at a vertex that is not there")
        self.morphs = _morphs(file, solid)
        self.uv = np.concatenate([_attribute(file, one, "TEXCOORD_0", count, 2) for one, count in zip(solid, counts, strict=True)])
        slots = [len(_triangles(file, one, count)) for one, count in zip(solid, counts, strict=True)]
        self.slot = np.repeat(np.arange(len(solid)), slots)
        self.materials = [_material(file, one.get("material")) for one in solid]
        self.joints: list[int] = []
        if "skin" in node:
            skin = file.item("skins", node["skin"])
            self.joints = [int(joint) for joint in skin["joints"]]
            unmoved = np.tile(np.eye(4).ravel(), (len(self.joints), 1))
            inverse = file.accessor(skin["inverseBindMatrices"]) if "inverseBindMatrices" in skin else unmoved
            self.inverse = inverse.astype(np.float64).reshape(-1, 4, 4).transpose(0, 2, 1)  # stored column by column
            pairs = list(zip(solid, counts, strict=True))
            self.bones = np.concatenate([_attribute(file, one, "JOINTS_0", count, 4) for one, count in pairs]).astype(np.int64)
            shares = np.concatenate([_attribute(file, one, "WEIGHTS_0", count, 4) for one, count in pairs]).astype(np.float64)
            self.shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)

    def positions(self, moment: Moment) -> np.ndarray:
        """(V, 3) in the file's world. A skin's joints alone place what it holds: the node's own transform does not count."""
        weights = moment.weights.get(self.index, self.resting)
        points = self.base.copy()
        for weight, offsets in zip(weights, self.morphs, strict=False):
            points += weight * offsets
        if not self.joints:
            matrix = moment.world[self.index]
            return points @ matrix[:3, :3].T + matrix[:3, 3]
        bones = np.stack([moment.world[joint] for joint in self.joints]) @ self.inverse
        blended = np.einsum("vk,vkij->vij", self.shares, bones[self.bones])
        return np.einsum("vij,vj->vi", blended[:, :3, :3], points) + blended[:, :3, 3]


def read_channels(file: GltfFile, animation: dict[str, Any]) -> list[Channel]:
    """What one of the file's animations moves. Raises EngineError "gltf_unreadable" where that is nothing."""
    found = []
    for entry in animation["channels"]:
        target = entry["target"]
        if "node" not in target:
            continue
        sampler = animation["samplers"][entry["sampler"]]
        times, values = file.accessor(sampler["input"])[:, 0], file.accessor(sampler["output"]).astype(np.float64)
        mode = sampler.get("interpolation", "LINEAR")
        cubic = mode == "CUBICSPLINE"
        shape = (len(times), 3, -1) if cubic else (len(times), -1)
        found.append(Channel(int(target["node"]), target["path"], times, values.reshape(shape), mode))
    if not found:
        raise file.unreadable("its animation moves nothing")
    return found


def _hermite(share: float, span: float, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Cubic Hermite spline between two keys of (in-tangent, value, out-tangent) (glTF 2.0, appendix C.5)."""
    square, cube = share**2, share**3
    value = (2 * cube - 3 * square + 1) * before[1] + span * (cube - 2 * square + share) * before[2]
    return value + (-2 * cube + 3 * square) * after[1] + span * (cube - square) * after[0]


def _slerp(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Between two unit quaternions, the short way round."""
    cosine = float(first @ second)
    second, cosine = (-second, -cosine) if cosine < 0 else (second, cosine)
    if cosine > 0.9995:
        blended = first + share * (second - first)
        return blended / np.linalg.norm(blended)
    angle = np.arccos(min(cosine, 1.0))
    return (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)


def parents_of(file: GltfFile) -> dict[int, int]:
    """The parent of each node that has one."""
    return {int(child): index for index, node in enumerate(file.items("nodes")) for child in node.get("children", [])}


def _local_matrix(node: dict[str, Any], animated: dict[str, np.ndarray]) -> np.ndarray:
    if "matrix" in node and not animated:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = animated.get("rotation", np.array(node.get("rotation", [0, 0, 0, 1]), np.float64))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * animated.get("scale", np.array(node.get("scale", [1, 1, 1]), np.float64))
    matrix[:3, 3] = animated.get("translation", np.array(node.get("translation", [0, 0, 0]), np.float64))
    return matrix


def _triangles(file: GltfFile, primitive: dict[str, Any], count: int) -> np.ndarray:
    indices = file.accessor(primitive["indices"])[:, 0] if "indices" in primitive else np.arange(count)
    return indices.astype(np.int64).reshape(-1, 3)


def _morphs(file: GltfFile, primitives: list[dict[str, Any]]) -> list[np.ndarray]:
    """(V, 3) offsets of each target, over all primitives."""
    number = len(primitives[0].get("targets", []))
    parts = [[_attribute_of(file, one["targets"][target], one) for one in primitives] for target in range(number)]
    return [np.concatenate(offsets) for offsets in parts]


def _attribute_of(file: GltfFile, target: dict[str, Any], primitive: dict[str, Any]) -> np.ndarray:
    if "POSITION" in target:
        return file.accessor(target["POSITION"]).astype(np.float64)
    return np.zeros((file.item("accessors", primitive["attributes"]["POSITION"])["count"], 3))


def _attribute(file: GltfFile, primitive: dict[str, Any], name: str, count: int, width: int) -> np.ndarray:
    """(count, width) of a vertex attribute; zeros where the primitive has none."""
    if name not in primitive["attributes"]:
        return np.zeros((count, width))
    return file.accessor(primitive["attributes"][name])


def _material(file: GltfFile, index: Any) -> Material:
    """Base color: its texture, or its factor as sRGB."""
    surface = file.item("materials", index).get("pbrMetallicRoughness", {}) if index is not None else {}
    factor = np.array(surface.get("baseColorFactor", [1, 1, 1, 1])[:3], np.float64)
    if "baseColorTexture" in surface:
        texture = file.item("textures", surface["baseColorTexture"]["index"])
        return Material("texture", np.ones(3, np.float32), np.asarray(file.image(texture["source"])))
    return Material("flat", linear_to_srgb(factor).astype(np.float32), None)


def _asset(parts: list[MeshNode], first: np.ndarray) -> Asset:
    """All parts as one asset whose rest pose is the first frame; positions stay in the world."""
    starts = np.cumsum([0, *(len(part.base) for part in parts)])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32)
    slots = np.cumsum([0, *(len(part.materials) for part in parts)])
    uv = np.concatenate([part.uv for part in parts]).astype(np.float32)
    uv[:, 1] = 1 - uv[:, 1]  # glTF counts v downwards
    count = len(triangles)
    whole = AssetObject("all", "glTF", np.eye(4), slice(0, len(first)), slice(0, count), slice(0, len(first)))
    return Asset(
        vertices=first,
        triangles=triangles,
        material=np.concatenate([part.slot + start for part, start in zip(parts, slots, strict=False)]).astype(np.int32),
        corner_normal=np.zeros((count, 3, 3), np.float32),
        corner_uv=uv[triangles],
        corner_color=np.ones((count, 3, 4), np.float32),
        bake_points=first,
        materials=tuple(material for part in parts for material in part.materials),
        objects=(whole,),
        similarity=Similarity(np.zeros(3), 1.0),
    )
