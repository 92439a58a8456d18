"""Where a component of a prior lies: on the device for good, or there only while it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import Parameter


class Placed:
    """A frozen module that computes on a device.

    Offloaded, its weights lie in the computer's memory, and on the device only inside `ready`. What is computed there must not be
    needed for a gradient: the backward pass would no longer find the weights.
    """

    def __init__(self, module: Any, device: torch.device, offload: bool) -> None:
        self.module = module if offload else module.to(device)
        self.device = device
        self.offload = offload and device.type != "cpu"
        self._there = False

    @contextmanager
    def ready(self) -> Iterator[Any]:
        """The module, its weights on the device. Inside another `ready` they are already there, and stay."""
        if not self.offload or self._there:
            yield self.module
            return
        home = [
            (owner, name, tensor)
            for owner in self.module.modules()
            for name, tensor in (*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False))
        ]
        try:
            for owner, name, tensor in home:
                moved = tensor.detach().to(self.device)
                setattr(owner, name, Parameter(moved, requires_grad=False) if isinstance(tensor, Parameter) else moved)
            self._there = True
            yield self.module
        finally:
            self._there = False
            for owner, name, tensor in home:  # the copies on the device are let go; nothing was written to them
                setattr(owner, name, tensor)
