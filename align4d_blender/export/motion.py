"""Motion out of Blender: which objects, which frames, and the formats that Blender or a few lines write. The scene stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...engine.align4d import protocol
from ..errors import UserError, write_error
from ..result.playback import active, playback
from ..storage import tags

if TYPE_CHECKING:
    import numpy as np


def chosen_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected meshes; without any, all that show a motion. Raises UserError where there is none."""
    selected = [item for item in context.selected_objects if item.type == "MESH" and len(item.data.polygons)]
    found = selected or [item for item in tags.tagged() if item.type == "MESH" and item.name in context.view_layer.objects]
    if not found:
        raise UserError("nothing_to_export", "No mesh is selected, and none of this file has a motion.", "Select the mesh to export.")
    return found


def play_range(items: Sequence[bpy.types.Object], scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last scene frame of the motions; the scene's own range where there are none."""
    played = [playback(result, scene) for result in map(active, items) if result]
    if not played:
        return scene.frame_start, scene.frame_end
    return min(times.start for times in played), max(round(times.start + times.length) for times in played)


def check_folder(path: Path) -> None:
    """Raises UserError where the folder of a file to write is not there: each exporter would say it in its own way."""
    if not path.parent.is_dir():
        raise UserError("no_folder", f"{path.parent} is no folder.", "Choose a folder that exists.")


@contextmanager
def frames_of(scene: bpy.types.Scene, first: int, last: int) -> Iterator[range]:
    """The frames to go through; the scene's current frame and its range come back afterwards."""
    kept = scene.frame_current, scene.frame_subframe, scene.frame_start, scene.frame_end
    try:
        yield range(first, last + 1)
    finally:
        scene.frame_start, scene.frame_end = kept[2:]
        scene.frame_set(kept[0], subframe=kept[1])


@contextmanager
def only(context: bpy.types.Context, items: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Just these objects selected and shown, as exporters want it; afterwards what was."""
    selected, active = list(context.selected_objects), context.view_layer.objects.active
    hidden = [(item, item.hide_viewport, item.hide_render, item.hide_get()) for item in items]
    try:
        for item in selected:
            item.select_set(False)
        for item in items:
            item.hide_viewport = item.hide_render = False
            item.hide_set(False)
            item.select_set(True)
        context.view_layer.objects.active = items[0]
        yield
    finally:
        for item in items:
            item.select_set(False)
        for item, in_viewport, in_render, in_layer in hidden:
            item.hide_viewport, item.hide_render = in_viewport, in_render
            item.hide_set(in_layer)
        for item in selected:
            item.select_set(True)
        context.view_layer.objects.active = active


def with_blender(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, export: Callable[[], set[str]]) -> None:
    """Calls one of Blender's own exporters on the objects and frames. Raises UserError where it fails."""
    scene = context.scene
    with only(context, items), frames_of(scene, first, last):
        scene.frame_start, scene.frame_end = first, last
        checked(export)


def checked(export: Callable[[], set[str]]) -> None:
    """Calls one of Blender's own exporters. Raises UserError where it fails."""
    try:
        ended = export()
    except RuntimeError as error:
        raise _failed(error) from error
    if ended != {"FINISHED"}:
        raise UserError("export_failed", "Blender's exporter did not finish.", "Choose another folder, or another format.")


def _failed(error: RuntimeError) -> UserError:
    """What one of Blender's exporters says, in one line."""
    said = str(error).strip().removeprefix("Error: ").splitlines()[0].rstrip(".")
    return UserError("export_failed", f"Blender's exporter failed: {said}.", "Choose another folder, or another format.")


def motion_of(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int) -> list[np.ndarray]:
    """(T, V, 3) float32 of each object as it is shown, all its modifiers included, in its own space. Raises UserError."""
    import numpy as np

    from ..capture.meshes import vertices_of  # brings numpy in: Blender starts sooner without it

    motions: list[list[np.ndarray]] = [[] for _ in items]
    with frames_of(context.scene, first, last) as frames:
        for frame in frames:
            context.scene.frame_set(frame)
            depsgraph = context.evaluated_depsgraph_get()
            for item, motion in zip(items, motions, strict=True):
                evaluated = item.evaluated_get(depsgraph)
                motion.append(vertices_of(evaluated.to_mesh()))
                evaluated.to_mesh_clear()
                if len(motion[-1]) != len(motion[0]):
                    raise UserError(
                        "topology_changes",
                        f"{item.name} has {len(motion[0])} vertices in frame {first} and {len(motion[-1])} in frame {frame}.",
                        "Turn off the modifier that makes them, or export Alembic, USD or OBJ.",
                    )
    return [np.stack(motion) for motion in motions]


def write_point_caches(
    context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path, write: Callable[[Path, np.ndarray], None]
) -> list[Path]:
    """A point cache for each object: `path` for one alone, else with the object's name behind. Returns the files. Raises UserError."""
    files = [path] if len(items) == 1 else [path.with_stem(f"{path.stem}_{bpy.path.clean_name(item.name)}") for item in items]
    try:
        for file, motion in zip(files, motion_of(context, items, first, last), strict=True):
            write(file, motion)
    except OSError as error:
        raise write_error(error) from error
    return files


def write_mdd(path: Path, motion: np.ndarray, fps: float) -> None:
    """Writes (T, V, 3) positions as MDD (LightWave's motion designer): big-endian counts, times in seconds, positions. Raises OSError."""
    import numpy as np

    frames, points, _ = motion.shape
    with protocol.replacing(path) as file:
        file.write(np.array([frames, points], ">i4").tobytes())
        file.write((np.arange(frames) / fps).astype(">f4").tobytes())
        file.write(np.ascontiguousarray(motion, ">f4").tobytes())
