"""A job that broke off goes on where it was: its checkpoint is handed to the next job, where that asks for exactly the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..engine.align4d import protocol

RESUMABLE = {"engine_died", "disk_full", "cannot_write"}
"""Failures that say nothing against the checkpoint."""


def take_over(old: Path, new: Path) -> bool:
    """Moves the checkpoint of the job folder `old` to `new`, if both have the same inputs. Returns whether it did."""
    if not (old / "work").is_dir() or _inputs(old) != _inputs(new):
        return False
    os.replace(old / "work", new / "work")
    return True


def _inputs(folder: Path) -> str:
    """Fingerprint of everything that a result depends on: the request but for the ids, which are new each time, and all files under input/."""
    request = protocol.read_request(folder)
    digest = hashlib.sha256()
    for item in request.objects:
        digest.update(repr((item.name, item.mesh, item.matrix_world, item.materials)).encode())
    rest = (request.video, request.camera, request.preset, sorted(request.settings.items()), request.seed, request.device, request.backend)
    digest.update(repr(rest).encode())
    for path in sorted((folder / "input").iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
