"""From what lies on disk to something that moves: a job folder, an animated glTF, a PC2 with its mesh, a sequence of PLY or GLB files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh

from align4d import protocol
from align4d.errors import EngineError
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.foreign import reading
from align4d.inputs.gaussian_file import holds_gaussians, read_gaussians
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.mesh_import import Y_UP, Y_UP_SUFFIXES

from .gltf_motion import read_animated_gltf
from .moving import Moving, MovingGaussians, MovingMesh

MESH_SUFFIXES = {".glb", ".gltf", ".obj", ".ply", ".stl"}


@dataclass(frozen=True)
class Found:
    """A result, and what is known of how it was made.

    Attributes:
        moving: what moves.
        camera: the solved camera; None where the result says nothing of it.
        video: the reference that it was made from; None where the result does not say.
        kind: of the result, in words.
    """

    moving: Moving
    kind: str
    camera: protocol.CameraResult | None = None
    video: protocol.VideoSpec | None = None


def read_result(path: Path, mesh: Path | None, fps: float, device: torch.device) -> Found:
    """Reads a result of any kind.

    Args:
        path: a job folder; a .glb or .gltf with an animation; a .pc2 (with `mesh`); or a folder with one .ply (Gaussians or a
            mesh) or .glb a frame, in the order of their names.
        mesh: the mesh of a .pc2, its vertices in the same order.
        fps: frames a second where the file does not say.

    Raises:
        EngineError: "result_missing", "result_unreadable", "result_unknown", "result_mesh", and as the readers of the files.
    """
    if not path.exists():
        raise EngineError("result_missing", f"There is no {path}.", "Check the path of the result.")
    with reading("result_unreadable", f"{path.name} cannot be read as a result", "Make it again, or export it again."):
        return _read(path, mesh, fps, device)


def _read(path: Path, mesh: Path | None, fps: float, device: torch.device) -> Found:
    if (path / "request.json").is_file():
        return _job(path)
    if path.is_dir():
        return _sequence(path, fps, device)
    if path.suffix.lower() in (".glb", ".gltf"):
        return Found(read_animated_gltf(path, fps), "animated glTF")
    if path.suffix.lower() == ".pc2":
        if mesh is None:
            raise EngineError("result_mesh", f"{path.name} has positions only.", "Name its mesh with --mesh.")
        return Found(_with_motion(load_mesh_file(mesh), protocol.read_pc2(path), fps, path.name), "point cache (PC2)")
    raise EngineError(
        "result_unknown",
        f"{path.name} is no result that can be evaluated.",
        "Give a job folder, an animated .glb, a .pc2 with --mesh, or a folder of .ply or .glb files, one a frame.",
    )


def _job(folder: Path) -> Found:
    request, result = protocol.read_completed(folder), protocol.read_result(folder)
    asset = load_asset(request, folder, rigged=False)
    if len(asset.vertices) != len(asset.bake_points):
        raise EngineError(
            "result_mesh",
            "The result moves the artist's vertices, and modifiers on top of them show others.",
            "Export the animated object from Blender as glTF, and evaluate that.",
        )
    vertices = np.empty((result.frames, len(asset.vertices), 3), np.float32)
    for item, output in zip(asset.objects, result.objects, strict=True):
        linear, offset = item.matrix_world[:3, :3], item.matrix_world[:3, 3]
        vertices[:, item.vertices] = protocol.read_pc2(folder / output.motion) @ linear.T + offset
    shown = dataclasses.replace(request.video, first=request.video.first + result.skipped)
    return Found(MovingMesh(asset, vertices, result.fps), "job folder", result.camera, shown)


def _with_motion(asset: Asset, motion: np.ndarray, fps: float, name: str) -> MovingMesh:
    """Object-space positions (T, V, 3) of a mesh file's one object. Raises EngineError "result_mesh"."""
    if len(asset.objects) != 1 or motion.shape[1] != len(asset.vertices):
        raise EngineError(
            "result_mesh",
            f"{name} moves {motion.shape[1]} points, the mesh has {len(asset.objects)} objects and {len(asset.vertices)} vertices.",
            "Give the mesh that belongs to it: one object, its vertices in the same order (a .ply or .obj without splits along UV seams).",
        )
    matrix = asset.objects[0].matrix_world
    return MovingMesh(asset, (motion @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32), fps)


def _sequence(folder: Path, fps: float, device: torch.device) -> Found:
    files = protocol.natural_order(item for item in folder.iterdir() if item.suffix.lower() in MESH_SUFFIXES)
    if not files:
        raise EngineError("result_unknown", f"{folder} holds neither a job nor a sequence of .ply or .glb files.", "Check the path of the result.")
    if holds_gaussians(files[0]):
        return Found(MovingGaussians(lambda frame: read_gaussians(files[frame]), len(files), fps, device), "sequence of Gaussians")
    asset = load_mesh_file(files[0])
    vertices = [_vertices(file) for file in files]
    for file, positions in zip(files, vertices, strict=True):
        if positions.shape != vertices[0].shape:
            raise EngineError(
                "result_mesh",
                f"{file.name} has {len(positions)} vertices, {files[0].name} has {len(vertices[0])}.",
                "Use files of one mesh that moves: the same vertices in every frame.",
            )
    return Found(MovingMesh(asset, np.stack(vertices), fps), "sequence of meshes")


def _vertices(path: Path) -> np.ndarray:
    """(V, 3) float32 of a mesh file, in the order that `import_mesh` gives its objects, in Blender's axes."""
    try:
        scene = trimesh.load_scene(path, process=False, maintain_order=True)
    except Exception as error:  # each of trimesh's readers raises what it likes
        raise EngineError("mesh_unreadable", f"{path.name} cannot be read as a mesh ({error}).", "Replace it, or leave it out.") from error
    turn = Y_UP if path.suffix.lower() in Y_UP_SUFFIXES else np.eye(4)
    parts = []
    for node in sorted(scene.graph.nodes_geometry):
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            matrix = turn @ np.asarray(transform, np.float64)
            parts.append(np.asarray(mesh.vertices) @ matrix[:3, :3].T + matrix[:3, 3])
    if not parts:
        raise EngineError("mesh_empty", f"{path.name} has no faces.", "Use files with a mesh in them.")
    return np.concatenate(parts).astype(np.float32)
