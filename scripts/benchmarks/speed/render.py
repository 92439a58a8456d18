"""Rendering: milliseconds forward and backward of every backend on this machine, how they grow, and how well they agree."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from align4d.machine.description import machine
from align4d.rendering import Cameras, Gaussians, rasterize
from align4d.rendering.cpu.threads import core_count
from align4d.rendering.reference import boundary_band, rasterize_reference
from align4d.rendering.types import with_sets

CASES = ((5_000, 128), (5_000, 256), (20_000, 256), (100_000, 512))
"""Gaussians and image side."""

CAMERAS = (1, 16)
TORCH_TILES = "torch tiles"
"""The comparison: the oracle in 16-px tiles, float32, what one writes in an afternoon."""

TORCH_TILES_LIMIT = 1.5e9
"""Gaussians times pixels times cameras past which torch tiles are not measured: they would take minutes."""

SECONDS_EACH = 2.0
"""Time spent repeating one measurement, after one run to warm up; two repetitions at least."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one backend on one case: the least and the median of `repetitions`."""

    backend: str
    gaussians: int
    side: int
    cameras: int
    threads: int
    forward: float
    backward: float
    forward_median: float
    backward_median: float
    repetitions: int

    @property
    def total(self) -> float:
        """Forward and backward, the least of each."""
        return self.forward + self.backward


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", action="append", help="only this one (repeatable): cpu, triton, gsplat, torch tiles")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print tables, write OUT/figures.json."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = arguments.backend or present_backends(device)
    product = [name for name in chosen if name != TORCH_TILES]
    print(f"{machine(device)}; backends: {', '.join(chosen)}\n", flush=True)
    timings = list(measure_cases(chosen))
    growth = {name: [asdict(timing) for timing in measure_growth(name)] for name in product}
    agreement = [measure_agreement(name) for name in product]
    figures = {
        "machine": machine(device),
        "torch": torch.__version__,
        "timings": [asdict(timing) for timing in timings],
        "growth": growth,
        "agreement": agreement,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    unfinished = arguments.out / "figures.json.part"
    unfinished.write_text(json.dumps(figures, indent=1))
    os.replace(unfinished, arguments.out / "figures.json")
    return 0


def present_backends(device: str) -> list[str]:
    """The backends that this machine can run, the comparison last."""
    names = ["cpu"]
    if device == "cuda":
        names += [name for name in ("triton", "gsplat") if importlib.util.find_spec(name)]
    return [*names, TORCH_TILES]


def measure_cases(names: list[str]) -> Iterable[Timing]:
    """Every backend at every case and number of cameras, side by side."""
    print("ms forward + backward, least (median)")
    for gaussians, side in CASES:
        for cameras in CAMERAS:
            print(f"{gaussians:>7} Gaussians, {side}², {cameras} cameras")
            for name in names:
                if name == TORCH_TILES and gaussians * side * side * cameras > TORCH_TILES_LIMIT:
                    print(f"    {name:12} not measured")
                    continue
                timing = measure(name, gaussians, side, cameras)
                print(
                    f"    {name:12} {timing.forward:8.2f} ({timing.forward_median:.2f}) + {timing.backward:8.2f} ({timing.backward_median:.2f})",
                    flush=True,
                )
                yield timing


def measure_growth(name: str) -> Iterable[Timing]:
    """How the time grows with Gaussians, pixels, cameras and, on the CPU, cores."""
    print(f"\n{name}: growth, ms forward + backward")
    cases: list[tuple[int, int, int, int | None]] = [(gaussians, 256, 1, None) for gaussians in (1_000, 2_500, 5_000, 10_000, 20_000, 40_000)]
    cases += [(5_000, side, 1, None) for side in (64, 128, 256, 512)]
    cases += [(5_000, 128, cameras, None) for cameras in (1, 2, 4, 8, 16)]
    if name == "cpu":
        cores = core_count()
        cases += [(5_000, 256, cameras, threads) for cameras in (1, 16) for threads in sorted({1, 2, 4, 8, cores}) if threads <= cores]
    for gaussians, side, cameras, threads in cases:
        timing = measure(name, gaussians, side, cameras, threads)
        print(f"    {gaussians:>6} Gaussians, {side:>3}², {cameras:>2} cameras, {timing.threads:>2} threads: {timing.total:.2f}", flush=True)
        yield timing


def measure(name: str, gaussians: int, side: int, cameras: int, threads: int | None = None) -> Timing:
    """Time one backend on one case; `threads` None leaves torch's own number."""
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        device = "cuda" if name in ("triton", "gsplat") or (name == TORCH_TILES and torch.cuda.is_available()) else "cpu"
        scene, view = cloud(gaussians, device), orbit(cameras, side, device)
        forwards, backwards = _repeat(lambda: draw(name, scene, view, side), device)
        return Timing(
            name, gaussians, side, cameras, torch.get_num_threads(),
            min(forwards), min(backwards), statistics.median(forwards), statistics.median(backwards), len(forwards),
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)


def _repeat(render: Callable[[], tuple[Tensor, Tensor]], device: str) -> tuple[list[float], list[float]]:
    """Milliseconds of `render`, and of the gradient of what it returns, again and again."""
    forwards: list[float] = []
    backwards: list[float] = []
    started = time.perf_counter()
    while len(forwards) < 3 or time.perf_counter() - started < SECONDS_EACH:
        moments = [_now(device)]
        color, alpha = render()
        moments.append(_now(device))
        gradients = [torch.ones_like(color), torch.ones_like(alpha)]
        moments.append(_now(device))
        torch.autograd.backward([color, alpha], gradients)
        moments.append(_now(device))
        forwards.append((moments[1] - moments[0]) * 1e3)
        backwards.append((moments[3] - moments[2]) * 1e3)
    return forwards[1:], backwards[1:]


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def draw(name: str, gaussians: Gaussians, cameras: Cameras, side: int) -> tuple[Tensor, Tensor]:
    """Color and alpha by one backend, or by torch tiles."""
    if name == TORCH_TILES:
        white = torch.ones(3, device=gaussians.means.device)
        return rasterize_reference(with_sets(gaussians, cameras), cameras, (side, side), white, 0.3, block=16)
    rendering = rasterize(gaussians, cameras, (side, side), backend=name)
    return rendering.color, rendering.alpha


def cloud(count: int, device: str, dtype: torch.dtype = torch.float32) -> Gaussians:
    """Gaussians spread over a cube of side 1, each 0.15 to 0.4 of their mean spacing large, of any opacity."""
    random = torch.Generator().manual_seed(0)
    spacing = count ** (-1 / 3)
    tensors = (
        torch.rand(count, 3, generator=random) - 0.5,
        torch.randn(count, 4, generator=random),
        (0.15 + 0.25 * torch.rand(count, 3, generator=random)) * spacing,
        torch.rand(count, generator=random),
        torch.rand(count, 3, generator=random),
    )
    return Gaussians(*(tensor.to(device, dtype).requires_grad_() for tensor in tensors))


def orbit(count: int, side: int, device: str) -> Cameras:
    """Cameras all around the origin at distance 2, 49.1 degrees high: the cube covers about 45 % of the image."""
    poses = torch.eye(4).repeat(count, 1, 1)
    for index in range(count):
        angle = 2 * math.pi * index / count
        poses[index, 0, 0] = poses[index, 2, 2] = math.cos(angle)
        poses[index, 0, 2], poses[index, 2, 0] = math.sin(angle), -math.sin(angle)
    poses[:, 2, 3] = 2.0
    focal = 0.5 * side / math.tan(math.radians(49.1 / 2))
    intrinsics = torch.tensor([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]]).repeat(count, 1, 1)
    return Cameras(poses.to(device), intrinsics.to(device))


