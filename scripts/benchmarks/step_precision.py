"""What half precision changes: the prior's guidance, and the field's offsets and gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from align4d.motion.hexplane import HexPlaneField
from align4d.priors.embedded import load_embedded_prior
from align4d.priors.prior import MultiviewPrior, RelativeCamera, guided_noise

POINTS, FRAMES, VIEWS = 5_000, 8, 8


def differences(device: str) -> dict[str, float]:
    """Relative differences (norm of the difference over the norm) of bfloat16 from float32."""
    exact, half = (_guidance(load_embedded_prior(device, half=half)) for half in (False, True))
    offsets, gradients = zip(*(_field(device, half) for half in (False, True)), strict=True)
    return {"guidance of the prior": _apart(exact, half), "offsets of the field": _apart(*offsets), "gradient of its planes": _apart(*gradients)}


def _apart(exact: Tensor, other: Tensor) -> float:
    return float((other.float() - exact).norm() / exact.norm())


@torch.no_grad()
def _guidance(prior: MultiviewPrior) -> Tensor:
    """Guided noise of smooth pictures at mid noise, from all around."""
    size, device = prior.facts.size, prior.device
    steps = torch.linspace(-3, 3, size, device=device)
    waves = torch.sin(steps[:, None] * steps + torch.arange(3, device=device)[:, None, None])
    pictures = (0.5 + 0.4 * waves).expand(VIEWS, 3, size, size)
    told, timestep = torch.ones(VIEWS, device=device), torch.full((VIEWS,), 500, device=device)
    condition = prior.condition(pictures, 0 * told, 1.85 * told)
    camera = RelativeCamera(0 * told, torch.linspace(-180, 135, VIEWS, device=device), 0 * told)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0)).to(device)
    return guided_noise(prior, prior.schedule.add_noise(prior.encode(pictures), noise, timestep), timestep, condition, camera, 5.0)


def _field(device: str, half: bool) -> tuple[Tensor, Tensor]:
    """Offsets (T, N, 3) of a field that is not at its start, and the gradient of their square sum by the spatial planes."""
    random = torch.Generator().manual_seed(0)
    field = HexPlaneField(FRAMES, generator=random)
    for head in field.heads:
        torch.nn.init.normal_(head.get_parameter("last.weight"), std=0.1, generator=random)
    points = (torch.rand(POINTS, 3, generator=random) - 0.5).to(device)
    field = field.to(device)
    with torch.autocast(device, torch.bfloat16, enabled=half):
        centre = field(points, torch.linspace(0, 1, FRAMES, device=device)).centre
    centre.float().square().sum().backward()
    gradient = field.spatial.grad
    assert gradient is not None
    return centre.detach().float(), gradient
