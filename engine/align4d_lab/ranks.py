"""A training in this process, or in one for each GPU."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.multiprocessing.spawn import spawn

CLOCK_STEPS = 20
"""Between two looks of several ranks at one clock."""

Train = Callable[[int, argparse.Namespace, int], None]
"""Takes the rank, the command's arguments with `gpus`, and the port at which the ranks meet."""


def start(train: Train, arguments: argparse.Namespace) -> None:
    """Runs `train` here, or on as many GPUs as were asked for; it must be importable."""
    if arguments.gpus <= 1:
        train(0, arguments, 0)
    else:
        spawn(train, (arguments, _free_port()), arguments.gpus)


@contextmanager
def joined(rank: int, gpus: int, port: int) -> Iterator[tuple[torch.device, int]]:
    """The device of a rank and the number of ranks, which can talk to each other within the block."""
    ranks = max(1, gpus)
    if ranks > 1:
        torch.cuda.set_device(torch.device("cuda", rank))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        torch.distributed.init_process_group("nccl", rank=rank, world_size=ranks)
    yield torch.device("cuda", rank) if gpus else torch.device("cpu"), ranks
    if ranks > 1:
        torch.distributed.destroy_process_group()


class Clock:
    """Rank 0's clock, read every few steps: all ranks have the same learning rate and stop at the same step.

    Args:
        device: of this rank.
        ranks: how many there are.
    """

    def __init__(self, device: torch.device, ranks: int) -> None:
        self.device, self.ranks = device, ranks
        self._agreed = 0.0

    def agreed(self, done: float, step: int) -> float:
        """The part of the run that is over for all ranks after `step` steps, where it is `done` for this one."""
        if self.ranks == 1:
            return done
        if step % CLOCK_STEPS == 0:
            shared = torch.tensor([done], device=self.device)
            torch.distributed.broadcast(shared, 0)
            self._agreed = float(shared)
        return self._agreed


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
