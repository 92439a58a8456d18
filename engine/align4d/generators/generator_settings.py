"""Which generators a job uses, and how."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"


@dataclass(frozen=True)
class GeneratorSettings:
    """Attributes:
    text_to_image, image_to_video, image_to_3d, image_to_text: the id of a model, or "auto": the first of its role that is on this machine.
    memory_gb: of the device that models may use [GB]; 0: what is free.
    steps, scale, frames: see `GenerationOptions`.
    """

    text_to_image: str = AUTO
    image_to_video: str = AUTO
    image_to_3d: str = AUTO
    image_to_text: str = AUTO
    memory_gb: float = 0.0
    steps: int = 0
    scale: float = 1.0
    frames: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 4:
            raise ValueError(f"scale is {self.scale}, not above 0 and up to 4")
        if min(self.memory_gb, self.steps, self.frames) < 0:
            raise ValueError("memory_gb, steps and frames are 0 or more")
