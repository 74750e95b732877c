"""Label maps and photos at another size."""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np
from PIL import Image

from engine.images import MAX_PIXELS, MAX_SIDE
from engine.types import LabelMap, Photo, UserError

Fit: TypeAlias = Literal["stretch", "crop"]  # of a map of another size than the photo, see fitted


def resize_labels(labels: LabelMap, height: int, width: int) -> LabelMap:
    """(H, W) -> (height, width): each pixel takes the class under its centre. Raises UserError."""
    _check_size(height, width)
    return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def resize_photo(photo: Photo, height: int, width: int) -> Photo:
    """(H, W, 3) -> (height, width, 3): averaged where it shrinks, Lanczos where it grows. Raises UserError."""
    _check_size(height, width)
    if height <= photo.shape[0] and width <= photo.shape[1]:
        return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def fitted(labels: LabelMap, height: int, width: int, fit: Fit) -> LabelMap:
    """A map (H, W), or a region or numbers of objects, made for another size, as (height, width), nearest.

    stretch: its proportions become the photo's. crop: they stay, and of it the middle is taken. Raises UserError.
    """
    if fit == "crop":
        rows, columns = labels.shape
        kept = min(rows, max(1, round(columns * height / width))), min(columns, max(1, round(rows * width / height)))
        top, left = (rows - kept[0]) // 2, (columns - kept[1]) // 2
        labels = np.ascontiguousarray(labels[top : top + kept[0], left : left + kept[1]])
    return resize_labels(labels, height, width)


def _check_size(height: int, width: int) -> None:
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise UserError(
            f"{width} × {height} pixels is outside 1 to {MAX_SIDE:,} a side and {MAX_PIXELS:,} in all. "
            "Choose another size."
        )
