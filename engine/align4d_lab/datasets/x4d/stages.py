"""What is done to one item in each stage; each leaves one modality whole, or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import trimesh
from PIL import Image

from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.errors import EngineError
from align4d.generators.asset_object import write_asset
from align4d.generators.interfaces import Generator, ImageTo3D, ImageToText, ImageToVideo, TextToImage
from align4d.inputs.gaussian_file import holds_gaussians, read_gaussians
from align4d.inputs.images import load_picture
from align4d.inputs.masks import find_masks
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.mesh_import import Y_UP
from align4d.inputs.pictures import on_white
from align4d.inputs.reference_view import render_reference_view
from align4d.inputs.video import Clip, load_clip
from align4d.job.reporting import RecordingReporter
from align4d.models.card import ModelCard, Role
from align4d.protocol import VideoSpec
from align4d.reconstruction.textured_mesh import TexturedMesh
from align4d.rendering import Cameras, Gaussians, rasterize

from .layout import Item, Modality, Source
from .workshop import Workshop, opened

SIDE = 512
"""Longest side of pictures and frames [px]."""

FRONT = Orbit(azimuth=0.0, elevation=10.0, distance=1.8)
FOVY = 49.1
"""From where a given asset is pictured: the paper's field of view, a little above, the whole object in the picture."""

ROLES: dict[Modality, Role] = {"text": "image_to_text", "image": "text_to_image", "video": "image_to_video", "asset": "image_to_3d"}


@dataclass(frozen=True)
class Task:
    """One stage of one item; travels to the worker that does it.

    Attributes:
        folder: of the item.
        modality: what is to be made.
    """

    folder: Path
    modality: Modality
    workshop: Workshop


def role_of(source: Source, modality: Modality) -> Role | None:
    """The role of the model that makes a modality of an item; None for what is given or drawn without a model."""
    if modality == source.driven_by or (source.driven_by, modality) == ("prompt", "text"):
        return None
    if modality == "image" and source.driven_by in ("video", "asset"):
        return None
    return ROLES[modality]


def perform(task: Task) -> None:
    """Makes the modality. Raises EngineError for an item that cannot be used, CannotOpen where no item could be."""
    item = Item(task.folder)
    source = item.source()
    role = role_of(source, task.modality)
    makers: dict[Modality, Callable[[Item, Source, Generator | None], Callable[[Path], dict[str, Any]]]] = {
        "text": _text,
        "image": _image,
        "video": _video,
        "asset": _asset,
    }
    generator = opened.of(task.workshop, role) if role else None
    write = makers[task.modality](item, source, generator)
    made_by = credit(task.workshop.card(role)) if role else {"given": source.given or source.name}
    item.store(task.modality, write, made_by, source.seed)


def credit(card: ModelCard) -> dict[str, str]:
    """What the manifest says of a model."""
    return {"id": card.id, "name": card.name, "license": card.license, "source": card.source}


# -- the four modalities: each returns what writes its files and says the facts


def _text(item: Item, source: Source, generator: Generator | None) -> Callable[[Path], dict[str, Any]]:
    words = source.text if generator is None else " ".join(cast(ImageToText, generator).describe(on_white(_picture(item))).split())
    if not words:
        raise EngineError("caption_empty", "The caption is empty.", "Use another model for captions.")

    def write(folder: Path) -> dict[str, Any]:
        (folder / "text.txt").write_text(words, encoding="utf-8")
        return {"words": words}

    return write


def _image(item: Item, source: Source, generator: Generator | None) -> Callable[[Path], dict[str, Any]]:
    if generator is not None:
        pixels = cast(TextToImage, generator).paint(source.text, source.seed, RecordingReporter())
    elif source.driven_by == "image":
        pixels = load_picture(item.folder / source.given)
    elif source.driven_by == "video":
        pixels = load_picture(item.folder / "video" / "0000.png")
    else:
        pixels = _asset_view(item, source)
    masked = with_mask(_reduced(pixels))

    def write(folder: Path) -> dict[str, Any]:
        Image.fromarray(masked).save(folder / "image.png")
        return {"height": masked.shape[0], "width": masked.shape[1]}

    return write


def _video(item: Item, source: Source, generator: Generator | None) -> Callable[[Path], dict[str, Any]]:
    if generator is None:
        clip = load_clip(VideoSpec(path=str(item.folder / source.given)), SIDE)
        frames, fps = clip.frames if clip.alpha is None else np.concatenate([clip.frames, clip.alpha[..., None]], axis=3), clip.fps
    else:
        words = (item.folder / "text.txt").read_text(encoding="utf-8")
        footage = cast(ImageToVideo, generator).animate(on_white(_picture(item)), words, source.seed, RecordingReporter())
        frames, fps = footage.frames, footage.fps
    if len(frames) < 2:
        raise EngineError("video_short", "The video has one frame.", "Use a model or a video with more.")

    def write(folder: Path) -> dict[str, Any]:
        (folder / "video").mkdir()
        for index, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / "video" / f"{index:04}.png")
        return {"frames": len(frames), "fps": round(float(fps), 6)}

    return write


