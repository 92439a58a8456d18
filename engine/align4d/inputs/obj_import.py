"""Wavefront OBJ as a job's objects: the same objects and vertices as Blender's import of the file, with the colors of its MTL."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from ..protocol import MaterialSpec
from ..protocol.srgb import linear_to_srgb
from .image_file import open_image
from .imported import ImportedMesh, Tell, multiplied, not_beside


def read_obj(path: Path, tell: Tell) -> list[ImportedMesh]:
    """The objects of a file, in its own axes. `tell`: as for `import_mesh`. Raises ValueError and others for what does not follow the format."""
    file = _File(path, tell)
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            file.take(line)
    return [file.mesh(part) for part in file.parts if part.faces]


@dataclasses.dataclass
class _Part:
    """An object: faces of corners, each with the place of its vertex, UV and normal (-1: none), and the material of each face."""

    name: str
    faces: list[list[tuple[int, int, int]]] = dataclasses.field(default_factory=list)
    materials: list[str] = dataclasses.field(default_factory=list)


class _File:
    def __init__(self, path: Path, tell: Tell) -> None:
        self.path, self.tell = path, tell
        self.values: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
        self.parts = [_Part(path.stem)]
        self.material = ""
        self.surfaces: dict[str, tuple[MaterialSpec, Image.Image | None]] = {"": (MaterialSpec(), None)}

    def take(self, line: str) -> None:
        """One line of the file; what is not known says nothing about a surface."""
        word, _, rest = line.strip().partition(" ")
        if word in self.values:
            self.values[word].append([float(value) for value in rest.split()])
        elif word == "f":
            self.parts[-1].faces.append([self._corner(corner) for corner in rest.split()])
            self.parts[-1].materials.append(self.material)
        elif word == "o":
            self.parts.append(_Part(rest.strip() or self.path.stem))
        elif word == "usemtl":
            self.material = rest.strip()
        elif word == "mtllib":
            self._read_materials(rest.strip())

    def mesh(self, part: _Part) -> ImportedMesh:
        """An object's vertices, in the file's order, with its faces cut into triangles."""
        fans = [[(face[0], one, two) for one, two in itertools.pairwise(face[1:])] for face in part.faces]
        corners = np.array([corner for fan in fans for triangle in fan for corner in triangle], np.int64).reshape(-1, 3)
        for column, name in enumerate(("v", "vt", "vn")):
            if len(corners) and (corners[:, column].max() >= len(self.values[name]) or corners[:, 0].min() < 0):
                raise ValueError(f"a face names a {name} that is not there")
        used, triangles = np.unique(corners[:, 0], return_inverse=True)
        points = [self.values["v"][index] for index in used]
        names = list(dict.fromkeys(part.materials))
        slot = np.repeat([names.index(name) for name in part.materials], [len(fan) for fan in fans])
        colored = bool(points) and all(len(point) >= 6 for point in points)
        surfaces = [self.surfaces.get(name, self.surfaces[""]) for name in names]
        return ImportedMesh(
            part.name,
            np.eye(4),
            np.array([point[:3] for point in points], np.float64),
            triangles.reshape(-1, 3),
            self._looked_up("vn", corners[:, 2], 3),
            self._looked_up("vt", corners[:, 1], 2),
            np.array([[*point[3:6], 1.0] for point in points])[triangles.ravel()] if colored else np.ones((len(corners), 4)),
            [MaterialSpec("attribute") if colored and name == "" else material for name, (material, _) in zip(names, surfaces, strict=True)],
            [image for _, image in surfaces],
            slot,
            np.arange(len(corners)).reshape(-1, 3),
        )

    def _corner(self, text: str) -> tuple[int, int, int]:
        """Places of "vertex/uv/normal", counted from 1, or backwards from the end."""
        found = [-1, -1, -1]
        for column, (name, number) in enumerate(zip(self.values, text.split("/"), strict=False)):
            if number:
                found[column] = int(number) - 1 if int(number) > 0 else len(self.values[name]) + int(number)
        return found[0], found[1], found[2]

    def _looked_up(self, name: str, places: np.ndarray, width: int) -> np.ndarray:
        """(C, width) values at places (C,); zero where there are none."""
        table = np.array([[0.0] * width, *([*value, *[0.0] * width][:width] for value in self.values[name])])
        return table[places + 1]

    def _read_materials(self, name: str) -> None:
        library = self._beside(name)
        if library is None:
            self.tell(not_beside(self.path, name))
            return
        color, picture, current = np.ones(3), "", ""
        for line in [*library.read_text(encoding="utf-8", errors="replace").splitlines(), "newmtl"]:
            word, _, rest = line.strip().partition(" ")
            if word == "newmtl":
                if current:
                    self.surfaces[current] = self._surface(color, picture)
                color, picture, current = np.full(3, 0.8), "", rest.strip()
            elif word == "Kd":
                color = np.array([float(value) for value in rest.split()[:3]])
            elif word == "map_Kd":
                picture = rest.strip()

    def _surface(self, color: np.ndarray, picture: str) -> tuple[MaterialSpec, Image.Image | None]:
        """Blender takes the color as linear light, and a picture in its place."""
        file = self._beside(picture) or self._beside(picture.split(" ")[-1])  # options may come before the name
        if file is None and picture:
            self.tell(not_beside(self.path, picture))
        if file is None:
            return MaterialSpec("flat", base_color=(*linear_to_srgb(color.clip(0, 1)).tolist(), 1.0)), None
        with open_image(file) as image:
            return MaterialSpec("texture"), multiplied(image, np.ones(3))

    def _beside(self, name: str) -> Path | None:
        """A file in the folder of this one, or below it; None where there is none."""
        if not name:
            return None
        folder = self.path.parent.resolve()
        target = (folder / name.replace("\\", "/")).resolve()
        return target if target.is_relative_to(folder) and target.is_file() else None
