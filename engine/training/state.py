"""A training run on disk: written whole or not at all, so that a kill at any moment loses at most the last stretch."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import IO, Any

import torch

from engine.palette import Palette, palette_to_json
from engine.training.recipe import AnyRecipe
from engine.training.resuming import PALETTE, RECIPE, check_palette, check_recipe
from engine.types import UserError

STATE = "state.pt"
LOCK = ".lock"
PART = ".part"  # ends the name of a file that is being written


def write_atomically(path: Path, write: Any) -> None:
    """`write(temporary path)`, then rename: readers see the old file or the new one, never half of one, even after a
    power cut.
    """
    temporary = path.with_name(path.name + PART)
    write(temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())  # else the rename may reach the disk before what it names
    os.replace(temporary, path)


def drop_unfinished(run: Path) -> None:
    """Takes away what a killed process was writing. The caller holds the run's lock."""
    for path in (*run.glob(f"*{PART}"), *run.glob(".*.tmp"), *run.glob("sheets/.*.tmp")):
        with contextlib.suppress(OSError):
            path.unlink()


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Raises UserError where there is no room; then the last state is still there."""
    try:
        write_atomically(run / STATE, lambda path: torch.save(state, path))
    except (OSError, RuntimeError) as error:  # RuntimeError: PyTorch's own writer on a full disk
        with contextlib.suppress(OSError):
            (run / (STATE + PART)).unlink()
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(
            f"{run / STATE} can't be written: {reason}. Make room; the same command goes on from the last state."
        ) from error


def load_state(run: Path) -> dict[str, Any] | None:
    """The last state that was written whole, or None for a fresh run. Raises UserError for a damaged file."""
    path = run / STATE
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise UserError(
            f"{path} can't be read: it is cut short or damaged. Delete it to start this run anew, or use another --out."
        ) from error


def open_run(run: Path, recipe: AnyRecipe, palette: Palette) -> IO[str]:
    """Makes the folder, or checks that what it holds can be resumed: a run of the same network and the same classes.
    The amount of training may change. Returns the folder's lock: no other process can open the run until it is closed.
    Raises UserError.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = (run / LOCK).open("a", encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = "it is a file" if run.is_file() else getattr(error, "strerror", None) or error
        raise UserError(f"{run} can't be the run's folder: {reason}. Choose another --out.") from error
    if not _lock(lock):
        lock.close()
        raise UserError(f"Another training writes to {run}. Wait for its end, or choose another --out.")
    drop_unfinished(run)
    texts = {RECIPE: json.dumps(recipe.to_dict(), indent=1), PALETTE: palette_to_json(palette)}
    if (run / STATE).exists():
        check_palette(run, palette)
        check_recipe(run, recipe)
        if (run / PALETTE).exists():
            del texts[PALETTE]  # it stays what the run began with
    for name, text in texts.items():
        write_atomically(run / name, lambda part, text=text: part.write_text(text, encoding="utf-8"))
    return lock


def _lock(file: IO[str]) -> bool:
    """Lock the open `file` until it is closed, or its process ends; False where another holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # a disk without locks: go on
    return True
