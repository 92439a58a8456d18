"""The step benchmark: its object stands for an asset."""

from __future__ import annotations

import torch

from benchmarks.speed import step_scene


def test_the_object_is_as_large_as_an_asset() -> None:
    gaussians = step_scene.surface_gaussians(2000, "cpu")
    sides = gaussians.means.amax(0) - gaussians.means.amin(0)
    assert 0.7 < float(sides.max()) < 1.05 and gaussians.count == 2000
    assert all(torch.isfinite(tensor).all() for tensor in gaussians.named().values())
