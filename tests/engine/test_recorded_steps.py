"""Steps that a GPU replays, and renderings that are looked at later."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rendering_scenes import SCENES, cloud, orbit, render_with_gradient

from align4d.errors import EngineError
from align4d.rendering import Gaussians, rasterize
from align4d.rendering.deferral import Deferral, current
from align4d.rendering.recorded_steps import LEAST_ROOM, RecordedSteps, Recording

ENGINE = str(Path(__file__).parents[2] / "engine")
CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def as_float(gaussians: Gaussians, device: str = "cpu") -> Gaussians:
    return Gaussians(*(tensor.float().to(device) for tensor in gaussians.named().values()))


def test_damage_is_told_when_it_is_looked_for() -> None:
    size, whole = (16, 16), as_float(cloud(5, (0.1, 0.2)))
    damaged = replace(whole, scales=whole.scales * torch.tensor([1.0, float("nan"), 1.0]))
    with Deferral(CPU) as deferral:
        rasterize(whole, orbit(1, size), size, backend="reference")
        deferral.verify()
        rasterize(damaged, orbit(1, size), size, backend="reference")
        rasterize(whole, orbit(1, size), size, backend="reference")
    with pytest.raises(EngineError, match="scales") as caught:
        deferral.verify()
    assert caught.value.code == "not_finite"
    assert deferral.verify() == 0  # told once
    with pytest.raises(EngineError, match="scales"):  # and outside of it at once
        rasterize(damaged, orbit(1, size), size, backend="reference")


def test_large_numbers_are_no_damage() -> None:
    """Their sum would overflow."""
    size, huge = (8, 8), as_float(cloud(5, (0.1, 0.2)))
    with Deferral(CPU) as deferral:
        rasterize(replace(huge, colors=torch.full_like(huge.colors, 3e38)), orbit(1, size), size, backend="reference")
    deferral.verify()


def test_the_inner_deferral_is_in_force() -> None:
    with Deferral(CPU) as outer:
        with Deferral(CPU) as inner:
            assert current() is inner
        assert current() is outer
    assert current() is None


ROOM_CHECK = """
import interpreted_loops
import torch
import rendering_scenes as scenes
from align4d.rendering.deferral import Deferral
scene = scenes.Scene(scenes.cloud(5, (0.05, 0.1)), scenes.orbit(2, (16, 16)), (16, 16))
weights = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
with Deferral(torch.device("cpu")) as counting:
    image, gradients = scenes.render_with_gradient(scene, "triton", weights, torch.float32)
pairs = counting.verify()
assert pairs > 0
for room in (pairs, 2 * pairs + 7, pairs // 2):
    with Deferral(torch.device("cpu"), room) as deferral:
        other, others = scenes.render_with_gradient(scene, "triton", weights, torch.float32)
    assert deferral.verify() == pairs
    assert torch.equal(image, other) == (room >= pairs), room
    assert all(torch.isfinite(one).all() for one in others.values())
    assert room < pairs or all(torch.equal(gradients[key], others[key]) for key in gradients)
"""


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_room_that_is_fixed_beforehand_changes_nothing_where_it_is_enough() -> None:
    """Same bits with just enough room and with too much; with too little part of the picture is missing, and that is told."""
    paths = os.pathsep.join(filter(None, (ENGINE, str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", ROOM_CHECK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Counter:
    """A step that counts."""

    def __init__(self) -> None:
        self.value = torch.zeros(())
        self.begun = self.before = 0

    def begin(self) -> None:
        self.begun += 1
        self.before = 0
        self.value.zero_()

    def step(self, kind: int) -> None:
        self.value += kind

    def each(self) -> int:
        """Steps of two kinds, in turns."""
        self.before += 1
        return 1 + self.before % 2


def test_off_the_gpu_steps_simply_run() -> None:
    counter = Counter()
    steps = RecordedSteps(counter.step, CPU, "auto")
    for _ in range(2):
        steps.run(counter.begin, 5, counter.each)
        assert counter.value == 2 + 1 + 2 + 1 + 2
    assert not steps.recordable and counter.begun == 2 and counter.before == 5


def test_what_is_called_before_a_step_may_stop_it() -> None:
    counter = Counter()

    def stop() -> int:
        if counter.value == 2:
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        RecordedSteps(counter.step, CPU, "cpu").run(counter.begin, 5, stop)
    assert counter.value == 2


def test_what_is_missing_is_recorded_and_the_steps_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind when it first comes, and once more where a rendering of it had too little room."""
    counter, rooms = Counter(), []
    steps = RecordedSteps(counter.step, CPU, "cpu")

    def record(kind: int) -> Recording:
        """As if of a step whose renderings have 100 000 pairs; running it leaves its traces."""
        counter.step(100)
        rooms.append((kind, steps._rooms.get(kind, LEAST_ROOM)))
        graph = SimpleNamespace(replay=lambda: counter.step(kind))
        return Recording(graph, SimpleNamespace(verify=lambda: 100_000), rooms[-1][1])  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "recordable", True)
    monkeypatch.setattr(steps, "_record", record)
    steps.run(counter.begin, 5, counter.each)
    assert sorted(rooms) == [(1, LEAST_ROOM), (1, 200_000), (2, LEAST_ROOM), (2, 200_000)] and counter.value == 8
    steps.run(counter.begin, 3, counter.each)
    assert len(rooms) == 4 and counter.value == 5  # the recordings are kept


