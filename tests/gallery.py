"""Finished pictures as the app keeps them: real PNGs with their request inside, made without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from app.history import Entry, History
from app.project import keep
from engine.palette import load_palette
from engine.record import record
from engine.types import LabelMap, Photo, RenderRequest, Sampling

ADE = load_palette("ade20k")
SIZE = (48, 64)  # height, width


def map_of(*names: str, size: tuple[int, int] = SIZE) -> LabelMap:
    """Bands of these classes, each lower than the one before; the last row is unlabelled."""
    labels = np.full(size, ADE.index_of(names[0]), np.uint8)
    for i, name in enumerate(names[1:]):
        left = len(names) - 1 - i
        labels[-2 * left * (left + 1) :] = ADE.index_of(name)
    labels[-1] = ADE.unlabelled
    return labels


def picture_of(seed: int, size: tuple[int, int] = SIZE) -> Photo:
    """Another colour for every seed; the left half is the same for all."""
    picture = np.full((*size, 3), 90, np.uint8)
    picture[:, size[1] // 2 :] = np.random.default_rng(seed).integers(0, 256, 3)
    return picture


def stored(seed: int, *names: str, model: str = "scenes", size: tuple[int, int] = SIZE, **sampling) -> dict[str, Any]:
    """A record, as `engine.record` makes it."""
    labels = map_of(*(names or ("sky", "sea")), size=size)
    return record(RenderRequest(model, labels, Sampling(seeds=(seed,), **sampling)), "ade20k", seed)


def saved(folder: Path, seed: int, *names: str, size: tuple[int, int] = SIZE, **changes) -> Path:
    """A picture in `folder` that the history has not heard of."""
    return keep(picture_of(seed, size), stored(seed, *names, size=size, **changes), folder)


def added(history: History, seed: int, *names: str, run: str = "run", **changes) -> Entry:
    """A picture in the history and its folder."""
    return history.add(saved(history.folder, seed, *names, **changes), stored(seed, *names, **changes), run)
