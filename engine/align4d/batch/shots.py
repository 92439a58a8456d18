"""The shots of a batch: a line of a table each, or the movies of a folder. What a line says is what `align4d generate` takes."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError
from ..inputs.foreign import reading
from ..protocol import natural_order

PATHS = ("mesh", "video", "image", "masks", "camera-path")
MESHES = {".glb", ".gltf", ".obj", ".ply", ".stl", ".off", ".fbx"}
MOVIES = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif", ".webp", ".m4v"}
LEGAL_NAME = re.compile(r"[\w][\w .+-]{0,79}")


@dataclass(frozen=True)
class Shot:
    """Attributes:
    name: of its folder.
    words: options of `align4d generate`, without `--out`.
    job: a job's folder that is there already, as Blender makes it; "" for a shot whose folder the batch makes.
    """

    name: str
    words: tuple[str, ...]
    job: str = ""

    def folder(self, out: Path) -> Path:
        """Of its job; `out` is that of the batch."""
        return Path(self.job) if self.job else out / self.name


def read_shots(path: Path) -> tuple[Shot, ...]:
    """All shots, in their order.

    Args:
        path: a .toml with a `[[shot]]` each and perhaps `[defaults]` for all, or a .csv with the options' names as its first line; paths in
            it count from its folder. A shot with `job`, a folder, is the job that lies there. Or a folder: a shot for each of its movies,
            with the mesh of the same name or the only one there.

    Raises:
        EngineError: "shots", with what is wrong.
    """
    if path.is_dir():
        return _checked(_of_folder(path))
    if path.suffix.lower() not in (".toml", ".csv"):
        raise _wrong(path.name, "Shots are read from a .toml, a .csv or a folder of movies.")
    with reading("shots", f"{path.name} cannot be read", "Give a .toml or a .csv in UTF-8, or a folder of movies."):
        text = path.read_text(encoding="utf-8-sig")
        lines = _of_toml(tomllib.loads(text)) if path.suffix.lower() == ".toml" else _of_csv(text)
    return _checked(_shot(number, line, path.parent) for number, line in enumerate(lines, 1))


def _of_toml(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    shots, defaults = table.get("shot", []), table.get("defaults", {})
    if set(table) - {"shot", "defaults"} or not isinstance(shots, list) or not isinstance(defaults, dict):
        raise _wrong("the file", "It holds a [[shot]] for each, and [defaults] for all of them, nothing else.")
    return [one if "job" in one else {**defaults, **one} for one in shots]


def _of_csv(text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(text.splitlines(), strict=True)
    return [{key.strip(): value.strip() for key, value in row.items() if key and value and value.strip()} for row in rows]


def _of_folder(folder: Path) -> list[Shot]:
    files = natural_order(one for one in folder.iterdir() if one.is_file())
    meshes = {one.stem: one for one in files if one.suffix.lower() in MESHES}
    shots = []
    for movie in (one for one in files if one.suffix.lower() in MOVIES):
        mesh = meshes.get(movie.stem) or (next(iter(meshes.values())) if len(meshes) == 1 else None)
        if mesh is None:
            raise _wrong(movie.name, f"Put the mesh beside it as {movie.stem}.glb, or one mesh for all.")
        shots.append(Shot(movie.stem, ("--mesh", str(mesh.resolve()), "--video", str(movie.resolve()))))
    return shots


def _shot(number: int, line: Mapping[str, Any], folder: Path) -> Shot:
    """One line as options."""
    if "out" in line:
        raise _wrong(f"shot {number}", "The batch says where shots are written: --out.")
    if "job" in line:
        return _made(number, line, folder)
    words: list[str] = []
    for key, value in line.items():
        if key == "name":
            continue
        if key == "clip" and isinstance(value, list) and value:
            value = [str((folder / str(value[0])).resolve()), *value[1:]]
        words += _words(key, str((folder / value).resolve()) if key in PATHS else value)
    first = next((Path(str(line[key])).stem for key in PATHS if key in line), "")
    return Shot(str(line.get("name", first or f"shot {number}")), tuple(words))


def _made(number: int, line: Mapping[str, Any], folder: Path) -> Shot:
    """A line that names a job's folder."""
    if set(line) - {"name", "job"}:
        raise _wrong(f"shot {number}", "What a job does is said in its folder: beside `job` a shot has a `name`, nothing else.")
    job = (folder / str(line["job"])).resolve()
    if not (job / "request.json").is_file():
        raise _wrong(f"shot {number}", f"There is no job in {job}.")
    return Shot(str(line.get("name", job.name)), (), str(job))


def _words(key: str, value: Any) -> list[str]:
    """`--key value`; true is the bare option, a table of `set` an option for each of its settings."""
    if key == "set" and isinstance(value, Mapping):
        return [word for name, one in value.items() for word in ("--set", f"{name}={json.dumps(one)}")]
    if isinstance(value, list):
        return [f"--{key}", *map(str, value)]
    if isinstance(value, bool):
        return [f"--{key}"] if value else []
    return [f"--{key}={value}"]


def _checked(shots: Iterable[Shot]) -> tuple[Shot, ...]:
    found = tuple(shots)
    if not found:
        raise _wrong("it", "There is no shot.")
    for number, shot in enumerate(found, 1):
        if not LEGAL_NAME.fullmatch(shot.name):
            raise _wrong(f"shot {number}", f"{shot.name!r} cannot be the name of a folder: letters, digits, blanks, and . + - _ can.")
    twice = {shot.name for shot in found if sum(one.name.lower() == shot.name.lower() for one in found) > 1}
    if twice:
        raise _wrong("it", f"Two shots have one name: {', '.join(sorted(twice))}. Give each a name of its own.")
    return found


def _wrong(what: str, advice: str) -> EngineError:
    return EngineError("shots", f"The list of shots cannot be used: {what}.", advice)
