"""The gradient of a sum whose terms have nothing to do with each other, such as the losses of frames: term by term, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from .cpu.threads import shared_out

Share = TypeVar("Share")

AT_ONCE = 12
"""Shares of which the gradients are kept at once: memory does not grow with their number."""


def summed(look: Callable[[Share], Tensor], shares: Sequence[Share], learning: Sequence[Tensor]) -> Tensor:
    """The sum of what `look` makes of all shares, (K,) numbers, without a graph.

    Leaves in the leaves of the graph the gradient of the K numbers' sum. On the processor threads take one share after the other; sums
    are made in the shares' order, so that the result does not depend on how many threads there are.

    Args:
        look: makes a graph of its own of each share on top of `learning`.
        learning: all that `look` has gradients by, leaves or what was made of others; none of them is made of another.
    """
    wanted = [one for one in learning if one.requires_grad]

    def looked_at(share: Share) -> list[Tensor | None]:
        seen = look(share)
        gradients = torch.autograd.grad(seen.sum(), wanted, allow_unused=True) if seen.requires_grad else (None,) * len(wanted)
        return [seen.detach(), *gradients]

    on_processor = learning[0].device.type == "cpu"  # a GPU's stream, and what is noted on it, belong to one thread
    totals: list[Tensor | None] = [None] * (1 + len(wanted))
    for begin in range(0, len(shares), AT_ONCE):
        some = shares[begin : begin + AT_ONCE]
        for found in shared_out(looked_at, some) if on_processor else map(looked_at, some):
            totals = [new if total is None else total if new is None else total + new for total, new in zip(totals, found, strict=True)]
    # to hand the gradients themselves to torch loads its symbolic shapes
    felt = [(one * gradient).sum() for one, gradient in zip(wanted, totals[1:], strict=True) if gradient is not None]
    if felt:
        torch.stack(felt).sum().backward()
    assert totals[0] is not None
    return totals[0]
