"""What was generated for a job, as it is kept: the picture, the caption and the asset until the job is done, the video for good.

Each is taken again only if it was made of the same things. The engine's version and the chosen model are not among these: what took
an hour is not thrown away because Align4D was updated, or a better model fetched, before the job went on.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import writing
from ..job.checkpoint import Checkpoint, changed
from ..job.fingerprint import digest
from ..protocol import replacing

log = logging.getLogger(__name__)

FOLDER = "work/pair"
VIDEO = "output/video"

_VERSION = "1"
"""Changes when products are stored in another way, or made in another way of each other."""

_MANIFEST = "made_of.json"


class Products:
    """The products of a job.

    Args:
        folder: of the job.
        choices: settings and seed by which all of them are made.
        note: takes a sentence about something that is made anew.
    """

    def __init__(self, folder: Path, choices: object, note: Callable[[str], None]) -> None:
        self.folder, self.note = folder, note
        self._common = {"the settings": digest(choices), "Align4D": _VERSION}

    def made_of(self, **things: object) -> Checkpoint:
        """Where products of these things are kept; `things` by their names in a sentence, such as `picture=...`."""
        return Checkpoint(self.folder / FOLDER, self._all(things), self.note)

    def video(self, **things: object) -> VideoFolder:
        """Where the video that is made of these things is kept."""
        return VideoFolder(self.folder / VIDEO, self._all(things), self.note)

    def _all(self, things: dict[str, object]) -> dict[str, str]:
        return {**{f"the {name}": digest(thing) for name, thing in things.items()}, **self._common}


class VideoFolder:
    """A video as pictures in a folder that is there whole or not at all; see `Checkpoint` for the arguments."""

    def __init__(self, folder: Path, made_of: dict[str, str], note: Callable[[str], None]) -> None:
        self.folder, self.made_of, self.note = folder, made_of, note

    def load(self) -> tuple[tuple[Path, ...], float] | None:
        """The frames in their order, and frames a second; None where there is no such video, or only one of other things."""
        if not self.folder.is_dir():
            return None
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
            frames, fps = tuple(self._frame(index) for index in range(manifest["frames"])), float(manifest["fps"])
            if not frames or not all(frame.is_file() for frame in frames):
                raise ValueError("frames are missing")
        except Exception as error:  # whatever a damaged file makes its readers raise
            log.warning("%s is not taken: %r", self.folder, error)
            self.note("The generated video is damaged: it is made anew.")
            return None
        if manifest["made_of"] != self.made_of:
            self.note(
                f"{changed(manifest['made_of'], self.made_of)} changed since this job broke off: the video is made anew, the old one kept beside."
            )
            return None
        return frames, fps

    def save(self, frames: np.ndarray, fps: float) -> None:
        """Stores (T, H, W, 3) uint8. A folder that is in the place of this one is kept under another name.

        Raises EngineError "disk_full" or "cannot_write".
        """
        with writing():
            self._write(frames, fps)

    def _write(self, frames: np.ndarray, fps: float) -> None:
        unfinished = self.folder.with_name(f".{self.folder.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for index, frame in enumerate(frames):
            with replacing(unfinished / self._frame(index).name) as file:
                Image.fromarray(frame).save(file, format="PNG")
        with replacing(unfinished / _MANIFEST, "w") as file:
            json.dump({"made_of": self.made_of, "frames": len(frames), "fps": float(fps)}, file, indent=1)
        if self.folder.exists():
            os.replace(self.folder, self._free_name())
        os.replace(unfinished, self.folder)

    def _frame(self, index: int) -> Path:
        return self.folder / f"{index:04}.png"

    def _free_name(self) -> Path:
        number = 1
        while (place := self.folder.with_name(f"{self.folder.name}-{number}")).exists():
            number += 1
        return place
