"""Small sound files of every kind that is read, made by code."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import av
import DracoPy
import numpy as np
import trimesh
from PIL import Image
from safetensors.numpy import save

from align4d import protocol
from align4d.job.checkpoint import Checkpoint
from align4d.protocol import ply

IDENTITY = tuple(tuple(float(row == column) for column in range(4)) for row in range(4))


def frames(count: int = 4, height: int = 32, width: int = 48, alpha: bool = False) -> np.ndarray:
    """(T, H, W, 3 or 4) uint8: a square that moves over white."""
    pictures = np.full((count, height, width, 4), 255, np.uint8)
    pictures[..., 3] = 0
    for index in range(count):
        pictures[index, 8:24, 8 + 3 * index : 24 + 3 * index] = (230, 120, 40, 255)
    return pictures if alpha else pictures[..., :3].copy()


def write_movie(path: Path, codec: str, pixel_format: str, rotation: int = 0) -> None:
    """A movie of four frames."""
    alpha = "a" in pixel_format
    with av.open(str(path), "w") as movie:
        stream: Any = movie.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = 48, 32, pixel_format
        if rotation:
            stream.set_display_rotation(rotation)
        for picture in frames(alpha=alpha):
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgba" if alpha else "rgb24")))
        movie.mux(stream.encode())


def movies(folder: Path) -> None:
    """Movies in several containers and codecs, one with alpha, one turned, and an animated picture."""
    write_movie(folder / "h264.mp4", "libx264", "yuv420p")
    write_movie(folder / "turned.mov", "mpeg4", "yuv420p", 90)
    write_movie(folder / "alpha.webm", "libvpx-vp9", "yuva420p")
    write_movie(folder / "old.avi", "mjpeg", "yuvj420p")
    write_movie(folder / "lossless.mkv", "ffv1", "bgr0")
    pictures = [Image.fromarray(picture) for picture in frames()]
    pictures[0].save(folder / "animated.gif", save_all=True, append_images=pictures[1:], duration=80)


def images(folder: Path) -> None:
    """Pictures in all formats that are read, with alpha, with a palette, in 16 bits, turned by EXIF."""
    picture = Image.fromarray(frames(alpha=True)[1])
    for name in ("alpha.png", "alpha.webp", "alpha.tif", "alpha.tga"):
        picture.save(folder / name)
    exif = Image.Exif()
    exif[274] = 6
    picture.convert("RGB").save(folder / "turned.jpg", exif=exif)
    picture.convert("RGB").save(folder / "plain.bmp")
    picture.convert("P").save(folder / "palette.gif")
    Image.fromarray(np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) * 40).save(folder / "deep.png")


def textured_box() -> trimesh.Trimesh:
    """A box with a texture."""
    mesh = trimesh.creation.box(extents=(1, 2, 3))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(frames()[0]), baseColorFactor=[200, 180, 160, 255])
    mesh.visual = trimesh.visual.TextureVisuals(uv=np.asarray(mesh.vertices)[:, :2], material=material)
    return mesh


def meshes(folder: Path) -> None:
    """Meshes in all formats that are read: with a texture, with colors, of two objects, as text, compressed."""
    plain = trimesh.creation.icosphere(subdivisions=1)
    scene = trimesh.Scene({"first": textured_box()})
    scene.add_geometry(plain, geom_name="second", transform=trimesh.transformations.translation_matrix([0, 4, 0]))
    scene.export(folder / "two.glb")
    (folder / "text.gltf").write_bytes(_as_gltf((folder / "two.glb").read_bytes()))
    (folder / "draco.glb").write_bytes(_compressed(plain, "KHR_draco_mesh_compression"))
    (folder / "meshopt.glb").write_bytes(_compressed(plain, "EXT_meshopt_compression"))
    plain.export(folder / "plain.stl")
    plain.export(folder / "plain.off")
    plain.visual.vertex_colors = np.tile(np.array([200, 100, 50, 255], np.uint8), (len(plain.vertices), 1))
    plain.export(folder / "colors.ply")
    plain.export(folder / "text.ply", encoding="ascii")
    corners = "".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1))
    (folder / "quads.obj").write_text(f"o thing\n{corners}vt 0 0\nvt 1 1\nf 1/1 2/2 4/1 3/2\nf 5 6 8 7\nf -1 -2 -3\n")


def _as_gltf(content: bytes) -> bytes:
    """A .glb as one text file."""
    length = struct.unpack_from("<I", content, 12)[0]
    tree = json.loads(content[20 : 20 + length])
    tree["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(content[28 + length :]).decode()
    return json.dumps(tree).encode()


def _compressed(mesh: trimesh.Trimesh, extension: str) -> bytes:
    """A .glb of a mesh whose only primitive is compressed with Draco, or whose positions are with meshopt."""
    points, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.uint32)
    draco = extension.startswith("KHR")
    packed = DracoPy.encode(points, faces) if draco else _meshopt(points.view(np.uint8).reshape(len(points), -1))
    length = len(packed)
    packed += bytes(-length % 4)
    positions = {"componentType": 5126, "type": "VEC3", "count": len(points), **({} if draco else {"bufferView": 0})}
    indices = {"componentType": 5125, "type": "SCALAR", "count": faces.size, **({} if draco else {"bufferView": 1})}
    views: list[dict[str, Any]] = [{"buffer": 0, "byteLength": length}, {"buffer": 0, "byteOffset": len(packed), "byteLength": faces.nbytes}]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0}, "indices": 1}
    if draco:
        primitive["extensions"] = {extension: {"bufferView": 0, "attributes": {"POSITION": 0}}}
    else:
        rules = {"buffer": 0, "byteLength": length, "byteStride": 12, "count": len(points), "mode": "ATTRIBUTES"}
        views[0] = {"buffer": 0, "byteLength": points.nbytes, "extensions": {extension: rules}}
    tree = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [positions, indices],
        "bufferViews": views,
        "buffers": [{"byteLength": len(packed) + faces.nbytes}],
        "extensionsRequired": [extension],
    }
    return _as_glb(tree, packed + faces.tobytes())


def _meshopt(elements: np.ndarray) -> bytes:
    """(N, stride) uint8, N up to 256, as meshopt stores attributes, every difference as a whole byte."""
    steps = np.diff(elements, axis=0, prepend=np.zeros((1, elements.shape[1]), np.uint8)).view(np.int8)
    signs = ((steps.astype(np.int16) << 1) ^ (steps >> 7)).astype(np.uint8)
    groups = -(-len(elements) // 16)
    padded = np.pad(signs, ((0, 16 * groups - len(elements)), (0, 0)))
    return b"\xa0" + b"".join(b"\xff" * -(-groups // 4) + column.tobytes() for column in padded.T) + bytes(32)


def _as_glb(tree: dict[str, Any], binary: bytes) -> bytes:
    """The two chunks of a .glb."""
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def gaussians(folder: Path) -> None:
    """Gaussians as 3D Gaussian splatting stores them."""
    rows = np.random.default_rng(0).normal(size=(20, len(ply.PROPERTIES))).astype(np.float32)
    ply.write_ply(folder / "gaussians.ply", rows)


def mesh_arrays() -> dict[str, np.ndarray]:
    """A mesh as Blender's side writes it."""
    box = trimesh.creation.box()
    triangles, vertices = np.asarray(box.faces, np.int32), np.asarray(box.vertices, np.float32)
    count = len(triangles)
    return {
        "vertices": vertices,
        "triangles": triangles,
        "material": np.zeros(count, np.int32),
        "corner_normal": np.asarray(box.vertex_normals, np.float32)[triangles],
        "corner_uv": np.zeros((count, 3, 2), np.float32),
        "corner_color": np.ones((count, 3, 4), np.float32),
        "bake_vertices": vertices,
    }


