"""One job at a time on a device: others wait their turn, a session's newer job replaces its older one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")


class Cancelled(Exception):  # noqa: N818 (not an error: somebody asked for it)
    """The job was stopped on request, between two steps."""


class Waiting:
    """Yielded while another job holds the device."""


class Worker:
    """Runs jobs, which are iterators, one after the other.

    Cancelling takes effect before the next step; what the present one yields still arrives.
    """

    def __init__(self) -> None:
        self._device = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    def run(self, owner: str, work: Callable[[], Generator[T]]) -> Iterator[T | Waiting]:
        """Yields what `work()` yields, and `Waiting` until it may begin. Raises Cancelled after `cancel(owner)`."""
        self.cancel(owner)
        stop = self._stops[owner] = threading.Event()
        try:
            while not self._device.acquire(timeout=0.25):
                _check(stop)
                yield Waiting()
            try:
                _check(stop)
                with closing(work()) as results:
                    for result in results:
                        yield result
                        _check(stop)
            finally:
                self._device.release()
        finally:
            if self._stops.get(owner) is stop:
                del self._stops[owner]

    def cancel(self, owner: str) -> bool:
        """Asks the owner's job to stop; False where there is none."""
        stop = self._stops.get(owner)
        if stop is not None:
            stop.set()
        return stop is not None


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled
