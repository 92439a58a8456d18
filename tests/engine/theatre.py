"""Generators that make what they should, of a puppet that they know, and the jobs that ask for it: in no time, and the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from builders import Job
from PIL import Image
from puppets import FOVY, TWO_PARTS, add_mesh, asset_of, bound, pattern, puppet

from align4d import protocol
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.generators.interfaces import (
    Footage,
    GeneratedAsset,
    GenerationOptions,
    Generator,
    ImageTo3D,
    ImageToText,
    ImageToVideo,
    TextToImage,
    TexturedMesh,
)
from align4d.generators.pictures import around_object, fit_on_white, whole_picture_camera
from align4d.inputs.pictures import on_white
from align4d.inputs.reference_view import render_reference_view
from align4d.job.reporting import Reporter
from align4d.models.card import ModelCard, ModelNeed
from align4d.models.placing import Place
from align4d.protocol import CameraSpec, Request, VideoSpec

CAMERA = Orbit(0.0, 0.0, 2.4)
FRAMES = 3
TINY: dict[str, object] = {
    "parts.compact_size": TWO_PARTS.compact_size,
    "parts.compact_ratio": TWO_PARTS.compact_ratio,
    "gaussians.count": 400,
    "gaussians.fit_iterations": 4,
    "gaussians.fit_views": 4,
    "gaussians.fit_size": 48,
    "pose.resolution": 48,
    "pose.grid": 3,
    "pose.candidates": 1,
    "pose.iterations": 4,
    "search.points": 40,
    "search.samples": 40,
    "search.starts": 3,
    "search.kept": 1,
    "search.iterations": 3,
    "search.near": 1,
    "search.anchors": 1,
    "tracking.resolution": 48,
    "tracking.iterations": 2,
    "refinement.resolution": 48,
    "refinement.iterations": 2,
    "refinement.trial": 1,
    "refinement.lifted.points": 16,
    "refinement.lifted.rounds": 1,
    "refinement.lifted.fit_iterations": 2,
    "refinement.appearance.paint": 2,
    "refinement.hexplane.resolution": 8,
}


class Theatre:
    """What the generators of these tests know: the puppet, seen from the front."""

    def __init__(self, folder: Path) -> None:
        self.asset = asset_of(Job(folder), puppet())
        self.gaussians = bound(self.asset, 400, 4)
        self.picture = render_reference_view(self.asset, CAMERA.world_to_camera(), FOVY, 128)
        crop = around_object(self.picture[..., 3], 0.0)
        self.free = 1 - crop.side / 128
        self.called: list[str] = []


class Actor(Generator):
    """Opened without files."""

    theatre: ClassVar[Theatre]

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        assert place.device.type == "cpu"
        return cls()


def card(identifier: str, role: str, takes_prompt: bool = False) -> ModelCard:
    return ModelCard(identifier, role, identifier, "MIT", False, "", 0, ModelNeed(1, 1, 1), takes_prompt)  # type: ignore[arg-type]


class Painter(Actor, TextToImage):
    card = card("painter", "text_to_image", True)

    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        self.theatre.called.append(f"paint {prompt}")
        return on_white(self.theatre.picture)


class Filmer(Actor, ImageToVideo):
    card = card("filmer", "image_to_video", True)

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        self.theatre.called.append(f"film {prompt}")
        first = fit_on_white(picture, 96, 128)
        return Footage(np.stack([np.roll(first, 2 * frame, axis=1) for frame in range(FRAMES)]), 8.0)


class Sculptor(Actor, ImageTo3D):
    card = card("sculptor", "image_to_3d")

    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        self.theatre.called.append("sculpt")
        asset, crop = self.theatre.asset, around_object(picture[..., 3], self.theatre.free)
        camera = whole_picture_camera(CAMERA.moved(fovy=FOVY), crop, picture.shape)
        texture = (pattern(np.linspace(-0.5, 0.5, 64)[:, None] * np.ones(3)) * 255).astype(np.uint8)[None].repeat(4, 0)
        corner_uv = np.stack([asset.vertices[asset.triangles][..., 0] + 0.5, np.full((len(asset.triangles), 3), 0.5)], -1).astype(np.float32)
        mesh = TexturedMesh(asset.vertices, asset.triangles, corner_uv, texture)
        return GeneratedAsset(self.theatre.gaussians.colored(self.theatre.gaussians.albedo), camera, mesh)


class Teller(Actor, ImageToText):
    card = card("teller", "image_to_text")

    def describe(self, picture: np.ndarray) -> str:
        self.theatre.called.append("tell")
        return "a puppet"


GENERATORS = (Painter, Filmer, Sculptor, Teller)


def write_picture(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def movie_of(theatre: Theatre, folder: Path) -> VideoSpec:
    first = fit_on_white(on_white(theatre.picture), 96, 96)
    names = [write_picture(folder / f"film_{frame}.png", np.roll(first, 2 * frame, axis=1)) for frame in range(FRAMES)]
    return VideoSpec(images=tuple(names), fps=12.0)


def job_of(theatre: Theatre, folder: Path, given: str, **settings: object) -> Path:
    """A job folder with what `given` names: "text mesh", say."""
    parts = given.split()
    job = Job(folder / "job")
    job.folder.mkdir()
    if "mesh" in parts:
        add_mesh(job, puppet())
    objects = job.request().objects if "mesh" in parts else ()
    similarity = theatre.asset.similarity
    matrix = blender_from_normalized(CAMERA.world_to_camera(), similarity.center, similarity.size)
    request = Request(
        "job",
        objects,
        movie_of(theatre, folder) if "video" in parts else VideoSpec(),
        CameraSpec(tuple(tuple(float(x) for x in row) for row in matrix), FOVY),
        settings={**TINY, **settings},
        device="cpu",
        backend="cpu",
        prompt="a puppet that walks" if "text" in parts else "",
        image=write_picture(folder / "image.png", theatre.picture) if "image" in parts else "",
    )
    protocol.write_json(job.folder / "request.json", request)
    return job.folder
