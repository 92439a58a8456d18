"""Where the rasterizer keeps what it would otherwise make again: compiled kernels, and the choice of backend."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The first of these that can be written to: the engine's own environment, the user's cache folder, a temporary one.

    In the environment it goes when the environment goes. `ALIGN4D_CACHE` overrides it.
    """
    candidates = [user_cache_folder() / "align4d", Path(tempfile.gettempdir()) / "align4d-cache"]
    if sys.prefix != sys.base_prefix:
        candidates.insert(0, Path(sys.prefix) / "align4d-cache")
    if os.environ.get("ALIGN4D_CACHE"):
        candidates.insert(0, Path(os.environ["ALIGN4D_CACHE"]))
    for folder in candidates:
        if _writable(folder):
            return folder
    raise OSError(f"None of these folders can be written to: {', '.join(map(str, candidates))}. Set ALIGN4D_CACHE to one that can.")


def user_cache_folder() -> Path:
    """The platform's folder for what can be made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def keep_compiled_kernels(sources: Path) -> None:
    """Tell numba where to keep its machine code; to be called before a kernel is declared.

    Args:
        sources: the folder that the kernels lie in. Numba looks only at a kernel's own file to see whether it changed, not at
            the functions and constants that it takes from others; so each state of the sources gets a folder of its own,
            under `NUMBA_CACHE_DIR` where that is set.
    """
    import numba

    digest = hashlib.sha256()
    for file in sorted((*sources.glob("*.py"), *sources.parent.glob("*.py"))):
        digest.update(file.read_bytes())
    base = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else cache_folder() / "numba"
    numba.config.CACHE_DIR = str(base / digest.hexdigest()[:16])


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
