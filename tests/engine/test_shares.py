"""Gradients of sums, share by share on several threads, are those of the whole, whatever the number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from align4d.errors import EngineError
from align4d.rendering.cpu import threads as cpu_threads
from align4d.rendering.shares import summed


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(cpu_threads, "core_count", lambda: 4)
    yield
    torch.set_num_threads(before)


def made(count: int, places: Tensor, leaf: Tensor, scale: Tensor, unused: Tensor) -> tuple[Tensor, list[Tensor | None]]:
    """What `summed` makes of twenty shares on so many threads: the sums, and the gradients that it leaves."""
    torch.set_num_threads(count)
    for one in (places, leaf, scale, unused):
        one.grad = None
    common = places.exp()

    def look(share: Tensor) -> Tensor:
        return torch.stack([(common[share] * scale).sin().sum(), (leaf[share] ** 2).sum()])

    sums = summed(look, torch.arange(len(leaf)).split(1), [common, leaf, scale, unused])
    return sums, [places.grad, leaf.grad, scale.grad, unused.grad]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_gradient_is_that_of_the_sum(count: int) -> None:
    torch.manual_seed(0)
    given = places, leaf, scale, unused = [torch.randn(shape, requires_grad=True) for shape in ((20, 5), (20, 5), (5,), (3,))]
    sums, gradients = made(count, *given)
    whole = torch.stack([(places.exp() * scale).sin().sum(), (leaf**2).sum()])
    torch.testing.assert_close(sums, whole.detach())
    torch.testing.assert_close(gradients[:3], list(torch.autograd.grad(whole.sum(), [places, leaf, scale])))
    assert gradients[3] is None and unused.grad is None and not sums.requires_grad
    once, alone = made(1, *given)
    assert torch.equal(sums, once) and all(torch.equal(one, other) for one, other in zip(gradients[:3], alone[:3], strict=True))


def test_nothing_that_learns_leaves_nothing() -> None:
    frozen = torch.randn(6)
    assert torch.equal(summed(lambda share: frozen[share].sum()[None], torch.arange(6).split(2), [frozen]), frozen.view(3, 2).sum(1).sum()[None])


@pytest.mark.parametrize("learns", [False, True])
def test_elsewhere_than_on_the_processor_one_thread_looks(learns: bool) -> None:
    leaf, seen = torch.ones(6, device="meta", requires_grad=learns), set()

    def look(share: Tensor) -> Tensor:
        seen.add(threading.current_thread())
        time.sleep(0.01)
        return leaf.index_select(0, share).sum()[None]

    torch.set_num_threads(4)
    summed(look, torch.arange(6, device="meta").split(1), [leaf])
    assert seen == {threading.main_thread()}


def test_a_share_that_is_damaged_tells() -> None:
    leaf = torch.ones(6, requires_grad=True)

    def look(share: Tensor) -> Tensor:
        if 4 in share:
            raise EngineError("not_finite", "means held values that are NaN.", "Nothing helps.")
        return leaf[share].sum()[None]

    torch.set_num_threads(2)
    with pytest.raises(EngineError, match="NaN"):
        summed(look, torch.arange(6).split(1), [leaf])
    assert leaf.grad is None
