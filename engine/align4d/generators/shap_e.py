"""Shap-E: image to 3D (Jun and Nichol, "Shap-E: Generating Conditional 3D Implicit Functions", 2023).

    picture -> CLIP's tokens -> a transformer denoises 1024 x 1024 numbers -> these are the weights of a small network, which says for
    every place how far the surface is and what color it has -> marching cubes

Its space has Z up. Which way an object faces in it is chance: runs of one picture come out turned differently (openai/shap-e, issue 87),
so the view that looks like the picture is searched for (`facing.find_view`), and the object turned.

In the published folder shap_e_renderer/ the weights are a pickle only. renderer/ beside it has the same network as safetensors, without
the table of diffusers' own marching cubes; ours is used in its place, so that no pickle is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit
from ..errors import EngineError
from ..job.reporting import Reporter
from ..models.card import ModelCard
from ..models.component_folder import Component, find_component
from ..models.component_loading import load_network
from ..models.memory_estimate import out_of_memory_as_sentence
from ..models.placement import Placed
from ..models.placing import Place, Stage, needs
from ..reconstruction.solid import Surface, polygonised
from ..reconstruction.texture import in_texture
from ..reconstruction.textured_asset import surface_gaussians
from ..reconstruction.textured_mesh import TexturedMesh
from ..reconstruction.unwrapping import unwrap
from .diffusion_pipeline import Network, OpenPipeline, Recipe, as_picture, open_pipeline, stage_of
from .facing import find_view, turned, turned_points
from .interfaces import GeneratedAsset, GenerationOptions, ImageTo3D
from .pictures import Crop, around_object, cut_on_white, whole_picture_camera

SIDE, MARGIN, STEPS, GUIDANCE = 256, 0.25, 64, 3.0
"""Of the picture that is shown to it [px], of that what the object leaves free; of denoising, as it is published."""

CELLS, SMOOTHING, QUERIES = 72, 6, 65_536
"""Of the grid on which the surface is looked for, along a side; iterations of the filter; places that are asked at once."""

MOST_TRIANGLES = 24 * CELLS**2
"""Twice those of a full cube. A surface with more is no object's but noise, which no UV map holds."""

TEXTURE_SIDE, GAUSSIANS = 1024, 20_000
"""[px]"""

FOVY = 40.0
"""Vertical field of view that the picture is taken to have where nothing else is known [degrees]."""

HALF_DEPTH = 0.25
"""Of an object, in longest sides: so much nearer than its middle is what the picture shows of it."""

FOLDERS = ("shap_e_renderer", "renderer")
"""Of the network behind the denoising, in the order in which they are looked at."""

SPARE = ("mesh_decoder.cases", "mesh_decoder.masks", "void.background")
"""Tensors of it that renderer/ lacks: a table of marching cubes, and the color of nothing, which is not used."""

PRIOR_WORK, ENCODER_WORK, RENDERER_WORK = 150_000_000, 60_000_000, 700_000_000
"""Rough: not counted on the real architecture [bytes]; the last with `QUERIES` places of 256 channels, and weights that are made."""

RENDERER = Network("ShapERenderer", 905_000_000, 268_000_000, RENDERER_WORK, RENDERER_WORK, exact=True)

RECIPE = Recipe(
    "ShapEImg2ImgPipeline",
    {
        "image_encoder": Network("transformers.CLIPVisionModel", 607_000_000, 8_000_000, ENCODER_WORK, ENCODER_WORK),
        "prior": Network("PriorTransformer", 632_000_000, 8_400_000, PRIOR_WORK, PRIOR_WORK),
    },
    {"image_processor": "transformers.CLIPImageProcessorPil", "scheduler": "HeunDiscreteScheduler"},
    constants={"shap_e_renderer": None},
)


def _stage(network: Network) -> Stage:
    return Stage(FOLDERS[-1], network.size, network.largest, network.work, network.frugal)


