"""Zero123, Zero123-XL and Stable-Zero123: novel views of one picture by a Stable Diffusion that is told a relative camera.

Liu et al., Zero-1-to-3: Zero-shot One Image to 3D Object, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Linear

from ..errors import EngineError
from ..models.component_folder import Component, find_component, other_model, read_json
from ..models.component_loading import require_libraries
from ..models.memory_estimate import Part, check, estimate
from ..models.placement import Placed
from . import diffusion_components as components
from .diffusion_components import ClipPictures
from .latent_prior import LATENT_CHANNELS, LATENT_SIZE, SIZE, LatentPrior
from .prior import Condition, PriorFacts, RelativeCamera
from .prior_options import PriorOptions
from .schedule import NoiseSchedule

PROJECTIONS = {"clip_camera_projection": "proj", "cc_projection": "projection"}
"""The two published layouts: folder of the layer that mixes CLIP's view of the picture with the camera, and the layer's name."""


@dataclass(frozen=True)
class Zero123Kind:
    """What the published weights differ in.

    Attributes:
        name: as shown to the user.
        fovy: of the pictures that it was trained on [degrees].
        distances: nearest and farthest camera of its training.
        takes_distance: whether the fourth number that it is told is the difference in distance; else it is the condition's polar angle.
        license: of its weights.
    """

    name: str
    fovy: float
    distances: tuple[float, float]
    takes_distance: bool
    license: str

    def facts(self) -> PriorFacts:
        """As `MultiviewPrior` wants them."""
        return PriorFacts(
            self.name, self.fovy, self.distances, SIZE, LATENT_CHANNELS, LATENT_SIZE, takes_distance=self.takes_distance, license=self.license
        )


ZERO123 = Zero123Kind("Zero123", 49.13, (1.5, 2.2), True, "MIT")
STABLE_ZERO123 = Zero123Kind(
    "Stable-Zero123", 20.0, (3.8, 3.8), False, "Stability AI, non-commercial use only (Stable-Zero123C: Stability AI Community License)"
)


def camera_numbers(condition_elevation: Tensor, camera: RelativeCamera, takes_distance: bool) -> Tensor:
    """(B, 4) what the network is told of a camera: [change of polar angle, sin and cos of the change of azimuth, fourth number].

    The polar angle is measured from +Z, so it falls where the elevation rises. The fourth number is the difference in distance, or,
    for Stable-Zero123, the condition's polar angle. Angles in radians.

    Args:
        condition_elevation: (B,) [degrees].
    """
    azimuth = torch.deg2rad(camera.azimuth)
    fourth = camera.distance if takes_distance else torch.deg2rad(90 - condition_elevation)
    return torch.stack([-torch.deg2rad(camera.elevation), azimuth.sin(), azimuth.cos(), fourth], -1)


class Zero123Prior(LatentPrior):
    """See `MultiviewPrior`. Features of a condition: CLIP's embedding, the unscaled latent, and whether there is a condition at all."""

    def __init__(
        self, kind: Zero123Kind, schedule: NoiseSchedule, vae: Any, image_encoder: Placed, projection: Linear, unet: Placed, batch: int
    ) -> None:
        clip_pictures = ClipPictures(image_encoder.module.config.image_size, aligned=True)
        super().__init__(kind.facts(), schedule, vae, image_encoder, clip_pictures, unet, batch)
        self.projection = projection.to(self.device)

    def _features(self, pictures: Tensor) -> tuple[Tensor, ...]:
        latent = self._latent(pictures)
        with self.image_encoder.ready() as encoder:
            embedding = encoder(self.clip_pictures(pictures).to(encoder.dtype)).image_embeds.float()
        return embedding, latent, torch.ones(len(pictures), device=self.device)

    def null(self, count: int) -> Condition:
        """See `MultiviewPrior`: zeros instead of the projected context, and instead of the latent."""
        zeros = torch.zeros(count, device=self.device)
        width = self.projection.in_features - 4
        latent = torch.zeros(count, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, device=self.device)
        return Condition(zeros, zeros, (torch.zeros(count, width, device=self.device), latent, zeros))

    def _predict(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        _, latent, _ = condition.features
        context = self._context(condition, camera)
        with self.unet.ready() as unet:
            both = torch.cat([noisy, latent], 1).to(unet.dtype)
            return unet(both, timestep, encoder_hidden_states=context.to(unet.dtype)).sample.float()

    def _context(self, condition: Condition, camera: RelativeCamera) -> Tensor:
        """(B, 1, C): the one token that the U-Net attends to."""
        embedding, _, given = condition.features
        numbers = camera_numbers(condition.elevation, camera, self.facts.takes_distance)
        return (self.projection(torch.cat([embedding, numbers], -1)) * given[:, None])[:, None]


def load_zero123(folder: Path, kind: Zero123Kind, device: torch.device, options: PriorOptions) -> Zero123Prior:
    """The prior whose components lie in subfolders of `folder`, in either published layout.

    Raises:
        EngineError: "model_libraries", "model_layout", "model_pickle", "model_file", "model_memory".
    """
    require_libraries()
    dtype = options.dtype(device)
    half = dtype != torch.float32
    layer = next((name for name in PROJECTIONS if (folder / name).is_dir()), None)
    if layer is None:
        raise EngineError(
            "model_layout",
            f"{folder} has neither a folder {' nor '.join(PROJECTIONS)}, so it is no Zero123.",
            "Choose the folder that holds model_index.json, with all its subfolders.",
        )
    unet = find_component(folder, "unet", "diffusion_pytorch_model", half)
    vae = find_component(folder, "vae", "diffusion_pytorch_model", half=False)
    clip = find_component(folder, "image_encoder", "model", half)
    camera = find_component(folder, layer, "diffusion_pytorch_model", half=False)
    schedule = components.read_schedule(read_json(folder / "scheduler" / "scheduler_config.json"))
    parts = [Part(unet.parameters * dtype.itemsize), Part(clip.parameters * dtype.itemsize), Part(vae.parameters * 4, stays=True)]
    need = estimate(parts, options.batch, options.batch, options.offload, device.type == "cpu")
    check(kind.name, need, device, options.offload)
    projection = _load_projection(camera, PROJECTIONS[layer])
    if projection.in_features != clip.config.get("projection_dim", 0) + 4:
        raise other_model(camera.weights, f"it takes {projection.in_features} numbers, and the image encoder does not give four less")
    network = components.load_zero123_unet(unet, dtype)
    if network.config.cross_attention_dim != projection.out_features:
        raise other_model(camera.weights, f"it gives {projection.out_features} numbers, and the U-Net takes {network.config.cross_attention_dim}")
    if options.attention_slicing:
        network.set_attention_slice("auto")
    placed = Placed(network, device, options.offload)
    encoder = Placed(components.load_image_encoder(clip, dtype, projected=True), device, options.offload)
    return Zero123Prior(kind, schedule, components.load_vae(vae), encoder, projection, placed, options.batch)


def _load_projection(component: Component, name: str) -> Linear:
    """The layer from (CLIP's embedding, camera numbers) to the U-Net's context, in float32: it is small."""
    shape = component.shape(f"{name}.weight")
    if len(shape) != 2 or component.shape(f"{name}.bias") != shape[:1]:
        raise other_model(component.weights, f"{name} is no linear layer")
    layer = Linear(shape[1], shape[0], device="meta")
    stored = load_file(component.weights)
    layer.load_state_dict({part: stored[f"{name}.{part}"].float() for part in ("weight", "bias")}, assign=True)
    return layer.eval().requires_grad_(False)
