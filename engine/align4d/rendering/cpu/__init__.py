"""The CPU backend: numba kernels on all cores, no compiler needed on the user's machine.

project -> count_pairs, fill_pairs -> blend, and back: blend_backward -> project_backward. Every result is summed in a
fixed order, so the same input gives the same bits, whatever the number of threads.
"""

from .function import rasterize_cpu

__all__ = ["rasterize_cpu"]
