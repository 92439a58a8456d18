"""Files that are there whole or not at all, and locks. numpy is imported where it is used: Blender imports this file when it starts."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@contextlib.contextmanager
def replacing(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` and renames it over `path` at the end; on an error nothing is left behind."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def hold(path: Path) -> IO[bytes] | None:
    """Locks a file, which is made where it is missing, until what is returned is closed or this process ends, however it ends.

    Returns None where another process has it. Where the file system knows no locks nobody is kept out.
    """
    file = open(path, "ab")  # noqa: SIM115  the caller closes it
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN, errno.EDEADLK}:
            file.close()
            return None
    return file


def write_json(path: Path, value: object) -> None:
    """Writes a dataclass of this file, whole or not at all."""
    with replacing(path, "w") as file:
        json.dump(dataclasses.asdict(typing.cast(Any, value)), file, ensure_ascii=False, allow_nan=False, indent=1)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an uncompressed .npz, whole or not at all."""
    import numpy as np

    with replacing(path) as file:
        np.savez(file, **typing.cast(dict[str, Any], arrays))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads an .npz; pickled contents are refused by numpy (ValueError)."""
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
