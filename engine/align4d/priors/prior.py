"""What every multiview diffusion prior offers, and classifier-free guidance on top of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .schedule import NoiseSchedule


@dataclass(frozen=True)
class PriorFacts:
    """What one must know of a prior before asking it anything.

    Attributes:
        name: as shown to the user.
        fovy: vertical field of view of the pictures that it was trained on [degrees].
        distances: nearest and farthest camera that it was trained on, in longest sides of the object.
        size: side of the square pictures that it takes and judges [px].
        channels: of what it denoises (3 for pixels, 4 for Stable Diffusion's latents).
        latent_size: side of what it denoises.
        takes_distance: whether it is told how far a camera stands.
        views: views that it denoises together; 1 where each stands alone.
        license: short name of the license of its weights.
        background: gray level of the background that it was trained on, in [0, 1].
        guidance: scale of classifier-free guidance at which it teaches (DreamGaussian4D's for Zero123).
        timesteps: from the first to the last of which t falls while it teaches (DreamGaussian4D's for Zero123).
    """

    name: str
    fovy: float
    distances: tuple[float, float]
    size: int
    channels: int
    latent_size: int
    takes_distance: bool
    views: int = 1
    license: str = ""
    background: float = 1.0
    guidance: float = 5.0
    timesteps: tuple[int, int] = (980, 20)


@dataclass(frozen=True)
class RelativeCamera:
    """Where the judged picture's camera stands, relative to the condition's camera; each (B,).

    Attributes:
        elevation, azimuth: differences [degrees]; a positive azimuth turns the camera towards the object's +X side.
        distance: difference, in longest sides of the object, at the prior's own field of view.
    """

    elevation: Tensor
    azimuth: Tensor
    distance: Tensor

    @staticmethod
    def same(count: int, device: torch.device | str = "cpu") -> RelativeCamera:
        """The condition's own camera, `count` times: what the geometry term (eq. 8) tells."""
        zero = torch.zeros(count, device=device)
        return RelativeCamera(zero, zero, zero)

    @property
    def count(self) -> int:
        """Number of cameras B."""
        return len(self.azimuth)


@dataclass(frozen=True)
class Condition:
    """Condition pictures, digested once and used many times.

    Attributes:
        elevation: (F,) of the pictures' cameras [degrees].
        distance: (F,) of the pictures' cameras, in longest sides of the object, at the prior's own field of view.
        features: what the prior computed of the pictures; each has F as its first dimension.
    """

    elevation: Tensor
    distance: Tensor
    features: tuple[Tensor, ...]

    @property
    def count(self) -> int:
        """Number of condition pictures F."""
        return len(self.elevation)

    def take(self, index: Tensor) -> Condition:
        """The conditions of the pictures `index` (B,) int64, which may repeat."""
        return Condition(self.elevation[index], self.distance[index], tuple(one[index] for one in self.features))


class MultiviewPrior(ABC):
    """A diffusion model that knows what an object seen in one picture looks like from another side.

    Its weights are frozen. Pictures are float32 sRGB in [0, 1] on the background of its facts.
    """

    facts: PriorFacts
    schedule: NoiseSchedule
    recordable = True
    """Whether what it does on a GPU can be recorded as a CUDA graph: it asks the GPU for nothing, and its weights stay where they are."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it computes; its inputs must be there."""

    @abstractmethod
    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        """Digests condition pictures; without gradients.

        Args:
            pictures: (F, 3, S, S), S = facts.size.
            elevation, distance: (F,) of their cameras, see `Condition`.
        """

    @abstractmethod
    def null(self, count: int) -> Condition:
        """The condition that says nothing, `count` times: the other half of classifier-free guidance."""

    @abstractmethod
    def encode(self, pictures: Tensor) -> Tensor:
        """What is denoised: (B, channels, latent_size, latent_size) of pictures (B, 3, S, S); differentiable."""

    @abstractmethod
    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """The noise in `noisy` (B, channels, latent_size, latent_size); without gradients.

        Args:
            noisy: see `NoiseSchedule.add_noise`. Where facts.views is V > 1, B is a multiple of V and the views of one
                frame lie next to each other.
            timestep: (B,) int64.
            condition: of B pictures (see `Condition.take`).
            camera: B of them.
        """


def guided_noise(prior: MultiviewPrior, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera, scale: float) -> Tensor:
    """Classifier-free guidance: the prediction, pushed away from what is predicted without a condition.

    Args:
        scale: 1 is the plain prediction, which costs half.
    """
    given = prior.predict_noise(noisy, timestep, condition, camera)
    if scale == 1:
        return given
    # nothing is seen, but the camera is where it is
    nothing = replace(prior.null(condition.count), elevation=condition.elevation, distance=condition.distance)
    free = prior.predict_noise(noisy, timestep, nothing, camera)
    return free + scale * (given - free)


def same_apparent_size(distance: float, fovy: float, other_fovy: float) -> float:
    """The distance at which an object looks as large at `other_fovy` as at `distance` with `fovy` [degrees]."""
    return distance * math.tan(math.radians(fovy) / 2) / math.tan(math.radians(other_fovy) / 2)
