"""A finished job as one binary glTF with a skin: the meshes with their materials, a joint for each part, and its animation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..errors import EngineError, writing
from ..inputs.asset import Asset, AssetObject, load_asset
from ..protocol import MaterialSpec, Result, inside, read_arrays, read_completed, read_pc2, read_result
from ..protocol.srgb import srgb_to_linear
from .fitted_poses import fit_poses
from .glb_file import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Buffer, split_at_seams, write_glb

RIGGED = "output/rigged.glb"
UPRIGHT = [-(0.5**0.5), 0.0, 0.0, 0.5**0.5]
"""The turn (xyzw) from Blender's Z up to glTF's Y up."""


def write_rigged(folder: Path) -> Path:
    """Writes `RIGGED` into a complete job. Returns its path.

    Raises:
        EngineError: "no_poses" where the motion has no parts; as load_asset; "disk_full", "cannot_write".
        ProtocolError: the job is not complete.
    """
    result, request = read_result(folder), read_completed(folder)
    if not result.poses:
        raise EngineError("no_poses", "This motion has no parts, of which bones could be made.", "Generate it with the preset artist or draft.")
    asset = load_asset(request, folder, rigged=False)
    poses = _fitted(folder, asset, result, read_arrays(inside(folder, result.poses)))
    buffer = Buffer()
    joints = 1 + np.arange(len(poses["parent"]))
    number, weight = vertex_weights(asset, poses)
    materials, primitives = _meshes(buffer, folder, asset, [one for spec in request.objects for one in spec.materials], number, weight)
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    inverse[:, 3, :3] = -poses["joint"]  # column-major
    meshes = [{"name": item.name, "primitives": parts} for item, parts in zip(asset.objects, primitives, strict=True)]
    shown = [{"name": item.name, "mesh": index, "skin": 0} for index, item in enumerate(asset.objects)]
    nodes = [_armature(poses), *_joints(poses), *shown]
    scene: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "Align4D"},
        "scene": 0,
        "scenes": [{"nodes": [0, *range(1 + len(joints), len(nodes))]}],
        "nodes": nodes,
        "meshes": meshes,
        "skins": [{"joints": joints.tolist(), "inverseBindMatrices": buffer.add(inverse.reshape(-1, 16), "MAT4"), "skeleton": 0}],
        "animations": [_animation(buffer, poses, result)],
        **materials,
    }
    with writing():
        write_glb(folder / RIGGED, scene, buffer)
    return folder / RIGGED


def _fitted(folder: Path, asset: Asset, result: Result, poses: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The poses with which the skin comes nearest to the motion as it was baked."""
    world = [
        read_pc2(inside(folder, entry.motion)) @ item.matrix_world[:3, :3].T + item.matrix_world[:3, 3]
        for entry, item in zip(result.objects, asset.objects, strict=True)
    ]
    points = asset.similarity.invert(asset.bake_points)
    weights = np.zeros((len(points), len(poses["parent"])))
    weights[poses["point"], poses["part"]] = poses["weight"]
    frames, count = poses["rotation"].shape[:2]
    turns = Rotation.from_quat(poses["rotation"].reshape(-1, 4), scalar_first=True).as_matrix().reshape(frames, count, 3, 3)
    turns, shifts = fit_poses(turns, poses["translation"].astype(np.float64), weights, points, np.concatenate(world, axis=1))
    quaternions = Rotation.from_matrix(turns.reshape(-1, 3, 3)).as_quat(scalar_first=True).reshape(frames, count, 4)
    return {**poses, "rotation": quaternions, "translation": shifts}


