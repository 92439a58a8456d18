"""A pipeline of diffusers, put together from the components in a folder: checked first, loaded one by one, placed by a memory budget."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from PIL import Image

from ..errors import EngineError
from ..job.reporting import Reporter
from ..models.card import ModelNeed
from ..models.component_folder import Component, find_component, read_json
from ..models.component_loading import load_network, load_processor, require_libraries
from ..models.memory_estimate import out_of_memory_as_sentence
from ..models.placing import Place, Placement, ReservedMemory, Stage, choose_placement, needs
from .interfaces import GenerationOptions, Generator

LARGEST_TILE = 512
"""Side of the tiles in which a picture is decoded to save memory [px]."""


@dataclass(frozen=True)
class Network:
    """How a network of a pipeline is loaded, and what it takes.

    Attributes:
        kind: its class: a name in diffusers, or "transformers." and a name there.
        size, largest: see `Stage`; of the published weights, for a plan without them [bytes].
        work, frugal: see `Stage`; for the size of picture that the model is used with [bytes].
        exact: computes in float32 even where the others compute in half precision.
    """

    kind: str
    size: int
    largest: int
    work: int
    frugal: int
    exact: bool = False

    @property
    def stem(self) -> str:
        """What its weights are called."""
        return "model" if self.kind.startswith("transformers.") else "diffusion_pytorch_model"


@dataclass(frozen=True)
class Recipe:
    """What a pipeline of diffusers is made of.

    Attributes:
        pipeline: its class's name in diffusers.
        networks: by the name of their folder, in the order in which they work.
        helpers: tokenizers, schedulers and processors by the name of their folder: their class, named as `Network.kind` is.
        half: what networks compute in on a GPU.
        told: entries of model_index.json that the pipeline's constructor takes as well.
        constants: further arguments of the constructor.
        reserved: counted for the published weights; None: not counted.
    """

    pipeline: str
    networks: Mapping[str, Network]
    helpers: Mapping[str, str]
    half: torch.dtype = torch.float16
    told: tuple[str, ...] = ()
    constants: Mapping[str, Any] | None = None
    reserved: ReservedMemory | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """What has to be there of the published model, for its card."""
        return ("model_index.json", *self.networks, *self.helpers)

    def stages(self) -> list[Stage]:
        """The networks of the published model, at work."""
        return [Stage(name, one.size, one.largest, one.work, one.frugal) for name, one in self.networks.items()]

    def need(self) -> ModelNeed:
        """The memory of the published model, for its card."""
        return needs(self.stages(), self.reserved)


@dataclass
class OpenPipeline:
    """A pipeline that is ready to work.

    Attributes:
        pipe: of diffusers.
        placement: how it was placed.
        device: where it computes.
    """

    pipe: Any
    placement: Placement
    device: torch.device

    def generator(self, seed: int) -> torch.Generator:
        """Random numbers; the same on every device."""
        return torch.Generator("cpu").manual_seed(seed)

    def close(self) -> None:
        """Lets go of the memory."""
        self.pipe = None
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def open_pipeline(name: str, folder: Path, recipe: Recipe, place: Place, beside: Sequence[Stage] = ()) -> OpenPipeline:
    """The pipeline of the model in `folder`.

    Args:
        name: of the model, for messages.
        beside: networks that the caller loads and places likewise.

    Raises:
        EngineError: "model_libraries", "model_layout", "model_pickle", "model_file", "model_unsafe", "model_memory".
    """
    require_libraries()
    import diffusers

    half = place.device.type == "cuda"
    dtypes = {key: recipe.half if half and not network.exact else torch.float32 for key, network in recipe.networks.items()}
    found = {key: find_component(folder, key, network.stem, half) for key, network in recipe.networks.items()}
    stages = [stage_of(found[key], network, dtypes[key]) for key, network in recipe.networks.items()]
    stages += beside
    told = read_json(folder / "model_index.json") if recipe.told else {}
    placement = choose_placement(name, stages, place, recipe.reserved)
    parts: dict[str, Any] = {key: load_processor(_class(kind), folder, key) for key, kind in recipe.helpers.items()}
    for key, network in recipe.networks.items():
        word = "dtype" if network.kind.startswith("transformers.") else "torch_dtype"
        parts[key] = load_network(_class(network.kind), found[key], {word: dtypes[key], "variant": found[key].variant})
    extra = {key: told[key] for key in recipe.told if key in told} | dict(recipe.constants or {})
    try:
        pipe = getattr(diffusers, recipe.pipeline)(**parts, **extra)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise EngineError(
            "model_file", f"The parts of {name} in {folder} do not fit each other: {error}", "Download the model again, with all its files."
        ) from error
    pipe.set_progress_bar_config(disable=True)
    _place(pipe, placement, place.device)
    return OpenPipeline(pipe, placement, place.device)


class PipelineGenerator(Generator):
    """A generator that is one pipeline of diffusers."""

    recipe: ClassVar[Recipe]

    def __init__(self, opened: OpenPipeline, options: GenerationOptions) -> None:
        self.opened, self.options = opened, options

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`."""
        return cls(open_pipeline(cls.card.name, folder, cls.recipe, place), options)

    def close(self) -> None:
        """See `Generator`."""
        self.opened.close()

    def steps(self, usual: int) -> int:
        """Of denoising."""
        return self.options.steps or usual

    @torch.inference_mode()
    def run(self, seed: int, steps: int, report: Reporter, **arguments: Any) -> Any:
        """What the pipeline makes; out of memory is a sentence. Raises EngineError "out_of_memory", Cancelled."""
        with out_of_memory_as_sentence(self.card.name):
            return self.opened.pipe(
                num_inference_steps=steps,
                generator=self.opened.generator(seed),
                callback_on_step_end=step_reporter(report, steps),
                output_type="np",
                **arguments,
            )