class ShapE(ImageTo3D):
    """See `ImageTo3D`."""

    card = ModelCard(
        id="shap-e",
        role="image_to_3d",
        name="Shap-E",
        license="MIT",
        non_commercial=False,
        source="openai/shap-e-img2img",
        size_on_disk=1_690_000_000,
        need=needs([*RECIPE.stages(), _stage(RENDERER)]),
        parts=(*RECIPE.parts, FOLDERS[-1]),
    )

    def __init__(self, opened: OpenPipeline, renderer: Placed, options: GenerationOptions) -> None:
        self.opened, self.renderer, self.options = opened, renderer, options

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`."""
        component = find_renderer(folder)
        opened = open_pipeline(cls.card.name, folder, RECIPE, place, beside=[stage_of(component, RENDERER, torch.float32)])
        return cls(opened, Placed(load_renderer(component), place.device, opened.placement.offload != "none"), options)

    def close(self) -> None:
        """See `Generator`."""
        del self.renderer
        self.opened.close()

    @torch.no_grad()
    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        """See `ImageTo3D`."""
        crop = around_object(picture[..., 3], MARGIN)
        with out_of_memory_as_sentence(self.card.name):
            numbers = self._denoised(cut_on_white(picture, crop, SIDE), seed, report)
            with self.renderer.ready() as renderer:
                surface, color = colored_surface(renderer, numbers.float(), report)
        mesh = textured(surface, color)
        gaussians = surface_gaussians(mesh, GAUSSIANS, seed)
        azimuth, elevation = find_view(gaussians, picture, report)
        vertices = turned_points(torch.from_numpy(mesh.vertices), azimuth).numpy()
        mesh = TexturedMesh(vertices, mesh.triangles, mesh.corner_uv, mesh.texture)
        camera = _camera(elevation, around_object(picture[..., 3], 0.0), picture.shape)
        return GeneratedAsset(turned(gaussians, azimuth), camera, mesh)

    def _denoised(self, square: np.ndarray, seed: int, report: Reporter) -> Tensor:
        """(1, 1024, 1024) numbers, of the picture (S, S, 3) uint8."""
        steps, pipe = self.options.steps or STEPS, self.opened.pipe
        with _each_step_reported(pipe.prior, report, 2 * steps - 1):  # its scheduler, Heun's, asks the network twice a step
            found = pipe(
                as_picture(square),
                num_inference_steps=steps,
                generator=self.opened.generator(seed),
                guidance_scale=GUIDANCE,
                output_type="latent",
            )
        return found.images[:1]


def find_renderer(folder: Path) -> Component:
    """The network behind the denoising, from the first of `FOLDERS` that has it as safetensors.

    Raises:
        EngineError: "model_layout", "model_pickle" where there are pickles only, "model_file", "model_unsafe".
    """
    usable = [name for name in FOLDERS if any((folder / name).glob(f"{RENDERER.stem}*.safetensors"))]
    there = [name for name in FOLDERS if (folder / name).is_dir()]
    name = (usable or there or FOLDERS)[0]
    return find_component(folder, name, RENDERER.stem, half=False)


def load_renderer(component: Component) -> Any:
    """It, in float32: its places are coded by sines of up to 16384 times their coordinates, which half precision cannot tell apart."""
    from diffusers.pipelines.shap_e.renderer import ShapERenderer

    return load_network(ShapERenderer, component, {"torch_dtype": torch.float32, "variant": component.variant}, spare=SPARE)


def colored_surface(renderer: Any, numbers: Tensor, report: Reporter) -> tuple[Surface, np.ndarray]:
    """The surface in the engine's normalized space, not yet turned, and the sRGB colors (V, 3) of its vertices.

    Args:
        renderer: diffusers' ShapERenderer.
        numbers: (1, L, C), denoised.

    Raises:
        EngineError: "model_output" where there is no surface.
    """
    weights = renderer.params_proj(numbers)
    for name, parameter in renderer.mlp.state_dict().items():
        if f"nerstf.{name}" in weights:
            parameter.copy_(weights[f"nerstf.{name}"].squeeze(0))
    axis = np.linspace(-1, 1, CELLS, dtype=np.float32)
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    distance = ask(renderer, places, "signed_distance", report).reshape(CELLS, CELLS, CELLS)
    cell = 2 / (CELLS - 1)
    try:
        surface = polygonised(distance / _slope(distance), lambda index: index * cell - 1, SMOOTHING)
    except ValueError as error:
        raise _no_object("nothing") from error
    if len(surface.triangles) > MOST_TRIANGLES:
        raise _no_object("nothing but noise")
    color = ask(renderer, surface.vertices.astype(np.float32), "channels", report)
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    return Surface((surface.vertices - (low + high) / 2) / (high - low).max(), surface.triangles), color


def ask(renderer: Any, places: np.ndarray, what: str, report: Reporter) -> np.ndarray:
    """(N, C) "signed_distance" (positive inside) or "channels" (sRGB) at places (N, 3) of Shap-E's cube, -1 to 1."""
    device, found = next(renderer.parameters()).device, []
    for start in range(0, len(places), QUERIES):
        report.check_cancelled()
        some = torch.from_numpy(places[start : start + QUERIES]).to(device)[None]
        answer = renderer.mlp(position=some, direction=None, ts=None, nerf_level="fine", rendering_mode="stf")
        found.append(getattr(answer, what)[0].float().cpu())
    return torch.cat(found).numpy()


def _no_object(what: str) -> EngineError:
    return EngineError("model_output", f"Shap-E made {what} of this picture.", "Use a picture that shows one whole object, or another seed.")


def _slope(distance: np.ndarray) -> float:
    """How much the distance changes from cell to cell near the surface."""
    near = np.abs(distance) < 0.5 * np.abs(distance).max()
    steps = np.abs(np.diff(distance, axis=0))[near[1:] & near[:-1]]
    return max(float(np.median(steps)) if steps.size else 0.0, 1e-3)


def textured(surface: Surface, color: np.ndarray) -> TexturedMesh:
    """One UV map and one texture with the colors (V, 3) of the vertices in it."""
    unwrapped = unwrap(surface, TEXTURE_SIDE)
    texture = in_texture(unwrapped, unwrapped.at_texels(color), TEXTURE_SIDE)
    return TexturedMesh(surface.vertices.astype(np.float32), surface.triangles, unwrapped.corner_uv, texture)


def _camera(elevation: float, crop: Crop, shape: tuple[int, ...]) -> Orbit:
    """In front of the asset, so far away that its longest side is as long as that of the object in the picture, which fills `crop`."""
    tangent = float(np.tan(np.radians(FOVY) / 2)) * crop.side / shape[0]
    camera = Orbit(elevation=elevation, distance=0.5 / tangent + HALF_DEPTH, fovy=float(np.degrees(2 * np.arctan(tangent))))
    return whole_picture_camera(camera, crop, shape)


@contextmanager
def _each_step_reported(network: torch.nn.Module, report: Reporter, total: int) -> Iterator[None]:
    """The pipeline tells nobody how far it is, so its network does, and hears a cancel."""
    done = 0

    def after(*_: object) -> None:
        nonlocal done
        done += 1
        report.check_cancelled()
        report.progress(min(done, total), total)

    hook = network.register_forward_hook(after)
    try:
        yield
    finally:
        hook.remove()
