"""At what size a picture is computed, and what of that is kept."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.resizing import resize_labels, resize_photo
from engine.types import LabelMap, Photo, Region

LONGEST = 4  # times the training size; a longer picture is computed with a short side below it
PREVIEW_SIDE = 1024


@dataclass(frozen=True)
class Grid:
    """What is computed: (height, width) pixels of the picture, padded below and to the right to whole strides."""

    height: int
    width: int
    stride: int

    @property
    def padded(self) -> tuple[int, int]:
        return tuple(-(-side // self.stride) * self.stride for side in (self.height, self.width))

    @property
    def kept(self) -> tuple[slice, slice]:
        """Rows and columns that are no padding."""
        return slice(self.height), slice(self.width)

    def labels(self, labels: LabelMap) -> LabelMap:
        """A map of any size on this grid; the padding continues its edges."""
        return self._with_padding(resize_labels(labels, self.height, self.width))

    def photo(self, photo: Photo) -> Photo:
        return self._with_padding(resize_photo(photo, self.height, self.width))

    def region(self, region: Region) -> Region:
        """A region of any size on this grid: every cell that it touches; the padding is none of it."""
        rows, columns = (whole - side for whole, side in zip(self.padded, (self.height, self.width), strict=True))
        return np.pad(shrink_region(region, self.height, self.width), ((0, rows), (0, columns)))

    def _with_padding(self, array: np.ndarray) -> np.ndarray:
        rows, columns = (whole - side for whole, side in zip(self.padded, array.shape, strict=False))
        return np.pad(array, ((0, rows), (0, columns), *[(0, 0)] * (array.ndim - 2)), mode="edge")


def grid_for(height: int, width: int, side: int, stride: int) -> Grid:
    """Of a picture of (height, width), in its own proportions: the short side at `side` pixels, the long one at no
    more than LONGEST times that."""
    scale = min(side / min(height, width), LONGEST * side / max(height, width))
    return Grid(max(1, round(height * scale)), max(1, round(width * scale)), stride)


def preview_size(height: int, width: int) -> tuple[int, int]:
    """The size at which a picture is shown while it forms: at most PREVIEW_SIDE on the long side."""
    scale = min(1.0, PREVIEW_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink_region(region: Region, height: int, width: int) -> Region:
    """(H, W) -> (height, width): every cell that the region touches."""
    small = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return small > 0
