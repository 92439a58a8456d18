"""Further motions after the same video, with other seeds or presets: what is chance in one differs in the others."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

import bpy

from ...engine.align4d import protocol
from ..errors import UserError
from ..result import keyframes
from ..result.playback import PlayedResult, active
from . import follow_up
from .record import Job


def vary(item: bpy.types.Object, count: int, presets: Sequence[str] = ()) -> list[Job]:
    """Starts jobs like that of an object's active result, with other seeds and other presets; their results come beside it.

    Args:
        count: of seeds.
        presets: each with the seed of that job, and without its overrides, which were meant for its own preset.

    Raises UserError; the jobs that were started before go on then.
    """
    result = active(item)
    if result is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    request = _request(result)
    others = [(f"seed {seed}", dataclasses.replace(request, seed=seed)) for seed in _unused(item, request, count)]
    others += [(preset, dataclasses.replace(request, preset=preset, settings={})) for preset in presets]
    return [follow_up.start(item, result, what, other.preset, functools.partial(_write, other)) for what, other in others]


def _write(request: protocol.Request, base: Path, folder: Path, identity: str) -> None:
    shutil.copytree(base / "input", folder / "input", dirs_exist_ok=True)
    protocol.write_json(folder / "request.json", dataclasses.replace(request, job=identity))


def _request(result: PlayedResult) -> protocol.Request:
    """That of the job of a result, where it can be done again. Raises UserError."""
    folder = keyframes.job_folder(result)
    request = protocol.read_request(folder)
    if request.corrects:
        raise UserError("no_variations", "This motion is a correction of another one.", "Choose the one that it corrects on the list, and vary that.")
    if not (request.objects and (request.video.path or request.video.images)):
        message = "The mesh or the video of this motion were generated, and would be others each time."
        raise UserError("no_variations", message, "Choose another seed under Advanced, and press Generate.")
    if not (folder / "input").is_dir():
        message = "What this motion was made of was not kept: it was made by the preset Paper or by an older version."
        raise UserError("no_variations", message, "Choose another seed under Advanced, and press Generate.")
    return request


def _unused(item: bpy.types.Object, request: protocol.Request, count: int) -> list[int]:
    """Seeds that none of the object's results has."""
    used = {request.seed}
    for result in item.align4d.results:
        try:
            used.add(protocol.read_request(keyframes.job_folder(result)).seed)
        except protocol.ProtocolError:  # its files are gone: nobody can tell
            continue
    found: list[int] = []
    seed = request.seed
    while len(found) < count:
        seed += 1
        if seed not in used:
            found.append(seed)
    return found
