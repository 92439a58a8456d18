"""Folders that a script may empty."""

from __future__ import annotations

import shutil
from pathlib import Path

from .console import ScriptError

_MARK = ".align4d-output"


def fresh(folder: Path) -> Path:
    """An empty folder in `folder`'s place. Only what an earlier run made is deleted: raises ScriptError for a folder with anything else in it."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise ScriptError(f"{folder} is not empty, and no earlier run made it. Choose another folder with --out.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    return folder
