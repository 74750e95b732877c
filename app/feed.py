"""A run as the Results component is told of it: one message holds its whole present state."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import quote

import gradio as gr

from app.handlers import Cell, Update
from app.pictures import data_url
from engine.resizing import resize_photo

SHOWN_SIDE = 1024  # of the picture in the result pane, while it forms
CELL_SIDE = 320  # of the others
PACE = 0.1  # seconds between two moments of a run

P = ParamSpec("P")

_numbers = itertools.count(time.time_ns() // 1000)  # above what an earlier start of the app has given


def message(update: Update, shown: int = 0) -> dict[str, Any]:
    """What the browser needs to show an update. shown: the cell that the result pane shows."""
    height, width = update.shape
    return {
        "seq": next(_numbers),
        "run": update.run,
        "text": update.status.text,
        "kind": update.status.kind,
        "share": update.status.share,
        "width": width,
        "height": height,
        "quiet": update.quiet,
        "shown": shown,
        "cells": [cell_of(cell, SHOWN_SIDE if i == shown else CELL_SIDE) for i, cell in enumerate(update.cells)],
    }


def cell_of(cell: Cell, side: int) -> dict[str, Any]:
    """A kept picture by its file's address, another one inside the message, its long side at most `side`."""
    told: dict[str, Any] = {"seed": cell.seed, "state": cell.state}
    if cell.entry:
        return told | {
            "id": cell.entry.id,
            "url": address(cell.entry.path),
            "favourite": cell.entry.favourite,
            "rejected": cell.entry.rejected,
        }
    if cell.picture is not None:
        scale = min(1.0, side / max(cell.picture.shape[:2]))
        size = (max(1, round(length * scale)) for length in cell.picture.shape[:2])
        told["url"] = data_url(resize_photo(cell.picture, *size))
    return told | ({"draft": cell.draft} if cell.draft else {})


def paced(updates: Iterator[Update], now: Callable[[], float] = time.monotonic) -> Iterator[Update]:
    """The updates of a run, but for moments that follow too soon on another one.

    A browser that takes them in more slowly than they come would show what was long ago, and learn late that the run
    was cancelled. What ends a run or a picture is always told. now: seconds.
    """
    told, finished = float("-inf"), 0
    for update in updates:
        done = sum(cell.state == "done" for cell in update.cells)
        if update.status.kind == "busy" and done == finished and now() - told < PACE:
            continue
        told, finished = now(), done
        yield update


def said_once(handler: Callable[P, Iterator[dict]]) -> Callable[P, Iterator[dict]]:
    """The same handler, ending with values that change nothing.

    Gradio says the last values of a handler that yields again once it has ended. By then the artist may have gone on,
    and would see the run's last word in place of the answer to that, its seed in place of a reopened edit's.
    """

    @functools.wraps(handler)
    def saying(*args: P.args, **kwargs: P.kwargs) -> Iterator[dict]:
        yield from handler(*args, **kwargs)
        yield gr.skip()

    return saying


def address(path: Path) -> str:
    """Where the browser finds a file of `outputs/`, relative to the page."""
    return f"gradio_api/file={quote(path.as_posix())}"
