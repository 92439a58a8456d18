"""LGM's network: an asymmetric U-Net that makes Gaussians of four views (Tang et al., LGM, 2024).

Our own implementation. Where its facts come from:
- the paper (section 3.2): four views with a color and a ray in Pluecker's coordinates for each pixel in, a Gaussian for each pixel out;
  attention across all views in the deep levels; fewer levels up than down.
- the published weights, whose names and shapes its parameters have: which blocks there are and how wide they are (`read_config` reads that
  from the file, so that other sizes work as well); that queries, keys and values are one matrix without a bias.
- the publishers' code (3DTopia/LGM, MIT), for what no weight tells: 16 heads, 32 groups, sums scaled by the square root of one half, the
  order of a Gaussian's numbers and what makes them valid (`activated`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import interpolate, normalize, silu, softplus

from ..rendering import Gaussians

VIEWS, INPUTS = 4, 9
"""Views seen together; channels of each (color, and a ray in Pluecker's coordinates)."""

NUMBERS = (3, 1, 3, 4, 3)
"""Of a Gaussian: center, opacity, scales, rotation, color."""

OUTPUTS = sum(NUMBERS)

REACH, WIDEST_UNIT = 1.0, 0.1
"""Half the side of the cube in which means lie; what one unit of a scale is."""

HEADS, GROUPS, EPSILON = 16, 32, 1e-5
"""Of attention; of group normalization."""

HALVED = math.sqrt(0.5)
"""Sums of two branches are scaled by it, so that their variance stays."""


@dataclass(frozen=True)
class GaussianUNetConfig:
    """Attributes:
    down, up: channels of each level on the way down and up; each level but the last halves, or doubles, the resolution.
    down_attention, up_attention: whether the level's layers attend across all views.
    layers: residual blocks of a level going down; one more going up.
    """

    down: tuple[int, ...]
    down_attention: tuple[bool, ...]
    up: tuple[int, ...]
    up_attention: tuple[bool, ...]
    layers: int = 2


BIG = GaussianUNetConfig(
    down=(64, 128, 256, 512, 1024, 1024),
    down_attention=(False, False, False, True, True, True),
    up=(1024, 1024, 512, 256, 128),
    up_attention=(True, True, True, False, False),
)
"""The published weights: 256 px in, Gaussians of 128 x 128 pixels of each view out."""


class ViewAttention(nn.Module):
    """Every cell of every view attends to every other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels, EPSILON)
        self.attn = SelfAttention(channels)

    def forward(self, picture: Tensor) -> Tensor:
        """(B * VIEWS, C, H, W) of the same."""
        tokens = self.norm(picture).unflatten(0, (-1, VIEWS)).flatten(3).transpose(2, 3).flatten(1, 2)
        found = self.attn(tokens).unflatten(1, (VIEWS, -1)).transpose(2, 3).reshape(picture.shape)
        return (found + picture) * HALVED


class SelfAttention(nn.Module):
    """Multi-head attention with one matrix for queries, keys and values."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) of the same."""
        queries, keys, values = self.qkv(tokens).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))


class Residual(nn.Module):
    """Two convolutions and a way around."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs, EPSILON)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, outputs, EPSILON)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, outputs, H, W) of (B, inputs, H, W)."""
        inner = self.conv1(silu(self.norm1(picture)))
        return (self.conv2(silu(self.norm2(inner))) + self.shortcut(picture)) * HALVED


class Level(nn.Module):
    """Residual blocks, each followed by attention where the level has it."""

    def __init__(self, widths: list[tuple[int, int]], attention: bool) -> None:
        """`widths`: channels into and out of each block."""
        super().__init__()
        self.nets = nn.ModuleList([Residual(inputs, outputs) for inputs, outputs in widths])
        self.attns = nn.ModuleList([ViewAttention(outputs) for _, outputs in widths] if attention else [])

    def layers(self) -> Iterator[nn.Sequential]:
        """Each block with its attention."""
        for index, net in enumerate(self.nets):
            yield nn.Sequential(net, *self.attns[index : index + 1])


class DownLevel(Level):
    """A level of the way down."""

    def __init__(self, widths: list[tuple[int, int]], attention: bool, halves: bool) -> None:
        super().__init__(widths, attention)
        self.downsample = nn.Conv2d(widths[-1][1], widths[-1][1], 3, stride=2, padding=1) if halves else None

    def forward(self, picture: Tensor) -> list[Tensor]:
        """What each layer makes of it; the last one goes on down."""
        made = []
        for layer in self.layers():
            picture = layer(picture)
            made.append(picture)
        return [*made, self.downsample(picture)] if self.downsample is not None else made


