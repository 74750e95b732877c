"""Carrying a label map from one palette to another, class by class, by the names they share."""

from __future__ import annotations

import contextlib

import numpy as np

from engine.palette import Palette, PaletteClass
from engine.types import LabelMap, UserError


def translate(labels: LabelMap, source: Palette, target: Palette) -> tuple[LabelMap, list[str]]:
    """`labels` (H, W) of `source` in the indices of `target`, and the names of the classes that `target` lacks.

    Two classes are the same where a name or synonym agrees. A class without counterpart becomes unlabelled; only those
    that the map holds are named.
    """
    table = np.full(source.size, target.unlabelled, np.uint8)
    missing = []
    for index in np.unique(labels):
        found = counterpart(source.classes[index], target)
        if found is not None:
            table[index] = found
        elif index != source.unlabelled:
            missing.append(source.classes[index].name)
    return table[labels], missing


def counterpart(painted: PaletteClass, target: Palette) -> int | None:
    """The index in `target` of the class that shares a name with `painted`, its name before its synonyms; or None."""
    for name in (painted.name, *painted.synonyms):
        with contextlib.suppress(UserError):
            return target.index_of(name)
    return None
