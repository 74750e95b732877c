"""How well a picture follows its map: a segmenter looks at the picture and says what it sees there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.resizing import resize_labels
from engine.segmentation.segmenter import Segmenter
from engine.types import LabelMap, Photo, Region


@dataclass(frozen=True)
class Fidelity:
    """agreement: share of the judged pixels that show, to the segmenter, the class of the map; None where none is
    judged. judged: share of the map's pixels whose class the segmenter can tell; the others are unlabelled, or of a
    class that it has never seen.
    """

    agreement: float | None
    judged: float


def fidelity(segmenter: Segmenter, picture: Photo, labels: LabelMap, where: Region | None = None) -> Fidelity:
    """Of a picture (H, W, 3) made from `labels` (h, w), a map of the segmenter's palette.

    where: (h, w), not empty; only these pixels are looked at, amid the whole picture. Without it all are.

    The segmenter errs on photos too: its accuracy on them (`facts`) is about what a perfect picture would reach. Raises
    UserError for a label outside the palette.
    """
    segmenter.palette.check(labels)
    where = np.ones(labels.shape, bool) if where is None else where
    known = np.isin(labels, segmenter.labels) & (labels != segmenter.palette.unlabelled) & where
    if not known.any():
        return Fidelity(None, 0.0)
    shown = resize_labels(segmenter.segment(picture), *labels.shape)
    return Fidelity(float((shown == labels)[known].mean()), float(known.sum() / where.sum()))