class UpLevel(Level):
    """A level of the way up: every block gets what a block of the way down made."""

    def __init__(self, widths: list[tuple[int, int]], attention: bool, doubles: bool) -> None:
        super().__init__(widths, attention)
        self.upsample = nn.Conv2d(widths[-1][1], widths[-1][1], 3, padding=1) if doubles else None

    def forward(self, picture: Tensor, skips: list[Tensor]) -> Tensor:
        """`skips`: what is left of the way down; the blocks take from its end."""
        for layer in self.layers():
            picture = layer(torch.cat([picture, skips.pop()], 1))
        return self.upsample(interpolate(picture, scale_factor=2.0, mode="nearest")) if self.upsample is not None else picture


class MiddleLevel(nn.Module):
    """Between down and up: attention stands between two blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList([Residual(channels, channels) for _ in range(2)])
        self.attns = nn.ModuleList([ViewAttention(channels)])

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) of the same."""
        return self.nets[1](self.attns[0](self.nets[0](picture)))


class SplatterUNet(nn.Module):
    """Four pictures with rays in, four pictures of Gaussians out."""

    def __init__(self, config: GaussianUNetConfig) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(INPUTS, config.down[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(_down_levels(config))
        self.mid_block = MiddleLevel(config.down[-1])
        self.up_blocks = nn.ModuleList(_up_levels(config))
        self.norm_out = nn.GroupNorm(GROUPS, config.up[-1], EPSILON)
        self.conv_out = nn.Conv2d(config.up[-1], OUTPUTS, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 14, h, w) of (B, 9, H, W)."""
        picture = self.conv_in(pictures)
        skips = [picture]
        for level in self.down_blocks:
            skips += level(picture)
            picture = skips[-1]
        picture = self.mid_block(picture)
        for level in self.up_blocks:
            picture = level(picture, skips)
        return self.conv_out(silu(self.norm_out(picture)))


def _down_levels(config: GaussianUNetConfig) -> Iterator[DownLevel]:
    inputs = config.down[0]
    for index, (outputs, attention) in enumerate(zip(config.down, config.down_attention, strict=True)):
        widths = [(inputs, outputs), *[(outputs, outputs)] * (config.layers - 1)]
        yield DownLevel(widths, attention, halves=index < len(config.down) - 1)
        inputs = outputs


def _up_levels(config: GaussianUNetConfig) -> Iterator[UpLevel]:
    made = _skip_channels(config)
    inputs = config.down[-1]
    for index, (outputs, attention) in enumerate(zip(config.up, config.up_attention, strict=True)):
        widths = []
        for _ in range(config.layers + 1):
            widths.append((inputs + made.pop(), outputs))
            inputs = outputs
        yield UpLevel(widths, attention, doubles=index < len(config.up) - 1)


def _skip_channels(config: GaussianUNetConfig) -> list[int]:
    """Channels of all that the way down makes, in its order."""
    made = [config.down[0]]
    for index, channels in enumerate(config.down):
        made += [channels] * (config.layers + (index < len(config.down) - 1))
    return made


class GaussianUNet(nn.Module):
    """The network with the layer behind it."""

    def __init__(self, config: GaussianUNetConfig) -> None:
        super().__init__()
        self.unet = SplatterUNet(config)
        self.conv = nn.Conv2d(OUTPUTS, OUTPUTS, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(VIEWS * h * w, 14) numbers of Gaussians, before activation, of (VIEWS, 9, H, W)."""
        return self.conv(self.unet(pictures)).permute(0, 2, 3, 1).flatten(0, 2)


def activated(numbers: Tensor) -> Gaussians:
    """Gaussians in the network's own space, of (N, 14) numbers."""
    center, opacity, scales, rotation, color = numbers.float().split(NUMBERS, dim=1)
    return Gaussians(
        means=center.clamp(-REACH, REACH),
        quats=normalize(rotation, dim=-1),
        scales=WIDEST_UNIT * softplus(scales),
        opacities=torch.sigmoid(opacity[:, 0]),
        colors=(torch.tanh(color) + 1) / 2,
    )


def read_config(shapes: Mapping[str, tuple[int, ...]]) -> GaussianUNetConfig:
    """The configuration of published weights, told from their shapes.

    Raises:
        KeyError, IndexError, ValueError: where these are not LGM's.
    """
    levels = {way: _count(shapes, f"unet.{way}_blocks.") for way in ("down", "up")}
    if not levels["down"] or not levels["up"]:
        raise ValueError("it has no levels")
    widths = {way: tuple(shapes[f"unet.{way}_blocks.{index}.nets.0.conv1.weight"][0] for index in range(count)) for way, count in levels.items()}
    attention = {way: tuple(f"unet.{way}_blocks.{index}.attns.0.norm.weight" in shapes for index in range(count)) for way, count in levels.items()}
    return GaussianUNetConfig(widths["down"], attention["down"], widths["up"], attention["up"], layers=_count(shapes, "unet.down_blocks.0.nets."))


def _count(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    """How many different numbers stand behind `prefix`."""
    return len({name[len(prefix) :].split(".")[0] for name in shapes if name.startswith(prefix)})
