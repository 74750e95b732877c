"""Where the pictures of one map differ: the spread of each pixel's colour, and that as a heat map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from engine.types import Photo, UserError

RAMP = cv2.COLORMAP_INFERNO  # perceptually even, from dark to bright: readable without colour vision and in grey
HIGHEST = 99.0  # percentile of the spread that the brightest colour stands for: a few pixels must not darken the rest
LEAST = 2.3  # and no less than that: a just noticeable difference, so that equal pictures don't show their rounding


@dataclass(frozen=True)
class Heat:
    """picture: (H, W, 3), from the ramp's first colour where the spread is `low` to its last from `high` on."""

    picture: Photo
    low: float
    high: float


def spread(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, 3) RGB -> (H, W): the standard deviation of a pixel's colour in CIE Lab, all three axes together.

    It is the root mean square distance, in Delta E 1976, of the pictures' colours to their mean. Raises UserError for
    fewer than two.
    """
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or len(pictures) < 2:
        raise UserError(
            f"Pictures of shape {pictures.shape} can't be compared. Give at least 2: (N, height, width, 3)."
        )
    total = np.zeros(pictures.shape[1:])
    squares = np.zeros(pictures.shape[1:3])
    origin = rgb2lab(pictures[0])  # what all are counted from, so that nothing large cancels
    for picture in pictures[1:]:
        apart = rgb2lab(picture) - origin
        total += apart
        squares += np.square(apart).sum(axis=2)
    variance = squares / len(pictures) - np.square(total / len(pictures)).sum(axis=2)
    return np.sqrt(variance.clip(0)).astype(np.float32)


def heat(spread: NDArray[np.float32]) -> Heat:
    """A spread (H, W) in colours, from 0 to where all but the highest hundredth lie."""
    high = max(LEAST, float(np.percentile(spread, HIGHEST)))
    return Heat(ramp()[np.rint((spread / high).clip(0, 1) * 255).astype(np.uint8)], 0.0, high)


def ramp(stops: int = 256) -> NDArray[np.uint8]:
    """(stops, 3) RGB: the heat map's colours from the lowest to the highest, for a legend."""
    levels = np.linspace(0, 255, stops).round().astype(np.uint8)[:, None]
    return cv2.applyColorMap(levels, RAMP)[:, 0, ::-1]
