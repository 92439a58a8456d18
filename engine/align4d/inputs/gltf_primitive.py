"""A primitive of a glTF mesh: vertices with their attributes, as triangles, in the order of Blender's import."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import EngineError
from .gltf_file import GltfFile

DRACO = "KHR_draco_mesh_compression"
TRIANGLES, STRIP, FAN = 4, 5, 6


@dataclasses.dataclass(frozen=True)
class Primitive:
    """Attributes:
    attributes: (V, width) each, by their names in the file; only vertices that a triangle uses.
    triangles: (F, 3) int64 into them.
    material: index in the file; None without one.
    """

    attributes: dict[str, np.ndarray]
    triangles: np.ndarray
    material: int | None

    @property
    def count(self) -> int:
        """Number of vertices V."""
        return len(self.attributes["POSITION"])


def read_primitive(file: GltfFile, entry: dict[str, Any], weights: list[float]) -> Primitive | None:
    """The primitive, its morph targets applied with `weights`; None for points and lines, which show nothing.

    Raises:
        EngineError: "gltf_unreadable", or "mesh_compressed" where it is compressed with Draco and no decoder is there.
    """
    mode = entry.get("mode", TRIANGLES)
    if mode not in (TRIANGLES, STRIP, FAN) or "POSITION" not in entry.get("attributes", {}):
        return None
    if DRACO in entry.get("extensions", {}):
        attributes, indices = _draco(file, entry)
    else:
        attributes = {name: file.accessor(index) for name, index in entry["attributes"].items()}
        count = len(attributes["POSITION"])
        indices = file.accessor(entry["indices"])[:, 0].astype(np.int64) if "indices" in entry else np.arange(count)
    triangles = _triangles(indices, mode)
    count = len(attributes["POSITION"])
    if any(len(values) != count for values in attributes.values()) or (len(triangles) and triangles.max() >= count):
        raise file.unreadable("a triangle points at a vertex that is not there")
    positions = attributes["POSITION"].astype(np.float64)
    for weight, target in zip(weights, entry.get("targets", []), strict=False):
        if weight and "POSITION" in target:
            positions = positions + weight * file.accessor(target["POSITION"])
    used, triangles = np.unique(triangles, return_inverse=True)
    found = {name: values[used] for name, values in {**attributes, "POSITION": positions}.items()}
    return Primitive(found, triangles.reshape(-1, 3), entry.get("material"))


def _triangles(indices: np.ndarray, mode: int) -> np.ndarray:
    """(F, 3), the winding of every other triangle of a strip turned round."""
    if mode == TRIANGLES:
        return indices[: len(indices) // 3 * 3].reshape(-1, 3)
    number = np.arange(max(0, len(indices) - 2))
    if mode == FAN:
        return np.stack([indices[number + 1], indices[number + 2], np.broadcast_to(indices[:1], len(number))], 1)
    odd = number % 2
    return np.stack([indices[number], indices[number + 1 + odd], indices[number + 2 - odd]], 1)


def _draco(file: GltfFile, entry: dict[str, Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Attributes and indices of a primitive that is compressed with Draco."""
    try:
        import DracoPy
    except ImportError as error:  # an interpreter that the artist chose, or an engine that is older
        raise EngineError(
            "mesh_compressed",
            f"{file.path.name} is compressed with Draco, and the engine's package DracoPy is not installed.",
            "Install the engine again, or export the mesh without compression.",
            "repair_engine",
        ) from error
    extension = entry["extensions"][DRACO]
    with file.reading("a compressed mesh"):
        mesh = DracoPy.decode(file.view(extension["bufferView"]))
        attributes = {name: np.asarray(mesh.get_attribute_by_unique_id(number)["data"]) for name, number in extension["attributes"].items()}
        for name, values in attributes.items():
            kind = file.item("accessors", entry["attributes"][name])
            attributes[name] = file.fractions(values.reshape(len(mesh.points), -1), kind)
    return attributes, np.asarray(mesh.faces, np.int64).ravel()
