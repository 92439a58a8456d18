"""Memory of the paper's generators without a GPU: allocations counted on the real architectures, and estimates against what was measured."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import rich.console
import rich.table
import torch

from align4d.generators import lgm, sdxl, svd
from align4d.generators.diffusion_pipeline import Recipe
from align4d.generators.lgm_network import BIG, GaussianUNet
from align4d.generators.placing import Placement, placements
from align4d.protocol import replacing

from .generator_weights import sdxl_unet, svd_vae, vae
from .torch_memory import Allocator, play

GPU = 143_000_000_000
"""Of the H200 [bytes]."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What `bench.py generators` measured: an H200, alone, torch 2.11, 2026-11-26.

    Attributes:
        budget: of the GPU's memory, enforced; 0: all of it.
        offload, frugal: how the model was placed.
        peak: what torch held of the GPU at most, and the context of CUDA [bytes].
    """

    model: str
    budget: int
    offload: str
    frugal: bool
    peak: int


MEASURED = (
    Run("sdxl", 0, "none", False, 17_298_000_000),
    Run("sdxl", 8_000_000_000, "by network", False, 7_834_000_000),
    Run("svd", 0, "none", False, 20_048_000_000),
    Run("svd", 8_000_000_000, "by layer", True, 7_670_000_000),
    Run("lgm", 0, "none", False, 6_573_000_000),
    Run("lgm", 8_000_000_000, "none", False, 6_573_000_000),
)


@dataclasses.dataclass(frozen=True)
class Counted:
    """Attributes:
    what: which work.
    alive: by stage, in their order, at most beside the weights [bytes].
    held: of the GPU after all of them [bytes].
    """

    what: str
    alive: dict[str, int]
    held: int


Work = tuple[str, torch.nn.Module, Callable[[], object]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")


def run(arguments: argparse.Namespace) -> int:
    """Counts, prints both tables and writes OUT/figures.json."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    counts = [*count_sdxl(), *count_svd(svd.LONG), *count_svd(svd.SHORT), count_lgm()]
    errors = [(one, placement_of(one), estimate(one)) for one in MEASURED]
    with replacing(arguments.out / "figures.json", "w") as file:
        told = [{**dataclasses.asdict(one), "estimate": guess} for one, _, guess in errors]
        json.dump({"counts": [dataclasses.asdict(one) for one in counts], "runs": told}, file, indent=1)
    console = rich.console.Console()
    console.print(_counts(counts))
    console.print(_errors(errors))
    return 0


def count(what: str, works: Iterable[Work]) -> Counted:
    """Plays works one after the other with one allocator."""
    allocator = Allocator()
    alive = {name: play(allocator, network, work) for name, network, work in works}
    return Counted(what, alive, allocator.held)


def count_sdxl() -> list[Counted]:
    """A picture of 1024 px: decoded as a whole, and in tiles."""
    unet, decoder = on_meta(sdxl_unet, torch.float16), on_meta(lambda: vae(1024), torch.float32)

    def denoise() -> object:
        told = {"text_embeds": blank(2, 1280), "time_ids": blank(2, 6)}
        return unet(blank(2, 4, 128, 128), blank(), blank(2, 77, 2048), added_cond_kwargs=told)

    def decode() -> object:
        return decoder.decode(blank(1, 4, 128, 128, dtype=torch.float32))

    whole = count("sdxl", [("unet", unet, denoise), ("decoding", decoder, decode)])
    decoder.enable_tiling()
    decoder.tile_sample_min_size, decoder.tile_latent_min_size = 512, 64
    return [whole, count("sdxl, in tiles", [("unet", unet, denoise), ("decoding", decoder, decode)])]


def count_svd(frames: int) -> list[Counted]:
    """A video of 1024 x 576: as a whole, and piece by piece."""
    from diffusers import UNetSpatioTemporalConditionModel

    unet = on_meta(UNetSpatioTemporalConditionModel, torch.float16)
    encoder, decoder = on_meta(svd_vae, torch.float32), on_meta(svd_vae, torch.float16)

    def works(decoded: int) -> list[Work]:
        return [
            ("encoding", encoder, lambda: encoder.encode(blank(1, 3, 576, 1024, dtype=torch.float32))),
            ("unet", unet, lambda: unet(blank(2, frames, 8, 72, 128), blank(), blank(2, 1, 1024), blank(2, 3))),
            ("decoding", decoder, lambda: decoder.decode(blank(decoded, 4, 72, 128), num_frames=decoded)),
        ]

    whole = count(f"svd, {frames} frames", works(svd.DECODED))
    unet.enable_forward_chunking()
    return [whole, count(f"svd, {frames} frames, in pieces", works(svd.DECODED_FRUGAL))]


def count_lgm() -> Counted:
    """Four views of 256 px, and the Gaussians."""
    decoder, network = on_meta(lambda: vae(256), torch.float32), on_meta(lambda: GaussianUNet(BIG), torch.float16)
    works: list[Work] = [
        ("decoding", decoder, lambda: decoder.decode(blank(4, 4, 32, 32, dtype=torch.float32))),
        ("gaussians", network, lambda: network(blank(4, 9, 256, 256))),
    ]
    return count("lgm", works)


def on_meta(make: Callable[[], Any], dtype: torch.dtype) -> Any:
    """A network without numbers."""
    with torch.device("meta"):
        network = make()
    # diffusers' own `to` warns of layers that it would keep in float32; these have none
    return torch.nn.Module.to(network, device="meta", dtype=dtype).eval()


def blank(*shape: int, dtype: torch.dtype = torch.float16) -> torch.Tensor:
    """A tensor without numbers."""
    return torch.empty(shape, dtype=dtype, device="meta")


def placement_of(one: Run) -> Placement:
    """How the published model is placed within the budget of a run: the first way that fits, as the engine chooses."""
    return next(placement for placement in _placements(one.model) if placement.need <= _free(one))


def estimate(one: Run) -> int:
    """What a plan says of it [bytes]."""
    return placement_of(one).taken(_free(one))


def _free(one: Run) -> int:
    return one.budget or GPU


def _placements(model: str) -> list[Placement]:
    if model == "lgm":
        return lgm.published_placements()
    recipe: Recipe = sdxl.RECIPE if model == "sdxl" else svd.recipe_for(svd.LONG)
    return placements(recipe.stages(), on_cpu=False, held=recipe.held)


def _counts(counts: list[Counted]) -> rich.table.Table:
    table = rich.table.Table("counted", "alive at most beside the weights, GB", "held, GB")
    for one in counts:
        table.add_row(one.what, ", ".join(f"{name} {_gb(alive)}" for name, alive in one.alive.items()), _gb(one.held))
    return table


def _errors(errors: list[tuple[Run, Placement, int]]) -> rich.table.Table:
    table = rich.table.Table("model", "budget, GB", "offloaded", "in pieces", "estimate, GB", "measured, GB", "error, %")
    for one, placement, guess in errors:
        budget, frugal = f"{one.budget / 1e9:.0f}" if one.budget else "free", "yes" if placement.frugal else "no"
        table.add_row(one.model, budget, placement.offload, frugal, _gb(guess), _gb(one.peak), f"{100 * (guess - one.peak) / one.peak:+.1f}")
    return table


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f}"
