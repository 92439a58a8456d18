"""Files that are there whole or not at all, and that lie where they should; locks.

numpy is imported where it is used: Blender imports this file when it starts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import stat
import sys
import typing
from collections.abc import Iterator
from pathlib import Path, PurePath, PureWindowsPath
from typing import IO, TYPE_CHECKING, Any

from .errors import ProtocolError

if TYPE_CHECKING:
    import numpy as np


@contextlib.contextmanager
def replacing(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` and renames it over `path` at the end; on an error nothing is left behind."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # a file name that is no UTF-8 (Linux allows it) becomes \udcXX, which is what JSON calls it too
        encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
        with open(temporary, mode, encoding=encoding, errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def inside(folder: Path, name: str) -> Path:
    """The file that a job's own files call `name`, which lies in `folder`. It need not be there yet.

    Job folders come with downloaded scenes: nothing that one of their files names may lead anywhere else.

    Raises:
        ProtocolError: for an absolute path, one that leads out by "..", and one on whose way a link lies.
    """
    parts = PurePath(name).parts
    if not parts or "\0" in name or PurePath(name).anchor or PureWindowsPath(name).anchor or ".." in (*parts, *PureWindowsPath(name).parts):
        raise ProtocolError(f"{name!r} does not lie in the job's folder.", "Generate again.")
    path = folder
    for part in parts:
        path = path / part
        if is_link(path):
            raise ProtocolError(f"{name!r} is a link out of the job's folder, or lies behind one.", "Generate again.")
    return path


def refuse_links(folder: Path) -> None:
    """Raises ProtocolError where anything in a job's folder is a link: what the engine writes there could land, and delete, elsewhere."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if is_link(Path(place, name)):
                raise ProtocolError(f"{name!r} in the job's folder is a link.", "Delete it, or generate again.")


def is_link(path: Path) -> bool:
    """Whether something is a symbolic link, or a junction of Windows; not what it leads to."""
    try:
        status = os.lstat(path)
    except OSError:  # not there
        return False
    if sys.platform == "win32":
        return stat.S_ISLNK(status.st_mode) or status.st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return stat.S_ISLNK(status.st_mode)


def clear_unfinished(folder: Path, kept: str = "") -> None:
    """Deletes what `replacing`, and whoever makes whole folders in the same way, left behind when it was killed: .*.part, at any depth.

    Links are never followed. What cannot be deleted stays: it is in nobody's way.

    Args:
        folder: nobody else writes in it.
        kept: name of a file of somebody else in it, whose unfinished copy is left alone.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        plain_folder = entry.is_dir(follow_symlinks=False)
        if not (entry.name.startswith(".") and entry.name.endswith(".part")):
            if plain_folder:
                clear_unfinished(Path(entry.path))
        elif plain_folder:
            import shutil  # Blender starts sooner without it

            shutil.rmtree(entry.path, ignore_errors=True)
        elif not (kept and entry.name.startswith(f".{kept}.")):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)


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
    """Writes a dataclass of the protocol, whole or not at all. In ASCII: file names need not be UTF-8."""
    with replacing(path, "w") as file:
        json.dump(dataclasses.asdict(typing.cast(Any, value)), file, allow_nan=False, indent=1)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an uncompressed .npz, whole or not at all."""
    import numpy as np

    with replacing(path) as file:
        np.savez(file, **typing.cast(dict[str, Any], arrays))


def read_arrays(path: Path, most: int = 0) -> dict[str, np.ndarray]:
    """Reads an .npz.

    Pickles are refused, and so is an array whose header claims another size than its bytes have.

    Args:
        most: bytes that its arrays may take unpacked; by default no more than the file itself, as `write_arrays` stores them.

    Raises:
        OSError, ValueError, and others of zipfile's and numpy's for a file that is damaged, or is none.
    """
    import zipfile

    import numpy as np

    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > max(most, path.stat().st_size):
            raise ValueError(f"its arrays unpack to {unpacked} bytes, which are too many")
        arrays = {}
        for entry in entries:
            with archive.open(entry) as file:
                _check_size(file, entry.file_size)
            with archive.open(entry) as file:
                arrays[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _check_size(file: IO[bytes], size: int) -> None:
    """Raises ValueError unless the header of an .npy of `size` bytes says so too: numpy would first make what it claims."""
    import math

    import numpy as np

    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("its arrays are pickled, and a pickle can run code")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"an array of {shape} {dtype} in {size} bytes")
