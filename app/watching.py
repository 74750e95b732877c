"""A map that is painted in another program: what is in its file, again and again, whenever it was saved anew."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.images import printable
from engine.maps import MapRead, read_map
from engine.palette import Palette
from engine.types import UserError

T = TypeVar("T")
Mark = tuple[int, int, int]  # of a file: when it was changed, how long it is, which one it is


@dataclass(frozen=True)
class Change:
    """What is new: a map in the wanted palette, or in `problem` why there is none. mark: of which state of the file."""

    read: MapRead | None
    problem: str = ""
    mark: Mark | None = None


def watch(
    path: Path,
    wanted: Palette,
    palette: str | Path | None = None,
    every: float = 0.5,
    stop: threading.Event | None = None,
) -> Generator[Change]:
    """Yields the map as it is, and again after each change, once the file has rested for `every` seconds.

    The file may be replaced, deleted and come back; what can't be read is told once, and watching goes on. palette: of
    the map, as in `read_map`. Ends within `every` seconds after `stop` is set.
    """
    stop = stop or threading.Event()
    told: Mark | str | None = "nothing"
    before = mark_of(path)
    while not stop.is_set():
        now = mark_of(path)
        if now == before and now != told:
            change = _look(path, wanted, palette, now)
            if mark_of(path) == now:  # else it was changed while it was read: what was read may be half of it
                told = now
                yield change
        before = now
        stop.wait(every)


def while_same(path: Path, mark: Mark | None, items: Generator[T]) -> Generator[T]:
    """The items until the file is another than `mark` says, for they are out of date then; closes them."""
    with closing(items):
        for item in items:
            yield item
            if mark_of(path) != mark:
                return


def mark_of(path: Path) -> Mark | None:
    """None where there is no such file."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _look(path: Path, wanted: Palette, palette: str | Path | None, mark: Mark | None) -> Change:
    if mark is None:
        return Change(None, f"{printable(path.name)} is not there. Save it, and it is read.")
    try:
        return Change(read_map(path, wanted, palette), mark=mark)
    except UserError as error:
        return Change(None, str(error), mark)
