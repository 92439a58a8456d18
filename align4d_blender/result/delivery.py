"""Result -> scene: a motion on each object and the solved camera, as one undo step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import bpy
from mathutils import Matrix

from ...engine.align4d import protocol
from ..capture.armatures import armature_of
from ..capture.targets import Target, find
from ..errors import UserError, write_error
from ..storage import folders
from . import below_modifiers, generated_mesh, keyframes, motion_file, results
from .control_rig import is_rigify
from .playback import active, playback
from .solved_camera import SOLVED, add_camera, cameras, remove_camera
from .solving import Moved, Solving

STEP = "Generate 4D"
"""Name of the undo step of a motion that arrives."""
_EXACT = 1e-4
"""Distance, as a part of an object's longest side, that nobody sees."""


@dataclass(frozen=True)
class Arrival:
    """A finished job whose files are checked and ready for Blender.

    Attributes:
        caches: PC2 file of each target, in the order of the targets.
        undoings: for targets with modifiers on top of the point cache, by index; their caches are written by `finish`.
        made: objects that the engine made, and that the scene does not have yet.
        missed: sentences about what could not be brought into the scene.
    """

    result: protocol.Result
    request: protocol.Request
    targets: tuple[Target, ...]
    caches: tuple[Path, ...]
    folder: Path
    undoings: dict[int, below_modifiers.Undoing]
    made: tuple[generated_mesh.GeneratedMesh, ...] = ()
    missed: list[str] = field(default_factory=list)


def prepare(folder: Path, targets: Sequence[Target]) -> Arrival:
    """Checks a finished job's files, and begins to undo what modifiers will do on top of the point cache. Needs no Blender: runs in a thread.

    Raises UserError.
    """
    try:
        result = protocol.read_result(folder)
        request = protocol.read_completed(folder)
        motions = {entry.id: folder / entry.motion for entry in result.objects}
        undoings = {}
        caches = []
        for index, target in enumerate(targets):
            motion = motions[target.id]
            _check(motion, target, result.frames)
            caches.append(motion)
            if target.unmap:
                caches[-1] = motion_file.below_modifiers(motion)
            if target.unmap and not caches[-1].exists():  # else it has arrived before, and is put back after an undo
                shape = protocol.read_arrays(protocol.inside(folder, target.unmap))
                undoings[index] = below_modifiers.start(caches[-1], target.frame, target.place.after, protocol.read_pc2(motion), shape, target.bent)
        made = generated_mesh.read(folder, result)
        if not (targets or made) or not (request.video.path or request.video.images):
            raise protocol.ProtocolError("The files of this job name nothing that moves, or no video.", "Press Generate again.")
    except UserError as error:
        raise UserError("bad_record", error.message, error.advice, "open_log") from error
    except Exception as error:  # whatever a damaged file makes its readers raise
        raise UserError("bad_record", f"The result of this job is damaged ({error!r}).", "Press Generate again.", "open_log") from error
    return Arrival(result, request, tuple(targets), tuple(caches), folder, undoings, made)


def improve(arrival: Arrival, seconds: float) -> bool:
    """Undoes modifiers that bend space, for about so many seconds of the main thread. Returns whether nothing is left to do."""
    left = [(index, job) for index, job in arrival.undoings.items() if not job.done]
    if left:
        index, job = left[0]
        below_modifiers.improve(job, find(arrival.targets[index]), seconds)
    return all(job.done for job in arrival.undoings.values())


def notes(arrival: Arrival) -> list[str]:
    """What the artist should know about the result, as sentences."""
    said = [*arrival.result.notes, *arrival.missed]
    for index, job in arrival.undoings.items():
        if job.worst > _EXACT:
            name = arrival.targets[index].name
            said.append(f"The modifiers of {name} cannot be undone everywhere: the motion is off by up to {job.worst:.2%} of its size. Apply them.")
    return said


def begin_keys(arrival: Arrival) -> Solving | None:
    """Begins to solve for keyframes on the armatures of the targets; None where there are none, or where they cannot be keyed.

    Raises UserError where a target is gone.
    """
    items = [find(target) for target in arrival.targets]
    if not any(armature_of(item) for item in items):
        return None
    moved = [
        Moved(item, motion_file.as_shown(cache), target.place.after, Matrix(target.place.held) if target.place.held else item.matrix_world.copy())
        for item, target, cache in zip(items, arrival.targets, arrival.caches, strict=True)
    ]
    try:
        solving = Solving(moved)
        solving.begin()
    except UserError as error:
        arrival.missed.append(keyframes.none_made(error))
        return None
    return solving


