"""How a large prior is to compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class PriorOptions:
    """Choices between memory and speed; the results are the same up to rounding.

    Attributes:
        precision: of the networks; "auto" is float16 on a GPU and float32 on a CPU. The picture encoder always computes in float32.
        offload: keep the networks in the computer's memory and bring each to the GPU only while it is used.
        attention_slicing: compute attention piece by piece: less memory, slower.
        batch: pictures that are looked at at once, where there are more; the memory is checked for so many.
    """

    precision: Precision = "auto"
    offload: bool = False
    attention_slicing: bool = False
    batch: int = 4

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "float32", "float16", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}, not auto, float32, float16 or bfloat16")
        if self.batch < 1:
            raise ValueError(f"batch is {self.batch}, less than 1")

    def dtype(self, device: torch.device) -> torch.dtype:
        """The networks' type on a device."""
        if self.precision == "auto":
            return torch.float32 if device.type == "cpu" else torch.float16
        return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[self.precision]
