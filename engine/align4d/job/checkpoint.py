"""What a job has finished, in its work folder: one .npz per stage, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import writing
from ..protocol import read_arrays, write_arrays


class Checkpoint:
    """Arrays by the name of a stage.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """What `save` stored, or None."""
        path = self.folder / f"{name}.npz"
        return read_arrays(path) if path.is_file() else None

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Stores arrays. Raises EngineError "disk_full" or "cannot_write"."""
        with writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_arrays(self.folder / f"{name}.npz", arrays)
