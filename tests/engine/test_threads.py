"""Who has the threads: the kernels, and not torch's small operations beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from align4d.rendering.cpu import threads
from align4d.rendering.cpu.threads import GRAIN, run, threads_for_kernels, threads_for_torch


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "core_count", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def parts_of(work: int) -> list[int]:
    seen: list[int] = []
    run(lambda part, parts: seen.append(part), work)
    return sorted(seen)


def test_kernels_keep_what_torch_gives_up() -> None:
    with threads_for_kernels():
        assert torch.get_num_threads() == 1
        assert parts_of(10 * GRAIN) == [0, 1]
        with threads_for_kernels():
            assert parts_of(10 * GRAIN) == [0, 1]
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_torch_has_them_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="cancelled"), threads_for_kernels():
        raise ValueError("cancelled")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert parts_of(10 * GRAIN) == [0]


def test_large_operations_of_torch_get_them_for_a_while() -> None:
    with threads_for_kernels():
        with threads_for_torch():
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    with threads_for_torch():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2
