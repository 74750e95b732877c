"""A large picture piece by piece: what is computed in floating point is then never the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, slice]  # rows and columns
Array: TypeAlias = NDArray[np.float32]  # (H, W) or (H, W, 3)

TILE = 512  # pixels a side, even: of shrunk tiles each pixel lies in one


def tiles(height: int, width: int) -> Iterator[Box]:
    """Boxes of at most TILE a side, row by row, that together are everything."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            yield slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))


def strips(height: int) -> Iterator[slice]:
    """The same of whole rows."""
    for top in range(0, height, TILE):
        yield slice(top, min(top + TILE, height))


def with_around(box: Box, pixels: int, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """A box with so many pixels about it, as far as a picture of `shape` has them; and its own place in that."""
    sides = zip(box, shape[:2], strict=True)
    seen = tuple(slice(max(0, at.start - pixels), min(at.stop + pixels, most)) for at, most in sides)
    return seen, tuple(slice(at.start - s.start, at.stop - s.start) for at, s in zip(box, seen, strict=True))


def enlarged(small: Array, shape: tuple[int, int], box: Box) -> Array:
    """A box of what values (h, w, 3), `shrunk` some times, are at the shape (H, W) of before, linear between them."""
    for axis, (at, most) in enumerate(zip(box, shape, strict=True)):
        last = small.shape[axis] - 1
        where = ((np.arange(at.start, at.stop) + 0.5) / pixels_each(last + 1, most) - 0.5).clip(0, last)
        low = where.astype(np.intp)
        share = (where - low).astype(np.float32).reshape(-1, *[1] * (2 - axis))
        small = small.take(low, axis) * (1 - share) + small.take(np.minimum(low + 1, last), axis) * share
    return small


def enlarged_smoothly(values: Array, shape: tuple[int, int], box: Box) -> Array:
    """The same, cubic between them."""
    moves = []
    for at, few, most in zip(box, values.shape[:2], shape, strict=True):
        step = 1 / pixels_each(few, most)
        moves.append((step, (at.start + 0.5) * step - 0.5))
    (down, top), (right, left) = moves
    matrix = np.array([[right, 0, left], [0, down, top]])
    size = tuple(at.stop - at.start for at in reversed(box))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def pixels_each(few: int, most: int) -> int:
    """How many pixels a side each of `few` values stands for that were `shrunk` out of `most`: a power of 2."""
    each = 1
    while -(-most // each) > few:
        each *= 2
    return each


def shrunk(values: Array) -> Array:
    """At half the size: the means of every 2 x 2. Of an odd side the last pixel counts twice, so that all others are
    what they would be in any tile."""
    odd = [side % 2 for side in values.shape[:2]]
    if any(odd):
        values = cv2.copyMakeBorder(values, 0, odd[0], 0, odd[1], cv2.BORDER_REPLICATE)
    height, width = values.shape[:2]
    return cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def shrunk_by_tiles(part: Callable[[Box], Array], shape: tuple[int, ...]) -> Array:
    """`shrunk` of what has a shape (H, W) or (H, W, 3) and is given tile by tile."""
    small = np.empty((*(-(-side // 2) for side in shape[:2]), *shape[2:]), np.float32)
    for box in tiles(*shape[:2]):
        small[tuple(slice(at.start // 2, -(-at.stop // 2)) for at in box)] = shrunk(part(box))
    return small
