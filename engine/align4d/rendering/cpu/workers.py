"""Threads that help whoever has several calls to make: each takes the next call when it is done with the last.

Who asked makes calls, too, and waits for nothing but calls that somebody has taken: a thread that another program keeps from its core has
taken none, and holds up nobody. Who waits helps meanwhile, so that the last calls, whose own work may be shared out, are shared by all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Union

import torch

Call = Callable[[], object]
Inbox = SimpleQueue[Union["_Calls", BaseException, None]]
"""Of a thread: calls that it may help with, and what came of its own that others made."""

UNSEEN = 64
"""Calls that nobody was free for, which are kept until somebody is, at most: older ones are done."""


class _Calls:
    """Calls that are to be made, and where an entry goes for each that a helper has made."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.left = deque(calls)
        self.inbox: Inbox = SimpleQueue()

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
                self.inbox.put(error)
            else:
                self.inbox.put(None)


class Workers:
    """Threads, started when they are first wanted; torch's operations run on one thread in each of them."""

    def __init__(self) -> None:
        self._free: deque[Inbox] = deque()
        self._unseen: deque[_Calls] = deque(maxlen=UNSEEN)
        self._started, self._starting = 0, threading.Lock()

    @property
    def free(self) -> int:
        """Threads that have nothing to do, those that wait for others among them."""
        return len(self._free)

    def make(self, calls: Sequence[Call], threads: int) -> None:
        """Makes all calls on so many threads, the caller's among them. Raises what a call raised, once none is being made."""
        asked = _Calls(calls)
        self._start(threads - 1)
        self._ask(asked, threads - 1)
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
            error = self._outcome(asked.inbox) or error
        if error is not None:
            raise error

    def _ask(self, asked: _Calls, helpers: int) -> None:
        for _ in range(helpers):
            try:
                self._free.pop().put(asked)
            except IndexError:
                self._unseen.append(asked)

    def _outcome(self, inbox: Inbox) -> BaseException | None:
        """Of a call that somebody has taken."""
        while True:
            if inbox not in self._free:
                self._free.append(inbox)
            got = inbox.get()
            if not isinstance(got, _Calls):
                with suppress(ValueError):  # somebody may be about to ask: who asks waits for nobody
                    self._free.remove(inbox)
                return got
            got.help()

    def _start(self, count: int) -> None:
        if self._started >= count:
            return
        with self._starting:
            before, ready = torch.get_num_threads(), threading.Semaphore(0)
            for number in range(self._started, count):
                threading.Thread(target=self._work, args=(ready,), name=f"align4d-worker-{number}", daemon=True).start()
                ready.acquire()
            self._started = max(self._started, count)
            torch.set_num_threads(before)  # what a thread sets is what later ones begin with

    def _work(self, ready: threading.Semaphore) -> None:
        torch.get_num_threads()  # who has not asked yet is given the process's number later, whatever it sets
        torch.set_num_threads(1)
        ready.release()
        inbox: Inbox = SimpleQueue()
        while True:
            self._look_for_unseen()
            self._free.append(inbox)
            self._look_for_unseen()  # asked for just before
            got = inbox.get()
            assert isinstance(got, _Calls)
            got.help()

    def _look_for_unseen(self) -> None:
        with suppress(IndexError):
            while True:
                self._unseen.popleft().help()
