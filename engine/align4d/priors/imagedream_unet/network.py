"""The multi-view U-Net: Stable Diffusion 2.1's, told cameras, with attention across views and to a condition picture.

Shi et al., MVDream, 2023; Wang and Shi, ImageDream, 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import Attention, MultiviewTransformer
from .config import MultiviewUNetConfig
from .layers import GROUPS, Downsample, ResidualBlock, Upsample, embedding_layers, timestep_waves
from .resampler import Resampler


class Stage(nn.Sequential):
    """Layers in a row, each given what it needs."""

    def forward(self, picture: Tensor, embedding: Tensor, text: Tensor, image: Tensor, views: int) -> Tensor:  # type: ignore[override]
        """See `MultiviewUNet`."""
        for layer in self:
            if isinstance(layer, ResidualBlock):
                picture = layer(picture, embedding)
            elif isinstance(layer, MultiviewTransformer):
                picture = layer(picture, text, image, views)
            else:
                picture = layer(picture)
        return picture


class MultiviewUNet(nn.Module):
    """Predicts the noise in the latents of several views of an object together."""

    def __init__(self, config: MultiviewUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.image_embed = Resampler(config)
        self.time_embed = embedding_layers(config.model_channels, config.time_channels)
        self.camera_embed = embedding_layers(config.camera_dim, config.time_channels)
        self.input_blocks = nn.ModuleList([Stage(nn.Conv2d(config.in_channels, config.model_channels, 3, padding=1))])
        skips = self._build_down()
        widest = config.channel_mult[-1] * config.model_channels
        self.middle_block = Stage(self._residual(widest, widest), self._transformer(widest), self._residual(widest, widest))
        self.output_blocks = nn.ModuleList()
        self._build_up(skips)
        out = nn.Conv2d(config.model_channels, config.out_channels, 3, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(GROUPS, config.channel_mult[0] * config.model_channels), nn.SiLU(), out)

    @property
    def dtype(self) -> torch.dtype:
        """In which it computes."""
        return self.image_embed.latents.dtype

    def slice_attention(self) -> None:
        """Computes attention head by head from now on: less memory, slower."""
        for module in self.modules():
            if isinstance(module, Attention):
                module.sliced = True

    def forward(self, noisy: Tensor, timestep: Tensor, camera: Tensor, text: Tensor, image: Tensor, views: int) -> Tensor:
        """The noise (B, out_channels, H, W) in `noisy` (B, in_channels, H, W).

        Args:
            timestep: (B,).
            camera: (B, camera_dim).
            text: (B, L, context_dim) tokens.
            image: (B, image_tokens, context_dim) tokens of `image_embed`.
            views: that belong together; they lie next to each other, and B is a multiple of it.
        """
        waves = timestep_waves(timestep, self.config.model_channels).to(noisy.dtype)
        embedding = self.time_embed(waves) + self.camera_embed(camera)
        picture, skips = noisy, []
        for stage in self.input_blocks:
            picture = stage(picture, embedding, text, image, views)
            skips.append(picture)
        picture = self.middle_block(picture, embedding, text, image, views)
        for stage in self.output_blocks:
            picture = stage(torch.cat([picture, skips.pop()], 1), embedding, text, image, views)
        return self.out(picture)

    def _residual(self, inputs: int, outputs: int) -> ResidualBlock:
        return ResidualBlock(inputs, outputs, self.config.time_channels)

    def _transformer(self, channels: int) -> MultiviewTransformer:
        config = self.config
        return MultiviewTransformer(channels, config.num_head_channels, config.context_dim, config.transformer_depth)

    def _build_down(self) -> list[int]:
        """Appends the way down. Returns the channels of each of its stages' outputs."""
        config = self.config
        channels = config.model_channels
        skips = [channels]
        for level, multiple in enumerate(config.channel_mult):
            for _ in range(config.num_res_blocks):
                self.input_blocks.append(self._stage(channels, multiple, level))
                channels = multiple * config.model_channels
                skips.append(channels)
            if level < len(config.channel_mult) - 1:
                self.input_blocks.append(Stage(Downsample(channels)))
                skips.append(channels)
        return skips

    def _build_up(self, skips: list[int]) -> None:
        """Appends the way up, which takes the outputs of the way down in reverse."""
        config = self.config
        channels = config.channel_mult[-1] * config.model_channels
        for level in reversed(range(len(config.channel_mult))):
            for index in range(config.num_res_blocks + 1):
                stage = self._stage(channels + skips.pop(), config.channel_mult[level], level)
                channels = config.channel_mult[level] * config.model_channels
                if level > 0 and index == config.num_res_blocks:
                    stage.append(Upsample(channels))
                self.output_blocks.append(stage)

    def _stage(self, inputs: int, multiple: int, level: int) -> Stage:
        """A residual block, with attention where the level has it."""
        outputs = multiple * self.config.model_channels
        stage = Stage(self._residual(inputs, outputs))
        if 2**level in self.config.attention_resolutions:
            stage.append(self._transformer(outputs))
        return stage
