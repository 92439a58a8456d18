"""MUSIQ, a picture's technical quality judged at three scales (Ke et al. 2021), as VBench's imaging quality asks it.

The variant trained on SPAQ. Parameters are named as in the published PyTorch weights (musiq_spaq_ckpt: `conv_root.weight`,
`transformer_encoder.transformer.encoderblock_0.attention.query.weight`, ...).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .weights import load_into

PATCH = 32
"""Pictures are cut into squares of this side [px]."""

GRID = 10
"""Places are told apart on a grid of GRID x GRID, whatever the picture's size."""

LONGER_SIDES = (224, 384)
"""The picture is seen at these sizes [px] and at its own."""


@dataclass(frozen=True)
class MusiqSize:
    """Attributes:
    hidden, heads, layers, mlp: of the transformer.
    """

    hidden: int = 384
    heads: int = 6
    layers: int = 14
    mlp: int = 1152


class StandardConv(nn.Conv2d):
    """Convolution without bias whose filters have mean 0 and deviation 1, padded as TensorFlow's "same"."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, C, H, W) to its features."""
        deviation, mean = torch.std_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        weight = (self.weight - mean) / (deviation + 1e-5)
        return functional.conv2d(_same(pictures, self.kernel_size[0], self.stride[0]), weight, None, self.stride)


class Bottleneck(nn.Module):
    """The one residual block of the patch encoder."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.gn1 = StandardConv(inputs, inputs, 1), nn.GroupNorm(32, inputs, eps=1e-4)
        self.conv2, self.gn2 = StandardConv(inputs, inputs, 3), nn.GroupNorm(32, inputs, eps=1e-4)
        self.conv3, self.gn3 = StandardConv(inputs, outputs, 1), nn.GroupNorm(32, outputs, eps=1e-4)
        self.conv_proj, self.gn_proj = StandardConv(inputs, outputs, 1), nn.GroupNorm(32, outputs, eps=1e-4)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, H, W)."""
        inner = functional.relu(self.gn1(self.conv1(patches)))
        inner = functional.relu(self.gn2(self.conv2(inner)))
        return functional.relu(self.gn3(self.conv3(inner)) + self.gn_proj(self.conv_proj(patches)))


class Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self, size: MusiqSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.query, self.key, self.value, self.out = (nn.Linear(size.hidden, size.hidden) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, hidden) to the same."""
        query, key, value = (part(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers with GELU."""

    def __init__(self, size: MusiqSize) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(size.hidden, size.mlp), nn.Linear(size.mlp, size.hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, hidden) to the same."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """A layer of the transformer."""

    def __init__(self, size: MusiqSize) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(size.hidden, eps=1e-6), Attention(size)
        self.norm2, self.mlp = nn.LayerNorm(size.hidden, eps=1e-6), Mlp(size)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, hidden) to the same."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Table(nn.Module):
    """A learned table under the name that the published weights give it."""

    def __init__(self, name: str, *shape: int) -> None:
        super().__init__()
        self.register_parameter(name, nn.Parameter(torch.zeros(shape)))


class Encoder(nn.Module):
    """The transformer over the patches of all scales."""

    def __init__(self, size: MusiqSize) -> None:
        super().__init__()
        self.posembed_input = Table("position_emb", 1, GRID * GRID, size.hidden)
        self.scaleembed_input = Table("scale_emb", len(LONGER_SIDES) + 1, size.hidden)
        self.cls = nn.Parameter(torch.zeros(1, 1, size.hidden))
        self.transformer = nn.ModuleDict({f"encoderblock_{index}": Block(size) for index in range(size.layers)})
        self.encoder_norm = nn.LayerNorm(size.hidden, eps=1e-6)

    def forward(self, tokens: Tensor, places: Tensor, scales: Tensor) -> Tensor:
        """(N, hidden): the class token of (N, L, hidden) patches at hashed `places` (L,) of `scales` (L,)."""
        position, scale = self.get_parameter("posembed_input.position_emb"), self.get_parameter("scaleembed_input.scale_emb")
        tokens = tokens + position[0, places] + scale[scales]
        tokens = torch.cat([self.cls.expand(len(tokens), -1, -1), tokens], dim=1)
        for block in self.transformer.values():
            tokens = block(tokens)
        return self.encoder_norm(tokens[:, 0])


class Musiq(nn.Module):
    """The whole network. Args: weights: a safetensors file; None leaves it as it is made (for tests)."""

    def __init__(self, weights: Path | None = None, size: MusiqSize | None = None) -> None:
        super().__init__()
        size = size or MusiqSize()
        self.conv_root, self.gn_root = StandardConv(3, 64, 7, 2), nn.GroupNorm(32, 64, eps=1e-6)
        self.block1 = Bottleneck(64, 256)
        self.embedding = nn.Linear(256 * (PATCH // 4) ** 2, size.hidden)
        self.transformer_encoder = Encoder(size)
        self.head = nn.Linear(size.hidden, 1)
        if weights is not None:
            load_into(self, weights)

    @torch.inference_mode()
    def forward(self, pictures: Tensor) -> Tensor:
        """(N,) scores, about 0 to 100, of (N, 3, H, W) sRGB in [0, 1]."""
        patches, places, scales = multiscale_patches(2 * pictures - 1)
        flat = functional.relu(self.gn_root(self.conv_root(patches.flatten(0, 1))))
        flat = self.block1(functional.max_pool2d(_same(flat, 3, 2), 3, 2))
        tokens = self.embedding(flat.permute(0, 2, 3, 1).flatten(1))  # channels last, as the weights were made in TensorFlow
        return self.head(self.transformer_encoder(tokens.unflatten(0, patches.shape[:2]), places, scales))[:, 0]


def multiscale_patches(pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The squares of (N, 3, H, W) at each scale, small to own size: (N, L, 3, PATCH, PATCH), hashed places (L,), scales (L,)."""
    height, width = pictures.shape[2:]
    parts, places, scales = [], [], []
    for scale, longer in enumerate((*LONGER_SIDES, None)):
        seen = pictures
        if longer is not None:
            ratio = longer / max(height, width)
            seen = functional.interpolate(pictures, (round(height * ratio), round(width * ratio)), mode="bicubic", align_corners=False)
        rows, columns = (math.ceil(side / PATCH) for side in seen.shape[2:])
        cut = functional.unfold(_same(seen, PATCH, PATCH), PATCH, stride=PATCH)
        parts.append(cut.transpose(1, 2).unflatten(2, (3, PATCH, PATCH)))
        row, column = (torch.arange(count) * GRID // count for count in (rows, columns))
        places.append((row[:, None] * GRID + column[None]).flatten())
        scales.append(torch.full((rows * columns,), scale))
    device = pictures.device
    return torch.cat(parts, dim=1), torch.cat(places).to(device), torch.cat(scales).to(device)


def _same(pictures: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around, the odd one behind, so that each size comes out divided by the stride and rounded up."""
    padding: list[int] = []
    for size in reversed(pictures.shape[2:]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        padding += [total // 2, total - total // 2]
    return functional.pad(pictures, padding)
