"""Triton kernels of the parts' motion, for GPUs."""
