"""One job as Blender's side knows it, and the record of it that lies in the job's folder.

The record is what lets a job survive Blender: whoever opens the file again finds it there. It is written whenever the state
changes, whole or not at all, and refers to nothing outside the folder but the .blend.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ...engine.align4d import protocol
from ..capture.targets import Place, Target
from ..errors import UserError, report_exception
from ..storage.folders import RECORD

LOCK = "owner.lock"
"""Locked by the Blender that has the job in its list; the system lets go of it however that Blender ends."""

ACTIVE = {"collected", "submitted", "queued", "running", "arriving", "waiting"}
"""States in which something is still to come."""

ENDED = {"done", "failed", "cancelled", "interrupted"}
"""All others."""


@dataclass
class Job:
    """One press of Generate.

    Attributes:
        label: what the artist sees of it in the list.
        scene, start: where the motion goes: the scene's name, and the frame of the video's first frame.
        blend: the .blend that was open; empty when it had not been saved.
        form: "KEYFRAMES" or "CACHE": what the motion is when it arrives.
        preset: for the forecast of the time left.
        created: when it was started, seconds since 1970.
        state: "collected" (until its batch is submitted), "submitted" (its batch is made), "queued", "running", "arriving" (files are
            checked), "waiting" (for the artist, `stage` says for what), then "done", "failed", "cancelled" or "interrupted" (Blender ended).
        stage, fraction, eta: for the progress bar; eta of the whole job in seconds, negative when unknown.
        stages: index and count of the engine's stages.
        notes: what the artist should know, as sentences.
        error: why it failed.
        pictures: how many live pictures have come.
        went_on: whether it goes on from a checkpoint.
        sources: size and date of each file that it was made of and that lies elsewhere, as they were when it was started; see `takeover`.
        batch: the folder of the batch that it was submitted with; "" for one that was not.
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
    form: str = "CACHE"
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
    sources: dict[str, list[int]] = field(default_factory=dict)
    batch: str = ""
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
    def moves_on(self) -> bool:
        """Whether something happens to it by itself: not once it has ended, nor before its batch is submitted."""
        return self.state in ACTIVE and self.state != "collected"

    @property
    def complete(self) -> bool:
        """Whether the engine has finished it; the result may still have to come into the scene."""
        return (self.folder / "output" / "result.json").is_file()

    @property
    def resumable(self) -> bool:
        """Whether it can go on where it was: whatever broke it off, for nothing of it is deleted before the artist says so."""
        return self.state in ENDED and (self.state != "done" or self.complete)

    def own(self) -> bool:
        """Takes the job for this Blender, until `release`. Returns False where another one has it. Raises OSError."""
        if self.lock is None:
            self.lock = protocol.hold(self.folder / LOCK)
            for rest in self.folder.glob(f".{RECORD}.*.part") if self.lock else ():  # of a Blender that was killed
                with suppress(OSError):
                    rest.unlink()
        return self.lock is not None

    def release(self) -> None:
        """Lets go of the job's folder."""
        if self.lock:
            self.lock.close()
            self.lock = None

    def enqueue(self) -> None:
        """Lets it wait for its turn. Raises OSError."""
        self.state, self.stage, self.fraction, self.eta, self.batch = "queued", "Waiting for its turn", 0.0, -1.0, ""
        self.write()

    def collect(self) -> None:
        """Lets it wait until its batch is submitted. Raises OSError."""
        self.state, self.stage = "collected", ""
        self.write()

    def log_error(self) -> None:
        """The error that is being handled goes to the console, and to the job's log, where the artist finds it."""
        text = report_exception()
        with suppress(OSError), open(self.folder / "log.txt", "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)

    def write(self) -> None:
        """Puts the record into the folder. Raises OSError."""
        error = self.error.as_dict() if self.error else None
        kept = {name: getattr(self, name) for name in _KEPT}
        targets = [target._asdict() | {"place": target.place._asdict()} for target in self.targets]
        with protocol.replacing(self.folder / RECORD, "w") as file:
            json.dump({"record": 1, **kept, "error": error, "targets": targets}, file, ensure_ascii=False, indent=1)


_LAST_FRAME = 1_048_574
"""Of Blender's timeline."""

_KEPT: dict[str, type] = {
    "id": str,
    "scene": str,
    "start": int,
    "blend": str,
    "label": str,
    "preset": str,
    "form": str,
    "created": float,
    "state": str,
    "notes": list,
    "sources": dict,
    "batch": str,
}
"""What the record has of a job, and of which type."""


def read(folder: Path) -> Job | None:
    """The job of a folder as an earlier session left it; None where there is no record that can be read. Raises nothing."""
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if data["record"] != 1 or data["state"] not in ACTIVE | ENDED:
            return None
        job = Job(folder=folder, targets=tuple(_target(entry) for entry in data["targets"]), **_kept(data))
        job.error = UserError.from_dict(data["error"]) if data["error"] else None
    except Exception as error:  # whatever a damaged file makes its readers raise
        if not isinstance(error, FileNotFoundError):
            print(f"Align4D: the record in {folder} cannot be read ({error!r}); its files stay.")
        return None
    return job


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    """What of a record a job is made of. Raises KeyError, TypeError or ValueError."""
    kept: dict[str, Any] = {"sources": {}, "form": "CACHE", "batch": ""}  # a record of before these were kept
    kept |= {name: data[name] for name in _KEPT if name in data or name not in kept}
    for name, kind in _KEPT.items():
        if not isinstance(kept[name], (int, float) if kind is float else kind):
            raise TypeError(f"{name} is {kept[name]!r}")
    if abs(kept["start"]) > _LAST_FRAME:
        raise ValueError(f"start is {kept['start']}")
    kept["notes"] = [str(note) for note in kept["notes"]]
    return kept


def _target(entry: dict[str, Any]) -> Target:
    frame, sub_frame = entry["frame"]
    after, held, keys = (entry["place"][name] for name in ("after", "held", "keys"))
    place = Place(str(after), tuple(tuple(float(x) for x in row) for row in held) if held else None, bool(keys))
    return Target(
        id=str(entry["id"]),
        name=str(entry["name"]),
        uid=0,
        vertex_count=int(entry["vertex_count"]),
        unmap=str(entry["unmap"]),
        bent=bool(entry["bent"]),
        frame=(int(frame), float(sub_frame)),
        place=place,
        points=int(entry["points"]),
    )
