"""Gaussians that ride on moving triangles, on the processor: one pass over them forwards and one backwards.

As tensors the same is a hundred small operations a step, each of which goes through memory and through Python.
`alignment.animated_asset` has it as tensors, too: for GPUs, and as what the kernels are tested against.
"""

from .function import Ridden, Rider, compile_kernels, ride
from .pairs import Carriers, of_pairs
from .points import Points

__all__ = ["Carriers", "Points", "Ridden", "Rider", "compile_kernels", "of_pairs", "ride"]
