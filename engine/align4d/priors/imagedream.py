"""ImageDream: four views of an object, denoised together, given one picture of it.

Wang and Shi, ImageDream: Image-Prompt Multi-view Diffusion for 3D Generation, 2023. The published variant with pixel control:
beside the four views there is a fifth place, which holds the condition's latent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..models.component_folder import Component, find_component, other_model, read_json
from ..models.component_loading import require_libraries
from ..models.memory_estimate import Part, check, estimate, guards_memory
from ..models.placement import Placed
from . import diffusion_components as components
from .diffusion_components import ClipPictures
from .imagedream_unet.config import read_config
from .imagedream_unet.network import MultiviewUNet
from .latent_prior import LATENT_CHANNELS, LATENT_SIZE, SIZE, LatentPrior
from .prior import Condition, PriorFacts, RelativeCamera
from .prior_options import PriorOptions
from .schedule import NoiseSchedule

VIEWS = 4

PROMPT = ""
"""The text beside the picture, in both halves of classifier-free guidance: the picture says it all."""

FRONT_AZIMUTH = 90.0
"""ImageDream's azimuth of the view that the condition shows: its front camera stands on +X, counted from -Y [degrees]."""

FACTS = PriorFacts(
    name="ImageDream",
    fovy=47.5,  # trained with 45 to 50 degrees, and distances of 0.6 to 0.75 over the tangent of half of that
    distances=(1.36, 1.70),
    size=SIZE,
    channels=LATENT_CHANNELS,
    latent_size=LATENT_SIZE,
    takes_distance=False,
    views=VIEWS,
    license="OpenRAIL",
)


def camera_matrices(elevation: Tensor, azimuth: Tensor) -> Tensor:
    """(B, 16) camera-to-world matrices, row by row, of cameras on the unit sphere, Z up; a camera's axes are right, up and back.

    Args:
        elevation: (B,) absolute [degrees].
        azimuth: (B,) relative to the condition's camera [degrees].
    """
    up_angle, around = torch.deg2rad(elevation), torch.deg2rad(azimuth + FRONT_AZIMUTH)
    sin_e, cos_e, sin_a, cos_a = up_angle.sin(), up_angle.cos(), around.sin(), around.cos()
    zero, one = torch.zeros_like(sin_e), torch.ones_like(sin_e)
    back = [cos_e * sin_a, -cos_e * cos_a, sin_e]
    right = [cos_a, sin_a, zero]
    up = [-sin_e * sin_a, sin_e * cos_a, cos_e]
    rows = [number for axis in range(3) for number in (right[axis], up[axis], back[axis], back[axis])]
    return torch.stack([*rows, zero, zero, zero, one], -1)


