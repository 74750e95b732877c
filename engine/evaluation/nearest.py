"""Which training photos a model's pictures come nearest to: sheets to look at, and the section of a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.evaluation.features import Pictures
from engine.evaluation.remembered import NEAR, Remembered
from engine.resizing import resize_photo
from engine.training.sheet import SHOWN, sheet
from engine.types import Photo
from engine.writing import save_png, whole_file

SHEET, PICTURE, SECTION = "remembered-{}.png", "nearest.jpg", "nearest.md"
ROWS, ACROSS = 8, 2  # of the card's picture: rows, and columns they stand in
CELL, GAP = 96, 4  # px: a picture's height, and what is white around it
TEXT = 64  # px for the number beside them
QUALITY = 88  # of the JPEG: it is to be looked at, small


def save_nearest(out: Path, found: Sequence[Remembered], pictures: Pictures, trained: Sequence[Photo]) -> None:
    """A sheet for each way of comparing, the nearest first: picture | its nearest training photo; and by the last way,
    which knows most of what is shown, a small one with the distances. Raises UserError.
    """
    for each in found:
        strips = [(pictures[i], trained[each.which[i]]) for i in np.argsort(each.pictures)[: 2 * SHOWN]]
        save_png(out / SHEET.format(each.name), sheet(strips, pictures.shape[1]), {})
    with whole_file(out / PICTURE) as file:
        Image.fromarray(small_sheet(found[-1], pictures, trained)).save(file, "JPEG", quality=QUALITY, subsampling=0)


def small_sheet(found: Remembered, pictures: Pictures, trained: Sequence[Photo]) -> Photo:
    """ROWS rows at most, the nearest first, from left to right: picture | nearest training photo | how near."""
    rows = [_row(pictures[i], trained[found.which[i]], found.nearness()[i]) for i in np.argsort(found.pictures)[:ROWS]]
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % ACROSS)
    return np.concatenate([np.concatenate(rows[i : i + ACROSS], axis=1) for i in range(0, len(rows), ACROSS)])


def _row(picture: Photo, photo: Photo, nearness: float) -> Photo:
    width = round(CELL * picture.shape[1] / picture.shape[0])
    row = np.full((CELL + GAP, 2 * (width + GAP) + TEXT, 3), 255, np.uint8)
    for start, each in ((0, picture), (width + GAP, photo)):
        row[:CELL, start : start + width] = resize_photo(each, CELL, width)
    at = (2 * (width + GAP), CELL // 2 + 5)
    told = f"{nearness:.2f}" if nearness < 100 else "> 99"
    return cv2.putText(row, told, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)


def section(found: Sequence[Remembered], picture: str) -> str:
    """The figures and the picture as Markdown, for a card; picture: the file that `save_nearest` made, as the card
    names it.
    """
    shown = found[-1]
    lines = [
        "## Nearest training photos",
        "",
        f"![Pictures beside the training photo each is nearest to]({picture})",
        "",
        f"*The nearest of {len(shown.pictures):,} pictures: picture, its nearest training photo, and their distance by "
        f"{shown.name} as a share of a new photo's (the median). A remembered photo would be near 0.*",
        "",
        *rows(found),
    ]
    return "\n".join(lines) + "\n"


def rows(found: Sequence[Remembered]) -> Iterator[str]:
    """A table with a row a way of comparing."""
    columns = ("pictures: median", "least", "new photos: median", "least", f"nearer than {NEAR:g} % of new photos")
    yield f"| to the nearest training photo, by | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|"
    for each in found:
        numbers = [f"{of(some):.4g}" for some in (each.pictures, each.photos) for of in (np.median, np.min)]
        yield f"| {each.name} | " + " | ".join([*numbers, each.near.text(percent=True)]) + " |"