def finish(arrival: Arrival) -> None:
    """Writes the point caches below modifiers. Needs no Blender: runs in a thread. Raises UserError."""
    try:
        for job in arrival.undoings.values():
            protocol.write_pc2(job.path, job.base)
    except OSError as error:
        raise write_error(error) from error


def _check(motion: Path, target: Target, frames: int) -> None:
    if protocol.pc2_shape(motion) != (frames, target.points):
        raise protocol.ProtocolError(f"The motion of {target.name} has another number of frames or vertices.", "Generate the motion again.")


def takes_long(arrival: Arrival) -> bool:
    """Whether keyframes are solved for by posing the rigs of targets, which takes seconds. Raises UserError where a target is gone."""
    rigs = [armature_of(find(target)) for target in arrival.targets]
    return any(rig is not None and is_rigify(rig) for rig in rigs)


def apply(arrival: Arrival, solving: Solving | None, scene: bpy.types.Scene, start: int, step: str = STEP) -> list[bpy.types.Object]:
    """Puts the motion on the objects from scene frame `start` on, makes those that the engine made, and adds the camera. Returns the objects.

    What `solving` has poses for gets them as keyframes. `step` names the undo step; there is none yet where it is empty.

    Raises UserError before anything in the scene is changed; whatever else fails is undone as a whole. Selection and active object stay.
    """
    items = [find(target) for target in arrival.targets]
    before = set(bpy.data.objects)
    try:
        items += _apply(arrival, items, scene, start)
        if solving:
            arrival.missed.extend(keyframes.write(solving, items[0]))
    except BaseException:
        _take_back(arrival.result.job, before)
        raise
    if step:
        push_undo(step)
    return items


def _apply(arrival: Arrival, items: Sequence[bpy.types.Object], scene: bpy.types.Scene, start: int) -> list[bpy.types.Object]:
    """Puts the motion on these objects. Returns those that were made."""
    result, video = arrival.result, arrival.request.video
    name = f"{Path(video.path or video.images[0]).name}, {arrival.request.preset}{_seed(arrival.request)}{_corrections(arrival.request)}"
    for item, target, cache in zip(items, arrival.targets, arrival.caches, strict=True):
        item.align4d.id = target.id
        results.add(item, result.job, name, folders.stored_path(cache), result.frames, result.fps, start, target.place)
        results.play_like(item, result.job, arrival.request.corrects)
    for old in cameras(result.job):
        remove_camera(old)
    created = []
    for made in arrival.made:
        created.append(generated_mesh.create(made, scene))
        created[-1].align4d.id = made.entry.id
        results.add(created[-1], result.job, name, folders.stored_path(made.motion), result.frames, result.fps, start)
    camera = add_camera(scene, result, video, playback(active([*items, *created][0]), scene))
    camera.align4d.id, camera.align4d.job = SOLVED, result.job
    _store_relatively(camera)
    if not cast(bpy.types.Camera, camera.data).background_images:
        arrival.missed.append(f"The clip is no longer at {video.path or video.images[0]}: the camera came without it.")
    results.show_cameras()
    return created


def _seed(request: protocol.Request) -> str:
    """What tells variations apart, for the name; nothing of the seed that everybody begins with."""
    return f", seed {request.seed}" if request.seed else ""


def _corrections(request: protocol.Request) -> str:
    """What the artist's own hand has done to a motion, for its name."""
    if request.pins:
        return ", around " + ", ".join(str(pin.frame + 1) for pin in request.pins)
    if request.flips:
        return ", other way"
    return ", other way, solved" if request.corrects else ""


def _take_back(job: str, before: set[bpy.types.Object]) -> None:
    """Leaves the scene as it was before `_apply` began."""
    results.take_off(job)
    for item in [item for item in bpy.data.objects if item not in before]:
        bpy.data.objects.remove(item)


def _store_relatively(camera: bpy.types.Object) -> None:
    """The clip behind a camera is found again when it is moved together with the .blend."""
    for background in cast(bpy.types.Camera, camera.data).background_images:
        background.image.filepath = folders.stored_path(Path(bpy.path.abspath(background.image.filepath)))


def push_undo(step: str = STEP) -> None:
    """One step of Blender's undo history; there is none where a command runs without a window."""
    if bpy.ops.ed.undo_push.poll():  # type: ignore[call-arg]  # the stubs want a context
        bpy.ops.ed.undo_push(message=f"Align4D: {step}")
