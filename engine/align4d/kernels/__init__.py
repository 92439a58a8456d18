"""Numba's compiler for kernels, with a cache that knows when it is stale. Every kernel is declared by this `njit`."""

import numba
from numba import njit

from .compiled import PackageLocator

numba.config.CACHE_LOCATOR_CLASSES = f"{PackageLocator.__module__}.{PackageLocator.__name__}"

__all__ = ["njit"]
