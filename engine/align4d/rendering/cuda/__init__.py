"""The CUDA backend that needs no CUDA toolkit: Triton kernels, compiled by what comes with torch.

project -> bin (sort by depth, then by tile) -> blend, and back: blend_backward -> project_backward. Gradients go into
one slot for each (tile, Gaussian) pair and are summed per Gaussian: no atomics.
"""

from .function import rasterize_triton

__all__ = ["rasterize_triton"]
