"""Differentiable Gaussian rendering: one function, several backends, the same answer."""

from .rasterize import rasterize
from .types import Cameras, Gaussians, Rendering

__all__ = ["Cameras", "Gaussians", "Rendering", "rasterize"]
