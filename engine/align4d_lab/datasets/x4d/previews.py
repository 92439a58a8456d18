"""Small moving pictures of an item for looking through: the video, and a turn around the asset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from align4d.generators.asset_object import read_asset
from align4d.inputs.gaussian_file import read_gaussians
from align4d.inputs.image_file import open_image
from align4d.inputs.mesh_asset import load_mesh_file
from align4d.inputs.pictures import on_white
from align4d.protocol import replacing

from ...metrics.mesh_picture import PictureCamera, draw
from .layout import Item
from .stages import FOVY, FRONT, normalized, splats_view

SIDE = 160
"""[px]."""

TURNS, FRAMES = 8, 16
"""Pictures of the turn; most frames of the video."""


def write_previews(item: Item, folder: Path) -> None:
    """FOLDER/ID-image.webp, ID-video.webp and, last, ID-asset.webp. Raises what a damaged file makes its reader raise."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / f"{item.id}-image.webp", [_small(item.folder / "image.png")])
    frames = sorted((item.folder / "video").glob("*.png"))
    chosen = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
    _save(folder / f"{item.id}-video.webp", [_small(frames[index]) for index in chosen])
    _save(folder / f"{item.id}-asset.webp", _turn(item))


def previews_there(item: Item, folder: Path) -> bool:
    """Whether they were written; the asset's is the last."""
    return (folder / f"{item.id}-asset.webp").is_file()


def _turn(item: Item) -> list[Image.Image]:
    views = [FRONT.moved(azimuth=360.0 * index / TURNS) for index in range(TURNS)]
    place = item.folder / "asset"
    mesh = next(iter(sorted(place.glob("mesh.*"))), None)
    if mesh is not None:
        asset = load_mesh_file(mesh)
        cameras = [PictureCamera(view.world_to_camera(), FOVY, (SIDE, SIDE)) for view in views]
        return [Image.fromarray(draw(asset, asset.vertices, camera)) for camera in cameras]
    stored = next(iter(sorted(place.glob("gaussians.*"))), None)
    gaussians = normalized(read_gaussians(stored) if stored else read_asset(place / "asset.npz").gaussians)
    return [Image.fromarray(on_white(splats_view(gaussians, view, SIDE))) for view in views]


def _small(path: Path) -> Image.Image:
    with open_image(path) as image:
        rgba = image.convert("RGBA")
    rgba.thumbnail((SIDE, SIDE))
    return Image.fromarray(on_white(np.asarray(rgba)))


def _save(path: Path, pictures: list[Image.Image]) -> None:
    with replacing(path) as file:
        pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:], duration=120, loop=0, quality=80)
