"""The Gaussians that a job has written beside a motion: shown on the artist's object when they are asked for, in step with its motion."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...engine.align4d import protocol
from ..errors import UserError
from ..gaussians import sequence_object
from ..storage import paths
from ..storage.remembered import holds
from .playback import active, playback, scene_of

if TYPE_CHECKING:
    from ..gaussians.files import Sequence


def are_there(mesh: bpy.types.Object) -> bool:
    """Whether the job of the motion that a mesh plays has written Gaussians."""
    result = active(mesh)
    return result is not None and holds(Path(bpy.path.abspath(result.motion, library=paths.library_of(mesh))).parent, "gaussians_*")


def shown(mesh: bpy.types.Object) -> bpy.types.Object | None:
    """The object that shows the Gaussians of the motion that a mesh plays; None until they were asked for."""
    result = active(mesh)
    return next((item for item in _all(mesh) if result and item.align4d_gaussians.job == result.job), None)


def playing(mesh: bpy.types.Object) -> tuple[Sequence, int, float]:
    """The files that go with the motion as a mesh plays it, the scene frame of the first, and how many of them a scene frame.

    Raises UserError where there are none.
    """
    from ..gaussians.files import Sequence, sequence_of  # Blender starts sooner without it

    result = active(mesh)
    try:
        motion = paths.motion_file(mesh, result) if result else Path()
        entries = protocol.read_result(motion.parents[1]).objects if result else ()
    except protocol.ProtocolError as error:
        raise UserError("bad_record", error.message, error.advice) from error
    folder = next((entry.gaussians for entry in entries if motion.stem.startswith(Path(entry.motion).stem)), "")
    if not folder:
        advice = "Turn on Write Gaussians and press Generate again."
        raise UserError("no_gaussians", f"The motion of {mesh.name} came without Gaussians.", advice)
    whole = sequence_of(motion.parents[1] / folder / protocol.GAUSSIAN_FRAME.format(0))
    times = playback(result, scene_of(mesh))
    part = Sequence(whole.pattern, times.first, 1, times.last - times.first + 1, whole.degree)
    return part, times.start, times.rate


def show(meshes: Iterable[bpy.types.Object], what: str) -> None:
    """Shows of results the "MESH", the "GAUSSIANS" or "BOTH", in the viewport and in renders. Raises UserError."""
    for mesh in meshes:
        if what != "MESH" and shown(mesh) is None:
            _add(mesh)
        gaussians = shown(mesh)
        if gaussians:
            gaussians.hide_viewport = gaussians.hide_render = what == "MESH"
        mesh.hide_viewport = mesh.hide_render = what == "GAUSSIANS"


def follow(mesh: bpy.types.Object) -> None:
    """The mesh plays another motion, or the same one otherwise: so do its Gaussians, and those of another motion are hidden."""
    result, gaussians = active(mesh), shown(mesh)
    others = [item for item in _all(mesh) if item != gaussians and not item.hide_render]
    for item in others:
        item.hide_viewport = item.hide_render = True
    if others and gaussians is None:
        mesh.hide_viewport = mesh.hide_render = False
    if gaussians:
        scene = scene_of(mesh)
        times, chosen = playback(result, scene), gaussians.align4d_gaussians
        chosen.first, chosen.count, chosen.start = times.first, times.last - times.first + 1, times.start
        chosen.fps = times.rate * scene.render.fps / scene.render.fps_base


def remove(mesh: bpy.types.Object, job: str) -> None:
    """Takes the Gaussians of a motion that is about to go off a mesh, and shows the mesh."""
    for item in [item for item in _all(mesh) if item.align4d_gaussians.job == job]:
        if not item.hide_render:
            mesh.hide_viewport = mesh.hide_render = False
        sequence_object.remove(item)


def _all(mesh: bpy.types.Object) -> list[bpy.types.Object]:
    """Of every motion of a mesh, as far as they were asked for."""
    if not any(tree.bl_idname == "GeometryNodeTree" for tree in bpy.data.node_groups):  # `children` goes through every object of the file
        return []
    return [item for item in mesh.children if sequence_object.shown_by(item) and item.align4d_gaussians.job]


def _add(mesh: bpy.types.Object) -> None:
    """The Gaussians as a child of the mesh."""
    scene = scene_of(mesh)
    files, start, rate = playing(mesh)
    item = sequence_object.add_playing(scene, files, f"{mesh.name} Gaussians", start, rate * scene.render.fps / scene.render.fps_base)
    item.parent = mesh
    item.align4d_gaussians.job = active(mesh).job
