"""Generators of random networks so small that a whole dataset is made in seconds, behind the real interfaces.

Importable by the workers of a cluster. What they do wrong is asked for by words in the prompt or caption, see `Tiny`.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
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
from align4d.job.reporting import Reporter
from align4d.models.card import ModelCard, ModelNeed, Role
from align4d.models.placing import Place
from align4d.rendering import Gaussians

SIDE = 48
NEED = ModelNeed(1, 1, 1)


def network(inputs: int, outputs: int, seed: int) -> nn.Sequential:
    """A random MLP, the same for the same seed."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs), nn.Sigmoid()).requires_grad_(False)


def card(role: Role) -> ModelCard:
    fields: dict[str, Any] = {"parts": ()} if "parts" in ModelCard.__dataclass_fields__ else {}
    return ModelCard(f"tiny-{role}", role, f"Tiny {role}", "CC0-1.0", False, "", 0, NEED, takes_prompt=True, **fields)


class Tiny:
    """Opens at once; counts how often it was."""

    opened: ClassVar[list[str]] = []

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        cls.opened.append(cls.__name__)
        return cls()

    def close(self) -> None:
        """Nothing to let go of."""


class TinyPainter(Tiny, TextToImage):
    """A disc whose size and colors a network makes of the prompt. "nothing": no object; "broken": fails."""

    card = card("text_to_image")

    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        if "broken" in prompt:
            raise EngineError("broken", "The painter does not like this prompt.", "Use other words.")
        if "bug" in prompt:
            raise ZeroDivisionError("a bug of the model")
        told = torch.tensor([*prompt.encode()[:8].ljust(8), seed % 1000], dtype=torch.float32) / 128
        shade = network(9, 4, 1)(told).numpy()
        rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
        inside = np.hypot(rows, columns) < (0 if "nothing" in prompt else SIDE * (0.2 + 0.15 * shade[3]))
        picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
        stripes = 0.4 + 0.4 * (np.sin(columns[inside] / (1 + 4 * shade[2])) > 0)
        picture[inside] = (200 * shade[:3] * stripes[:, None]).astype(np.uint8)
        return picture


class TinyCamera(Tiny, ImageToVideo):
    """The picture slides to the right. "short": one frame; "kill": the process dies the first time."""

    card = card("image_to_video")

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        if "kill" in prompt and (mark := os.environ.get("ALIGN4D_TEST_MARK")) and not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        frames = [np.roll(picture, shift, axis=1) for shift in range(1 if "short" in prompt else 3)]
        return Footage(np.stack(frames), 8.0)


class TinySculptor(Tiny, ImageTo3D):
    """Gaussians in the colors of the picture, and a tetrahedron."""

    card = card("image_to_3d")

    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        rows, columns = np.nonzero(picture[::4, ::4, 3] > 127)
        count = len(rows)
        depth = network(2, 1, 3)(torch.from_numpy(np.stack([rows, columns], axis=1)).float() / 12)[:, 0] - 0.5
        flat = torch.from_numpy(np.stack([columns, -rows], axis=1)).float()
        flat = (flat - flat.mean(dim=0)) / max(picture.shape[0] / 4, 1)
        means = torch.stack([flat[:, 0], 0.3 * depth, flat[:, 1]], dim=1)
        colors = torch.from_numpy(picture[rows * 4, columns * 4, :3].astype(np.float32) / 255)
        turns = torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1)
        gaussians = Gaussians(means, turns, torch.full((count, 3), 0.04), torch.full((count,), 0.9), colors)
        vertices = np.array([[-0.5, -0.3, -0.5], [0.5, -0.3, -0.5], [0, 0.4, -0.5], [0, 0, 0.5]], np.float32)
        triangles = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3], [0, 2, 1]], np.int32)
        texture = np.full((4, 4, 3), (seed % 200, 90, 160), np.uint8)
        mesh = TexturedMesh(vertices, triangles, np.zeros((4, 3, 2), np.float32), texture)
        return GeneratedAsset(gaussians, Orbit(distance=1.8), mesh)


class TinyWriter(Tiny, ImageToText):
    """Says how light the picture is."""

    card = card("image_to_text")

    def describe(self, picture: np.ndarray) -> str:
        return f"a thing of lightness {picture.mean():.3f}"


class BusyWriter(TinyWriter):
    """Half a second of one core a caption: a stage that is compute-bound."""

    def describe(self, picture: np.ndarray) -> str:
        until = time.process_time() + float(os.environ.get("ALIGN4D_TEST_BUSY", "0.5"))
        while time.process_time() < until:
            sum(range(10_000))
        return super().describe(picture)


MAKERS: dict[Role, type[Generator]] = {
    "text_to_image": TinyPainter,
    "image_to_video": TinyCamera,
    "image_to_3d": TinySculptor,
    "image_to_text": TinyWriter,
}


@dataclass(frozen=True)
class TinyWorkshop:
    """See `align4d_lab.datasets.x4d.workshop.Workshop`.

    Attributes:
        missing: roles without a model.
        damaged: roles whose model cannot be opened.
        busy: captions take half a second of one core.
    """

    missing: tuple[Role, ...] = ()
    damaged: tuple[Role, ...] = ()
    busy: bool = False

    def require(self, roles: set[Role]) -> None:
        for role in sorted(roles & set(self.missing)):
            raise EngineError("model_missing", f"There is no model for {role}.", "Fetch one.")

    def card(self, role: Role) -> ModelCard:
        return MAKERS[role].card

    def open(self, role: Role) -> Generator:
        if role in self.damaged:
            raise EngineError("model_file", f"The model for {role} is damaged.", "Fetch it again.")
        maker = BusyWriter if self.busy and role == "image_to_text" else MAKERS[role]
        return maker.open(Path(), Place(torch.device("cpu")), GenerationOptions())
