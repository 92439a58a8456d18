"""Where numba keeps machine code, so that it never runs what was compiled of other sources.

Numba looks only at a kernel's own file to see whether it changed: not at the functions, classes and constants that it takes from
others, nor at the libraries that its pickles name. So each state of a kernel's package and of these libraries has a folder of its own.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import UserProvidedCacheLocator

from .folder import is_ours, kernel_folder

UNUSED = 30 * 24 * 3600.0
"""Machine code that nobody has asked for as long as this goes [s]: it belongs to sources or libraries that are no longer here."""


class PackageLocator(UserProvidedCacheLocator):  # type: ignore[misc]  # numba is untyped
    """Numba's cache of one function, in the folder of its package's present state."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(folder_of(Path(py_file).parent))

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> PackageLocator | None:
        """As numba asks for it: None where the source is no file. Raises OSError where no folder is ours."""
        return cls(py_func, py_file) if Path(py_file).exists() else None


@functools.cache
def folder_of(package: Path) -> Path:
    """Where the machine code of the kernels in `package` lies; wherever a checkout lies, the same sources have the same place.

    Under `NUMBA_CACHE_DIR` where that is set and ours. Raises OSError where no folder is ours.
    """
    chosen = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else None
    base = chosen if chosen and is_ours(chosen) else kernel_folder() / "numba"
    folder = base / f"{package.name}-{state_of(package)}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder)
    _remove_unused(base)
    return folder


def state_of(package: Path) -> str:
    """A hash of what the machine code of a package depends on: its sources, those beside it that it may take from, and the compiler."""
    digest = hashlib.sha256(platform.python_version().encode())
    for library in ("numba", "llvmlite", "numpy"):
        digest.update(metadata.version(library).encode())
    for file in (*sorted(package.glob("*.py")), *sorted(package.parent.glob("*.py"))):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _remove_unused(base: Path) -> None:
    """Removes what has been unused for long; what another process holds, or is not to be deleted, stays."""
    oldest = time.time() - UNUSED
    for folder in base.iterdir():
        with suppress(OSError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
