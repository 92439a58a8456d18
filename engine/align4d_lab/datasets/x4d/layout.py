"""Where everything of a dataset lies, and how it is written: whole or not at all, with the hash of every file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from align4d.errors import EngineError
from align4d.inputs.foreign import reading
from align4d.protocol import ProtocolError, inside, parsed, replacing

Modality = Literal["text", "image", "video", "asset"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "video", "asset")

Driver = Literal["prompt", "image", "video", "asset"]

FORMAT = 1
"""Of the manifest."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What drives an item.

    Attributes:
        id: of the item: the beginning of its content's hash, so that the same content is the same item.
        driven_by: which of the four was given.
        text: the prompt; "" for the others.
        given: name of the given file in the item's folder; "" for prompts.
        name: of the file or line where it was found, for people.
        origin, license: as whoever gave it says.
        seed: of everything that is made for it.
    """

    id: str
    driven_by: Driver
    text: str
    given: str
    name: str
    origin: str
    license: str
    seed: int


@dataclasses.dataclass(frozen=True)
class Record:
    """One finished modality of an item.

    Attributes:
        made_by: id, name, license and source of the model; or {"given": file name} for what was not made.
        seed: that it was made with.
        files: path in the item's folder -> SHA-256.
        facts: what a reader should know: frame rate, sizes, ...
    """

    made_by: dict[str, str]
    seed: int
    files: dict[str, str]
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Item:
    """An item's folder."""

    folder: Path

    @property
    def id(self) -> str:
        """Its name."""
        return self.folder.name

    def source(self) -> Source:
        """What drives it. Raises EngineError "source_damaged"."""
        with reading("source_damaged", f"What drives the item {self.id} cannot be read", "Put its source.json right, or delete its folder."):
            return parsed(Source, json.loads((self.folder / "source.json").read_text(encoding="utf-8")))

    def record(self, modality: Modality) -> Record | None:
        """Of a finished modality; None where it is not there, not whole, or its record is damaged."""
        try:
            record = parsed(Record, json.loads((self.folder / f"{modality}.json").read_text(encoding="utf-8")))
            return record if all(inside(self.folder, name).is_file() for name in record.files) else None
        except (OSError, ValueError, TypeError, OverflowError, RecursionError, ProtocolError):
            return None

    def quarantine(self) -> dict[str, str] | None:
        """Stage, code and reason, where it was taken out."""
        try:
            content = parsed(dict[str, str], json.loads((self.folder / "quarantine.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RecursionError):
            content = {}
        return {name: content.get(name, "damaged") for name in ("stage", "code", "reason")}

    def store(self, modality: Modality, write: Callable[[Path], dict[str, Any]], made_by: dict[str, str], seed: int) -> None:
        """Makes a modality's files whole or not at all.

        Args:
            write: gets an empty folder, leaves the files there as they are to lie in the item's folder, and returns the facts.
        """
        part = self.folder / f".{modality}.{os.getpid()}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            facts = write(part)
            files = {path.relative_to(part).as_posix(): file_hash(path) for path in sorted(part.rglob("*")) if path.is_file()}
            (self.folder / f"{modality}.json").unlink(missing_ok=True)
            for top in part.iterdir():
                target = self.folder / top.name
                if target.is_dir():
                    shutil.rmtree(target)
                os.replace(top, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        write_json(self.folder / f"{modality}.json", dataclasses.asdict(Record(made_by, seed, files, facts)))

    def restart(self) -> None:
        """Forgets what was made of it, and why it was put aside; what drives it stays."""
        for name in (*MODALITIES, "quarantine"):
            (self.folder / f"{name}.json").unlink(missing_ok=True)

    def put_aside(self, stage: str, code: str, reason: str) -> None:
        """Takes the item out of the dataset; what was made of it stays."""
        write_json(self.folder / "quarantine.json", {"stage": stage, "code": code, "reason": reason})


def items_in(out: Path) -> list[Item]:
    """All items of a dataset, in order of their ids; without those that `damaged_in` tells of."""
    return [item for item in _all_items(out) if _damage(item) is None]


def damaged_in(out: Path) -> dict[str, EngineError]:
    """Why items of a dataset cannot be used, by their ids: nobody can tell what drives them."""
    found = {item.id: _damage(item) for item in _all_items(out)}
    return {name: error for name, error in found.items() if error is not None}


def _all_items(out: Path) -> list[Item]:
    return [Item(path.parent) for path in sorted((out / "items").glob("*/source.json"))]


def _damage(item: Item) -> EngineError | None:
    try:
        item.source()
    except EngineError as error:
        return error
    return None


def write_json(path: Path, content: Any) -> None:
    """Whole or not at all, with sorted keys: the same content is the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, "w") as file:
        json.dump(content, file, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def file_hash(path: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()
