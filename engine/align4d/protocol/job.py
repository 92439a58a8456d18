"""Request and result of a job, as they lie in its folder."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any, TypeVar

from .errors import ProtocolError
from .files import inside
from .parsing import Matrix4, no_number, parsed
from .pins import FlipSpec, PinSpec
from .version import PROTOCOL, check_version


@dataclasses.dataclass(frozen=True)
class MaterialSpec:
    """The color that one material shows, reduced to what the engine can sample.

    Attributes:
        kind: "flat" (base_color), "texture" (image, looked up by corner_uv) or "attribute" (corner_color).
        base_color: sRGB in [0, 1] and alpha; used by "flat".
        image: path of an 8-bit sRGB PNG, relative to the job folder; used by "texture".
    """

    kind: str = "flat"
    base_color: tuple[float, ...] = (0.8, 0.8, 0.8, 1.0)
    image: str = ""


@dataclasses.dataclass(frozen=True)
class ObjectSpec:
    """One mesh object of the scene.

    Attributes:
        id: the tag that ties the object to its result; survives renaming.
        name: what the artist calls it, for messages.
        mesh: .npz in the job folder, see `MESH_ARRAYS`.
        matrix_world: object space to world.
        materials: indexed by the mesh's `material` array.
        bones: .npz in the job folder, see `BONE_ARRAYS`; "" where no bone moves the mesh.
        held: .npz in the job folder, see `HELD_ARRAYS`; "" where everything may move.
        limits: .npz in the job folder, see `LIMIT_ARRAYS`; "" where no bone has any.
    """

    id: str
    name: str
    mesh: str
    matrix_world: Matrix4
    materials: tuple[MaterialSpec, ...] = (MaterialSpec(),)
    bones: str = ""
    held: str = ""
    limits: str = ""


MESH_ARRAYS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "vertices": ("float32", ("V", 3)),
    "triangles": ("int32", ("F", 3)),
    "material": ("int32", ("F",)),
    "corner_normal": ("float32", ("F", 3, 3)),
    "corner_uv": ("float32", ("F", 3, 2)),
    "corner_color": ("float32", ("F", 3, 4)),
    "bake_vertices": ("float32", ("B", 3)),
}
"""Arrays of a mesh file: name -> dtype and shape. All in object space.

