"""Scene -> request: writes the selected meshes, their colors, the video and the camera into a job folder."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..errors import UserError, write_error
from ..storage.tags import HOLD, MODIFIER
from . import choices, guidance, meshes, node_bake, png, textures
from .bone_limits import limit_arrays
from .bone_weights import bone_arrays, bones_of_groups, standing_bones
from .camera import camera_of
from .camera_path import camera_path
from .held import held_arrays, held_groups
from .materials import Look, look_of
from .place import frames_to_look_at, place_of, world_of
from .reference import Reference, length_of, reference_of
from .rest_shape import bare_copy, evaluated_copy, rest_shape
from .second_clip import views_of
from .slices import Slices, aside, saying, whole
from .targets import Target


@dataclasses.dataclass(frozen=True)
class Capture:
    """What `capture` leaves behind, besides the job folder; `notes` are what the artist should know, as sentences."""

    request: protocol.Request
    targets: tuple[Target, ...]
    notes: tuple[str, ...]


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The mesh objects that the artist selected, the active one first. Raises UserError where nothing can be animated."""
    chosen = choices.selected_meshes(context) if choices.takes_mesh(context) else []
    if not chosen:
        raise UserError("no_mesh", "No mesh is selected.", f"{guidance.no_mesh(context)}.")
    for item in chosen:
        if item.mode == "EDIT":
            raise UserError("edit_mode", f"{item.name} is in Edit Mode.", "Leave Edit Mode (Tab).")
        if not item.is_editable:
            raise UserError("linked", f"{item.name} is linked from another file.", "Use Object > Library Override > Make first.")
        if len(item.data.vertices) == 0:
            raise _empty(item)
    return chosen


def capture(context: bpy.types.Context, job: str, folder: Path, device: str) -> Capture:
    """Writes the job folder of the current scene; request.json last. Raises UserError; the scene is left as it was."""
    return whole(captured(context, job, folder, device))


def captured(context: bpy.types.Context, job: str, folder: Path, device: str) -> Generator[str, None, Capture]:
    """The same in slices, each of which yields what is being read. Broken off, it leaves the scene as it was too."""
    context.view_layer.update()  # its list of objects still has those that a script has just removed, and reading these ends Blender
    chosen = selected_meshes(context) if choices.takes_mesh(context) else []
    generated = Reference(protocol.VideoSpec(), choices.SIDE, choices.SIDE, choices.FRAMES)
    reference = reference_of(context.scene) if choices.takes_video(context) else generated
    given = choices.given(context)
    try:
        (folder / "input").mkdir(parents=True)
        writer = _Writer(context, folder, frames_to_look_at(context.scene, choices.start(context), length_of(reference, context.scene)))
        found = []
        for index, item in enumerate(chosen):
            words = f"Reading {item.name} ({index + 1} of {len(chosen)})"
            yield words
            found.append((yield from saying(words, writer.write(item, index))))
        settings = context.scene.align4d
        camera = camera_of(context, reference, *writer.box())
        path = yield from saying("Reading the camera", camera_path(choices.chosen_camera(context), choices.start(context), reference.frames))
        if path:
            camera = dataclasses.replace(camera, matrix_world=path[0], path=path)
        views = yield from saying("Reading the second clip", views_of(context))
        request = protocol.Request(
            job=job,
            objects=tuple(spec for spec, _ in found),
            video=reference.spec,
            camera=camera,
            preset=settings.preset,
            settings={**choices.prior_setting(context), **overrides_of(settings.overrides)},
            seed=settings.seed,
            device=device,
            gaussians=settings.gaussians,
            prompt=given.prompt,
            image=given.image,
            gaussian_asset=given.gaussian_asset,
            views=views,
        )
        protocol.write_json(folder / "request.json", request)
    except OSError as error:
        raise write_error(error) from error
    return Capture(request, tuple(target for _, target in found), (*reference.notes, *writer.notes))


def overrides_of(text: str) -> dict[str, Any]:
    """Single settings from JSON. Raises UserError for anything but an object."""
    try:
        overrides = json.loads(text or "{}")
    except ValueError:
        overrides = None
    if not isinstance(overrides, dict):
        advice = 'Write them as {"tracking.iterations": 40}, or leave them empty.'
        raise UserError("overrides", "The settings under Overrides are not a JSON object.", advice, "clear_overrides")
    return overrides


