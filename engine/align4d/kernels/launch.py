"""Compile and start a Triton kernel without any compiler on the machine.

Triton itself makes machine code with what is in its wheel, but to start a kernel it compiles a stub in C, for which it
wants gcc or clang and Python's headers: an artist's workstation has neither. Here the kernel is compiled by
`triton.compile` and started through the CUDA driver's own functions, which come with every NVIDIA driver.
"""

from __future__ import annotations

import ctypes
import functools
import re
import sys
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TYPES = {torch.float32: "*fp32", torch.int16: "*i16", torch.int32: "*i32", torch.int64: "*i64"}
Argument = Tensor | int | float


def launch(kernel: Any, programs: int, device: torch.device, *arguments: Argument, warps: int = 4, **constants: int) -> None:
    """Start `programs` programs of a `triton.jit` kernel on the device's current stream.

    Args:
        arguments: in the kernel's order; int is passed as int32, float as float32.
        warps: of 32 threads, for each program.
        constants: the kernel's `tl.constexpr` parameters, which come last.

    Raises:
        RuntimeError: the driver refused; the text has its error number.
    """
    if not isinstance(kernel, triton.JITFunction):  # TRITON_INTERPRET=1, by which the kernels are tested without a GPU
        kernel[(programs,)](*arguments, **constants)
        return
    kinds = tuple(TYPES[argument.dtype] if isinstance(argument, Tensor) else "i32" if isinstance(argument, int) else "fp32" for argument in arguments)
    index = device.index if device.index is not None else torch.cuda.current_device()
    with torch.cuda.device(index):
        # torch's threads that go back through a graph may have none yet
        _check(_driver().cuCtxSetCurrent(_context(index)))
        function, shared, parameters = _loaded(kernel, kinds, tuple(constants.items()), warps, index)
        values: list[Any] = [_as_c(argument) for argument in arguments]
        # Newer versions of Triton add pointers to scratch memory, which these kernels do not use.
        values += [ctypes.c_void_p(0)] * (parameters - len(values))
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        stream = ctypes.c_void_p(torch.cuda.current_stream(index).cuda_stream)
        _check(_driver().cuLaunchKernel(function, programs, 1, 1, 32 * warps, 1, 1, shared, stream, pointers, None))


def _as_c(argument: Argument) -> Any:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_int32(argument) if isinstance(argument, int) else ctypes.c_float(argument)


@functools.cache
def _loaded(kernel: Any, kinds: tuple[str, ...], constants: tuple[tuple[str, int], ...], warps: int, device: int) -> tuple[Any, int, int]:
    """The compiled kernel on a device: its handle, bytes of shared memory, and number of parameters."""
    fixed = dict(constants)
    signature = dict(zip(kernel.arg_names, kinds, strict=False)) | dict.fromkeys(fixed, "constexpr")
    major, minor = torch.cuda.get_device_capability(device)
    source = ASTSource(kernel, signature=signature, constexprs=fixed)
    compiled = triton.compile(source, target=GPUTarget("cuda", major * 10 + minor, 32), options={"num_warps": warps})
    entry = re.search(r"\.visible \.entry (\w+)\((.*?)\)", compiled.asm["ptx"], re.DOTALL)
    if entry is None:
        raise RuntimeError(f"Triton's code for {kernel.__name__} has no entry.")
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    _check(_driver().cuModuleLoadData(ctypes.byref(module), compiled.asm["cubin"]))
    _check(_driver().cuModuleGetFunction(ctypes.byref(function), module, entry[1].encode()))
    return function, compiled.metadata.shared, entry[2].count(".param")


@functools.cache
def _context(device: int) -> Any:
    """The one that torch uses."""
    context = ctypes.c_void_p()
    _check(_driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    return context


@functools.cache
def _driver() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("nvcuda.dll")
    return ctypes.CDLL("libcuda.so.1")


def _check(result: int) -> None:
    if result:
        raise RuntimeError(f"The CUDA driver answered with error {result}.")
