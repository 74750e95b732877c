"""The pairs that a model is measured on: maps to make pictures from, and what there really was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.images import read_photo
from engine.palette import Palette
from engine.resizing import Fit, resize_labels, resize_photo
from engine.training.crops import Crop, Size, centred
from engine.training.layouts import find_pairs
from engine.training.pairs import Pair, read_pair
from engine.types import Instances, LabelMap, Photo, UserError


@dataclass(frozen=True)
class Case:
    """A pair at the size of the training pictures. number: its place among all of the folder, which decides its seeds.

    guess: what had to be guessed in reading its map, in words; empty where it was exact.
    """

    number: int
    name: str
    photo: Photo
    labels: LabelMap
    instances: Instances | None = None
    guess: str = ""


def read_cases(folder: Path, palette: Palette, size: Size, fit: Fit, maps: int | None) -> list[Case]:
    """The validation pairs of a data set, or of the folder where it is not divided; `maps` of them, evenly spread, or
    all. Raises UserError, also for the first that can't be used.
    """
    listing = find_pairs(folder, "val")
    pairs = len(listing.entries)
    if pairs < 2:
        raise UserError(f"{folder} holds {pairs} photos with a map, too few to compare distributions. Give at least 2.")
    count = min(maps or pairs, pairs)
    cases = []
    for number in (i * pairs // count for i in range(count)):
        reading = read_pair(listing.entries[number], palette, listing.scaled)
        crop = fitted(reading.pair, size, fit)
        cases.append(Case(number, reading.pair.name, crop.photo, crop.labels, crop.instances, reading.guess))
    return cases


def read_photos(folder: Path, size: Size, fit: Fit) -> list[Photo]:
    """What a model has learnt from: the photos of a data set's training pairs, or of the folder. Raises UserError."""
    entries = find_pairs(folder, "train").entries
    if not entries:
        raise UserError(
            f"{folder} holds no photo with a label map of the same name. Give the pairs it has learnt from."
        )
    photos = (read_photo(entry.photo) for entry in entries)
    return [fitted(Pair("", photo, np.zeros(photo.shape[:2], np.uint8)), size, fit).photo for photo in photos]


def fitted(pair: Pair, size: Size, fit: Fit) -> Crop:
    """crop: the largest part in the middle, as validation in training looks at. stretch: all of it, as the published
    tests of ADE20K and COCO-Stuff."""
    if fit == "crop":
        return centred(pair, size)
    numbers = None if pair.instances is None else resize_labels(pair.instances, *size)
    return Crop(resize_photo(pair.photo, *size), resize_labels(pair.labels, *size), numbers)


def remarks(cases: Sequence[Case], trained: Sequence[Photo]) -> list[str]:
    """What makes the figures worth less, a sentence each."""
    found = []
    guessed = [case for case in cases if case.guess]
    if guessed:
        found.append(f"{len(guessed)} of {len(cases)} maps had to be guessed in part, first {guessed[0].guess}")
    learnt = {photo.tobytes() for photo in trained}
    known = sum(case.photo.tobytes() in learnt for case in cases)
    if known:
        found.append(f"{known} of the {len(cases)} photos are among those the model has learnt from.")
    return found
