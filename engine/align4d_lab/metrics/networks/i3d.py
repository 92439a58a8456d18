"""I3D, the video classifier whose answers FVD compares (Carreira and Zisserman 2017; Unterthiner et al. 2018).

Inflated Inception v1 for RGB, 400 Kinetics classes. Parameters are named as in the published PyTorch weights
(`Conv3d_1a_7x7.conv3d.weight`, `Mixed_3b.b1a.bn.weight`, `logits.conv3d.bias`, ...: rgb_imagenet.pt, i3d_pretrained_400.pt).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .weights import load_into

CLASSES = 400
SIDE = 224
"""Of the pictures that it takes [px]."""

Triple = tuple[int, int, int]

MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Widths: of the 1x1x1 branch; into and out of the two 3x3x3 branches; of the pooled branch (Inception v1's table)."""

POOL_BEFORE: dict[str, tuple[Triple, Triple]] = {
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
"""Max pooling before some of them: window and stride (time, height, width)."""


class Unit(nn.Module):
    """Convolution with TensorFlow's "same" padding, batch norm and ReLU; the last layer has a bias in their place."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: Triple = (1, 1, 1), plain: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=plain)
        if not plain:
            self.bn = nn.BatchNorm3d(outputs, eps=1e-3)
        self.plain = plain

    def forward(self, clips: Tensor) -> Tensor:
        """(N, C, T, H, W) to its features."""
        clips = self.conv3d(_padded(clips, self.kernel, self.stride))
        return clips if self.plain else functional.relu(self.bn(clips))


class Mixed(nn.Module):
    """An Inception module: four branches side by side."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = Unit(inputs, widths[0])
        self.b1a, self.b1b = Unit(inputs, widths[1]), Unit(widths[1], widths[2], (3, 3, 3))
        self.b2a, self.b2b = Unit(inputs, widths[3]), Unit(widths[3], widths[4], (3, 3, 3))
        self.b3b = Unit(inputs, widths[5])

    def forward(self, clips: Tensor) -> Tensor:
        """(N, C, T, H, W) to its features, of the same T, H and W."""
        pooled = _max_pool(clips, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(clips), self.b1b(self.b1a(clips)), self.b2b(self.b2a(clips)), self.b3b(pooled)], dim=1)


class I3d(nn.Module):
    """The whole network. Args: weights: a safetensors file; None leaves it random (for tests of its shape)."""

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, (7, 7, 7), (2, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3))
        inputs = 192
        for name, widths in MIXED.items():
            self.add_module(name, Mixed(inputs, widths))
            inputs = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = Unit(inputs, CLASSES, plain=True)
        if weights is not None:
            load_into(self, weights)

    @torch.inference_mode()
    def forward(self, clips: Tensor) -> Tensor:
        """(N, 400) logits, averaged over time, of (N, 3, T, 224, 224) in [-1, 1]; T at least 9."""
        clips = _max_pool(self.Conv3d_1a_7x7(clips), (1, 3, 3), (1, 2, 2))
        clips = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(clips))
        for name in MIXED:
            if name in POOL_BEFORE:
                clips = _max_pool(clips, *POOL_BEFORE[name])
            clips = self.get_submodule(name)(clips)
        pooled = functional.avg_pool3d(clips, (2, 7, 7), (1, 1, 1))
        return self.logits(pooled).mean(dim=(2, 3, 4))


def _padded(clips: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around, the odd one behind, so that each size comes out divided by the stride and rounded up."""
    padding: list[int] = []
    for size, window, step in zip(reversed(clips.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(window - (step if size % step == 0 else size % step), 0)
        padding += [total // 2, total - total // 2]
    return functional.pad(clips, padding)


def _max_pool(clips: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    # the padding's zeros may win: what is pooled has gone through a ReLU
    return functional.max_pool3d(_padded(clips, kernel, stride), kernel, stride)
