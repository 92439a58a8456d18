"""Poses of a clip's frames, as tracking finds them one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Track:
    """Poses of the frames so far, which follow each other.

    Attributes:
        turn: (T, K, 3) rotation vectors of the joints.
        shift: (T, K, 3) translations of the joints.
        loss: (T,) known-view loss reached; 0 for the pose that tracking began with and for frames that were skipped.
        first: frame of the clip that comes first here.
    """

    turn: Tensor
    shift: Tensor
    loss: Tensor
    first: int = 0

    @property
    def end(self) -> int:
        """The frame of the clip after the last one here."""
        return self.first + len(self.turn)

    def backwards(self) -> Track:
        """The same frames from the last to the first, for going on before the first; `first` says nothing then."""
        return Track(self.turn.flip(0), self.shift.flip(0), self.loss.flip(0))

    def without_last(self, count: int) -> Track:
        """All but so many of the last frames."""
        end = len(self.turn) - count
        return Track(self.turn[:end], self.shift[:end], self.loss[:end], self.first)

    def carried(self, momentum: float) -> tuple[Tensor, Tensor]:
        """Turn and shift (1, K, 3) that would follow the last ones, with so much of their change."""
        return extrapolated(self.turn, momentum), extrapolated(self.shift, momentum)

    def with_frame(self, frame: int, turn: Tensor, shift: Tensor, loss: float) -> Track:
        """One more frame, (1, K, 3) each: the one after the last here, or the one before the first."""
        pairs = (self.turn, turn), (self.shift, shift), (self.loss, torch.tensor([loss]))
        longer = [torch.cat(pair if frame == self.end else pair[::-1]) for pair in pairs]
        return Track(longer[0], longer[1], longer[2], min(self.first, frame))


def extrapolated(past: Tensor, momentum: float) -> Tensor:
    """(1, K, 3) that would follow `past` (T, K, 3)."""
    return past[-1:] if len(past) < 2 else past[-1:] + momentum * (past[-1:] - past[-2:-1])
