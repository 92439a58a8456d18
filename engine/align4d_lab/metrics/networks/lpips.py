"""LPIPS with VGG-16: a learned perceptual distance of two pictures (Zhang et al. 2018, version 0.1)."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from .weights import load_into

LAYERS = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512)
"""Configuration D of VGG (Simonyan and Zisserman 2015), up to its last convolution."""

TAPS = (3, 8, 15, 22, 29)
"""Indices in `features` of the ReLUs whose outputs are compared: 1_2, 2_2, 3_3, 4_3, 5_3."""

WIDTHS = (64, 128, 256, 512, 512)
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""From [-1, 1] to the normalization that VGG was trained with."""

HEADS = Path(__file__).with_name("lpips_vgg_heads.safetensors")
"""The five learned weightings of the channels (version 0.1, BSD-2-Clause, see lpips_vgg_heads.md)."""


class Vgg16(nn.Module):
    """The convolutions of VGG-16; parameters are named as in torchvision and timm (`features.0.weight`, ...)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for layer in LAYERS:
            if layer == "pool":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(width, cast(int, layer), 3, padding=1), nn.ReLU()]
                width = cast(int, layer)
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The outputs at `TAPS` of (N, 3, H, W), normalized as ImageNet's pictures."""
        found = []
        for index, layer in enumerate(self.features):
            pictures = layer(pictures)
            if index in TAPS:
                found.append(pictures)
        return found


class Heads(nn.Module):
    """What each channel counts; parameters are named as in the `lpips` package (`lin0.model.1.weight`, ...)."""

    def __init__(self) -> None:
        super().__init__()
        for index, width in enumerate(WIDTHS):
            head = nn.Module()
            head.model = nn.Sequential(nn.Identity(), nn.Conv2d(width, 1, 1, bias=False))
            self.add_module(f"lin{index}", head)

    def weight(self, index: int) -> Tensor:
        """(1, C, 1, 1) of the tap `index`."""
        return self.get_parameter(f"lin{index}.model.1.weight")


class Lpips(nn.Module):
    """The distance. Args: weights: of VGG-16, as torchvision's or timm's `vgg16.tv_in1k` (its classifier is left out)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.vgg, self.heads = Vgg16(), Heads()
        load_into(self.vgg, weights, leave_out=("classifier.", "pre_logits.", "head."))
        load_into(self.heads, HEADS)

    @torch.inference_mode()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N,) distances of (N, 3, H, W) sRGB in [0, 1]; H and W at least 16."""
        total = first.new_zeros(len(first))
        shift, scale = (first.new_tensor(values)[:, None, None] for values in (SHIFT, SCALE))
        features = [self.vgg((2 * pictures - 1 - shift) / scale) for pictures in (first, second)]
        for index, (one, other) in enumerate(zip(*features, strict=True)):
            difference = (_normalized(one) - _normalized(other)).square()
            total += (difference * self.heads.weight(index)).sum(dim=1).mean(dim=(1, 2))
        return total


def _normalized(features: Tensor) -> Tensor:
    """Unit length along the channels."""
    return features / (features.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
