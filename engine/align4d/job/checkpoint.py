"""What a job has finished, in its work folder: one .npz per stage, whole or not at all.

Each file says what it was made of and which arrays it holds. One that was made of something else, or that is not exactly what was
stored, is not taken: the stage is made anew, and the user is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..errors import writing
from ..protocol import read_arrays, write_arrays

log = logging.getLogger(__name__)

MANIFEST = "made_of"
"""Array of a file, a JSON text: `made_of`, and the dtype and shape of each of the other arrays by its name."""


class Checkpoint:
    """Arrays by the name of a stage.

    Args:
        folder: made where it is missing.
        made_of: of what everything here is made: the digest of each thing (see `digest`), by its name in a sentence, such as "the video".
        note: takes a sentence about a file that is not taken.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, str], note: Callable[[str], None]) -> None:
        self.folder, self.made_of, self.note = folder, dict(made_of), note

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """What `save` stored, of the same things; else None. Raises nothing, whatever the file holds."""
        path = self.folder / f"{name}.npz"
        try:
            arrays = read_arrays(path)
            manifest = json.loads(str(arrays.pop(MANIFEST)))
            if _layout(arrays) != manifest["arrays"]:
                raise ValueError("not the arrays that were stored")
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever a damaged archive makes its readers raise
            log.warning("%s is not taken: %r", path, error)
            self.note(f"What this job had kept of itself ({name}) is damaged: it is made anew.")
            return None
        if manifest["made_of"] != self.made_of:
            log.info("%s is not taken: it is of %s", path, manifest["made_of"])
            self.note(f"{changed(manifest['made_of'], self.made_of)} changed since this job broke off: what depends on it is made anew.")
            return None
        return arrays

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Stores arrays. Raises EngineError "disk_full" or "cannot_write"."""
        manifest = json.dumps({"made_of": self.made_of, "arrays": _layout(arrays)})
        with writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_arrays(self.folder / f"{name}.npz", {**arrays, MANIFEST: np.array(manifest)})


def _layout(arrays: dict[str, np.ndarray]) -> dict[str, list[object]]:
    return {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}


def changed(old: object, new: Mapping[str, str]) -> str:
    """What of the things that something is made of is no longer the same, as the beginning of a sentence."""
    before = old if isinstance(old, dict) else {}
    names = [name for name, of in new.items() if before.get(name) != of]
    words = " and ".join(names) or "what it was made of"
    return words[0].upper() + words[1:]
