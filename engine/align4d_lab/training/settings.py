"""The recipe of the embedded prior."""

from __future__ import annotations

from dataclasses import dataclass

from .optimization import WeightSettings


@dataclass(frozen=True)
class TrainingSettings(WeightSettings):
    """Attributes:
    objects: per step and GPU.
    targets: views of each object that are denoised in a step; one more is the condition.
    dropout: part of the conditions that say nothing, for classifier-free guidance.
    high_noise: exponent < 1 that moves noise levels towards pure noise, where the product asks.
    condition_noise, condition_noise_share: noise on condition pictures (of a range of 2), and how many get it.
    elevation_jitter, distance_jitter: what the condition's camera is told wrong by, standard deviation [degrees, part].
    moved_share: part of the objects that are shown to the network in another pose than the condition's, which it is to correct.
    moved_noise: least noise level there [degrees]; below it a picture is clear, and to correct it would be to draw another one.
    correction: weight of what is missing of the correction, squared, against the error of v.
    supersampling: rays per pixel's side.
    seed: of the first object and of everything drawn; a restarted run takes another one.
    """

    rate: float = 6e-4
    warm_up: int = 200
    decay: float = 0.6
    weight_decay: float = 0.01
    average: float = 0.998
    clip: float = 1.0
    objects: int = 192
    targets: int = 4
    dropout: float = 0.1
    high_noise: float = 0.45
    condition_noise: float = 0.03
    condition_noise_share: float = 0.3
    elevation_jitter: float = 1.0
    distance_jitter: float = 0.005
    moved_share: float = 0.65
    moved_noise: float = 30.0
    correction: float = 0.02
    supersampling: int = 2
    seed: int = 1
