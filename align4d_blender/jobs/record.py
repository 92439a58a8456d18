"""One job as Blender's side knows it, and the record of it that lies in the job's folder.

The record is what lets a job survive Blender: whoever opens the file again finds it there. It is written whenever the state
changes, whole or not at all, and refers to nothing outside the folder but the .blend.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ...engine.align4d import protocol
from ..capture.targets import Place, Target
from ..errors import UserError
from ..storage.folders import RECORD

LOCK = "owner.lock"
"""Locked by the Blender that has the job in its list; the system lets go of it however that Blender ends."""

ACTIVE = {"queued", "running", "arriving", "waiting"}
"""States in which something is still to come by itself."""

RESUMABLE = {"engine_died", "disk_full", "cannot_write", "engine_missing", "job_busy"}
"""Failures that say nothing against the checkpoint."""

_CHANGED_HANDS = {"object_gone", "vertices_changed"}
"""Failures of a finished job's way into the scene; the result is whole, and comes once the artist has put things right."""


@dataclass
class Job:
    """One press of Generate.

    Attributes:
        label: what the artist sees of it in the list.
        scene, start: where the motion goes: the scene's name, and the frame of the video's first frame.
        blend: the .blend that was open; empty when it had not been saved.
        preset: for the forecast of the time left.
        created: when it was started, seconds since 1970.
        state: "queued", "running", "arriving" (files are checked), "waiting" (for the artist, `stage` says for what), then "done", "failed",
            "cancelled" or "interrupted" (Blender ended).
        stage, fraction, eta: for the progress bar; eta of the whole job in seconds, negative when unknown.
        stages: index and count of the engine's stages.
        notes: what the artist should know, as sentences.
        error: why it failed.
        pictures: how many live pictures have come.
        went_on: whether it goes on from a checkpoint.
        opened: number of the open file, see `session.opened`; -1 for a job of an earlier session.
        lock: the open lock file.
    """

    id: str
    folder: Path
    targets: tuple[Target, ...]
    scene: str
    start: int
    blend: str = ""
    label: str = ""
    preset: str = ""
    created: float = field(default_factory=time.time)
    state: str = "queued"
    stage: str = ""
    fraction: float = 0.0
    eta: float = -1.0
    stages: tuple[int, int] = (0, 1)
    notes: list[str] = field(default_factory=list)
    error: UserError | None = None
    pictures: int = 0
    went_on: bool = False
    opened: int = -1
    lock: IO[bytes] | None = None

    @property
    def moved(self) -> str:
        """What moves, in words."""
        return ", ".join(target.name for target in self.targets) or "the new asset"

    @property
    def ended(self) -> bool:
        return self.state not in ACTIVE

    @property
    def complete(self) -> bool:
        """Whether the engine has finished it; the result may still have to come into the scene."""
        return (self.folder / "output" / "result.json").is_file()

    @property
    def resumable(self) -> bool:
        """Whether it can go on where it was."""
        if self.state == "failed":
            return self.error is not None and (self.error.code in RESUMABLE or (self.error.code in _CHANGED_HANDS and self.complete))
        return self.state in {"cancelled", "interrupted"} or (self.state == "done" and self.complete)

    def own(self) -> bool:
        """Takes the job for this Blender, until `release`. Returns False where another one has it."""
        if self.lock is None:
            self.lock = protocol.hold(self.folder / LOCK)
        return self.lock is not None

    def release(self) -> None:
        """Lets go of the job's folder."""
        if self.lock:
            self.lock.close()
            self.lock = None

    def write(self) -> None:
        """Puts the record into the folder. Raises OSError."""
        error = self.error.as_dict() if self.error else None
        kept = {name: getattr(self, name) for name in _KEPT}
        targets = [dataclasses.asdict(target) for target in self.targets]
        with protocol.replacing(self.folder / RECORD, "w") as file:
            json.dump({"record": 1, **kept, "error": error, "targets": targets}, file, ensure_ascii=False, indent=1)


_KEPT = ("id", "scene", "start", "blend", "label", "preset", "created", "state", "notes")


def read(folder: Path) -> Job | None:
    """The job of a folder as an earlier session left it; None where there is no record that can be read."""
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if data["record"] != 1:
            return None
        targets = tuple(_target(entry) for entry in data["targets"])
        job = Job(folder=folder, targets=targets, **{name: data[name] for name in _KEPT})
        job.error = UserError.from_dict(data["error"]) if data["error"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return job


def _target(entry: dict[str, Any]) -> Target:
    frame, sub_frame = entry["frame"]
    after, held, keys = (entry["place"][name] for name in ("after", "held", "keys"))
    place = Place(after, tuple(tuple(row) for row in held) if held else None, keys)
    counts = entry["vertex_count"], entry["points"]
    return Target(entry["id"], entry["name"], 0, counts[0], entry["unmap"], entry["bent"], (frame, sub_frame), place, counts[1])
