"""A photo with its label map, read from whatever files a data set keeps them in."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.images import read_photo
from engine.label_files import read_instances, read_label_map
from engine.palette import Palette
from engine.resizing import resize_labels, resize_photo
from engine.training.layouts import Entry, Split, find_pairs
from engine.types import MAX_INSTANCE, LabelMap, Photo, UserError


@dataclass(frozen=True)
class Pair:
    """A photo (H, W, 3) with its label map (H, W) and, where a data set has them, the numbers of its objects (H, W).

    weight in [0, 1] is what `Recipe.favour` acts on.
    """

    name: str
    photo: Photo
    labels: LabelMap
    weight: float = 0.0
    instances: NDArray[np.uint16] | None = None

    @property
    def bytes(self) -> int:
        return self.photo.nbytes + self.labels.nbytes + (0 if self.instances is None else self.instances.nbytes)


@dataclass(frozen=True)
class Reading:
    """A pair at its own size. guess: what had to be guessed in reading the map, in words; empty where it was exact."""

    pair: Pair
    guess: str = ""


def read_pair(entry: Entry, palette: Palette, scaled: bool = False, weight: float = 0.0) -> Reading:
    """scaled: the map may be of another size in the photo's proportions. Raises UserError."""
    photo = read_photo(entry.photo)
    labels, guess = read_map(entry, palette)
    labels = _of_size(labels, photo, entry, entry.labels[0], scaled)
    instances = None
    if entry.instances is not None:
        instances = _of_size(_numbers(entry.instances), photo, entry, entry.instances, scaled)
    return Reading(Pair(entry.name, photo, labels, weight, instances), guess)


def read_map(entry: Entry, palette: Palette) -> tuple[LabelMap, str]:
    """The map (H, W) at its own size, and what was guessed in reading it. Raises UserError."""
    return read_masks(entry, palette) if entry.masks else read_labels(entry, palette)


def read_labels(entry: Entry, palette: Palette) -> tuple[LabelMap, str]:
    """The map (H, W), and what was guessed in reading it."""
    read = read_label_map(entry.labels[0], palette)
    return read.labels, "" if read.exact else f"{entry.labels[0].name}: {read.message}"


def read_masks(entry: Entry, palette: Palette) -> tuple[LabelMap, str]:
    """Masks laid over each other, what none covers unlabelled. Raises UserError for one that is no class's."""
    labels = None
    for path, part in zip(entry.labels, entry.masks, strict=True):
        mask = read_photo(path)[..., 0] >= 128
        labels = np.full(mask.shape, palette.unlabelled, np.uint8) if labels is None else labels
        if mask.shape != labels.shape:
            raise UserError(f"{path.name} is of another size than {entry.labels[0].name}. All must have one size.")
        labels[mask] = palette.index_of(part)
    return labels, ""


def _numbers(path: Path) -> NDArray[np.uint16]:
    numbers = read_instances(path)
    if not 0 <= numbers.min() <= numbers.max() <= MAX_INSTANCE:
        raise UserError(
            f"{path.name} holds {numbers.min()} to {numbers.max()}, outside 0 to {MAX_INSTANCE}. "
            "Number the objects within that."
        )
    return numbers.astype(np.uint16)


def _of_size(values: NDArray, photo: Photo, entry: Entry, path: Path, scaled: bool) -> NDArray:
    """`values` (h, w) where they are of the photo's size, or made so where they may be."""
    height, width = photo.shape[:2]
    if values.shape == (height, width):
        return values
    if scaled and values.shape[0] * width == values.shape[1] * height:
        return resize_labels(values, height, width)
    turned = " The photo's EXIF may turn it: turn its map as well." if values.shape == (width, height) else ""
    raise UserError(
        f"{entry.photo.name} is {width} x {height} px, its map {path.name} {values.shape[1]} x {values.shape[0]}. "
        f"Both must have one size.{turned}"
    )


def shrunk(pair: Pair, short_side: int | None) -> Pair:
    """At most `short_side` pixels on the short side: what training never looks at need not be held."""
    height, width = pair.labels.shape
    if short_side is None or min(height, width) <= short_side:
        return pair
    scale = short_side / min(height, width)
    size = (round(height * scale), round(width * scale))
    numbers = None if pair.instances is None else resize_labels(pair.instances, *size)
    return replace(
        pair, photo=resize_photo(pair.photo, *size), labels=resize_labels(pair.labels, *size), instances=numbers
    )


def load_pairs(folder: Path, palette: Palette, short_side: int, split: Split = "train") -> list[Pair]:
    """Every pair of a folder or its split in memory, for small sets. Raises UserError for the first unusable one."""
    listing = find_pairs(folder, split)
    if listing.alone:
        raise UserError(f"{listing.alone[0].name} has no label map. Add it, or take the photo out.")
    weights = read_weights(listing.folder)
    readings = (read_pair(e, palette, listing.scaled, weights.get(e.name, 0.0)) for e in listing.entries)
    return [shrunk(reading.pair, short_side) for reading in readings]


def read_weights(folder: Path) -> dict[str, float]:
    """Name -> weight in [0, 1] from `index.tsv` in the folder or above it (column `weight` or `natural_share`); may be
    empty. Raises UserError for a table that can't be used.
    """
    path = next((path for path in (folder / "index.tsv", folder.parent / "index.tsv") if path.is_file()), None)
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin it with a mark
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path} can't be read ({error}). Save it as tab-separated UTF-8 text, or remove it."
        ) from error
    column = next((name for name in ("weight", "natural_share") if rows and name in rows[0]), None)
    if column is None:
        return {}
    if "name" not in rows[0]:
        raise UserError(f"{path} has a column {column}, but none called name. Add the photos' names without suffix.")
    return {row["name"]: _weight(row[column], path, line) for line, row in enumerate(rows, start=2)}


def _weight(text: str | None, path: Path, line: int) -> float:
    try:
        weight = float(text or "")
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= 1:
        raise UserError(f"{path}, line {line}: the weight “{text or ''}” is not a number from 0 to 1. Correct it.")
    return weight


def census(pairs: Iterable[Pair], classes: int) -> NDArray[np.float64]:
    """(classes,) share of all pixels that each class holds."""
    counts = sum((np.bincount(pair.labels.ravel(), minlength=classes) for pair in pairs), np.zeros(classes))
    return counts / counts.sum()
