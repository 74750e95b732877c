"""How well maps agree with the truth: confusion of classes, IoU of each, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import LabelMap


@dataclass(frozen=True)
class Scores:
    """Counted over pixels that the truth labels; what it leaves unlabelled is ignored, whatever was predicted there.

    confusion: (C, C) int64, pixels by true class (row) and predicted class (column), of a palette's C classes.
    """

    confusion: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of the labelled pixels whose class is right; nan where nothing is labelled."""
        total = self.confusion.sum()
        return float(np.trace(self.confusion) / total) if total else float("nan")

    @property
    def iou(self) -> dict[int, float]:
        """Class index -> pixels that are it and were called it, of those that are it or were called it (Everingham
        2010). Only classes that occur in the truth: another has no pixels to be found.
        """
        right, true, said = np.diag(self.confusion), self.confusion.sum(1), self.confusion.sum(0)
        return {int(c): float(right[c] / (true[c] + said[c] - right[c])) for c in np.flatnonzero(true)}

    @property
    def mean_iou(self) -> float:
        """Mean of `iou`, every class counting alike; nan where nothing is labelled."""
        return float(np.mean([*self.iou.values()])) if self.confusion.any() else float("nan")

    @property
    def shares(self) -> dict[int, float]:
        """Class index -> its share of the labelled pixels, of the classes that occur in the truth."""
        true = self.confusion.sum(1)
        return {int(c): float(true[c] / true.sum()) for c in np.flatnonzero(true)}

    def __add__(self, other: Scores) -> Scores:
        return Scores(self.confusion + other.confusion)

    def __str__(self) -> str:
        return f"mIoU {100 * self.mean_iou:.1f} % of {len(self.iou)} classes, {100 * self.accuracy:.1f} % of pixels"


def no_scores(classes: int) -> Scores:
    return Scores(np.zeros((classes, classes), np.int64))


def scored(truth: LabelMap, predicted: LabelMap, classes: int, unlabelled: int) -> Scores:
    """Two maps (H, W) of one palette with `classes` classes, `unlabelled` among them, compared."""
    counted = truth != unlabelled
    both = truth[counted].astype(np.int64) * classes + predicted[counted]
    return Scores(np.bincount(both, minlength=classes**2).reshape(classes, classes))
