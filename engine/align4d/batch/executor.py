"""Runs one function on many items: here, one after the other, or on a Ray cluster, as many at once as it has room for.

What is run must be importable and its items picklable; what it makes it leaves on the disk, which all machines of a cluster share.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..errors import Cancelled, EngineError

Item = TypeVar("Item")

LOCAL = "local"
"""In place of a cluster's address: one that is started on this machine, and ends with the command."""

RETRIES = 3
"""How often an item whose worker died is given to another."""


class Executor(ABC):
    """A place to work; a context manager."""

    @abstractmethod
    def run(self, function: Callable[[Item], None], items: Sequence[Item]) -> Iterator[tuple[Item, Exception | None]]:
        """Each item when it is done, with what went wrong with it; in any order. Other items go on."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Here(Executor):
    """In this process, in the items' order."""

    def run(self, function: Callable[[Item], None], items: Sequence[Item]) -> Iterator[tuple[Item, Exception | None]]:
        """See `Executor`. A cancel ends it at once."""
        for item in items:
            try:
                function(item)
            except Cancelled:
                raise
            except Exception as error:
                yield item, error
            else:
                yield item, None


class OnRay(Executor):
    """On a Ray cluster.

    Args:
        address: of a running cluster, "auto" for the one that this machine belongs to, or `LOCAL`.
        gpus: of each item; 0 for work of processors alone.
        workers: processes of a cluster that is started here; 0: one a core.

    Raises:
        EngineError: "ray_missing" without the library, "ray_unreachable".
    """

    def __init__(self, address: str, gpus: float = 0.0, workers: int = 0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics of its use to its makers
        try:
            import ray
        except ImportError as error:
            advice = 'Press Install Ray in Blender, or: pip install "align4d[distributed]"'
            raise EngineError("ray_missing", "The library Ray is not installed.", advice, "install_ray") from error
        self._ray, self._gpus = ray, gpus
        alone: dict[str, Any] = {"num_cpus": workers or None, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        started = alone if address == LOCAL else {"address": address}
        try:
            ray.init(log_to_driver=False, logging_level="error", **started)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise EngineError(
                "ray_unreachable", f"No Ray cluster answers at {address} ({error}).", "Start one with: ray start --head, or use --ray local."
            ) from error

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def run(self, function: Callable[[Item], None], items: Sequence[Item]) -> Iterator[tuple[Item, Exception | None]]:
        """See `Executor`. An item whose worker died is given to another, up to `RETRIES` times."""
        ray = self._ray

        def do(item: Item) -> None:  # Ray takes plain functions only
            function(item)

        remote = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=RETRIES)(do)
        at_work: dict[Any, Item] = {remote.remote(item): item for item in items}
        while at_work:
            (done,), _ = ray.wait(list(at_work), num_returns=1)
            item = at_work.pop(done)
            try:
                ray.get(done)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, Exception) else error
                if isinstance(cause, Cancelled):
                    raise cause from error
                yield item, cause
            except ray.exceptions.RayError as error:
                lost = f"The worker died {RETRIES + 1} times ({type(error).__name__})."
                yield item, EngineError("worker_lost", lost, "Check its memory, and run again.")
            else:
                yield item, None


def executor(address: str | None, gpus: float = 0.0) -> Executor:
    """Ray at `address`; without one, here. Raises EngineError, see `OnRay`."""
    return OnRay(address, gpus) if address else Here()
