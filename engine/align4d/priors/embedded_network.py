"""The embedded prior's network: a U-Net with attention over two views, in pixels.

Two streams run through the same weights. The condition stream sees a clean picture, and neither the time nor the other
camera: what its attention layers leave behind (keys and values) is computed once per video frame. The target stream
denoises a picture from another camera and attends to both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, pixel_shuffle, pixel_unshuffle, rms_norm, scaled_dot_product_attention, silu

from .view_geometry import RAY_FEATURES, apply_rotary, apply_transform, camera_transforms, plucker_rays, ray_features, rotary_table

GRID = 32
"""Side of the grid that pictures are folded to."""


@dataclass(frozen=True)
class NetworkConfig:
    """Attributes:
    size: side of the pictures [px], a multiple of 32.
    widths: channels at 32², 16² and 8².
    head: channels of an attention head, a multiple of 8.
    embedding: width of the time's embedding.
    convolutions: residual blocks at 32² on the way down and up.
    blocks: attention blocks at 16² on the way down, at 8², at 16² on the way up.
    """

    size: int = 64
    widths: tuple[int, int, int] = (96, 256, 384)
    head: int = 64
    embedding: int = 160
    convolutions: tuple[int, int] = (1, 2)
    blocks: tuple[int, int, int] = (2, 7, 2)


Cached = tuple[Tensor, Tensor]
"""Keys and values (B, heads, N, D) of one attention block."""


@dataclass(frozen=True)
class View:
    """What every block needs to know of a view.

    Attributes:
        embedding: (B, E) of the time, or the mark of the condition stream.
        there, back: (B, 4, 4), see `camera_transforms`.
    """

    embedding: Tensor
    there: Tensor
    back: Tensor


class ResidualBlock(nn.Module):
    """Two convolutions, scaled and shifted by the embedding; starts as the identity (or a 1 x 1 convolution)."""

    def __init__(self, channels_in: int, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.GroupNorm(8, channels_in), nn.GroupNorm(8, channels)
        self.conv_in = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels)
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        _zero(self.conv_out)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (B, channels_in, H, W) -> (B, channels, H, W)."""
        hidden = self.conv_in(silu(self.norm_in(x)))
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
        return self.skip(x) + self.conv_out(silu(self.norm_out(hidden) * (1 + scale) + shift))