def vertex_weights(asset: Asset, poses: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Parts (V, 4) uint16 and weights (V, 4) float32 of the asset's vertices: those of the nearest baked point."""
    count = len(asset.bake_points)
    order = np.argsort(poses["point"], kind="stable")
    point = poses["point"][order]
    column = np.arange(len(point)) - np.searchsorted(point, point)
    part, weight = np.zeros((count, 4), np.uint16), np.zeros((count, 4), np.float32)
    part[point, column], weight[point, column] = poses["part"][order], poses["weight"][order]
    nearest = cKDTree(asset.bake_points).query(asset.vertices)[1]
    return part[nearest], weight[nearest]


def local_transforms(poses: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of each part against its parent: quaternions xyzw and translations (T, K, 4), (T, K, 3)."""
    parent, joint = poses["parent"], poses["joint"].astype(np.float64)
    frames, count = poses["rotation"].shape[:2]
    turns = Rotation.from_quat(poses["rotation"].reshape(-1, 4), scalar_first=True).as_matrix().reshape(frames, count, 3, 3)
    heads = np.einsum("tkij,kj->tki", turns, joint) + poses["translation"]
    above = np.where(parent < 0, 0, parent)
    parent_turns = np.where((parent < 0)[None, :, None, None], np.eye(3), turns[:, above])
    parent_heads = np.where((parent < 0)[None, :, None], 0.0, heads[:, above])
    local = np.einsum("tkji,tkjl->tkil", parent_turns, turns)
    place = np.einsum("tkji,tkj->tki", parent_turns, heads - parent_heads)
    quaternions = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(frames, count, 4)
    flips = np.cumprod(np.where((quaternions[1:] * quaternions[:-1]).sum(-1, keepdims=True) < 0, -1.0, 1.0), axis=0)
    quaternions[1:] *= flips
    return quaternions.astype(np.float32), place.astype(np.float32)


def _armature(poses: dict[str, np.ndarray]) -> dict[str, Any]:
    roots = (1 + np.flatnonzero(poses["parent"] < 0)).tolist()
    return {"name": "Armature", "rotation": UPRIGHT, "children": roots}


def _joints(poses: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """A node for each part, at rest."""
    parent, joint = poses["parent"], poses["joint"].astype(np.float64)
    nodes = []
    for part, above in enumerate(parent):
        place = joint[part] - (joint[above] if above >= 0 else 0)
        children = (1 + np.flatnonzero(parent == part)).tolist()
        node: dict[str, Any] = {"name": "Root" if above < 0 else f"Part {part + 1}", "translation": place.tolist()}
        nodes.append({**node, "children": children} if children else node)
    return nodes


def _animation(buffer: Buffer, poses: dict[str, np.ndarray], result: Result) -> dict[str, Any]:
    quaternions, places = local_transforms(poses)
    times = buffer.add((np.arange(len(places)) / result.fps).astype(np.float32), "SCALAR", bounds=True)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    for part in range(places.shape[1]):
        for path, values, kind in (("rotation", quaternions[:, part], "VEC4"), ("translation", places[:, part], "VEC3")):
            channels.append({"sampler": len(samplers), "target": {"node": 1 + part, "path": path}})
            samplers.append({"input": times, "output": buffer.add(values, kind), "interpolation": "LINEAR"})
    return {"name": "Motion", "samplers": samplers, "channels": channels}


def _meshes(
    buffer: Buffer, folder: Path, asset: Asset, specs: list[MaterialSpec], number: np.ndarray, weight: np.ndarray
) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """Materials, textures and images of the scene, and the primitives of each object: one for each material that it uses."""
    world = asset.similarity.invert(asset.vertices).astype(np.float32)
    materials: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for spec in specs:
        shading: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if spec.kind == "texture":
            shading["baseColorTexture"] = {"index": len(images)}
            images.append({"bufferView": buffer.add_bytes(inside(folder, spec.image).read_bytes()), "mimeType": "image/png"})
        elif spec.kind == "flat":
            shading["baseColorFactor"] = [*(srgb_to_linear(np.array(spec.base_color[:3])).tolist()), 1.0]
        materials.append({"name": f"Material {len(materials) + 1}", "pbrMetallicRoughness": shading})
    primitives = [_primitives(buffer, asset, item, specs, world, number, weight) for item in asset.objects]
    lists: dict[str, Any] = {"materials": materials}
    if images:
        lists |= {"images": images, "textures": [{"source": index} for index in range(len(images))]}
    return lists, primitives


def _primitives(
    buffer: Buffer, asset: Asset, item: AssetObject, specs: list[MaterialSpec], world: np.ndarray, number: np.ndarray, weight: np.ndarray
) -> list[dict[str, Any]]:
    found = []
    of_object = np.arange(item.triangles.start, item.triangles.stop)
    for material in np.unique(asset.material[of_object]):
        chosen = of_object[asset.material[of_object] == material]
        (vertex, uv), index = split_at_seams(asset.triangles[chosen], asset.corner_uv[chosen])
        attributes = {
            "POSITION": buffer.add(world[vertex], "VEC3", ARRAY_BUFFER, bounds=True),
            "TEXCOORD_0": buffer.add(np.stack([uv[:, 0], 1 - uv[:, 1]], 1), "VEC2", ARRAY_BUFFER),
            "JOINTS_0": buffer.add(number[vertex], "VEC4", ARRAY_BUFFER),
            "WEIGHTS_0": buffer.add(weight[vertex], "VEC4", ARRAY_BUFFER),
        }
        if specs[material].kind == "attribute":
            colors = np.empty((len(vertex), 4), np.float32)
            colors[index] = asset.corner_color[chosen].reshape(-1, 4)
            colors[:, :3] = srgb_to_linear(colors[:, :3])
            attributes["COLOR_0"] = buffer.add(colors, "VEC4", ARRAY_BUFFER)
        indices = buffer.add(index.astype(np.uint32), "SCALAR", ELEMENT_ARRAY_BUFFER)
        found.append({"attributes": attributes, "indices": indices, "material": int(material)})
    return found
