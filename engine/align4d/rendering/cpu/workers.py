"""Threads that help whoever has several calls to make: each takes the next call when it is done with the last.

Who asked makes calls, too, and waits for nothing but calls that somebody has taken: a thread that another program keeps from its core has
taken none, and holds up nobody.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import torch

Call = Callable[[], object]


class _Calls:
    """Calls that are to be made, and an entry for each that a helper has made."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.left = deque(calls)
        self.made: SimpleQueue[BaseException | None] = SimpleQueue()

    def next(self) -> Call | None:
        """Taken by whoever asks; None once all are."""
        try:
            return self.left.popleft()
        except IndexError:
            return None

    def help(self) -> None:
        """Makes calls until all are taken."""
        while call := self.next():
            try:
                call()
            except BaseException as error:
                self.made.put(error)
            else:
                self.made.put(None)


class Workers:
    """Threads, started when they are first wanted; torch's operations run on one thread in each of them."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[_Calls] = SimpleQueue()
        self._started, self._starting = 0, threading.Lock()

    def make(self, calls: Sequence[Call], threads: int) -> None:
        """Makes all calls on so many threads, the caller's among them. Raises what a call raised, once none is being made."""
        asked = _Calls(calls)
        self._start(threads - 1)
        for _ in range(threads - 1):
            self._asked.put(asked)
        own, error = 0, None
        while error is None and (call := asked.next()):
            own += 1
            try:
                call()
            except BaseException as raised:
                error = raised
        while asked.next():  # one has failed
            own += 1
        for _ in range(len(calls) - own):
            error = asked.made.get() or error
        if error is not None:
            raise error

    def _start(self, count: int) -> None:
        if self._started >= count:
            return
        with self._starting:
            threads, ready = torch.get_num_threads(), threading.Semaphore(0)
            for number in range(self._started, count):
                threading.Thread(target=self._work, args=(ready,), name=f"align4d-worker-{number}", daemon=True).start()
                ready.acquire()
            self._started = max(self._started, count)
            torch.set_num_threads(threads)  # what a thread sets is what later ones begin with

    def _work(self, ready: threading.Semaphore) -> None:
        torch.get_num_threads()  # who has not asked yet is given the process's number later, whatever it sets
        torch.set_num_threads(1)
        ready.release()
        while True:
            self._asked.get().help()
