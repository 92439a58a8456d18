"""Differentiable Gaussian rendering: one function, several backends, the same answer."""

from .choose import Choice, choose
from .rasterize import rasterize
from .types import Cameras, Gaussians, Rendering

__all__ = ["Cameras", "Choice", "Gaussians", "Rendering", "choose", "rasterize"]
