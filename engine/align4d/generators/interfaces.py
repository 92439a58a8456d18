"""What a generator offers, whichever model is behind it.

One is opened on the device where it is to work, holds what it loaded, and is closed when its step of the route is over.
Pictures are numpy arrays of 8 bits, sRGB, row 0 at the top. Randomness comes from `seed` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from ..cameras.orbit import Orbit
from ..job.reporting import Reporter
from ..models.card import ModelCard
from ..models.placing import Place
from ..reconstruction.textured_mesh import TexturedMesh
from ..rendering import Gaussians


@dataclass(frozen=True)
class GenerationOptions:
    """What an artist may change of how every generator works.

    Attributes:
        steps: of denoising; 0: as many as the model is used with.
        scale: of the side of pictures, to that which the model was trained with.
        frames: of a generated video; 0: as many as the model is used with.
    """

    steps: int = 0
    scale: float = 1.0
    frames: int = 0

    def sized(self, side: int, multiple: int) -> int:
        """A side of a picture [px], scaled, as the next multiple of `multiple`."""
        return max(multiple, round(side * self.scale / multiple) * multiple)


@dataclass(frozen=True)
class Footage:
    """A video that was generated.

    Attributes:
        frames: (T, H, W, 3) uint8 sRGB.
        fps: frames a second.
    """

    frames: np.ndarray
    fps: float


@dataclass(frozen=True)
class GeneratedAsset:
    """A 3D asset, in the engine's normalized space: bounding-box center at the origin, longest side 1, Z up, front towards -Y.

    Attributes:
        gaussians: shared by all frames (no leading dimension), after activation, colors without view dependence.
        camera: from which `gaussians` look like the picture that the asset was made from; about the front view, azimuth 0.
        exact: whether that camera is exact, because the asset was made to fit the picture; else it is only a good guess.
        mesh: the surface, where the generator makes one; else it is extracted from the Gaussians (`mesh_extraction.extract_mesh`).
    """

    gaussians: Gaussians
    camera: Orbit
    mesh: TexturedMesh | None = None
    exact: bool = False


class Generator(ABC):
    """A model that makes one thing out of another.

    Its name, license, memory and size on disk stand on its card; `ModelStore.find` says whether it is on this machine.
    """

    card: ClassVar[ModelCard]

    @classmethod
    @abstractmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """Loads it.

        Args:
            folder: of its files; of no meaning for one that ships with the engine.

        Raises:
            EngineError: what is wrong with the files, "model_memory" where they do not fit `place`.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing outside of themselves
        """Lets go of what it holds. It cannot work any more."""


class TextToImage(Generator):
    """A picture out of words."""

    @abstractmethod
    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        """(H, W, 3) uint8 of one whole object before a plain light background, seen from the front."""


class ImageToVideo(Generator):
    """Motion out of a picture."""

    @abstractmethod
    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """A video whose first frame is `picture`.

        Args:
            picture: (H, W, 3) uint8; the object on white. Scaled to what the model takes, the shape kept.
            prompt: what happens; "" and models whose card says that they take none go by the picture alone.
        """


class ImageTo3D(Generator):
    """A 3D asset out of a picture."""

    @abstractmethod
    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        """The asset whose front the picture shows.

        Args:
            picture: (H, W, 4) uint8, straight alpha: the object's mask.
        """


class ImageToText(Generator):
    """Words out of a picture."""

    @abstractmethod
    def describe(self, picture: np.ndarray) -> str:
        """A caption of (H, W, 3) uint8, in English, without a full stop."""
