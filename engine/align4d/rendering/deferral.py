"""Rendering without waiting for the GPU: what `rasterize` would look at at once is noted there and looked at later.

A rendering waits twice for the GPU: to know that its input is finite, and how many (tile, Gaussian) pairs to make room
for. Each wait empties the GPU's queue, and a CUDA graph cannot hold one. Within a `Deferral` both are noted on the
device; `verify` looks at them, once for many renderings.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

import torch
from torch import Tensor

from .types import not_finite

NAMES = ("means", "quats", "scales", "opacities", "colors", "viewmats", "Ks")

_current: ContextVar[Deferral | None] = ContextVar("deferral", default=None)


def current() -> Deferral | None:
    """The deferral that is in force."""
    return _current.get()


class Deferral:
    """`with` it, renderings on `device` take their input on trust until `verify`.

    Attributes:
        noted: (2,) int64 on the device, the most pairs that a rendering had, and more than 0 where anything else was no number.

    Args:
        device: of the renderings.
        room: for how many (tile, Gaussian) pairs of a rendering there is room. What goes over it is left out of the
            picture, and `verify` tells. None: each rendering waits once, for the number.
    """

    def __init__(self, device: torch.device, room: int | None = None) -> None:
        self.room = room
        self._finite = torch.ones(len(NAMES), dtype=torch.bool, device=device)
        self.noted = torch.zeros(2, dtype=torch.int64, device=device)
        self._token: Token[Deferral | None] | None = None

    def __enter__(self) -> Deferral:
        self._token = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._token is not None
        _current.reset(self._token)

    def note_input(self, tensors: dict[str, Tensor]) -> None:
        """Notes whether each of the tensors, in the order of `NAMES`, is finite."""
        largest = [torch.linalg.vector_norm(one.detach(), float("inf")) if one.numel() else one.new_zeros(()) for one in tensors.values()]
        self._finite.logical_and_(torch.isfinite(torch.stack(largest)))

    def note_pairs(self, pairs: Tensor) -> None:
        """Notes how many pairs a rendering has, an int64 scalar."""
        torch.maximum(self.noted[0], pairs, out=self.noted[0])

    def verify(self) -> int:
        """Waits for the device, and forgets what was noted.

        Returns:
            The most pairs that a rendering had; where that is more than `room`, pictures were incomplete.

        Raises:
            EngineError: "not_finite" naming the tensor.
        """
        *finite, most, broken = torch.cat([self._finite.long(), self.noted]).tolist()
        self._finite.fill_(True)
        self.noted.zero_()
        for name, is_finite in zip(NAMES, finite, strict=True):
            if not is_finite:
                raise not_finite(f"{name} held values that are NaN or infinite.")
        if broken:
            raise not_finite("A pose or what it shows held values that are NaN or infinite.")
        return int(most)
