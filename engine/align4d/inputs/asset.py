"""The artist's meshes as one normalized asset, and its welded twin for connectivity.

Normalized means: world matrices applied, bounding-box center of all objects at the origin, longest side 1 (paper and
Zero123 convention). `Asset.similarity` leads back to the world.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..errors import EngineError
from ..protocol import MESH_ARRAYS, MaterialSpec, ObjectSpec, Request, inside
from .bone_limits import BoneLimits, load_bone_limits
from .foreign import reading
from .held import load_held
from .image_file import open_image
from .mesh_file import move_to_world, read_mesh, world_matrix
from .rig import Rig, load_rig


@dataclasses.dataclass(frozen=True)
class Similarity:
    """World to normalized space: normalized = (world - center) / size.

    Attributes:
        center: (3,) float64, bounding-box center in world units.
        size: longest side of the bounding box in world units.
    """

    center: np.ndarray
    size: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) world positions to normalized ones, float64."""
        return (np.asarray(points, np.float64) - self.center) / self.size

    def invert(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) normalized positions to world ones, float64."""
        return np.asarray(points, np.float64) * self.size + self.center


@dataclasses.dataclass(frozen=True)
class Material:
    """One material: a `MaterialSpec` with its image in memory, (H, W, 3) uint8 sRGB with row 0 at the top, or None."""

    kind: str
    base_color: np.ndarray
    image: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class AssetObject:
    """Where one object of the request lies in the asset's arrays.

    Attributes:
        matrix_world: (4, 4) float64, object space to world.
        vertices, triangles, points: its slices of `Asset.vertices`, `Asset.triangles` and `Asset.bake_points`.
    """

    id: str
    name: str
    matrix_world: np.ndarray
    vertices: slice
    triangles: slice
    points: slice


@dataclasses.dataclass(frozen=True)
class Asset:
    """All objects of a request in one set of arrays, in normalized space.

    Attributes:
        vertices: (V, 3) float32.
        triangles: (F, 3) int32, counter-clockwise seen from outside (mirrored objects are turned round).
        material: (F,) int32 into `materials`.
        corner_normal: (F, 3, 3) float32 unit shading normals.
        corner_uv: (F, 3, 2) float32, v upwards.
        corner_color: (F, 3, 4) float32 sRGB and alpha.
        bake_points: (B, 3) float32, the points whose motion is wanted.
        materials: of all objects, one after the other.
        objects: in the request's order.
        similarity: world to normalized.
        rig: the artist's bones; None where nothing is rigged, and where they are not asked for.
        held: (V, 2) float32 how firmly each vertex stays in its place, and at its height; None where everything may move.
        limits: how far the bones may turn; None where they may as they like, and as with `rig`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    corner_normal: np.ndarray
    corner_uv: np.ndarray
    corner_color: np.ndarray
    bake_points: np.ndarray
    materials: tuple[Material, ...]
    objects: tuple[AssetObject, ...]
    similarity: Similarity
    rig: Rig | None = None
    held: np.ndarray | None = None
    limits: BoneLimits | None = None


@dataclasses.dataclass(frozen=True)
class Weld:
    """The asset with coincident vertices merged (glTF splits them along UV seams, or all of them).

    Attributes:
        index: (V,) int32, asset vertex -> welded vertex.
        vertices: (W, 3) float32.
        triangles: (F, 3) int32 into `vertices`, in the asset's order; a triangle may have become degenerate.
        shell: (W,) int32, connected component of each welded vertex.
        shells: number of connected components.
    """

    index: np.ndarray
    vertices: np.ndarray
    triangles: np.ndarray
    shell: np.ndarray
    shells: int


def load_asset(request: Request, folder: Path, rigged: bool = True) -> Asset:
    """Reads the request's meshes and textures from the job folder.

    Args:
        rigged: with the artist's bones and their limits, of which the parts are made; who has these already needs no bones.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_invalid", "mesh_empty", "mesh_no_area",
            "matrix_singular" or "texture_unreadable".
        ProtocolError: where one of them would lie outside of the folder.
    """
    if not request.objects:
        raise EngineError("mesh_missing", "The job has no mesh.", "Select at least one mesh object and generate again.")
    meshes = []
    for spec in request.objects:
        matrix = world_matrix(spec)
        meshes.append(read_mesh(spec, folder))
        move_to_world(meshes[-1], matrix)
    similarity = _similarity(meshes)
    for mesh in meshes:
        mesh["vertices"] = similarity.apply(mesh["vertices"]).astype(np.float32)
        mesh["bake_vertices"] = similarity.apply(mesh["bake_vertices"]).astype(np.float32)
    materials = tuple(_load_material(item, spec.name, folder) for spec in request.objects for item in spec.materials)
    counts = [len(mesh["vertices"]) for mesh in meshes]
    asset = dataclasses.replace(_join(request.objects, meshes, materials, similarity), held=load_held(request.objects, counts, folder))
    if rigged:
        rig, limits = load_rig(request.objects, counts, folder), load_bone_limits(request.objects, folder)
        asset = dataclasses.replace(asset, rig=rig, limits=limits)
    if not triangle_areas(asset).sum() > 1e-12:
        raise EngineError("mesh_no_area", "The mesh has no surface: all of its faces have no area.", "Select a mesh with faces that can be seen.")
    return asset