class Fit:
    """Gaussians that learn the picture of others, on the GPU."""

    def __init__(self) -> None:
        self.size, self.start = (96, 96), as_float(cloud(300, (0.02, 0.05)), "cuda")
        cameras = orbit(2, self.size)
        self.cameras = replace(cameras, viewmats=cameras.viewmats.float().cuda(), Ks=cameras.Ks.float().cuda())
        self.target = torch.full((2, 3, *self.size), 0.3, device="cuda")
        self.colors, self.grown = self.start.colors.clone().requires_grad_(), torch.ones((), device="cuda")
        self.picture = torch.zeros_like(self.target)

    def step(self, _: None = None) -> None:
        shown = replace(self.start, colors=self.colors, scales=self.start.scales * self.grown)
        picture = rasterize(shown, self.cameras, self.size, backend="triton").color
        (gradient,) = torch.autograd.grad(((picture - self.target) ** 2).sum(), [self.colors])
        self.picture.copy_(picture.detach())
        with torch.no_grad():
            self.colors -= 1e-3 * gradient

    def begin(self, scale: float) -> None:
        with torch.no_grad():
            self.colors.copy_(self.start.colors)
            self.grown.fill_(scale)

    def run(self, recorded: bool, scale: float, steps: RecordedSteps[None]) -> tuple[torch.Tensor, torch.Tensor]:
        if recorded:
            steps.run(lambda: self.begin(scale), 6, lambda: None)
        else:
            self.begin(scale)
            for _ in range(6):
                self.step()
        return self.colors.detach().clone(), self.picture.clone()


@needs_cuda
def test_replayed_steps_are_the_steps_even_where_room_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr("align4d.rendering.recorded_steps.LEAST_ROOM", 64)
    fit = Fit()
    steps: RecordedSteps[None] = RecordedSteps(fit.step, torch.device("cuda"), "triton")
    assert steps.recordable
    for scale in (1.0, 5.0, 0.5):  # five times as large: far more pairs than at first
        for one, other in zip(fit.run(True, scale, steps), fit.run(False, scale, steps), strict=True):
            assert torch.equal(one, other), scale


@needs_cuda
def test_a_replayed_step_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    fit = Fit()
    steps: RecordedSteps[None] = RecordedSteps(fit.step, torch.device("cuda"), "triton")
    fit.run(True, 1.0, steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        steps._recordings[None].graph.replay()
        with Deferral(torch.device("cuda"), 1 << 16):
            fit.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
@pytest.mark.parametrize("name", ["thousands", "set_per_two_cameras", "needles"])
def test_triton_gives_the_same_bits(name: str) -> None:
    pytest.importorskip("triton")
    scene = SCENES[name]()
    weights = torch.randn(scene.cameras.count, 4, *scene.size, generator=torch.Generator().manual_seed(2))
    first, gradients = render_with_gradient(scene, "triton", weights, torch.float32, "cuda")
    for _ in range(5):
        second, others = render_with_gradient(scene, "triton", weights, torch.float32, "cuda")
        assert torch.equal(first, second) and all(torch.equal(gradients[key], others[key]) for key in gradients)
