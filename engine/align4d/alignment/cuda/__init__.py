"""A pose of a frame looked at by Triton kernels alone: what it costs, the gradient by its joints, and how that curves.

As `direct_look` does on the processor. `FrameStep.look` has the same as tensors, for several clips, and as what this is tested against: a
few hundred small kernels, each of which takes a GPU longer to start than to run. `look` needs Triton, so it is imported where there is one.
"""