def _asset(item: Item, source: Source, generator: Generator | None) -> Callable[[Path], dict[str, Any]]:
    if generator is None:
        return _given_asset(item.folder / source.given)
    made = cast(ImageTo3D, generator).reconstruct(_picture(item), source.seed, RecordingReporter())
    if not all(bool(tensor.isfinite().all()) for tensor in made.gaussians.named().values()):
        raise EngineError("asset_invalid", "The asset has values that are no numbers.", "Use another model, or another seed.")

    def write(folder: Path) -> dict[str, Any]:
        (folder / "asset").mkdir()
        write_asset(made, folder / "asset" / "asset.npz")
        if made.mesh is not None:
            (folder / "asset" / "mesh.glb").write_bytes(as_glb(made.mesh))
        return {"gaussians": made.gaussians.count, "triangles": 0 if made.mesh is None else len(made.mesh.triangles)}

    return write


def _given_asset(given: Path) -> Callable[[Path], dict[str, Any]]:
    """A given asset stays the file that it is, once it has been read."""
    splats = holds_gaussians(given)
    size = {"gaussians": read_gaussians(given).count} if splats else {"triangles": len(load_mesh_file(given).triangles)}

    def write(folder: Path) -> dict[str, Any]:
        (folder / "asset").mkdir()
        (folder / "asset" / (f"gaussians{given.suffix}" if splats else f"mesh{given.suffix}")).write_bytes(given.read_bytes())
        return size

    return write


def _asset_view(item: Item, source: Source) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8: a given asset from the front."""
    given = item.folder / source.given
    if not holds_gaussians(given):
        return render_reference_view(load_mesh_file(given), FRONT.world_to_camera(), FOVY, SIDE)
    return splats_view(normalized(read_gaussians(given)), FRONT, SIDE)


def normalized(gaussians: Gaussians) -> Gaussians:
    """With the bounding box of their means around the origin, its longest side 1."""
    low, high = gaussians.means.amin(dim=0), gaussians.means.amax(dim=0)
    size = float((high - low).max()) or 1.0
    return dataclasses.replace(gaussians, means=(gaussians.means - (low + high) / 2) / size, scales=gaussians.scales / size)


def splats_view(gaussians: Gaussians, camera: Orbit, side: int) -> np.ndarray:
    """(side, side, 4) uint8 with straight alpha."""
    pose = torch.from_numpy(camera.world_to_camera())[None].float()
    with torch.no_grad():
        seen = rasterize(gaussians, Cameras(pose, torch.from_numpy(intrinsics_for(FOVY, side, side))[None].float()), (side, side), torch.zeros(3))
    color = torch.cat([seen.color[0] / seen.alpha[0].clamp(min=1e-6), seen.alpha[0]]).clamp(0, 1)
    return (color * 255).round().byte().permute(1, 2, 0).numpy()


def with_mask(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8: a picture and its object's mask. Raises EngineError, see `find_masks`."""
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 255:
        alpha: np.ndarray | None = pixels[None, ..., 3]
    else:
        alpha = None
    colors = on_white(pixels) if pixels.shape[2] == 4 else pixels
    masks = find_masks(Clip(colors[None], alpha, 1.0, (pixels.shape[1], pixels.shape[0])), "image")
    straight = pixels[..., :3] if alpha is not None else colors
    return np.dstack([straight, (masks.alpha[0] * 255).round().astype(np.uint8)])


def as_glb(mesh: TexturedMesh) -> bytes:
    """A generated mesh for other programs, in glTF's axes; every corner is a vertex of its own, for the texture."""
    corners = (mesh.vertices @ Y_UP[:3, :3])[mesh.triangles].reshape(-1, 3)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(mesh.texture), metallicFactor=0.0, roughnessFactor=1.0)
    visual = trimesh.visual.TextureVisuals(uv=mesh.corner_uv.reshape(-1, 2), material=material)
    whole = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), visual=visual, process=False)
    return cast(bytes, whole.export(file_type="glb"))


def _picture(item: Item) -> np.ndarray:
    return load_picture(item.folder / "image.png")


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """The longest side at most SIDE; colors that alpha hides do not bleed in."""
    scale = SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":
        return np.asarray(image.convert("RGBa").resize(size, Image.Resampling.BOX).convert("RGBA"))
    return np.asarray(image.resize(size, Image.Resampling.BOX))
