"""The gradient of a sum whose terms have nothing to do with each other, such as the losses of frames: term by term, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from .cpu.threads import shared_out

Share = TypeVar("Share")


def summed(look: Callable[[Share], Tensor], shares: Sequence[Share], learning: Sequence[Tensor]) -> Tensor:
    """The sum of what `look` makes of all shares, (K,) numbers, without a graph.

    Leaves in the leaves of the graph the gradient of the K numbers' sum. On the processor threads take one share after the other; sums
    are made in the shares' order, so that the result does not depend on how many threads there are.

    Args:
        look: makes a graph of its own of each share on top of `learning`.
        learning: all that `look` has gradients by, leaves or what was made of others; none of them is made of another.
    """
    wanted = [one for one in learning if one.requires_grad]

    def looked_at(share: Share) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        seen = look(share)
        gradients = torch.autograd.grad(seen.sum(), wanted, allow_unused=True) if seen.requires_grad else (None,) * len(wanted)
        return seen.detach(), gradients

    on_processor = not wanted or wanted[0].device.type == "cpu"
    found = shared_out(looked_at, shares) if on_processor else [looked_at(share) for share in shares]
    terms = [_term(one, [gradients[number] for _, gradients in found]) for number, one in enumerate(wanted)]
    felt = [term for term in terms if term is not None]
    if felt:
        torch.stack(felt).sum().backward()
    return torch.stack([seen for seen, _ in found]).sum(0)


def _term(one: Tensor, gradients: Sequence[Tensor | None]) -> Tensor | None:
    """A number whose gradient by `one` is the sum of these; None where there is none. (To hand them to torch loads its symbolic shapes.)"""
    known = [gradient for gradient in gradients if gradient is not None]
    return (one * sum(known[1:], known[0])).sum() if known else None
