"""What kernels say of outlines is what tensors say, and so is its gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tracking import SEARCH, TRACKING, Show, seen
from test_tracking import show as show  # the fixture

from align4d.alignment.lighting import unlit
from align4d.alignment.pose_search import PoseSearch, _DrawnView
from align4d.alignment.view import View


def cut(view: View) -> View:
    """Where the border cuts the object, and it is larger than the picture."""
    alpha = view.reference.alpha.clone()
    alpha[..., :3, :] = 1
    intrinsics = np.diag([4.0, 4.0, 1.0]) @ view.reference.intrinsics
    intrinsics[:2, 2] -= 1.5 * view.size[0]
    return replace(view, reference=replace(view.reference, alpha=alpha, intrinsics=intrinsics))


@pytest.mark.parametrize("which", ["whole", "cut", "two"])
def test_kernels_draw_poses_to_an_outline_as_tensors_do(show: Show, which: str) -> None:
    view = seen(show.video([0.0, 14.0]))[0]
    dark = replace(view, viewmats=view.viewmats @ np.diag([1.0, 1.0, -1.0, 1.0]), lighting=replace(unlit(), coefficients=0.5 * unlit().coefficients))
    views = {"whole": (view,), "cut": (cut(view),), "two": (view, dark)}[which]
    search = PoseSearch(show.animated, show.skeleton, views, SEARCH, TRACKING.joint_radius)
    outlines = [_DrawnView(one, 1, SEARCH) for one in views]
    generator = torch.Generator().manual_seed(0)
    poses = [by * torch.randn(5, show.skeleton.count, 3, generator=generator) for by in (0.3, 0.1)]
    found = []
    for ask in (search.as_tensors, search._drawn):
        leaves = [one.clone().requires_grad_() for one in poses]
        cost = ask(outlines, *leaves)
        (cost * torch.arange(1.0, 6.0)).sum().backward()
        found.append((cost.detach(), torch.cat([one.grad for one in leaves], -1)))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-4)
    assert (found[0][1] - found[1][1]).norm() < 1e-3 * found[0][1].norm()
