"""The rasterizer: every backend against the float64 oracle, and the oracle against formulae and finite differences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from rendering_scenes import SCENES, assert_agrees, cloud, orbit, render_with_gradient

from align4d.errors import EngineError
from align4d.rendering import Cameras, Gaussians, rasterize


@pytest.mark.parametrize("name", SCENES)
def test_cpu_agrees_with_the_oracle(name: str) -> None:
    assert_agrees(SCENES[name](), "cpu")


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("backend", ["triton", "gsplat"])
def test_cuda_backends_agree_with_the_oracle(backend: str, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    pytest.importorskip(backend)
    assert_agrees(SCENES[name](), backend, "cuda")


def test_oracle_matches_the_formula_of_one_gaussian() -> None:
    """A round Gaussian on the axis: exponent r^2 / 2 (f^2 s^2 / z^2 + low_pass), composited on the background."""
    focal, z, sigma, opacity = 40.0, 2.0, 0.1, 0.7
    gaussians = Gaussians(
        torch.zeros(1, 3), torch.tensor([[2.0, 0, 0, 0]]), torch.full((1, 3), sigma), torch.tensor([opacity]), torch.tensor([[0.1, 0.5, 0.9]])
    )
    pose = torch.eye(4)
    pose[2, 3] = z
    intrinsics = torch.tensor([[focal, 0, 8.5], [0, focal, 8.5], [0, 0, 1.0]])
    rendering = rasterize(gaussians, Cameras(pose[None], intrinsics[None]), (17, 17), torch.zeros(3), backend="reference", depth=True)
    variance = (focal * sigma / z) ** 2 + 0.3
    for dx, dy in ((0, 0), (2, 0), (1, -3)):
        alpha = opacity * math.exp(-(dx * dx + dy * dy) / (2 * variance))
        assert rendering.alpha[0, 0, 8 + dy, 8 + dx] == pytest.approx(alpha, rel=1e-5)
        assert rendering.color[0, :, 8 + dy, 8 + dx].tolist() == pytest.approx([alpha * c for c in (0.1, 0.5, 0.9)], rel=1e-5)
        assert rendering.depth is not None
        assert rendering.depth[0, 0, 8 + dy, 8 + dx] == pytest.approx(alpha * z, rel=1e-5)


def test_oracle_gradcheck() -> None:
    size = (6, 7)
    cameras = orbit(1, size)
    gaussians = cloud(3, (0.1, 0.3), seed=3)
    leaves = [tensor.requires_grad_() for tensor in gaussians.named().values()]

    def draw(*tensors: torch.Tensor) -> torch.Tensor:
        rendering = rasterize(Gaussians(*tensors), cameras, size, backend="reference", depth=True)
        assert rendering.depth is not None
        return torch.cat([rendering.color, rendering.alpha, rendering.depth], 1)

    # A step of 1e-7 is too small to carry a pixel over the alpha cut in this scene.
    assert torch.autograd.gradcheck(draw, leaves, eps=1e-7, atol=1e-5)


def test_oracle_blocks_match_dense_blending() -> None:
    from align4d.rendering.reference import rasterize_reference
    from align4d.rendering.types import with_sets

    size = (33, 47)
    cameras, gaussians = orbit(2, size), cloud(100, (0.01, 0.1))
    white = torch.ones(3, dtype=torch.float64)
    dense = rasterize_reference(with_sets(gaussians, cameras), cameras, size, white, 0.3, block=64)
    blocks = rasterize_reference(with_sets(gaussians, cameras), cameras, size, white, 0.3, block=16)
    for a, b in zip(dense, blocks, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_depth_agrees_with_the_oracle() -> None:
    size = (33, 47)
    gaussians, cameras = cloud(100, (0.02, 0.1), sets=2), orbit(4, size)
    found, gradients = [], []
    for backend, dtype in (("reference", torch.float64), ("cpu", torch.float32)):
        means = gaussians.means.to(dtype, copy=True).requires_grad_()
        others = {name: tensor.to(dtype) for name, tensor in gaussians.named().items() if name != "means"}
        depth = rasterize(Gaussians(means, **others), cameras, size, backend=backend, depth=True).depth
        assert depth is not None
        depth.mean().backward()
        found.append(depth.detach().double())
        gradients.append(means.grad.double())
    assert (found[0] - found[1]).abs().mean() < 1e-4
    assert (gradients[0] - gradients[1]).norm() < 1e-3 * gradients[0].norm()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_cpu_gives_the_same_bits(threads: int) -> None:
    scene = SCENES["set_per_two_cameras"]()
    weights = torch.randn(4, 4, *scene.size, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    try:
        first, first_gradients = render_with_gradient(scene, "cpu", weights, torch.float32)
        torch.set_num_threads(threads)
        second, second_gradients = render_with_gradient(scene, "cpu", weights, torch.float32)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(first, second)
    for name, gradient in first_gradients.items():
        assert torch.equal(gradient, second_gradients[name]), name


@pytest.mark.parametrize("name", ["means", "opacities", "colors"])
def test_cpu_gives_one_gradient_as_with_all_others(name: str) -> None:
    """What nobody asks for is not computed, and changes nothing else."""
    size, cameras = (33, 47), orbit(2, (33, 47))
    scene = {key: tensor.float() for key, tensor in cloud(100, (0.02, 0.1)).named().items()}

    def gradient(*asked: str) -> torch.Tensor:
        leaves = {key: tensor.clone().requires_grad_(key in asked) for key, tensor in scene.items()}
        rendering = rasterize(Gaussians(**leaves), cameras, size, backend="cpu")
        ((rendering.color**2).sum() + rendering.alpha.sum()).backward()
        assert all(leaf.grad is None for key, leaf in leaves.items() if key not in asked)
        found = leaves[name].grad
        assert found is not None
        return found

    alone = gradient(name)
    most = float(alone.abs().max())
    assert most > 0
    torch.testing.assert_close(alone, gradient(*scene), rtol=1e-5, atol=1e-6 * most)


def test_cpu_renders_from_several_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    scene = SCENES["odd_size"]()
    weights = torch.ones(2, 4, *scene.size)
    expected, _ = render_with_gradient(scene, "cpu", weights, torch.float32)
    with ThreadPoolExecutor(4) as pool:
        for image, _ in pool.map(lambda _: render_with_gradient(scene, "cpu", weights, torch.float32), range(16)):
            assert torch.equal(image, expected)


@pytest.mark.parametrize("sets", [2, 4])
def test_expanded_sets_render_as_shared(sets: int) -> None:
    """One set expanded over frames gives the shared result and a gradient summed over the frames."""
    size = (33, 47)
    gaussians, cameras = cloud(60, (0.02, 0.1)), orbit(4, size)
    colors = gaussians.colors.float().requires_grad_()
    others = {name: tensor.float() for name, tensor in gaussians.named().items() if name != "colors"}
    shared = rasterize(Gaussians(colors=colors, **others), cameras, size)
    shared.color.square().sum().backward()
    wide_colors = gaussians.colors.float().requires_grad_()
    wide = rasterize(Gaussians(colors=wide_colors[None].expand(sets, -1, -1), **others), cameras, size)
    wide.color.square().sum().backward()
    assert torch.equal(shared.color, wide.color)
    torch.testing.assert_close(colors.grad, wide_colors.grad)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "colors"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_finite_input_is_named(backend: str, name: str, value: float) -> None:
    gaussians = cloud(5, (0.1, 0.2))
    damaged = getattr(gaussians, name).float().clone()
    damaged.view(-1)[2] = value
    gaussians = replace(Gaussians(*(tensor.float() for tensor in gaussians.named().values())), **{name: damaged})
    with pytest.raises(EngineError, match=name) as caught:
        rasterize(gaussians, orbit(1, (16, 16)), (16, 16), backend=backend)
    assert caught.value.code == "not_finite"


def test_wrong_shapes_and_backends_are_refused() -> None:
    gaussians, cameras = cloud(5, (0.1, 0.2), sets=2), orbit(3, (16, 16))
    with pytest.raises(EngineError, match="means has the shape"):
        rasterize(gaussians, cameras, (16, 16))
    with pytest.raises(EngineError, match="cameras have the shapes"):
        rasterize(cloud(5, (0.1, 0.2)), Cameras(torch.eye(4), torch.eye(3)), (16, 16))
    with pytest.raises(EngineError, match="float32"):
        rasterize(cloud(5, (0.1, 0.2)), cameras, (16, 16), backend="cpu")
    with pytest.raises(EngineError, match="no rendering backend"):
        rasterize(cloud(5, (0.1, 0.2)), cameras, (16, 16), backend="nothing")