def measure_agreement(name: str, count: int = 20_000, side: int = 512) -> dict[str, Any]:
    """Largest color and alpha error and relative gradient errors against the float64 oracle, outside its boundary band."""
    device = "cuda" if name in ("triton", "gsplat") else "cpu"
    cameras = orbit(1, side, device)
    exact = cloud(count, device, torch.float64)
    band = boundary_band(with_sets(exact, cameras), cameras, (side, side), 0.3)
    weights = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(1)).to(device) * ~band
    images, gradients = [], []
    for backend, gaussians in (("reference", exact), (name, cloud(count, device))):
        image = torch.cat(draw(backend, gaussians, cameras, side), 1)
        (image * weights.to(image)).sum().backward()
        images.append(image.detach().double() * ~band)
        gradients.append({key: tensor.grad.double() for key, tensor in gaussians.named().items() if tensor.grad is not None})
    errors = {key: float((gradients[1][key] - value).norm() / value.norm()) for key, value in gradients[0].items()}
    result = {"backend": name, "gaussians": count, "side": side, "image": float((images[0] - images[1]).abs().max()), "gradients": errors}
    worst = max(errors, key=errors.__getitem__)
    print(f"\n{name} against the float64 oracle, {count} Gaussians, {side}²: image {result['image']:.1e}, gradient {errors[worst]:.1e} ({worst})")
    return result
