"""What shapes the multi-view U-Net, read from its configuration and from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEAD_WIDTH = 64
"""Channels of a head in the resampler."""


@dataclass(frozen=True)
class MultiviewUNetConfig:
    """Sizes of the network; the defaults are the published ones.

    Attributes:
        in_channels, out_channels: of the latents.
        model_channels: at full resolution.
        channel_mult: channels of each level, in `model_channels`; each level halves the resolution.
        num_res_blocks: residual blocks of a level, going down (one more going up).
        attention_resolutions: levels with attention, as factors of downsampling.
        num_head_channels: channels of an attention head.
        transformer_depth: transformer blocks in each place with attention.
        context_dim: channels of a text token, and of an image token.
        camera_dim: numbers that a camera is told by.
        image_tokens: tokens that the resampler makes of a picture.
        image_dim: channels of what CLIP's image encoder gives.
        resampler_heads, resampler_depth: of the resampler's attention, and its layers.
    """

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (4, 2, 1)
    num_head_channels: int = 64
    transformer_depth: int = 1
    context_dim: int = 1024
    camera_dim: int = 16
    image_tokens: int = 16
    image_dim: int = 1280
    resampler_heads: int = 12
    resampler_depth: int = 4

    @property
    def time_channels(self) -> int:
        """Channels of the embedding of timestep and camera."""
        return 4 * self.model_channels


STRUCTURE = (
    "in_channels",
    "out_channels",
    "model_channels",
    "channel_mult",
    "num_res_blocks",
    "attention_resolutions",
    "num_head_channels",
    "transformer_depth",
    "context_dim",
)
"""What the published config.json tells; the rest shows in the weights only."""


def read_config(stored: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> MultiviewUNetConfig:
    """The configuration of published weights.

    Args:
        stored: their config.json.
        shapes: of their tensors by name.

    Raises:
        KeyError, TypeError, ValueError: where these are not ImageDream's.
    """
    told: dict[str, Any] = {name: tuple(stored[name]) if isinstance(stored[name], list) else stored[name] for name in STRUCTURE if name in stored}
    _, tokens, _ = shapes["image_embed.latents"]
    return MultiviewUNetConfig(
        **told,
        camera_dim=shapes["camera_embed.0.weight"][1],
        image_tokens=tokens,
        image_dim=shapes["image_embed.proj_in.weight"][1],
        resampler_heads=shapes["image_embed.layers.0.0.to_q.weight"][0] // HEAD_WIDTH,
        resampler_depth=len({name.split(".")[2] for name in shapes if name.startswith("image_embed.layers.")}),
    )