class ImageDreamPrior(LatentPrior):
    """See `MultiviewPrior`. Features of a condition: the picture's tokens, and its scaled latent.

    The four views of a frame are denoised together with the condition of the first of them. Where all of them are the same view
    (eq. 8: each is judged by a picture from its own side), each is denoised alone, with its own condition. Distances are not told.
    """

    def __init__(self, schedule: NoiseSchedule, vae: Any, image_encoder: Placed, text: Tensor, unet: Placed, batch: int) -> None:
        """`text`: (1, L, C) tokens of the prompt."""
        clip_pictures = ClipPictures(image_encoder.module.config.image_size, aligned=False)
        super().__init__(FACTS, schedule, vae, image_encoder, clip_pictures, unet, batch)
        self.text = text.to(self.device)
        self.resampler = unet.module.image_embed.to(self.device)  # small; stays there, so that the U-Net need not come for a condition
        self._nothing: Tensor | None = None

    def _features(self, pictures: Tensor) -> tuple[Tensor, ...]:
        latent = self.encode(pictures)
        with self.image_encoder.ready() as encoder:
            clip = encoder(self.clip_pictures(pictures).to(encoder.dtype), output_hidden_states=True).hidden_states[-2]
        return self._tokens(clip), latent

    @guards_memory
    @torch.no_grad()
    def null(self, count: int) -> Condition:
        """See `MultiviewPrior`: the tokens of zeros instead of CLIP's, and zeros instead of the latent."""
        if self._nothing is None:
            vision = self.image_encoder.module.config
            places = (vision.image_size // vision.patch_size) ** 2 + 1
            self._nothing = self._tokens(torch.zeros(1, places, vision.hidden_size, device=self.device))
        zeros = torch.zeros(count, device=self.device)
        latent = torch.zeros(count, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, device=self.device)
        return Condition(zeros, zeros, (self._nothing.expand(count, -1, -1), latent))

    def _predict(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        views = 1 if self._same_side(camera) else VIEWS
        tokens, latent = condition.features
        cameras = camera_matrices(condition.elevation + camera.elevation, camera.azimuth)
        place = _with_condition_place
        with self.unet.ready() as unet:
            found = unet(
                place(noisy, latent, views).to(unet.dtype),
                place(timestep, timestep, views),
                place(cameras, torch.zeros_like(cameras), views).to(unet.dtype),
                self.text.expand(len(noisy) // views * (views + 1), -1, -1).to(unet.dtype),
                place(tokens, tokens, views).to(unet.dtype),
                views + 1,
            )
        return found.float().unflatten(0, (-1, views + 1))[:, :views].flatten(0, 1)

    def _tokens(self, clip: Tensor) -> Tensor:
        return self.resampler(clip.to(self.resampler.latents.dtype)).float()

    def _same_side(self, camera: RelativeCamera) -> bool:
        """Whether the views that lie next to each other are all the same view."""
        turns = camera.azimuth.unflatten(0, (-1, VIEWS))
        return bool((turns == turns[:, :1]).all())


def _with_condition_place(views: Tensor, condition: Tensor, together: int) -> Tensor:
    """Behind every `together` of `views` (B, ...), the first of their `condition` (B, ...): (B / together * (together + 1), ...)."""
    shape = (-1, together)
    return torch.cat([views.unflatten(0, shape), condition.unflatten(0, shape)[:, :1]], 1).flatten(0, 1)


def imagedream_parts(folder: Path, half: bool) -> tuple[list[int], int]:
    """Parameters of the networks of the ImageDream in `folder` that can be offloaded, and of its picture encoder. Raises as `load_imagedream`."""
    networks = [find_component(folder, "unet", "diffusion_pytorch_model", half), find_component(folder, "image_encoder", "model", half)]
    return [one.parameters for one in networks], find_component(folder, "vae", "diffusion_pytorch_model", half=False).parameters


def load_imagedream(folder: Path, device: torch.device, options: PriorOptions, paints: bool = False) -> ImageDreamPrior:
    """The prior whose components lie in subfolders of `folder`.

    Args:
        paints: it is to paint pictures: `decode` works. Whoever asks for it has checked the memory.

    Raises:
        EngineError: "model_libraries", "model_layout", "model_pickle", "model_file", "model_memory".
    """
    require_libraries()
    dtype = options.dtype(device)
    half = dtype != torch.float32
    unet = find_component(folder, "unet", "diffusion_pytorch_model", half)
    vae = find_component(folder, "vae", "diffusion_pytorch_model", half=False)
    clip = find_component(folder, "image_encoder", "model", half)
    text = find_component(folder, "text_encoder", "model", half=False)
    schedule = components.read_schedule(read_json(folder / "scheduler" / "scheduler_config.json"))
    if not paints:
        parts = [Part(unet.parameters * dtype.itemsize), Part(clip.parameters * dtype.itemsize), Part(vae.parameters * 4, stays=True)]
        views = max(options.batch, VIEWS)
        # a view that is denoised alone goes through the U-Net with the condition beside it
        need = estimate(parts, views, 2 * views, options.offload, device.type == "cpu", while_loading=text.parameters * 4)
        check(FACTS.name, need, device, options.offload)
    context = components.text_context(text, PROMPT)
    network = load_network(unet, dtype)
    if network.config.context_dim != context.shape[-1]:
        given = context.shape[-1]
        raise other_model(unet.weights, f"it takes text tokens of {network.config.context_dim} channels, and the text encoder gives {given}")
    if options.attention_slicing:
        network.slice_attention()
    placed = Placed(network, device, options.offload)
    encoder = components.load_image_encoder(clip, dtype, projected=False)
    if network.config.image_dim != encoder.config.hidden_size:
        given = encoder.config.hidden_size
        raise other_model(unet.weights, f"it takes image tokens of {network.config.image_dim} channels, and the image encoder gives {given}")
    return ImageDreamPrior(
        schedule, components.load_vae(vae, decodes=paints), Placed(encoder, device, options.offload), context, placed, options.batch
    )


def load_network(component: Component, dtype: torch.dtype) -> MultiviewUNet:
    """The multi-view U-Net of published weights, frozen, on the CPU. Raises EngineError "model_file"."""
    try:
        config = read_config(component.config, {name: one.shape for name, one in component.tensors.items()})
        with torch.device("meta"):
            network = MultiviewUNet(config)
        with safe_open(component.weights, "pt") as file:
            weights = {name: file.get_tensor(name).to(dtype) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
        network.load_state_dict(weights, assign=True)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise other_model(component.weights, f"it does not fit ImageDream's network ({reason[:200]})") from error
    return network.eval().requires_grad_(False)
