"""A 4D result as evaluation sees it: something that moves and can be drawn from any side, wherever it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from align4d.cameras.orbit import intrinsics_for
from align4d.inputs.asset import Asset
from align4d.rendering import Cameras, Gaussians, rasterize

from ..metrics.mesh_picture import PictureCamera, draw


class Moving(Protocol):
    """A result.

    Attributes:
        frames: number of them.
        fps: frames a second.
        center: (3,) middle of the first frame's bounding box, in the result's world (Z up, front towards -Y).
        size: longest side of that box.
    """

    @property
    def frames(self) -> int: ...

    @property
    def fps(self) -> float: ...

    @property
    def center(self) -> np.ndarray: ...

    @property
    def size(self) -> float: ...

    def draw(self, frame: int, camera: PictureCamera) -> np.ndarray:
        """(H, W, 3) uint8 on white."""


@dataclass(frozen=True)
class MovingMesh:
    """One mesh whose vertices move.

    Attributes:
        asset: its triangles and colors; its vertices are the first frame's.
        vertices: (T, V, 3) float32, world.
        fps: frames a second.
    """

    asset: Asset
    vertices: np.ndarray
    fps: float

    @property
    def frames(self) -> int:
        """See `Moving`."""
        return len(self.vertices)

    @property
    def center(self) -> np.ndarray:
        """See `Moving`."""
        return (self.vertices[0].min(axis=0) + self.vertices[0].max(axis=0)).astype(np.float64) / 2

    @property
    def size(self) -> float:
        """See `Moving`."""
        return float((self.vertices[0].max(axis=0) - self.vertices[0].min(axis=0)).max())

    def draw(self, frame: int, camera: PictureCamera) -> np.ndarray:
        """See `Moving`: the plain colors that its materials show."""
        return draw(self.asset, self.vertices[frame], camera)


class MovingGaussians:
    """A sequence of 3D Gaussians, one file a frame.

    Args:
        load: the Gaussians of a frame; one frame is in memory at a time.
        frames: number of them.
        fps: frames a second.
        device: where they are rendered.
    """

    def __init__(self, load: Callable[[int], Gaussians], frames: int, fps: float, device: torch.device) -> None:
        self.frames, self.fps = frames, fps
        self._load, self._device = load, device
        self._at, self._held = 0, load(0)
        means = self._held.means[self._held.opacities > 0.1] if bool((self._held.opacities > 0.1).any()) else self._held.means
        low, high = means.amin(dim=0).double().numpy(), means.amax(dim=0).double().numpy()
        self.center = (low + high) / 2
        self.size = float((high - low).max())

    def draw(self, frame: int, camera: PictureCamera) -> np.ndarray:
        """See `Moving`."""
        if frame != self._at:
            self._at, self._held = frame, self._load(frame)
        width, height = camera.size
        cameras = Cameras(
            torch.from_numpy(camera.world_to_camera)[None].float().to(self._device),
            torch.from_numpy(intrinsics_for(camera.fovy, width, height))[None].float().to(self._device),
        )
        there = Gaussians(**{name: tensor.to(self._device) for name, tensor in self._held.named().items()})
        with torch.no_grad():
            color = rasterize(there, cameras, (height, width)).color[0]
        return (color.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
