"""Reads a folder of photos and label maps into memory."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.images import read_photo, resize_labels, resize_photo
from engine.label_files import read_label_map
from engine.palette import Palette
from engine.training.data import Pair
from engine.types import UserError

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def holds_pairs(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "labels").is_dir()


def find_split(folder: Path, split: str) -> Path | None:
    """`folder/split` where it holds images/ and labels/, or None."""
    return folder / split if holds_pairs(folder / split) else None


def pairs_folder(folder: Path, split: str) -> Path:
    """The folder itself, or its `split`. Raises UserError where neither holds images/ and labels/."""
    found = folder if holds_pairs(folder) else find_split(folder, split)
    if found is None:
        raise UserError(
            f"{folder} holds no images/ and labels/ folders, and no {split}/ with them. Put the pairs there."
        )
    return found


def validation_folder(folder: Path) -> Path | None:
    """`val` inside the folder, or beside it where the folder is a `train`."""
    return find_split(folder, "val") or (find_split(folder.parent, "val") if folder.name == "train" else None)


def load_pairs(folder: Path, palette: Palette, short_side: int) -> list[Pair]:
    """Every photo of `images/` with the map of the same name from `labels/`, at most `short_side` pixels on the short
    side (what training never looks at need not be held). Raises UserError for the first pair that can't be used.
    """
    photos = sorted(path for path in (folder / "images").iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UserError(f"{folder / 'images'} holds no photo ({', '.join(sorted(PHOTO_SUFFIXES))}). Put them there.")
    weights = read_weights(folder)
    return [_load_pair(path, folder / "labels" / f"{path.stem}.png", palette, short_side, weights) for path in photos]


def _load_pair(photo_path: Path, map_path: Path, palette: Palette, short_side: int, weights: dict[str, float]) -> Pair:
    if not map_path.is_file():
        raise UserError(f"{photo_path.name} has no label map {map_path}. Add it, or take the photo out.")
    photo, read = read_photo(photo_path), read_label_map(map_path, palette)
    labels = read.labels
    if photo.shape[:2] != labels.shape:
        raise UserError(
            f"{photo_path.name} is {photo.shape[1]} x {photo.shape[0]} px, its map {labels.shape[1]} x "
            f"{labels.shape[0]}. Both must have one size."
        )
    height, width = labels.shape
    scale = min(1.0, short_side / min(height, width))
    size = (round(height * scale), round(width * scale))
    return Pair(
        name=photo_path.stem,
        photo=resize_photo(photo, *size),
        labels=resize_labels(labels, *size),
        weight=weights.get(photo_path.stem, 0.0),
        guess="" if read.exact else f"{map_path.name}: {read.message}",
    )


def told_guesses(folder: Path, pairs: list[Pair]) -> list[str]:
    """One sentence on the maps of `folder` that had to be guessed, or none."""
    guesses = [pair.guess for pair in pairs if pair.guess]
    if not guesses:
        return []
    return [f"{len(guesses)} of {len(pairs)} label maps in {folder} had to be guessed in part, first {guesses[0]}"]


def read_weights(folder: Path) -> dict[str, float]:
    """Name -> weight in [0, 1] from `index.tsv` in the folder or above it (column `weight` or `natural_share`); may be
    empty. Raises UserError for a table that can't be used.
    """
    path = next((path for path in (folder / "index.tsv", folder.parent / "index.tsv") if path.is_file()), None)
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
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


def census(pairs: list[Pair], classes: int) -> NDArray[np.float64]:
    """(classes,) share of all pixels that each class holds."""
    counts = sum((np.bincount(pair.labels.ravel(), minlength=classes) for pair in pairs), np.zeros(classes))
    return counts / counts.sum()