class AttentionBlock(nn.Module):
    """Attention over a view's own tokens and the condition's, then a feed-forward layer; both gated by the embedding."""

    def __init__(self, channels: int, head: int, embedding: int) -> None:
        super().__init__()
        self.heads = channels // head
        self.modulation = nn.Linear(embedding, 6 * channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.widen, self.narrow = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.query_norm, self.key_norm = nn.Parameter(torch.ones(head)), nn.Parameter(torch.ones(head))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():
            for gate in (2, 5):
                self.modulation.bias[gate * channels : (gate + 1) * channels] = 0.3

    def forward(self, x: Tensor, view: View, rotary: Cached, condition: Cached | None) -> tuple[Tensor, Cached]:
        """x (B, N, channels) -> the same, and its own keys and values."""
        count, tokens, channels = x.shape
        scale_a, shift_a, gate_a, scale_f, shift_f, gate_f = self.modulation(view.embedding)[:, None].chunk(6, -1)
        mixed = self.qkv(layer_norm(x, (channels,)) * (1 + scale_a) + shift_a)
        query, key, value = mixed.view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query = rms_norm(query, query.shape[-1:], self.query_norm.to(query.dtype))
        key = rms_norm(key, key.shape[-1:], self.key_norm.to(key.dtype))
        query = apply_rotary(apply_transform(view.there.mT, query), *rotary).to(value.dtype)
        key = apply_rotary(apply_transform(view.back, key), *rotary).to(value.dtype)
        value = apply_transform(view.back, value).to(value.dtype)
        own = (key, value)
        if condition is not None:
            key, value = torch.cat([key, condition[0]], 2), torch.cat([value, condition[1]], 2)
        seen = apply_transform(view.there, scaled_dot_product_attention(query, key, value))
        x = x + gate_a * self.out(seen.transpose(1, 2).reshape(count, tokens, channels))
        hidden = gelu(self.widen(layer_norm(x, (channels,)) * (1 + scale_f) + shift_f), approximate="tanh")
        return x + gate_f * self.narrow(hidden), own


class NovelViewNetwork(nn.Module):
    """Predicts v = alpha * noise - sigma * picture of a noisy picture from a camera, given a picture from another one."""

    middle_cosine: Tensor
    middle_sine: Tensor
    deep_cosine: Tensor
    deep_sine: Tensor

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        wide, middle, deep = config.widths
        width, head = config.embedding, config.head
        self.fold = config.size // GRID
        pixels = 3 * self.fold**2
        self.time = nn.Sequential(nn.Linear(2 * TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.condition_mark = nn.Parameter(torch.zeros(width))
        # noisy picture, condition picture, whether there is one, whether this is the condition stream, rays
        self.enter = nn.Conv2d(2 * pixels + 2 + RAY_FEATURES, wide, 3, padding=1)
        self.down = nn.ModuleList([ResidualBlock(wide, wide, width) for _ in range(config.convolutions[0])])
        self.to_middle, self.to_deep = nn.Conv2d(wide, middle, 2, 2), nn.Conv2d(middle, deep, 2, 2)
        self.middle_place = nn.Parameter(torch.randn(1, (GRID // 2) ** 2, middle) * 0.02)
        self.deep_place = nn.Parameter(torch.randn(1, (GRID // 4) ** 2, deep) * 0.02)
        self.before = nn.ModuleList([AttentionBlock(middle, head, width) for _ in range(config.blocks[0])])
        self.bottom = nn.ModuleList([AttentionBlock(deep, head, width) for _ in range(config.blocks[1])])
        self.from_deep, self.join = nn.Linear(deep, 4 * middle), nn.Linear(2 * middle, middle)
        self.after = nn.ModuleList([AttentionBlock(middle, head, width) for _ in range(config.blocks[2])])
        self.from_middle = nn.Linear(middle, 4 * wide)
        self.up = nn.ModuleList([ResidualBlock(2 * wide if i == 0 else wide, wide, width) for i in range(config.convolutions[1])])
        self.leave_norm, self.leave = nn.GroupNorm(8, wide), nn.Conv2d(wide, pixels, 3, padding=1)
        _zero(self.leave)
        for name, side in (("middle", GRID // 2), ("deep", GRID // 4)):
            cosine, sine = rotary_table(side, head)
            self.register_buffer(f"{name}_cosine", cosine, persistent=False)
            self.register_buffer(f"{name}_sine", sine, persistent=False)

    def condition(self, picture: Tensor, elevation: Tensor, distance: Tensor, given: Tensor) -> tuple[Tensor, ...]:
        """Digests condition pictures.

        Args:
            picture: (F, 3, size, size) in [-1, 1].
            elevation [rad], distance: (F,) of their cameras.
            given: (F,) 1, or 0 where the condition is to say nothing.

        Returns:
            the folded picture and mark (F, pixels + 1, 32, 32), then keys and values of every attention block.
        """
        azimuth = torch.zeros_like(elevation)
        folded = self._condition_channels(picture, given)
        flag = torch.ones(len(picture), 1, GRID, GRID, device=picture.device, dtype=picture.dtype)
        rays = ray_features(plucker_rays(elevation, azimuth, distance, GRID)).to(picture.dtype)
        # the condition stands where the noisy picture stands in the target stream
        x = torch.cat([folded[:, :-1], torch.zeros_like(folded[:, :-1]), folded[:, -1:], flag, rays], 1)
        view = View(self.condition_mark.expand(len(picture), -1), *camera_transforms(elevation, azimuth, distance))
        _, _, cached = self._trunk(x, view, None)
        return (folded, *(tensor for pair in cached for tensor in pair))

    def _condition_channels(self, picture: Tensor, given: Tensor) -> Tensor:
        mark = given[:, None, None, None].to(picture.dtype)
        return torch.cat([pixel_unshuffle(picture * mark, self.fold), mark.expand(-1, 1, GRID, GRID)], 1)

    def forward(
        self, noisy: Tensor, log_noise: Tensor, elevation: Tensor, azimuth: Tensor, distance: Tensor, condition: tuple[Tensor, ...]
    ) -> Tensor:
        """v (B, 3, size, size).

        Args:
            noisy: (B, 3, size, size), alpha * picture + sigma * noise, pictures in [-1, 1].
            log_noise: (B,) log(sigma / alpha).
            elevation, azimuth, distance: (B,) of the target's camera [rad]; azimuth relative to the condition's.
            condition: see `condition`, with B rows.
        """
        folded, *tensors = condition
        cached = list(zip(tensors[::2], tensors[1::2], strict=True))
        rays = ray_features(plucker_rays(elevation, azimuth, distance, GRID)).to(noisy.dtype)
        flag = torch.zeros(len(noisy), 1, GRID, GRID, device=noisy.device, dtype=noisy.dtype)
        x = torch.cat([pixel_unshuffle(noisy, self.fold), folded.to(noisy.dtype), flag, rays], 1)
        view = View(self.time(_waves(log_noise / 4)), *camera_transforms(elevation, azimuth, distance))
        tokens, entered, _ = self._trunk(x, view, cached)
        grid = pixel_shuffle(self.from_middle(tokens).transpose(1, 2).reshape(len(noisy), -1, GRID // 2, GRID // 2), 2)
        x = torch.cat([grid.contiguous(memory_format=torch.channels_last), entered], 1)
        for block in self.up:
            x = block(x, view.embedding)
        return pixel_shuffle(self.leave(silu(self.leave_norm(x))), self.fold)

    def _trunk(self, x: Tensor, view: View, condition: list[Cached] | None) -> tuple[Tensor, Tensor, list[Cached]]:
        """Both streams, up to the last attention block: tokens at 16², the grid at 32², keys and values of each block."""
        middle_rotary, deep_rotary = (self.middle_cosine, self.middle_sine), (self.deep_cosine, self.deep_sine)
        seen = iter(condition) if condition is not None else None
        own: list[Cached] = []

        def attend(blocks: nn.ModuleList, tokens: Tensor, rotary: Cached) -> Tensor:
            for block in blocks:
                tokens, cached = block(tokens, view, rotary, None if seen is None else next(seen))
                own.append(cached)
            return tokens

        x = self.enter(x.contiguous(memory_format=torch.channels_last))
        for block in self.down:
            x = block(x, view.embedding)
        middle = attend(self.before, self.to_middle(x).flatten(2).transpose(1, 2) + self.middle_place, middle_rotary)
        side = GRID // 2
        grid = middle.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        deep = attend(self.bottom, self.to_deep(grid).flatten(2).transpose(1, 2) + self.deep_place, deep_rotary)
        spread = self.from_deep(deep).view(len(x), side // 2, side // 2, 2, 2, -1).permute(0, 1, 3, 2, 4, 5).reshape(len(x), side * side, -1)
        tokens = attend(self.after, self.join(torch.cat([spread, middle], -1)), middle_rotary)
        return tokens, x, own


def grown(network: NovelViewNetwork, config: NetworkConfig) -> NovelViewNetwork:
    """A network of `config` that answers as `network` does; its further attention blocks say nothing until they have learnt to.

    Raises:
        ValueError: unless `config` differs by more attention blocks alone.
    """
    old = network.config
    if replace(old, blocks=config.blocks) != config or any(new < had for new, had in zip(config.blocks, old.blocks, strict=True)):
        raise ValueError(f"a network of {old} cannot grow to {config}")
    result = NovelViewNetwork(config)
    for stage, had in zip((result.before, result.bottom, result.after), old.blocks, strict=True):
        for block in list(stage)[had:]:
            assert isinstance(block, AttentionBlock)
            _zero(block.out)
            _zero(block.narrow)
    missing, _ = result.load_state_dict(network.state_dict(), strict=False)
    assert all(name.split(".")[0] in ("before", "bottom", "after") for name in missing)
    return channels_last(result)


def channels_last(network: NovelViewNetwork) -> NovelViewNetwork:
    """The network itself, its convolutions' weights laid out as its pictures are: faster."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own hints leave this form out
    return network


def _zero(layer: nn.Module) -> None:
    """Makes a layer say nothing until it has learnt to."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


TIME_WAVES = 32


def _waves(x: Tensor) -> Tensor:
    """(B, 64) sines and cosines of x (B,)."""
    frequency = torch.exp(torch.linspace(0, math.log(64.0), TIME_WAVES, device=x.device))
    angle = x[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], -1)
