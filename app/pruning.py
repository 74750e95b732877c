"""What of `outputs/photos/` nobody can reach any more is put aside: a photo that was opened and never repainted, a
version that was gone back from.

Reached is what was used of late, every version that a result or a saved photo was made of, and all that those stand on.
What is put aside waits in `outputs/photos/deleted/`, and comes back by itself where it is asked for all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.project import make_folder
from app.stack import Stack, Stacks, stack_from_json
from engine.types import UserError

KEPT_DAYS = 30  # after the last use
DAY = 86_400  # seconds


def put_aside(stacks: Stacks, now: float | None = None) -> int:
    """How many files were moved. now: seconds since 1970. Raises UserError where the folder can't be made."""
    since = (time.time() if now is None else now) - KEPT_DAYS * DAY
    reached = set(_reached(stacks.folder, since))
    unreached = [path for path in _files(stacks.folder) if path not in reached and _used(path) < since]
    for path in unreached:
        target = stacks.aside(path)
        make_folder(target.parent)
        with suppress(OSError):  # open in another program, say: it goes the next time
            path.replace(target)
    return sum(not path.exists() for path in unreached)


def _files(folder: Path) -> Iterator[Path]:
    for pattern in ("*.png", "stacks/*.json", "layers/*.png"):
        yield from folder.glob(pattern)


def _used(path: Path) -> float:
    """When it was used last; a file that is gone meanwhile is in use."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _reached(folder: Path, since: float) -> Iterator[Path]:
    """The files of all versions that are in use or named by a result, and of those below them."""
    named = [path.read_text(encoding="utf-8", errors="replace").strip() for path in folder.glob("prints/*")]
    recent = [path.stem for path in folder.glob("stacks/*.json") if _used(path) >= since]
    waiting, seen = [*named, *recent], set()
    while waiting:
        version = waiting.pop()
        if version in seen:
            continue
        seen.add(version)
        path = folder / "stacks" / f"{version}.json"
        stack = _stack(path, version)
        yield from (path, folder / f"{stack.photo}.png")
        for edit in (*stack.edits, *stack.aside):
            yield folder / "layers" / f"{edit.layer}.png"
            waiting.append(edit.below)


def _stack(path: Path, version: str) -> Stack:
    """Of a version; a damaged one stands on nothing that is known."""
    with suppress(OSError, ValueError, RecursionError, UserError):
        return stack_from_json(json.loads(path.read_bytes()))
    return Stack(version)
