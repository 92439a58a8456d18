"""Where the engine keeps what it would otherwise make again: compiled kernels, and the choice of a rasterizer."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from ..folders import cache_folder


def kernel_folder() -> Path:
    """The first of these that is ours: one in the engine's own environment, one in the user's cache folder, a temporary one.

    In the environment it goes when the environment goes. `ALIGN4D_CACHE` overrides it. Ours, because numba keeps pickles there, which
    run code when they are read: nobody else may be able to put one there. Raises OSError where there is none.
    """
    candidates = [cache_folder(), Path(tempfile.gettempdir()) / f"align4d-cache-{_user()}"]
    if sys.prefix != sys.base_prefix:
        candidates.insert(0, Path(sys.prefix) / "align4d-cache")
    if os.environ.get("ALIGN4D_CACHE"):
        candidates.insert(0, Path(os.environ["ALIGN4D_CACHE"]))
    for folder in candidates:
        if is_ours(folder):
            return folder
    raise OSError(f"None of these folders belongs to this user alone: {', '.join(map(str, candidates))}. Set ALIGN4D_CACHE to one that does.")


def is_ours(folder: Path) -> bool:
    """Whether a folder, which is made where it is missing, can be written to by this user and by nobody else.

    On Windows the folders that come into question lie in the user's own profile, which others cannot write to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            return False
        if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _user() -> str:
    return "user" if sys.platform == "win32" else str(os.geteuid())
