"""The scene flow network: where each visible point of the object at rest is in another picture of it, in all three dimensions.

Two streams run through the same weights, one for either picture; each also sees the other one pixel by pixel, and attention joins
them where the grid is coarse, so that a limb is found again far from where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, pixel_shuffle, pixel_unshuffle, rms_norm, scaled_dot_product_attention, silu

INPUTS = 15
"""Channels of either stream, see `scene_flow.network_input`."""

OUTPUTS = 5
"""Channels of either stream: three of the motion (or the depth, in the first), and the logarithms of two scales of error."""

FOLD = 2
"""Pixels are folded to a grid coarser by this."""


@dataclass(frozen=True)
class SceneFlowConfig:
    """Attributes:
    size: side of the pictures [px], a multiple of 8.
    widths: channels at 1/2, 1/4 and 1/8 of the size.
    head: channels of an attention head.
    blocks: attention blocks at 1/8 of the size.
    """

    size: int = 96
    widths: tuple[int, int, int] = (64, 128, 192)
    head: int = 64
    blocks: int = 5


class ConvolutionBlock(nn.Module):
    """Two convolutions beside an identity (or a 1 x 1 convolution); starts as the latter."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.GroupNorm(8, channels_in), nn.GroupNorm(8, channels)
        self.conv_in, self.conv_out = nn.Conv2d(channels_in, channels, 3, padding=1), nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels, H, W)."""
        return self.skip(x) + self.conv_out(silu(self.norm_out(self.conv_in(silu(self.norm_in(x))))))


class JointAttention(nn.Module):
    """Attention over the tokens of both streams, then a feed-forward layer."""

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.heads = channels // head
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.widen, self.narrow = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.query_norm, self.key_norm = nn.Parameter(torch.ones(head)), nn.Parameter(torch.ones(head))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, N, channels) -> the same."""
        count, tokens, channels = x.shape
        query, key, value = self.qkv(layer_norm(x, (channels,))).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query = rms_norm(query, query.shape[-1:], self.query_norm.to(query.dtype))
        key = rms_norm(key, key.shape[-1:], self.key_norm.to(key.dtype))
        x = x + self.out(scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(count, tokens, channels))
        return x + self.narrow(gelu(self.widen(layer_norm(x, (channels,))), approximate="tanh"))


class SceneFlowNetwork(nn.Module):
    """See the module; its inputs and outputs are made and read by `scene_flow`."""

    def __init__(self, config: SceneFlowConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SceneFlowConfig()
        fine, middle, coarse = config.widths
        self.enter = nn.Conv2d(INPUTS * FOLD**2, fine, 3, padding=1)
        self.down = nn.ModuleList([ConvolutionBlock(fine, fine), ConvolutionBlock(middle, middle)])
        self.to_middle, self.to_coarse = nn.Conv2d(fine, middle, 2, 2), nn.Conv2d(middle, coarse, 2, 2)
        self.middle_place = nn.Parameter(torch.randn(1, 2 * (config.size // 4) ** 2, middle) * 0.02)
        self.coarse_place = nn.Parameter(torch.randn(1, 2 * (config.size // 8) ** 2, coarse) * 0.02)
        self.before, self.after = JointAttention(middle, config.head), JointAttention(middle, config.head)
        self.bottom = nn.ModuleList([JointAttention(coarse, config.head) for _ in range(config.blocks)])
        self.from_coarse, self.from_middle = nn.Conv2d(coarse, 4 * middle, 1), nn.Conv2d(middle, 4 * fine, 1)
        self.up = nn.ModuleList([ConvolutionBlock(2 * middle, middle), ConvolutionBlock(2 * fine, fine)])
        self.leave_norm, self.leave = nn.GroupNorm(8, fine), nn.Conv2d(fine, OUTPUTS * FOLD**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 2, INPUTS, S, S) of the rest and the other picture -> (B, 2, OUTPUTS, S, S)."""
        count = len(pictures)
        fine = self.enter(pixel_unshuffle(pictures.flatten(0, 1), FOLD).contiguous(memory_format=torch.channels_last))
        fine = self.down[0](fine)
        middle = self.down[1](self.to_middle(fine))
        middle = _joined(self.before, middle, count, self.middle_place)
        coarse = self.to_coarse(middle)
        tokens = _tokens(coarse, count) + self.coarse_place
        for block in self.bottom:
            tokens = block(tokens)
        middle = self.up[0](torch.cat([pixel_shuffle(self.from_coarse(_grid(tokens, coarse)), 2), middle], 1))
        middle = _joined(self.after, middle, count)
        fine = self.up[1](torch.cat([pixel_shuffle(self.from_middle(middle), 2), fine], 1))
        return pixel_shuffle(self.leave(silu(self.leave_norm(fine))), FOLD).unflatten(0, (count, 2))


def _tokens(grid: Tensor, count: int) -> Tensor:
    """Both streams' cells (2B, C, H, W) as one sequence (B, 2HW, C)."""
    return grid.flatten(2).transpose(1, 2).reshape(count, -1, grid.shape[1])


def _grid(tokens: Tensor, like: Tensor) -> Tensor:
    """The reverse of `_tokens`, in the shape of `like`."""
    height, width = like.shape[-2:]
    return tokens.reshape(len(like), height, width, -1).permute(0, 3, 1, 2)


def _joined(block: JointAttention, grid: Tensor, count: int, place: Tensor | float = 0.0) -> Tensor:
    return _grid(block(_tokens(grid, count) + place), grid).contiguous(memory_format=torch.channels_last)
