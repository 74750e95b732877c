"""What is laid on the desk: maps and results from files, examples, and a map in another model's classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.canvas import MAX_SIDE, MIN_SIDE, Painted
from app.settings import DEFAULT_STRENGTH, Settings
from engine.images import read_request, resize_labels
from engine.label_files import palette_named_in, read_label_map
from engine.palette import Palette, load_palette, palette_names
from engine.record import render_request
from engine.translate import translate
from engine.types import Sampling, UserError


@dataclass(frozen=True)
class Opened:
    """A file that was opened onto the desk: a map, or a result with the settings that made it."""

    painted: Painted
    message: str
    settings: Settings | None = None


def open_map(path: Path, palette: Palette) -> Opened:
    """A label map in any form we read, or a result of ours, which brings its map and its settings. Raises UserError."""
    stored = read_request(path)
    if stored is not None:
        return open_result(stored)
    named = palette_named_in(path)  # one of ours, or None
    read = read_label_map(path, load_palette(named) if named else palette)
    labels, note = within_sides(read.labels)
    return Opened(Painted(labels, named or palette.name), read.message + note)


def open_result(stored: dict) -> Opened:
    """What a picture's record holds. Raises UserError where it is damaged or in classes that the page doesn't know."""
    request = render_request(stored)
    name = stored.get("palette")
    if name not in palette_names():
        raise UserError(f"The picture was made with the palette {name!r}. The page knows {', '.join(palette_names())}.")
    load_palette(name).check(request.labels)
    seed, sampling = request.sampling.seeds[0], replace(request.sampling, seeds=Sampling().seeds)
    settings = Settings(request.model, seed, sampling, strength_in(stored), side=request.side)
    labels, note = within_sides(request.labels)
    message = f"The map and the settings of this picture are back on the desk (seed {seed}).{note}"
    if stored.get("kind") == "edit":
        message += " It was painted on a photo: open that too, to repaint it."
    return Opened(Painted(labels, name), message, settings)


def strength_in(stored: dict) -> float:
    """An edit's strength; the desk's own where a record has none."""
    strength = stored.get("strength")
    return strength if isinstance(strength, float | int) and 0 < strength <= 1 else DEFAULT_STRENGTH


def within_sides(labels: np.ndarray) -> tuple[np.ndarray, str]:
    """The map at a size that the canvas takes, and a remark where it had to be scaled."""
    height, width = labels.shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = tuple(max(MIN_SIDE, round(side * scale)) for side in (height, width))
    if size == labels.shape:
        return labels, ""
    return resize_labels(labels, *size), f" Scaled from {width} x {height} to {size[1]} x {size[0]} px for the canvas."


def first_map(examples: Path, palette: Palette) -> Painted | None:
    """The first example map of a palette, so that a first Generate has something to work on; None without examples."""
    files = sorted((examples / palette.name).glob("*.png"))
    return Painted(read_label_map(files[0], palette).labels, palette.name) if files else None


def switch_palette(painted: Painted | None, palette: Palette, examples: Path, on_photo: bool) -> Painted | None:
    """The map on the desk in another model's classes; None where it already is in them.

    Where nothing of a painted map would be left, the new model's first example takes its place, but never over a photo.
    """
    if painted is None:
        return first_map(examples, palette)
    if painted.palette == palette.name:
        return None
    former = load_palette(painted.palette)
    labels, _ = translate(painted.labels, former, palette)
    lost = (painted.labels != former.unlabelled).any() and not (labels != palette.unlabelled).any()
    example = first_map(examples, palette) if lost and not on_photo else None
    return example or Painted(labels, palette.name)


def to_palette(painted: Painted, palette: Palette) -> tuple[np.ndarray, str]:
    """The map in a model's classes, and a remark on what it lacks (empty where nothing was lost)."""
    if painted.palette == palette.name:
        return painted.labels, ""
    labels, missing = translate(painted.labels, load_palette(painted.palette), palette)
    return labels, f"Unknown to this model, left open: {', '.join(missing)}." if missing else ""
