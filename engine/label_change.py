"""What an edit is asked for, told from two maps of a photo: where they say something else."""

from __future__ import annotations

from engine.blending import grown
from engine.types import LabelMap, Region, UserError, pixels

GROWN_OF = 64  # of the photo's short side, that part: two pixels of a model, or of a segmenter's map, of 128
LEAST_GROWTH = 4  # pixels


def changed(base: LabelMap, labels: LabelMap, growth: int = 0) -> Region:
    """Where the map (H, W) says another class than the photo's first map `base`, grown by so many pixels.

    Raises UserError where the two are of different sizes.
    """
    if base.shape != labels.shape:
        raise UserError(f"The first map is {pixels(base)}, the map {pixels(labels)}. Give both the size of the photo.")
    region = base != labels
    return grown(region, growth) if growth else region


def auto_growth(height: int, width: int) -> int:
    """By how many pixels a change is grown in a photo of that size where nothing else is asked for.

    A map's borders are not exactly the photo's, and the larger the photo, the farther they are off: what is left of the
    old thing would stand around the new one as a rim.
    """
    return max(LEAST_GROWTH, min(height, width) // GROWN_OF)