def bone_arrays() -> dict[str, np.ndarray]:
    """Bones of that mesh, and their weights."""
    return {
        "names": np.array(["Armature/hip", "Armature/head"]),
        "parent": np.array([-1, 0], np.int32),
        "head": np.array([[0, 0, 0], [0, 0, 1]], np.float32),
        "vertex": np.arange(8, dtype=np.int32),
        "bone": np.array([0, 1] * 4, np.int32),
        "weight": np.ones(8, np.float32),
    }


def job(folder: Path) -> None:
    """A whole job folder with its result."""
    (folder / "input").mkdir()
    (folder / "output").mkdir()
    protocol.write_arrays(folder / "input" / "mesh.npz", mesh_arrays())
    protocol.write_arrays(folder / "input" / "bones.npz", bone_arrays())
    Image.fromarray(frames()[0]).save(folder / "input" / "texture.png")
    material = protocol.MaterialSpec("texture", image="input/texture.png")
    item = protocol.ObjectSpec("id", "Box", "input/mesh.npz", IDENTITY, (material,), "input/bones.npz")
    camera = protocol.CameraSpec(IDENTITY)
    request = protocol.Request("job", (item,), protocol.VideoSpec(path="/none.mp4"), camera, settings={"tracking.iterations": 4}, gaussians=True)
    protocol.write_json(folder / "request.json", request)
    motion = np.tile(mesh_arrays()["vertices"], (3, 1, 1))
    protocol.write_pc2(folder / "output" / "motion.pc2", motion)
    moved = protocol.ObjectResult("id", "Box", 8, "output/motion.pc2")
    seen = protocol.CameraResult(IDENTITY, 49.1, 48, 32, 0.0, 0.0, 0.0, 2.0)
    protocol.write_json(folder / "output" / "result.json", protocol.Result("job", 3, 12.0, (moved,), seen, figures={"overlap": 0.9}))


