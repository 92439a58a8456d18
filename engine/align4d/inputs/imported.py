"""A mesh as it comes from a file, before it is written into a job's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import csr_matrix, vstack

from ..protocol import MaterialSpec
from ..protocol.srgb import linear_to_srgb, srgb_to_linear
from .image_file import checked

MOST_OBJECTS = 2000
"""In one file."""

Tell = Callable[[str], None]
"""Takes a sentence that the user should know."""


def not_beside(path: Path, name: str) -> str:
    """The sentence for a file that `path` names and that is not read: nobody's other files are."""
    return f"{name}, which {path.name} names, is not in the file's folder: what it would color has one color."


@dataclasses.dataclass(frozen=True)
class ImportedBones:
    """The bones that move an object.

    Attributes:
        names: of the K bones, with their armature's; those above others first.
        parent: (K,) the bone that each hangs on, -1 for none.
        head: (K, 3) where each begins as the object stands, in the space of its vertices.
        weights: (V, K) how much each moves a vertex.
    """

    names: tuple[str, ...]
    parent: np.ndarray
    head: np.ndarray
    weights: csr_matrix


@dataclasses.dataclass(frozen=True)
class ImportedMesh:
    """One object of a file, in the file's axes.

    Attributes:
        name: of the object.
        matrix: (4, 4) object to world.
        vertices: (V, 3); triangles: (F, 3).
        normals: (V, 3), zero where the file has none.
        uv: (V, 2), v upwards; colors: (V, 4) sRGB and alpha, in [0, 1].
        materials, images: of each slot; None where it shows no picture.
        slot: (F,) of each triangle; None where there is one slot.
        corners: (F, 3) rows of normals, uv and colors, where these are not one for each vertex.
        bones: None where none moves it.
    """

    name: str
    matrix: np.ndarray
    vertices: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    colors: np.ndarray
    materials: list[MaterialSpec]
    images: list[Image.Image | None]
    slot: np.ndarray | None = None
    corners: np.ndarray | None = None
    bones: ImportedBones | None = None

    @staticmethod
    def joined(name: str, matrix: np.ndarray, parts: Sequence[ImportedMesh]) -> ImportedMesh:
        """Parts with one slot each, on the same bones, as one object; their vertices one after the other."""
        starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
        triangles = [part.triangles + start for part, start in zip(parts, starts, strict=False)]
        bones = [part.bones for part in parts if part.bones is not None]
        return ImportedMesh(
            name,
            matrix,
            np.concatenate([np.zeros((0, 3)), *(part.vertices for part in parts)]),
            np.concatenate([np.zeros((0, 3), np.int64), *triangles]),
            np.concatenate([np.zeros((0, 3)), *(part.normals for part in parts)]),
            np.concatenate([np.zeros((0, 2)), *(part.uv for part in parts)]),
            np.concatenate([np.zeros((0, 4)), *(part.colors for part in parts)]),
            [material for part in parts for material in part.materials],
            [image for part in parts for image in part.images],
            np.repeat(np.arange(len(parts)), [len(part.triangles) for part in parts]),
            bones=dataclasses.replace(bones[0], weights=vstack([one.weights for one in bones]).tocsr()) if bones else None,
        )


def multiplied(image: Image.Image, factor: np.ndarray) -> Image.Image:
    """An 8-bit sRGB picture, times a linear factor (3,)."""
    picture = checked(image).convert("RGB")
    if np.allclose(factor, 1.0, atol=2 / 255):
        return picture
    levels = linear_to_srgb((srgb_to_linear(np.arange(256) / 255.0) * np.asarray(factor)[:, None]).clip(0, 1))
    return picture.point((levels * 255.0).round().astype(int).ravel().tolist())