def triangle_areas(asset: Asset) -> np.ndarray:
    """(F,) float64 areas in normalized units."""
    return 0.5 * np.linalg.norm(_cross(asset), axis=1)


def face_normals(asset: Asset) -> np.ndarray:
    """(F, 3) float32 unit normals; zero where a triangle is degenerate."""
    cross = _cross(asset)
    length = np.linalg.norm(cross, axis=1, keepdims=True)
    return np.divide(cross, length, out=np.zeros_like(cross), where=length > 0).astype(np.float32)


def weld(asset: Asset, tolerance: float = 1e-5) -> Weld:
    """Merges the vertices of each object that lie within `tolerance` (of the asset's longest side) of each other."""
    index = np.empty(len(asset.vertices), np.int32)
    count = 0
    for item in asset.objects:
        labels = _merge(asset.vertices[item.vertices], tolerance)
        index[item.vertices] = labels + count
        count += int(labels.max()) + 1
    vertices = np.empty((count, 3), np.float32)
    vertices[index[::-1]] = asset.vertices[::-1]
    triangles = index[asset.triangles]
    first, second = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(count, count))
    shells, shell = connected_components(graph, directed=False)
    return Weld(index, vertices, triangles, shell.astype(np.int32), int(shells))


def _merge(points: np.ndarray, tolerance: float) -> np.ndarray:
    """(N,) labels 0..K-1 of groups of points that are chained by distances <= tolerance."""
    unique, label = np.unique(points + 0.0, axis=0, return_inverse=True)  # + 0.0: -0 equals 0
    pairs = cKDTree(unique).query_pairs(tolerance, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(unique), len(unique)))
    _, group = connected_components(graph, directed=False)
    return group[label.ravel()].astype(np.int32)


def _cross(asset: Asset) -> np.ndarray:
    corners = asset.vertices.astype(np.float64)
    a, b, c = (corners[asset.triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _similarity(meshes: list[dict[str, np.ndarray]]) -> Similarity:
    """The normalization of the surface (vertices that no face uses do not count)."""
    used = [mesh["vertices"][np.unique(mesh["triangles"])] for mesh in meshes]
    low = np.min([points.min(axis=0) for points in used], axis=0)
    high = np.max([points.max(axis=0) for points in used], axis=0)
    size = float((high - low).max())
    if not size > 0:
        raise EngineError("mesh_no_area", "The mesh has no size: all of its faces lie in one point.", "Select a mesh with faces that can be seen.")
    return Similarity((low + high) / 2, size)


def _load_material(spec: MaterialSpec, owner: str, folder: Path) -> Material:
    if spec.kind not in ("flat", "texture", "attribute"):
        raise EngineError(
            "mesh_invalid", f'A material of "{owner}" is of the unknown kind "{spec.kind}".', "Update the extension and generate again."
        )
    color = np.array(spec.base_color[:3], np.float32)
    return Material(spec.kind, color, _load_image(inside(folder, spec.image), owner) if spec.kind == "texture" else None)


def _load_image(path: Path, owner: str) -> np.ndarray:
    with (
        reading("texture_unreadable", f'A texture of "{owner}" cannot be read', "Reload or repack the image and generate again."),
        open_image(path) as image,
    ):
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _join(specs: tuple[ObjectSpec, ...], meshes: list[dict[str, np.ndarray]], materials: tuple[Material, ...], similarity: Similarity) -> Asset:
    objects = []
    vertex = triangle = point = material = 0
    for spec, mesh in zip(specs, meshes, strict=True):
        counts = len(mesh["vertices"]), len(mesh["triangles"]), len(mesh["bake_vertices"])
        slices = slice(vertex, vertex + counts[0]), slice(triangle, triangle + counts[1]), slice(point, point + counts[2])
        objects.append(AssetObject(spec.id, spec.name, world_matrix(spec), *slices))
        mesh["triangles"] = mesh["triangles"] + np.int32(vertex)
        # Blender shows the last material where a face's index lies beyond the slots.
        mesh["material"] = (np.clip(mesh["material"], 0, len(spec.materials) - 1) + material).astype(np.int32)
        vertex, triangle, point = vertex + counts[0], triangle + counts[1], point + counts[2]
        material += len(spec.materials)
    joined = {name: meshes[0][name] if len(meshes) == 1 else np.concatenate([mesh[name] for mesh in meshes]) for name in MESH_ARRAYS}
    bake_points = joined.pop("bake_vertices")
    return Asset(**joined, bake_points=bake_points, materials=materials, objects=tuple(objects), similarity=similarity, rig=None, limits=None)
