"""Triton kernels of Gaussians that ride on moving triangles, for GPUs; `gaussians.fused` has the same for the processor."""