def moving_gltf(folder: Path) -> None:
    """A box that is moved by an animation of its node."""
    trimesh.Scene({"first": textured_box()}).export(folder / "still.glb")
    content = (folder / "still.glb").read_bytes()
    (folder / "still.glb").unlink()
    length = struct.unpack_from("<I", content, 12)[0]
    tree, binary = json.loads(content[20 : 20 + length]), content[28 + length :]
    times, places = np.array([0, 0.5], "<f4").tobytes(), np.array([[0, 0, 0], [1, 0, 0]], "<f4").tobytes()
    views, accessors = len(tree["bufferViews"]), len(tree["accessors"])
    tree["bufferViews"] += [
        {"buffer": 0, "byteOffset": len(binary), "byteLength": len(times)},
        {"buffer": 0, "byteOffset": len(binary) + len(times), "byteLength": len(places)},
    ]
    tree["accessors"] += [
        {"bufferView": views, "componentType": 5126, "count": 2, "type": "SCALAR"},
        {"bufferView": views + 1, "componentType": 5126, "count": 2, "type": "VEC3"},
    ]
    node = next(index for index, one in enumerate(tree["nodes"]) if "mesh" in one)
    tree["nodes"][node].pop("matrix", None)
    channel = {"sampler": 0, "target": {"node": node, "path": "translation"}}
    tree["animations"] = [{"channels": [channel], "samplers": [{"input": accessors, "output": accessors + 1}]}]
    binary += times + places
    tree["buffers"][0]["byteLength"] = len(binary)
    (folder / "moving.glb").write_bytes(_as_glb(tree, binary))


def truths(folder: Path) -> None:
    """True motion of eight vertices, and of points."""
    vertices = np.tile(mesh_arrays()["vertices"], (3, 1, 1))
    camera = {"azimuth": 10.0, "elevation": 5.0, "distance": 2.0, "fovy": 40.0}
    np.savez(folder / "truth.npz", vertices=vertices, rest=vertices[0], cameras=np.tile(np.eye(4), (3, 1, 1)), **camera)  # type: ignore[arg-type]


def weights(folder: Path) -> None:
    """A component of a published model."""
    component = folder / "unet"
    component.mkdir()
    content = save({"conv.weight": np.zeros((4, 3), np.float32), "conv.bias": np.zeros(4, np.float16)})
    (component / "diffusion_pytorch_model.safetensors").write_bytes(content)
    (component / "config.json").write_text(json.dumps({"in_channels": 4, "layers": [1, 2]}))
    (folder / "models.json").write_text(json.dumps({"folders": {"svd": "/none"}, "accepted": {"svd": "license"}}))


def dataset(folder: Path) -> None:
    """A dataset of two items, one of them put aside."""
    for name in ("one", "two"):
        item = folder / "items" / name
        item.mkdir(parents=True)
        source = {"id": name, "driven_by": "prompt", "text": "a fox", "given": "", "name": "a fox", "origin": "", "license": "CC0", "seed": 1}
        (item / "source.json").write_text(json.dumps(source))
        (item / "file.txt").write_text("content")
        for modality in ("text", "image", "video", "asset"):
            record = {"made_by": {"name": "model"}, "seed": 1, "files": {"file.txt": "0"}, "facts": {"words": "a fox"}}
            (item / f"{modality}.json").write_text(json.dumps(record))
    (folder / "items" / "two" / "quarantine.json").write_text(json.dumps({"stage": "image", "code": "empty", "reason": "it is empty"}))
    (folder / "choices.json").write_text(json.dumps({"one": "keep"}))


MADE_OF = {"the video": "0123abcd"}
"""What the checkpoint is made of."""


def checkpoint(folder: Path) -> None:
    """Arrays of a stage."""
    arrays = {"azimuth": np.array(10.0), "curve": np.ones((2, 40))}
    Checkpoint(folder, MADE_OF, lambda sentence: None).save("camera", arrays)


def conversation(folder: Path) -> None:
    """Lines of commands."""
    commands = [{"command": "cancel", "job": "a"}, {"command": "generate", "job_folder": "/none"}, {"command": "quit"}]
    for index, command in enumerate(commands):
        (folder / f"command_{index}.json").write_text(protocol.encode(command).strip())


def settings(folder: Path) -> None:
    """Overrides of settings."""
    overrides = {"tracking.iterations": 40, "method": "artist", "tracking.recorded": True, "paper.multiview.timesteps": [600], "prior.source": "x"}
    (folder / "settings.json").write_text(json.dumps(overrides))
