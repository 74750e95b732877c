"""Whether a model repeats the photos it learnt from: how near its pictures come to one of them, beside how near new
photos come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.evaluation.features import Extractor, Pictures
from engine.evaluation.intervals import Figure, mean_figure
from engine.evaluation.manifold import nearest
from engine.types import Photo

SIDE = 32  # px: pictures are compared at this size
NEAR = 5.0  # percentile of the new photos' distances below which a picture counts as near


@dataclass(frozen=True)
class Remembered:
    """By one way of comparing: `name`.

    pictures, photos: (N,) and (M,), the distance of each picture and each new photo to its nearest training photo.
    which: (N,), the number of that photo. near: the share of the pictures nearer than the nearest NEAR percent of the
    new photos: about that share for a model that remembers nothing, and as it were draws new photos.
    """

    name: str
    pictures: NDArray[np.float64]
    photos: NDArray[np.float64]
    which: NDArray[np.int64]
    near: Figure

    def nearness(self) -> NDArray[np.float64]:
        """(N,): each distance as a share of the new photos' median."""
        return self.pictures / max(float(np.median(self.photos)), 1e-12)


def remembered(
    trained: Sequence[Photo], pictures: Sequence[Pictures], photos: Sequence[Photo], extractor: Extractor | None
) -> list[Remembered]:
    """trained: what the model has learnt from. pictures: its own, an entry a map. photos: new ones. Compared as pixels,
    and as the extractor's features where there is one. Photos that were mirrored in training count as they are.
    """
    both = np.stack([view for photo in trained for view in (photo, photo[:, ::-1])])
    made, new = np.concatenate(pictures), np.stack(photos)
    owner = np.repeat(np.arange(len(pictures)), [len(each) for each in pictures])
    ways = {"pixels": as_pixels} | ({extractor.name: lambda p: extractor(p).pooled} if extractor else {})
    found = []
    for name, rows_of in ways.items():
        among = rows_of(both)
        drawn, fresh = nearest(rows_of(made), among), nearest(rows_of(new), among)
        close = drawn.distance < np.percentile(fresh.distance, NEAR)
        near = mean_figure(np.bincount(owner, close) / np.bincount(owner))
        found.append(Remembered(name, drawn.distance, fresh.distance, drawn.which // 2, near))
    return found


def as_pixels(pictures: Pictures) -> NDArray[np.float64]:
    """(N, H, W, 3) -> rows whose Euclidean distance is the root mean square of the difference at SIDE, of 255."""
    small = [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small).reshape(len(small), -1) / np.sqrt(SIDE * SIDE * 3.0)
