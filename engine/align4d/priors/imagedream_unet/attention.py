"""Attention of the multi-view U-Net: across all views of an object, and from each view to text and to the condition picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from .layers import GROUPS


class Attention(nn.Module):
    """Multi-head attention; with `image_tokens`, a second one to those with the same queries, added up (an IP adapter, Ye et al., 2023)."""

    def __init__(self, channels: int, head_channels: int, context: int, image_tokens: bool) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.sliced = False
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context, channels, bias=False)
        self.to_v = nn.Linear(context, channels, bias=False)
        if image_tokens:
            self.to_k_ip = nn.Linear(context, channels, bias=False)
            self.to_v_ip = nn.Linear(context, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, tokens: Tensor, context: Tensor, image: Tensor | None = None) -> Tensor:
        """(B, N, C) of tokens (B, N, C) that look at context (B, M, D), and at image tokens (B, K, D)."""
        queries = self._split(self.to_q(tokens))
        found = self._attend(queries, self.to_k(context), self.to_v(context))
        if image is not None:
            found = found + self._attend(queries, self.to_k_ip(image), self.to_v_ip(image))
        return self.to_out(found.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        """(B, heads, N, C / heads) of (B, N, C)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        keys, values = self._split(keys), self._split(values)
        if not self.sliced:
            return scaled_dot_product_attention(queries, keys, values)
        heads = zip(queries.split(1, 1), keys.split(1, 1), values.split(1, 1), strict=True)
        return torch.cat([scaled_dot_product_attention(*one) for one in heads], 1)


class GatedLinear(nn.Module):
    """A linear layer whose output is multiplied by a gate from the same input (GEGLU, Shazeer, 2020)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, outputs) of (B, N, inputs)."""
        value, gate = self.proj(tokens).chunk(2, -1)
        return value * gelu(gate)


class FeedForward(nn.Module):
    """Each token by itself, through four times as many channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, channels) of (B, N, channels)."""
        return self.net(tokens)


class MultiviewBlock(nn.Module):
    """Attention across views, attention to text and picture, feed-forward; each added to what it gets."""

    def __init__(self, channels: int, head_channels: int, context: int) -> None:
        super().__init__()
        self.attn1 = Attention(channels, head_channels, channels, image_tokens=False)
        self.ff = FeedForward(channels)
        self.attn2 = Attention(channels, head_channels, context, image_tokens=True)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))

    def forward(self, tokens: Tensor, text: Tensor, image: Tensor, views: int) -> Tensor:
        """(B, N, C) of tokens (B, N, C); of each object `views` views lie next to each other, and attend to each other."""
        together = tokens.reshape(-1, views * tokens.shape[1], tokens.shape[2])
        normal = self.norm1(together)
        tokens = (together + self.attn1(normal, normal)).reshape(tokens.shape)
        tokens = tokens + self.attn2(self.norm2(tokens), text, image)
        return tokens + self.ff(self.norm3(tokens))


class MultiviewTransformer(nn.Module):
    """Transformer blocks on the cells of a feature map."""

    def __init__(self, channels: int, head_channels: int, context: int, depth: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([MultiviewBlock(channels, head_channels, context) for _ in range(depth)])
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, picture: Tensor, text: Tensor, image: Tensor, views: int) -> Tensor:
        """(B, C, H, W) of (B, C, H, W), see `MultiviewBlock`."""
        tokens = self.proj_in(self.norm(picture).flatten(2).transpose(1, 2))
        for block in self.transformer_blocks:
            tokens = block(tokens, text, image, views)
        return picture + self.proj_out(tokens).transpose(1, 2).reshape(picture.shape)