def _empty(item: bpy.types.Object) -> UserError:
    return UserError("empty_mesh", f"{item.name} has no faces.", "Select a mesh with faces, or take this one out of the selection.")


@dataclasses.dataclass(frozen=True)
class _Shown:
    """An object as the artist sees it, in copies: what Blender has evaluated itself may go between two slices.

    Attributes:
        mesh: a data-block of our own.
        layered: the same mesh with all its layers, which takes longer; None where none of them is asked for.
        materials: by index.
        looks: of these.
        matrix: from its own space to the world's.
    """

    mesh: bpy.types.Mesh
    layered: bpy.types.Mesh | None
    materials: list[bpy.types.Material | None]
    looks: list[Look]
    matrix: Any


class _Writer:
    """Writes objects one by one; keeps the box around all of them, and which images are written already."""

    def __init__(self, context: bpy.types.Context, folder: Path, frames: Sequence[float]) -> None:
        self.folder = folder
        self.frames = frames
        self.notes: list[str] = []
        self.frame = (context.scene.frame_current, context.scene.frame_subframe)
        self.depsgraph = context.evaluated_depsgraph_get()  # once: with our own scenes coming and going Blender builds it anew each time
        self.low = np.full(3, np.inf)
        self.high = np.full(3, -np.inf)
        self.images: dict[str, str] = {}
        self.identities = Counter(item.align4d.id for item in bpy.data.objects)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """The corners of what was written; those of the space in which an asset is made where nothing was."""
        if np.isfinite(self.low).all() and np.isfinite(self.high).all():
            return self.low, self.high
        return np.full(3, -0.5), np.full(3, 0.5)

    def write(self, item: bpy.types.Object, index: int) -> Slices[tuple[protocol.ObjectSpec, Target]]:
        """Writes one object's mesh and textures."""
        tag = self._identity(item)
        place, notes = yield from place_of(item, self.frame, self.frames)
        self.notes += notes
        with self._shown(item) as shown:
            standing, limits = standing_bones(item, self.depsgraph, shown.matrix), limit_arrays(item, self.depsgraph)
            yield
            specs, atlas = yield from self._colors(shown, index)
            rest = yield from rest_shape(item, self.frame, meshes.vertices_of(shown.mesh), place.after)
            arrays = yield from meshes.mesh_arrays(shown.mesh, shown.looks, atlas, rest.shown)
            grouped = self._grouped(item, shown)
            moved = (yield from bone_arrays(item, grouped, standing)) if grouped else None
            held = yield from held_arrays(item, grouped)
        matrix = world_of(item, self.frame)
        self._check(item, arrays, matrix)
        name = yield from self._store(f"{index:03d}", arrays)
        bones = yield from self._store(f"{index:03d}_bones", moved)
        kept = yield from self._store(f"{index:03d}_held", held)
        limited = yield from self._store(f"{index:03d}_limits", limits)
        unmap = ""
        if rest.base is not None and rest.unmap is not None:
            unmap = yield from self._store(f"{index:03d}_modifiers", {"shown": rest.shown, "base": rest.base, "unmap": rest.unmap})
        spec = protocol.ObjectSpec(tag, item.name, name, tuple(tuple(row) for row in matrix), specs, bones, kept, limited)
        counts = len(item.data.vertices), len(rest.shown)
        return spec, Target(tag, item.name, item.session_uid, counts[0], unmap, rest.bent, self.frame, place, counts[1])

    def _store(self, name: str, arrays: dict[str, np.ndarray] | None) -> Slices[str]:
        """Writes arrays among the inputs; returns their path in the job folder, "" where there are none."""
        if arrays is None:
            return ""
        path = f"input/{name}.npz"
        yield from aside(partial(protocol.write_arrays, self.folder / path, arrays))
        return path

    def _identity(self, item: bpy.types.Object) -> str:
        """The object's own id; a new one where it has none yet, or shares it with the object that it was duplicated from."""
        own: str = item.align4d.id
        return own if own and self.identities[own] == 1 else uuid.uuid4().hex

    @contextmanager
    def _shown(self, item: bpy.types.Object) -> Iterator[_Shown]:
        """Copies for the block."""
        with ExitStack() as stack:
            with self._evaluated(item) as (evaluated, depsgraph):

                def copy(layers: bool) -> bpy.types.Mesh:
                    mesh = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=layers, depsgraph=depsgraph)
                    stack.callback(bpy.data.meshes.remove, mesh)
                    return mesh

                mesh = copy(layers=False)
                materials = shown_materials(evaluated, mesh)
                looks = [look_of(material) for material in materials]
                regrown = len(mesh.vertices) != len(item.data.vertices)  # by a subdivision and its like
                carried = bool(bones_of_groups(item) or held_groups(item)) and regrown
                layered = copy(layers=True) if carried or any(look.kind == "bake" for look in looks) else None
                shown = _Shown(mesh, layered, materials, looks, evaluated.matrix_world.copy())
            yield shown

    @contextmanager
    def _evaluated(self, item: bpy.types.Object) -> Iterator[tuple[bpy.types.Object, bpy.types.Depsgraph]]:
        """The object as the artist sees it, but without the motion of an earlier result."""
        if MODIFIER not in item.modifiers and not any(constraint.name.startswith(HOLD) for constraint in item.constraints):
            yield item.evaluated_get(self.depsgraph), self.depsgraph
            return
        with bare_copy(item, self.frame) as copy:
            yield evaluated_copy(copy), copy.users_scene[0].view_layers[0].depsgraph

    def _grouped(self, item: bpy.types.Object, shown: _Shown) -> bpy.types.Mesh | None:
        """A mesh with the vertices that are shown, and the vertex groups; None where there is none."""
        own = cast(bpy.types.Mesh, item.data)
        mesh = own if len(own.vertices) == len(shown.mesh.vertices) else shown.layered
        return mesh if mesh is not None and len(mesh.vertices) == len(shown.mesh.vertices) else None

    def _colors(self, shown: _Shown, index: int) -> Slices[tuple[tuple[protocol.MaterialSpec, ...], np.ndarray | None]]:
        """The specs of an object's materials, and the UVs of the baked atlas where one was needed."""
        atlas, baked = None, ""
        if shown.layered and any(look.kind == "bake" for look in shown.looks):
            copy = shown.layered.copy()  # baking gives it other materials
            try:
                pixels, atlas = node_bake.bake(copy, shown.materials, shown.matrix)
            finally:
                bpy.data.meshes.remove(copy)
            baked = f"input/{index:03d}_baked.png"
            yield from aside(partial(png.write_png, self.folder / baked, pixels))
        specs = []
        for look in shown.looks:
            specs.append((yield from self._spec(look, baked)))
        return tuple(specs), atlas

    def _spec(self, look: Look, baked: str) -> Slices[protocol.MaterialSpec]:
        if look.kind == "bake":
            return protocol.MaterialSpec("texture", image=baked)
        if look.kind == "texture" and look.image:
            name = yield from self._texture(look.image)
            return protocol.MaterialSpec("texture", image=name)
        return protocol.MaterialSpec(look.kind, look.color)

    def _texture(self, image: bpy.types.Image) -> Slices[str]:
        """Path of the image's PNG in the job folder; written once."""
        key = image.name_full
        if key not in self.images:
            name = f"input/texture_{len(self.images):03d}.png"
            pixels, linear = textures.pixels_of(image), textures.is_linear(image)
            yield from aside(lambda: png.write_png(self.folder / name, textures.shown_colors(pixels, linear)))
            self.images[key] = name
        return self.images[key]

    def _check(self, item: bpy.types.Object, arrays: dict[str, np.ndarray], world_matrix: Sequence[Sequence[float]]) -> None:
        """Refuses what cannot be animated, and grows the box around everything."""
        if len(arrays["triangles"]) == 0:
            raise _empty(item)
        vertices = arrays["vertices"]
        if not (np.isfinite(vertices).all() and np.isfinite(arrays["bake_vertices"]).all()):
            raise UserError("broken_mesh", f"{item.name} has vertices at no position (NaN).", "Find the modifier or vertices that cause it.")
        matrix = np.array(world_matrix, np.float64)
        world = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        self.low = np.minimum(self.low, world.min(0))
        self.high = np.maximum(self.high, world.max(0))


def shown_materials(evaluated: bpy.types.Object, mesh: bpy.types.Mesh) -> list[bpy.types.Material | None]:
    """The materials of an evaluated mesh by index; geometry nodes may have changed them, a slot may override them on the object."""
    materials = [material.original if material else None for material in mesh.materials] or [None]
    for index, slot in enumerate(evaluated.material_slots):
        if slot.link == "OBJECT" and index < len(materials):
            materials[index] = slot.material.original if slot.material else None
    return materials
