"""Memory estimates of generators: torch's allocator played through, the counts that the engine states, and six measurements."""

from __future__ import annotations

import pytest
import torch

from align4d.generators import lgm
from benchmarks import generator_memory, generators
from benchmarks.torch_memory import Allocator, play

MB = 1 << 20


def test_a_free_block_is_split_and_joined_again() -> None:
    allocator = Allocator()
    large = allocator.take(64 * MB)
    allocator.give(large)
    halves = [allocator.take(32 * MB) for _ in range(2)]
    assert allocator.held == 64 * MB and allocator.alive == 64 * MB
    for half in halves:
        allocator.give(half)
    allocator.take(64 * MB)
    assert allocator.held == 64 * MB


def test_blocks_that_grow_are_held_beside_each_other() -> None:
    """Each is too small for what comes next: why a decoder, whose pictures double, holds twice what is alive."""
    allocator = Allocator()
    for size in (16, 32, 64, 128):
        allocator.give(allocator.take(size * MB))
    assert allocator.most_alive == 128 * MB
    assert allocator.held == 240 * MB


def test_sizes_are_rounded_and_small_ones_share_a_segment() -> None:
    allocator = Allocator()
    allocator.take(1)
    allocator.take(700)
    assert allocator.alive == 512 + 1024 and allocator.held == 2 * MB
    allocator.take(3 * MB)
    assert allocator.held == 22 * MB
    allocator.take(15 * MB)
    assert allocator.held == 22 * MB  # it fits behind the three
    allocator.take(11 * MB)
    assert allocator.held == 34 * MB


def test_what_nobody_holds_is_given_back() -> None:
    network = torch.nn.Linear(1024, 1024, bias=False, device="meta")
    allocator = Allocator()

    def work() -> None:
        rows = torch.empty(4096, 1024, device="meta")
        for _ in range(3):
            rows = network(rows)

    assert play(allocator, network, work) == 2 * 16 * MB  # two at a time; the weights are not counted
    assert allocator.alive == 0 and allocator.held == 32 * MB


def test_lgms_figures_are_those_that_are_counted() -> None:
    counted = generator_memory.count_lgm()
    assert counted.held == pytest.approx(lgm.HELD, rel=0.02)
    assert counted.alive["gaussians"] == pytest.approx(lgm.NETWORK_WORK, rel=0.1)


@pytest.mark.parametrize("run", generator_memory.MEASURED, ids=lambda run: f"{run.model}-{run.budget / 1e9:.0f}")
def test_estimates_are_near_what_was_measured_and_not_below(run: generator_memory.Run) -> None:
    placement = generator_memory.placement_of(run)
    assert (placement.offload, placement.frugal) == (run.offload, run.frugal)  # within 8 GB it is placed as it was when it fitted
    assert 1.0 <= generator_memory.estimate(run) / run.peak <= 1.12


def test_other_processes_on_the_gpu_are_not_counted() -> None:
    gb = 1_000_000_000
    assert generators.context_size(before=100 * gb, after=99 * gb, held=gb // 2) == gb // 2
    assert generators.context_size(before=100 * gb, after=80 * gb, held=gb // 2) == generators.CONTEXT_BYTES
    assert generators.context_size(before=80 * gb, after=100 * gb, held=0) == generators.CONTEXT_BYTES
