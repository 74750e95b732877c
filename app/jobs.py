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
        self._present = threading.Lock()  # of the two below
        self._stops: dict[str, threading.Event] = {}
        self._pressed: set[threading.Event] = set()

    def run(self, owner: str, work: Callable[[], Generator[T]], pressed: bool = True) -> Iterator[T | Waiting]:
        """Yields what `work()` yields, and `Waiting` until it may begin. Raises Cancelled after `cancel(owner)`.

        pressed: somebody asked for it; a job that nobody did gives way to one of the same owner's that somebody did
        and that was not stopped since: then nothing is yielded.
        """
        stop = self._begin(owner, pressed)
        if stop is None:
            return
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
            self._end(owner, stop)

    def cancel(self, owner: str) -> bool:
        """Asks the owner's job to stop; False where there is none."""
        stop = self._stops.get(owner)
        if stop is not None:
            stop.set()
        return stop is not None

    def has_job(self, owner: str) -> bool:
        """Whether a job of the owner's waits or runs."""
        return owner in self._stops

    def _begin(self, owner: str, pressed: bool) -> threading.Event | None:
        """Takes the place of the owner's older job, in one go: of two that come at once, one replaces the other."""
        with self._present:
            older = self._stops.get(owner)
            if not pressed and older in self._pressed and not older.is_set():
                return None
            if older is not None:
                older.set()
            stop = self._stops[owner] = threading.Event()
            if pressed:
                self._pressed.add(stop)
            return stop

    def _end(self, owner: str, stop: threading.Event) -> None:
        with self._present:
            self._pressed.discard(stop)
            if self._stops.get(owner) is stop:
                del self._stops[owner]


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled
