"""The lifter: a small transformer over the surface points and frames of a clip.

Each token is one point in one frame. Blocks attend over the points of a frame, then over the frames of a point (factorized space-time
attention, as in MotionBERT, Zhu et al. 2023), so that clips of any length and any number of points go through the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..rendering.cpu.threads import shared_out
from .tokens import FEATURES, Tracks, tokens

TIME_FREQUENCIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0)
"""Of the code of a frame's time [rad/s]."""

LEAST_LOG_SPREAD, MOST_LOG_SPREAD = -5.0, 3.0
"""Between which the logarithm of a spread stays, in units of the clip's motion in the picture."""


PIECES = 12
"""Of a layer's rows on the processor."""


@dataclass(frozen=True)
class LifterConfig:
    """Attributes:
    width: of a token.
    depth: number of blocks.
    heads: of each attention.
    hidden: width inside the feed-forward layers.
    modes: hypotheses of each point's depth: seen from one side, a limb that bends to the front and one that bends to the back look alike.
    """

    width: int = 256
    depth: int = 6
    heads: int = 8
    hidden: int = 768
    modes: int = 2


@dataclass(frozen=True)
class DepthModes:
    """A mixture of M Laplace distributions of each point's depth; which one holds is one choice for all frames of a point.

    Attributes:
        depth: (B, T, P, M) change of depth from the rest pose, away from the camera [longest sides].
        spread: (B, T, P, M) scale of the Laplace distribution [longest sides].
        log_share: (B, P, M) logarithm of the probability of each mode.
    """

    depth: Tensor
    spread: Tensor
    log_share: Tensor

    @property
    def mean(self) -> Tensor:
        """(B, T, P) depth, the modes weighted by their probability."""
        return (self.depth * self.log_share.exp()[:, None]).sum(-1)


class Attention(nn.Module):
    """Multi-head attention along the second dimension of (N, S, C), with normalized queries and keys, added to its input."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        head = config.width // config.heads
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.query_norm, self.key_norm = nn.RMSNorm(head, eps=1e-6), nn.RMSNorm(head, eps=1e-6)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, S, C) to (N, S, C)."""
        query, key, value = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key = self.query_norm(query).to(value.dtype), self.key_norm(key).to(value.dtype)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Attention over the points of each frame, attention over the frames of each point, and a feed-forward layer."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.over_points, self.over_frames = Attention(config), Attention(config)
        self.norm = nn.LayerNorm(config.width)
        self.widen = nn.Linear(config.width, config.hidden)
        self.narrow = nn.Linear(config.hidden, config.width)
        for layer in (self.over_points.out, self.over_frames.out, self.narrow):
            if not layer.weight.is_meta:  # where weights are loaded there are no numbers yet, and to draw none loads torch's compiler
                nn.init.normal_(layer.weight, std=0.02 / (2 * config.depth) ** 0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, P, C) to (B, T, P, C)."""
        clips, frames, points, _ = x.shape
        x = _row_by_row(self.over_points, x.flatten(0, 1)).unflatten(0, (clips, frames))
        return _row_by_row(self._of_points, x.transpose(1, 2).flatten(0, 1)).unflatten(0, (clips, points)).transpose(1, 2)

    def _of_points(self, x: Tensor) -> Tensor:
        """What each of the points (N, T, C) learns of its other frames, and the feed-forward layer."""
        x = self.over_frames(x)
        return x + self.narrow(functional.gelu(self.widen(self.norm(x))))


def _row_by_row(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A layer for which the rows of (N, S, C) have nothing to do with each other; in pieces on the processor, which threads take in turn."""
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return layer(x)

    @torch.no_grad()
    def piece(rows: Tensor) -> Tensor:
        return layer(rows)

    return torch.cat(shared_out(piece, x.split(-(-len(x) // PIECES))))


class Lifter(nn.Module):
    """See the module."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.config = config
        self.entry = nn.Linear(FEATURES, config.width)
        self.time = nn.Linear(2 * len(TIME_FREQUENCIES), config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Sequential(nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, 2 * config.modes))
        self.share = nn.Linear(config.width, config.modes)

    def forward(self, tracks: Tracks) -> DepthModes:
        """The depth that belongs to the tracks."""
        features, scale = tokens(tracks)
        frequencies = torch.tensor(TIME_FREQUENCIES, device=features.device)
        phase = frequencies * tracks.time[..., None]
        # tracks tell of depth by differences too small for half precision
        with torch.autocast(features.device.type, enabled=False):
            x = self.entry(features) + self.time(torch.cat([phase.sin(), phase.cos()], -1))[:, :, None]
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        depth, log_spread = self.head(x).float().chunk(2, -1)
        log_share = self.share(x.mean(1)).float().log_softmax(-1)
        unit = scale[..., None]
        return DepthModes(depth * unit, log_spread.clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD).exp() * unit, log_share)
