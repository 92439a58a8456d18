"""A few tokens of a picture, out of the many that CLIP's image encoder gives (a perceiver resampler, Alayrac et al., 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from .config import HEAD_WIDTH, MultiviewUNetConfig


class ResamplerAttention(nn.Module):
    """The few tokens look at the many and at themselves."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * HEAD_WIDTH
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.to_q = nn.Linear(channels, inner, bias=False)
        self.to_kv = nn.Linear(channels, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, channels, bias=False)

    def forward(self, many: Tensor, few: Tensor) -> Tensor:
        """(B, K, C) of (B, M, C) and (B, K, C)."""
        many, few = self.norm1(many), self.norm2(few)
        keys, values = self.to_kv(torch.cat([many, few], 1)).chunk(2, -1)
        split = [one.unflatten(2, (self.heads, HEAD_WIDTH)).transpose(1, 2) for one in (self.to_q(few), keys, values)]
        return self.to_out(scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))


class ResamplerLayer(nn.ModuleList):
    """Attention, then each token by itself; each added to what it gets. A list, because the parameters are named by numbers."""

    def __init__(self, channels: int, heads: int) -> None:
        wide = 4 * channels
        feed_forward = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, wide, bias=False), nn.GELU(), nn.Linear(wide, channels, bias=False))
        super().__init__([ResamplerAttention(channels, heads), feed_forward])

    def forward(self, many: Tensor, few: Tensor) -> Tensor:
        """(B, K, C) of (B, M, C) and (B, K, C)."""
        few = few + self[0](many, few)
        return few + self[1](few)


class Resampler(nn.Module):
    """Learned tokens that gather what they need from CLIP's."""

    def __init__(self, config: MultiviewUNetConfig) -> None:
        super().__init__()
        channels = config.context_dim
        self.latents = nn.Parameter(torch.randn(1, config.image_tokens, channels) / channels**0.5)
        self.proj_in = nn.Linear(config.image_dim, channels)
        self.proj_out = nn.Linear(channels, channels)
        self.norm_out = nn.LayerNorm(channels)
        self.layers = nn.ModuleList([ResamplerLayer(channels, config.resampler_heads) for _ in range(config.resampler_depth)])

    def forward(self, clip: Tensor) -> Tensor:
        """(B, image_tokens, context_dim) of CLIP's (B, M, image_dim)."""
        many = self.proj_in(clip)
        few = self.latents.expand(len(clip), -1, -1)
        for layer in self.layers:
            few = layer(many, few)
        return self.norm_out(self.proj_out(few))
