"""What an edit is asked for, told from two maps of a photo: where they say something else."""

from __future__ import annotations

from engine.blending import grown
from engine.types import LabelMap, Region, UserError, pixels


def changed(base: LabelMap, labels: LabelMap, growth: int = 0) -> Region:
    """Where the map (H, W) says another class than the photo's first map `base`, grown by so many pixels.

    Raises UserError where the two are of different sizes.
    """
    if base.shape != labels.shape:
        raise UserError(f"The first map is {pixels(base)}, the map {pixels(labels)}. Give both the size of the photo.")
    region = base != labels
    return grown(region, growth) if growth else region
