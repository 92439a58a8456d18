"""LGM: image to 3D Gaussians (Tang et al., 2024); the paper's choice. ImageDream paints four views, a U-Net makes Gaussians of them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..cameras.orbit import Orbit
from ..errors import EngineError
from ..job.reporting import Reporter
from ..models.card import ModelCard, ModelNeed
from ..models.component_folder import other_model
from ..models.folder_safety import check_inside
from ..models.memory_estimate import RESERVE_BYTES, out_of_memory_as_sentence
from ..models.placing import Offload, Place, Placement, first_fitting, room
from ..models.weights_file import StoredTensor, read_header
from ..priors.imagedream import imagedream_parts, load_imagedream
from ..priors.prior_options import PriorOptions
from ..rendering import Gaussians
from .asset_space import normalized
from .imagedream_views import STEPS, paint_views
from .interfaces import GeneratedAsset, GenerationOptions, ImageTo3D
from .lgm_network import VIEWS, GaussianUNet, activated, read_config
from .pictures import around_object, cut_on_white, whole_picture_camera

SIDE, FOVY, DISTANCE = 256, 49.1, 1.5
"""Of the pictures [px], their vertical field of view [degrees], and their cameras' distance in the network's own space."""

MARGIN = 0.2
"""Of the picture that the object leaves free."""

LEAST_OPACITY = 0.005
"""Gaussians below it are left out, as when LGM's results are published."""

IMAGEDREAM = "imagedream-ipmv-diffusers"
"""The folder of ImageDream inside LGM's."""

WEIGHTS = ("model_fp16_fixrot.safetensors", "model_fixrot.safetensors")
"""The published weights whose quaternions are normalized one by one, in half precision first."""

VIEWS_WORK, NETWORK_WORK = 810_000_000, 315_000_000
"""Counted on the real architectures: decoding four views in float32; the U-Net [bytes]."""

NETWORKS = (1_883_000_000, 1_264_000_000)
"""ImageDream's U-Net and picture encoder as they are published, in half precision [bytes]."""

RESERVED = 2_130_000_000
"""Counted by playing the allocator: decoding four views. The U-Net that comes after it finds its place in that."""

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, by which colors are normalized."""


def possible_placements(networks: list[int], stays: int, gaussians: int) -> list[Placement]:
    """Fastest first. ImageDream is gone before the U-Net comes.

    Args:
        networks: sizes of ImageDream's networks that can be offloaded [bytes].
        stays: of that which cannot.
        gaussians: of the U-Net.
    """
    last = gaussians + NETWORK_WORK
    ways: dict[Offload, int] = {"none": sum(networks) + stays, "by network": max(networks) + stays}
    found = []
    for offload, weights in ways.items():
        found.append(Placement(offload, False, max(weights + VIEWS_WORK, last) + RESERVE_BYTES, room(weights, RESERVED)))
    return found


def published_placements() -> list[Placement]:
    """Of the published weights in half precision."""
    return possible_placements(list(NETWORKS), 335_000_000, 830_000_000)


def published_need() -> ModelNeed:
    """Of the same, for the card."""
    whole, apart = published_placements()
    return ModelNeed(whole.room, apart.need, sum(NETWORKS))


class LGM(ImageTo3D):
    """See `ImageTo3D`."""

    card = ModelCard(
        id="lgm",
        role="image_to_3d",
        name="LGM with ImageDream",
        license="MIT; ImageDream: CreativeML Open RAIL-M",
        non_commercial=False,
        source="ashawkey/LGM",
        size_on_disk=7_300_000_000,
        need=published_need(),
        parts=(WEIGHTS[0],),
        companions=(f"ashawkey/{IMAGEDREAM}",),
    )

    def __init__(self, folder: Path, place: Place, options: GenerationOptions, weights: Path, placement: Placement) -> None:
        self.folder, self.place, self.options, self.weights, self.placement = folder, place, options, weights, placement

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`. Both models are checked here, and loaded one after the other when they are needed."""
        weights = find_weights(folder)
        size = 2 if place.device.type == "cuda" else 4
        networks, stays = imagedream_parts(folder / IMAGEDREAM, half=size == 2)
        counts = sum(tensor.count for tensor in read_header(weights).values())
        possible = possible_placements([count * size for count in networks], stays * 4, counts * size)
        placement = first_fitting(cls.card.name, possible, sum(networks) * size, place)
        return cls(folder, place, options, weights, placement)

    @torch.no_grad()
    def reconstruct(self, picture: np.ndarray, seed: int, report: Reporter) -> GeneratedAsset:
        """See `ImageTo3D`."""
        crop = around_object(picture[..., 3], MARGIN)
        square = cut_on_white(picture, crop, SIDE)
        with out_of_memory_as_sentence(self.card.name):
            views = self._views(square, seed, report)
            found = self._gaussians(views)
        kept = found.opacities > LEAST_OPACITY
        if not kept.any():
            raise EngineError("model_output", "LGM made nothing of this picture.", "Use a picture that shows one whole object, or another seed.")
        asset, camera = normalized(Gaussians(*(tensor[kept].cpu() for tensor in found.named().values())), Orbit(distance=DISTANCE, fovy=FOVY))
        return GeneratedAsset(asset, whole_picture_camera(camera, crop, picture.shape))

    def _views(self, square: np.ndarray, seed: int, report: Reporter) -> Tensor:
        """(4, 3, 256, 256), in [0, 1]."""
        options = PriorOptions(offload=self.placement.offload != "none")
        prior = load_imagedream(self.folder / IMAGEDREAM, self.place.device, options, paints=True)
        given = torch.tensor(square).permute(2, 0, 1)[None].float().to(self.place.device) / 255
        return paint_views(prior, self.folder / IMAGEDREAM, given, self.options.steps or STEPS, seed, report)

    def _gaussians(self, views: Tensor) -> Gaussians:
        """In the network's own space."""
        half = self.place.device.type == "cuda"
        network = load_gaussian_network(self.weights, torch.float16 if half else torch.float32).to(self.place.device)
        mean, spread = (torch.tensor(one, device=views.device)[:, None, None] for one in (MEAN, SPREAD))
        rays = view_rays(SIDE).to(views.device)
        return activated(network(torch.cat([(views - mean) / spread, rays], 1).to(network.conv.weight.dtype)))


