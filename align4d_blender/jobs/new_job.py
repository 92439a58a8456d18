"""A job out of the scene as it is."""

from __future__ import annotations

from collections.abc import Callable, Generator

import bpy

from ..capture import choices
from ..errors import UserError, write_error
from ..runtime import preferences
from ..storage import folders
from . import session, takeover
from .record import Job


def new_job(context: bpy.types.Context, keep: Callable[[Job], None]) -> Generator[str, None, Job]:
    """Captures the scene as a job, in slices, each of which yields what is being read; `keep` says what it waits for.

    Raises UserError. Then, and broken off, it leaves nothing behind.
    """
    from ..capture.capture import captured  # brings numpy in: Blender starts sooner without it

    identity, folder = folders.new_job()
    job: Job | None = None
    try:
        found = yield from captured(context, identity, folder, preferences.get().device)
        scene = context.scene
        note = choices.shift_note(context)
        job = Job(
            identity,
            folder,
            found.targets,
            scene.name,
            choices.start(context),
            bpy.data.filepath,
            label_of([target.name for target in found.targets], choices.label(context)),
            scene.align4d.preset,
            scene.align4d.form,
            notes=[*([note] if note else []), *found.notes],
            opened=session.opened(),
            sources=takeover.sources(folder),
        )
        job.own()
        keep(job)
    except BaseException as error:
        if job:
            job.release()
        folders.delete_new(folder)
        if isinstance(error, OSError):
            raise write_error(error) from error
        if isinstance(error, ReferenceError):  # between two slices somebody may have deleted what was being read
            raise UserError("scene_changed", "The scene has changed while it was read.", "Press Generate again.") from error
        raise
    return job


def label_of(names: list[str], source: str) -> str:
    """What a job is called in the list: the meshes, if there are any, and what they follow."""
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return ", ".join(part for part in (f"{names[0]}{others}" if names else "", source) if part)