def stage_of(component: Component, network: Network, dtype: torch.dtype) -> Stage:
    """What a component will take, told from its file."""
    counts = [tensor.count for tensor in component.tensors.values()]
    return Stage(component.folder.name, sum(counts) * dtype.itemsize, max(counts) * dtype.itemsize, network.work, network.frugal)


def _class(kind: str) -> Any:
    import diffusers
    import transformers

    library, _, name = kind.rpartition(".")
    return getattr(transformers if library else diffusers, name)


def _place(pipe: Any, placement: Placement, device: torch.device) -> None:
    if placement.offload == "none":
        pipe.to(device)
    elif placement.offload == "by network":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(onload_device=device, offload_device=torch.device("cpu"), offload_type="leaf_level")
    if placement.frugal and hasattr(pipe, "vae") and hasattr(pipe.vae, "use_tiling"):
        _tile(pipe.vae)


def _tile(vae: Any) -> None:
    """Lets a picture decoder work in tiles, which overlap."""
    vae.enable_tiling()
    if hasattr(vae, "tile_latent_min_size"):
        # the picture decoder of SDXL would take a whole picture for one tile
        cells = vae.tile_sample_min_size // vae.tile_latent_min_size
        vae.tile_sample_min_size = min(vae.tile_sample_min_size, LARGEST_TILE)
        vae.tile_latent_min_size = vae.tile_sample_min_size // cells


def step_reporter(report: Reporter, steps: int) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """For diffusers' `callback_on_step_end`: progress, and a cancel within a step."""

    def after(_pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        report.check_cancelled()
        report.progress(step + 1, steps)
        return tensors

    return after


def as_picture(pixels: np.ndarray) -> Image.Image:
    """For diffusers, of (H, W, 3) uint8."""
    return Image.fromarray(np.ascontiguousarray(pixels))


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 of diffusers' floats in [0, 1]. Raises EngineError "model_output" for values that are no numbers."""
    if not np.isfinite(pixels).all():
        raise EngineError(
            "model_output",
            "The model's picture holds values that are no numbers.",
            "Try another seed; if it comes back, the model's files are damaged.",
        )
    return (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
