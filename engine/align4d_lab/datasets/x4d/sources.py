"""What drives the items: prompts, pictures, videos and 3D assets, gathered from files; the same content is taken once."""

from __future__ import annotations

import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from align4d.errors import EngineError
from align4d.job.make import IMAGE_SUFFIXES

from .layout import Driver, Source, content_hash, file_hash, write_json

VIDEO_SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif"}
ASSET_SUFFIXES = {".glb", ".obj", ".ply", ".stl"}
ID_LENGTH = 16
"""Hexadecimal digits of an item's name."""


@dataclass(frozen=True)
class DatasetInputs:
    """What a dataset is to be made of.

    Attributes:
        prompts: a file with one prompt a line.
        images, videos, assets: folders of files.
        origin, license: of all of it, as the user says.
        seed: of the dataset.
    """

    prompts: Path | None = None
    images: Path | None = None
    videos: Path | None = None
    assets: Path | None = None
    origin: str = ""
    license: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Gathered:
    """Attributes:
    items: number of items in all.
    repeated: names of what was there already under another name, name -> id.
    """

    items: int
    repeated: dict[str, str]


def gather(given: DatasetInputs, out: Path) -> Gathered:
    """Makes the folder of every item that is not there yet: source.json last, so that its presence means complete.

    Raises:
        EngineError: "dataset_empty" where nothing is given, "dataset_missing" for a file or folder that is not there.
    """
    seen: dict[str, str] = {}
    repeated: dict[str, str] = {}
    for number, line in _prompts(given.prompts):
        source = _source("prompt", content_hash(f"prompt:{line}".encode()), given, f"line {number}", text=line)
        _add(source, None, out, seen, repeated)
    kinds: tuple[tuple[Driver, Path | None, set[str]], ...] = (
        ("image", given.images, IMAGE_SUFFIXES),
        ("video", given.videos, VIDEO_SUFFIXES),
        ("asset", given.assets, ASSET_SUFFIXES),
    )
    for driver, folder, suffixes in kinds:
        for path in _files(folder, suffixes):
            source = _source(driver, file_hash(path), given, path.name, file=f"given{path.suffix.lower()}")
            _add(source, path, out, seen, repeated)
    if not seen:
        raise EngineError("dataset_empty", "Nothing is given to make a dataset of.", "Give --prompts, --images, --videos or --assets.")
    return Gathered(len(seen), repeated)


def _prompts(path: Path | None) -> list[tuple[int, str]]:
    """Line number and prompt, its spaces made single; without empty lines and comments (#)."""
    if path is None:
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError("dataset_missing", f"{path} cannot be read ({error}).", "Give a text file with one prompt a line.") from error
    lines = [(number, " ".join(line.split())) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _files(folder: Path | None, suffixes: set[str]) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise EngineError("dataset_missing", f"There is no folder {folder}.", "Check the path.")
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in suffixes)


def _source(driver: Driver, digest: str, given: DatasetInputs, name: str, text: str = "", file: str = "") -> Source:
    identifier = digest[:ID_LENGTH]
    seed = int(content_hash(f"{given.seed}:{identifier}".encode())[:8], 16) % 2**31
    return Source(identifier, driver, text, file, name, given.origin, given.license, seed)


def _add(source: Source, path: Path | None, out: Path, seen: dict[str, str], repeated: dict[str, str]) -> None:
    if source.id in seen:
        repeated[source.name] = source.id
        return
    seen[source.id] = source.name
    folder = out / "items" / source.id
    if (folder / "source.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if path is not None:
        part = folder / f".given.{os.getpid()}.part"
        shutil.copyfile(path, part)
        os.replace(part, folder / source.given)
    write_json(folder / "source.json", dataclasses.asdict(source))
