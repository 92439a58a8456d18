"""A model's folder comes from somebody else: nothing in it may lead elsewhere, and nothing in it may be anything but a plain file."""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import EngineError

MOST_FILES = 5000
"""Entries of a model's folder, its subfolders included; published ones have about fifty."""


def check_inside(model: Path, part: Path) -> None:
    """That all of `part`, a folder of the model in the folder `model`, lies in the model: no link leads out of it, no pipe waits in it.

    The hub's cache links its snapshots' files to its own store of them beside, which counts as inside.

    Raises:
        EngineError: "model_unsafe".
    """
    root = model.resolve()
    allowed = [root]
    if root.parent.name == "snapshots":
        allowed.append(root.parent.parent / "blobs")
    waiting, seen = [part], 0
    while waiting:
        path = waiting.pop()
        seen += 1
        if seen > MOST_FILES:
            raise _unsafe(f"{part} holds more than {MOST_FILES} files, far more than a model does.")
        try:
            real = path.resolve(strict=True)
            mode = real.stat().st_mode
        except (OSError, RuntimeError) as error:
            raise _unsafe(f"{path} is a link that leads nowhere.") from error
        if not any(real.is_relative_to(one) for one in allowed):
            raise _unsafe(f"{path} is a link that leads out of the model's folder, to {real}.")
        if stat.S_ISDIR(mode):
            if path.is_symlink():
                raise _unsafe(f"{path} is a link to a folder.")
            waiting += path.iterdir()
        elif not stat.S_ISREG(mode):
            raise _unsafe(f"{path} is no plain file.")


def _unsafe(sentence: str) -> EngineError:
    return EngineError("model_unsafe", sentence, "Download the model from its publisher, and copy its files instead of linking them.")