def find_weights(folder: Path) -> Path:
    """The U-Net's weights. Raises EngineError "model_layout", "model_unsafe"."""
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise EngineError(
            "model_layout",
            f"{folder} has no {WEIGHTS[0]}, so it is no LGM.",
            f"Put LGM's {WEIGHTS[0]} there, and ImageDream into {IMAGEDREAM} beside it.",
        )
    check_inside(folder, path)
    return path


def load_gaussian_network(weights: Path, dtype: torch.dtype) -> GaussianUNet:
    """The network of published weights, frozen, on the CPU. Raises EngineError "model_file"."""
    stored: dict[str, StoredTensor] = read_header(weights)
    try:
        with torch.device("meta"):
            network = GaussianUNet(read_config({name: one.shape for name, one in stored.items()}))
        with safe_open(weights, "pt") as file:
            network.load_state_dict({name: file.get_tensor(name).to(dtype) for name in stored}, assign=True)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise other_model(weights, f"it does not fit LGM's network ({' '.join(str(error).split())[:200]})") from error
    return network.eval().requires_grad_(False)


def view_rays(side: int) -> Tensor:
    """(4, 6, side, side) rays of the four cameras in Pluecker's coordinates (origin x direction, direction), Y up, front towards +Z."""
    rays = []
    center = torch.arange(side) - side / 2 + 0.5
    focal = side / 2 / float(np.tan(np.radians(FOVY) / 2))
    down, right = torch.meshgrid(center / focal, center / focal, indexing="ij")
    local = torch.nn.functional.normalize(torch.stack([right, -down, -torch.ones_like(right)], -1), dim=-1)
    for view in range(VIEWS):
        angle = torch.tensor(view * torch.pi / 2)
        zero, one = torch.zeros(()), torch.ones(())
        back = torch.stack([angle.sin(), zero, angle.cos()])
        axes = torch.stack([torch.stack([angle.cos(), zero, -angle.sin()]), torch.stack([zero, one, zero]), back], 1)
        direction = local @ axes.T
        origin = (DISTANCE * back).expand_as(direction)
        rays.append(torch.cat([torch.cross(origin, direction, dim=-1), direction], -1).permute(2, 0, 1))
    return torch.stack(rays)
