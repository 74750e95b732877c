"""Which windows of a photo an edit computes: around each part of its region, with enough around it to fit in.

A part and its window are found on a coarse grid of cells, so that a region of a million specks costs no more than one
of a few; boxes are then drawn to the pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.sizes import LONGEST
from engine.types import Region

Box: TypeAlias = tuple[slice, slice]  # rows and columns
Cells: TypeAlias = NDArray[np.uint8]  # (h, w), 1 where something is

CONTEXT = 0.25  # of a part's height above and below it, and of its width beside it, is seen with it
LEAST_CONTEXT = 32  # pixels at least
NEARLY_ALL = 0.75  # of the photo: a window that large is the whole photo
CELLS_A_SIDE = 8  # of the smallest window; windows nearer to each other than a cell or two become one
MOST_CELLS = 512  # a side of the photo
MOST_AREAS = 32  # each costs about a picture: of more parts, the nearest ones share a window


@dataclass(frozen=True, eq=False)
class Area:
    """A window of the photo that is computed at once, and which of its pixels are made: region, of its size."""

    box: Box
    region: Region

    @property
    def shape(self) -> tuple[int, int]:
        return self.region.shape


def whole(region: Region) -> tuple[Area]:
    """The whole photo as one area."""
    return (Area((slice(0, region.shape[0]), slice(0, region.shape[1])), region),)


def areas(region: Region, side: int) -> tuple[Area, ...]:
    """Windows around the parts of a region (not empty), none of which touches another; the one with most to make first.

    side: the short side in pixels at which each will be computed. No window is smaller where the photo isn't, so that
    nothing is computed larger than it is; none is longer than LONGEST times its short side where the photo has room.
    There are at most MOST_AREAS.
    """
    cell = max(1, side // CELLS_A_SIDE, -(-max(region.shape) // MOST_CELLS))
    touched = cells_of(region, cell)
    windows = windows_of(region, touched, side, cell)
    if len(windows) > MOST_AREAS:
        windows = windows_of(region, covered(joined(windows, MOST_AREAS), touched.shape, cell), side, cell)
    found = [Area(window, region[window]) for window in windows]
    return tuple(sorted(found, key=lambda area: -int(area.region.sum())))


def windows_of(region: Region, touched: Cells, side: int, cell: int) -> list[Box]:
    """Windows around what of the region lies in each connected part of cells; those that touch become one."""
    while True:
        boxes = [inside(bounding_box(region[block]), block) for block in blocks(touched, cell)]
        windows = [window_around(box, region.shape, side) for box in boxes]
        touched = covered(windows, touched.shape, cell)
        if sum(1 for _ in blocks(touched, cell)) == len(windows):
            return windows


def joined(boxes: list[Box], most: int) -> list[Box]:
    """So many boxes: of more, those two that together span the least become one, again and again."""
    spans = np.array([[at.start for at in box] + [-at.stop for at in box] for box in boxes])  # a joint one's are least
    sizes = np.array([spanned(spans, each) for each in spans], float)
    np.fill_diagonal(sizes, np.inf)
    for _ in range(len(boxes) - most):
        one, other = np.unravel_index(sizes.argmin(), sizes.shape)
        spans[one] = np.minimum(spans[one], spans[other])
        sizes[one] = sizes[:, one] = spanned(spans, spans[one])
        spans, sizes = np.delete(spans, other, 0), np.delete(np.delete(sizes, other, 0), other, 1)
        np.fill_diagonal(sizes, np.inf)
    return [(slice(top, -bottom), slice(left, -right)) for top, left, bottom, right in spans.tolist()]


def spanned(spans: NDArray[np.int_], other: NDArray[np.int_]) -> NDArray[np.int_]:
    """(n,) pixels of the boxes that each of n and another one lie in."""
    top, left, bottom, right = np.minimum(spans, other).T
    return (bottom + top) * (right + left)


def window_around(box: Box, shape: tuple[int, int], side: int) -> Box:
    """The box with its context, within a photo of `shape` (height, width); the whole photo where it is nearly that."""
    seen = [in_context(at, most) for at, most in zip(box, shape, strict=True)]
    least = max(side, *(-(-(at.stop - at.start) // LONGEST) for at in seen))
    window = tuple(widened(at, least, most) for at, most in zip(seen, shape, strict=True))
    if np.prod([at.stop - at.start for at in window]) >= NEARLY_ALL * np.prod(shape):
        return slice(0, shape[0]), slice(0, shape[1])
    return window


def in_context(at: slice, most: int) -> slice:
    """With what is around it, of 0 to `most`."""
    context = max(LEAST_CONTEXT, round(CONTEXT * (at.stop - at.start)))
    return slice(max(0, at.start - context), min(most, at.stop + context))


def widened(at: slice, least: int, most: int) -> slice:
    """At least so many pixels of 0 to `most`, about the same middle, as far as there are any."""
    lacking = max(0, min(least, most) - (at.stop - at.start))
    start = min(max(0, at.start - lacking // 2), most - (at.stop - at.start) - lacking)
    return slice(start, start + at.stop - at.start + lacking)


def bounding_box(region: Region, margin: int = 0) -> Box:
    """The rows and columns that a region (not empty) spans, and `margin` more on each side where there are such."""
    rows = np.flatnonzero(region.any(1))
    columns = np.flatnonzero(region[rows[0] : rows[-1] + 1].any(0))
    return tuple(
        slice(max(0, int(at[0]) - margin), min(most, int(at[-1]) + 1 + margin))
        for at, most in zip((rows, columns), region.shape, strict=True)
    )


def inside(box: Box, of: Box) -> Box:
    """A box that is counted from another's corner, in the photo's rows and columns."""
    return tuple(slice(o.start + at.start, o.start + at.stop) for at, o in zip(box, of, strict=True))


def cells_of(region: Region, cell: int) -> Cells:
    """Which cells of so many pixels a side the region (not empty) touches. Only its box is looked at."""
    cells = np.zeros([-(-side // cell) for side in region.shape], np.uint8)
    touched = tuple(slice(at.start // cell, -(-at.stop // cell)) for at in bounding_box(region))
    part = region[tuple(slice(at.start * cell, at.stop * cell) for at in touched)]
    rows, columns = (np.arange(0, side, cell) for side in part.shape)
    cells[touched] = np.logical_or.reduceat(np.logical_or.reduceat(part, rows, axis=0), columns, axis=1)
    return cells


def covered(boxes: list[Box], shape: tuple[int, int], cell: int) -> Cells:
    """The cells of (h, w) that boxes of pixels touch."""
    cells = np.zeros(shape, np.uint8)
    for box in boxes:
        cells[tuple(slice(at.start // cell, -(-at.stop // cell)) for at in box)] = 1
    return cells


def blocks(cells: Cells, cell: int) -> Iterator[Box]:
    """The box of pixels of each connected part of cells; corners connect."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    for left, top, width, height, _ in stats[1:].tolist():
        yield slice(top * cell, (top + height) * cell), slice(left * cell, (left + width) * cell)