`vertices` and `triangles` are the evaluated mesh (what the artist sees); `corner_normal` are its shading normals;
`corner_uv` has v upwards as in Blender; `corner_color` is sRGB and alpha. `bake_vertices` are the points whose motion
comes back, where the evaluated mesh shows them: one per vertex of the artist's own mesh, in its order.
"""


@dataclasses.dataclass(frozen=True)
class VideoSpec:
    """The reference video: a movie file, or an ordered list of images.

    Attributes:
        path: movie file; empty when `images` is given.
        images: absolute paths in order.
        first, last: 0-based frames, both included; last = -1 means up to the end.
        fps: frame rate; 0 means the movie's own. Required for images.
        box: around the object in the first chosen frame: left, top, right and bottom in [0, 1] of the frame's width and height; () without.
        masks: absolute paths of one picture for each chosen frame, in order, which say where the object is: alpha, else white on black.
    """

    path: str = ""
    images: tuple[str, ...] = ()
    first: int = 0
    last: int = -1
    fps: float = 0.0
    box: tuple[float, ...] = ()
    masks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CameraSpec:
    """A pinhole camera in Blender's world: camera-to-world matrix (Blender's axes: looks along -Z, +Y is up).

    Attributes:
        matrix_world: camera to world.
        fovy: vertical field of view of the VIDEO's frame [degrees].
        solve: refine direction, distance and offset against the first frame; else it is taken as exact.
        path: where the camera moves, the matrix in each chosen frame of the video, as players count them; () where it stands.
    """

    matrix_world: Matrix4
    fovy: float = 49.1
    solve: bool = True
    path: tuple[Matrix4, ...] = ()


@dataclasses.dataclass(frozen=True)
class ViewSpec:
    """A further clip of the same motion, filmed from another side.

    Attributes:
        video: the clip.
        camera: where the artist thinks that it was seen from.
        offset: seconds after the first clip's first chosen frame at which this clip's was taken.
        find_offset: look for the offset in the clips; else it is taken as exact.
    """

    video: VideoSpec
    camera: CameraSpec
    offset: float = 0.0
    find_offset: bool = True


@dataclasses.dataclass(frozen=True)
class Request:
    """Everything that a job needs.

    Attributes:
        job: unique id of the job.
        objects: the meshes that move; none where an asset is to be generated, or is given as Gaussians.
        video: the reference; empty where it is to be generated.
        camera: where the artist thinks the video was seen from.
        preset: name of a settings preset, "artist", "draft" or "paper".
        settings: overrides of single settings, dotted name -> value, e.g. {"tracking.iterations": 40}.
        seed: the one source of randomness.
        device: "auto", "cpu" or "cuda".
        backend: rasterizer: "auto", "cpu", "reference", "gsplat" or "triton".
        gaussians: whether the Gaussians of every frame come back too, as PLY files.
        protocol: version of this file that wrote it.
        prompt: what the artist wants to see, in words; "" without.
        image: absolute path of a picture of the object; "" without.
        gaussian_asset: absolute path of a .ply of Gaussians in the place of a mesh; "" without.
        notes: what the user should know of how the request was made, as sentences.
        pins: poses that the artist knows, where the job corrects a finished one, which lies in `BASE`.
        flips: limbs that go the other way since the engine has solved the motion.
        corrects: id of the job that this one corrects; "" where it corrects none.
        views: further clips of the same motion.
    """

    job: str
    objects: tuple[ObjectSpec, ...]
    video: VideoSpec
    camera: CameraSpec
    preset: str = "artist"
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    backend: str = "auto"
    gaussians: bool = False
    protocol: int = PROTOCOL
    prompt: str = ""
    image: str = ""
    gaussian_asset: str = ""
    notes: tuple[str, ...] = ()
    pins: tuple[PinSpec, ...] = ()
    flips: tuple[FlipSpec, ...] = ()
    corrects: str = ""
    views: tuple[ViewSpec, ...] = ()


GENERATED = "generated"
"""Id of an object that the engine made, because the artist gave none."""


HELD_ARRAYS = {"still": ("float32", ("V",)), "ground": ("float32", ("V",))}
"""Arrays of what the artist holds of a mesh: name -> dtype and shape. How firmly, in [0, 1], each vertex of the evaluated mesh stays where
it is in the frame whose pose is known (`still`), or as high as it is there (`ground`).
"""


# -- the result -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class ObjectResult:
    """Motion of one object: a PC2 file in object space, in the order of its `bake_vertices`.

    `gaussians` is the folder of its Gaussians, also in object space, one PLY file a frame (`GAUSSIAN_FRAME`); empty where none were asked for.
    Of an object that the engine made, and that the scene does not have yet, also:

    Attributes:
        mesh: .npz, see `MESH_ARRAYS`; its vertices are its bake_vertices. "" for the artist's own objects.
        image: its texture, a PNG.
        gltf: the object with its whole motion as morph targets, a .glb.
        matrix_world: its space to world.
    """

    id: str
    name: str
    vertex_count: int
    motion: str
    gaussians: str = ""
    mesh: str = ""
    image: str = ""
    gltf: str = ""
    matrix_world: Matrix4 = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


GAUSSIAN_FRAME = "frame_{:04}.ply"
"""Name of the PLY file of a frame of Gaussians, counted from 0."""


@dataclasses.dataclass(frozen=True)
class CameraResult:
    """The solved camera in the motion's first frame, as `CameraSpec`; width and height are the video's [px].

    `azimuth`, `elevation`, `roll` [degrees] and `distance` [world units, to the asset's center] say the same in the orbit convention.
    `path` is the matrix in each frame of the motion; () where the camera stands.
    """

    matrix_world: Matrix4
    fovy: float
    width: int
    height: int
    azimuth: float
    elevation: float
    roll: float
    distance: float
    path: tuple[Matrix4, ...] = ()


@dataclasses.dataclass(frozen=True)
class Result:
    """What a finished job leaves as output/result.json.

    Attributes:
        frames: number of frames of motion; frame 0 is the first chosen frame of the video, or `skipped` frames after it.
        fps: of the video.
        notes: what the user should know (fewer frames used, a cut in the video, ...), as sentences.
        seconds: wall-clock per stage.
        figures: measured by the engine, e.g. {"reprojection_loss": ..., "peak_memory_gb": ...}.
        curves: sampled curves by name, e.g. {"video_aligned_distance": {"distance": [...], "error": [...]}}.
        poses: file with `POSE_ARRAYS` in the job folder; empty where the motion has no parts.
        pace: how many frames of the video, as players count them by its header's rate, a frame of the motion lasts.
    """

    job: str
    frames: int
    fps: float
    objects: tuple[ObjectResult, ...]
    camera: CameraResult
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    curves: dict[str, dict[str, list[float]]] = dataclasses.field(default_factory=dict)
    skipped: int = 0
    poses: str = ""
    pace: float = 1.0
    protocol: int = PROTOCOL


COMPLETED = "output/completed.json"

POSES = "output/poses.npz"

POSE_ARRAYS = {
    "parent": ("int32", ("K",)),
    "joint": ("float32", ("K", 3)),
    "rotation": ("float32", ("T", "K", 4)),
    "translation": ("float32", ("T", "K", 3)),
    "point": ("int32", ("N",)),
    "part": ("int32", ("N",)),
    "weight": ("float32", ("N",)),
}
"""Arrays of the poses: name -> dtype and shape. Parts K form a tree; all in world space.

`parent` is -1 for the root; `joint` is where a part hangs on its parent at rest. Frame t takes a point x of a part to
R x + translation, R being the rotation of the quaternion wxyz. `point` counts the baked points of all objects, in their order;
it follows `part` with `weight`, at most four parts a point, and the weights of a point sum to 1: the bones of the artist's own rig, or
of one that can be made of the parts, whose weights reach farther than those that the motion was found with.
"""

RECORD = "record.json"
"""What Blender's side knows of a job; it writes it at any time, and the engine leaves it alone."""

Parsed = TypeVar("Parsed", Request, Result)


def read_request(folder: Path) -> Request:
    """The request of a job folder. Raises ProtocolError."""
    return _at_home(folder, _read(folder / "request.json", Request))


def read_completed(folder: Path) -> Request:
    """The request with what the engine has generated in it; the request itself where that was nothing. Raises ProtocolError."""
    completed = folder / COMPLETED
    return _at_home(folder, _read(completed, Request)) if completed.is_file() else read_request(folder)


def read_result(folder: Path) -> Result:
    """The result of a complete job. Raises ProtocolError where there is none."""
    return _at_home(folder, _read(folder / "output" / "result.json", Result))


def _at_home(folder: Path, found: Parsed) -> Parsed:
    """What was read, where all files that it names lie in the job's folder. Raises ProtocolError where one does not."""
    for name in filter(None, _names_in(found)):
        inside(folder, name)
    return found


def _names_in(found: Request | Result) -> list[str]:
    """The files that a request or a result names."""
    names: list[str] = []
    if isinstance(found, Result):
        names.append(found.poses)
        for result in found.objects:
            names += [result.motion, result.gaussians, result.mesh, result.image, result.gltf]
    else:
        for spec in found.objects:
            names += [spec.mesh, spec.bones, spec.held, spec.limits, *(material.image for material in spec.materials)]
        names += [pin.pose for pin in found.pins]
    return names


def _read(path: Path, kind: type[Parsed]) -> Parsed:
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_number)
    except Exception as error:  # not there, no UTF-8, no JSON, nested too deeply, ...
        raise ProtocolError(f"{path.name} cannot be read ({error}).", "Start the job again.") from error
    if not isinstance(data, dict):
        raise ProtocolError(f"{path.name} is not an object.", "Start the job again.")
    check_version(data.get("protocol"))
    try:
        return typing.cast(Parsed, parsed(kind, data))
    except Exception as error:
        raise ProtocolError(f"{path.name} does not follow the protocol ({error}).", "Start the job again.") from error
