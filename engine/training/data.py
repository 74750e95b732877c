"""Photos with their label maps in memory, and batches as a pure function of (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.training.recipe import Recipe
from engine.types import LabelMap, Photo


@dataclass(frozen=True)
class Pair:
    """A photo (H, W, 3) with its label map (H, W); weight in [0, 1] is what `Recipe.favour` acts on.

    guess: what had to be guessed in reading the map, in words; empty where every pixel was exact.
    """

    name: str
    photo: Photo
    labels: LabelMap
    weight: float = 0.0
    guess: str = ""


@dataclass(frozen=True)
class Batch:
    """photos: (N, 3, S, S) float in [-1, 1]; labels: (N, S, S) int64; null: (N,) bool, True = no map at all."""

    photos: Tensor
    labels: Tensor
    null: Tensor


class Sampler:
    """Draws training batches. Step k of seed s is always the same batch, so a resumed run sees what it would have."""

    def __init__(self, pairs: list[Pair], recipe: Recipe, unlabelled: int, mirror: NDArray[np.uint8]) -> None:
        self.pairs, self.recipe, self.unlabelled, self.mirror = pairs, recipe, unlabelled, mirror
        weights = np.array([1 + (recipe.favour - 1) * pair.weight for pair in pairs])
        self.chances = weights / weights.sum()

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.choice(len(self.pairs), self.recipe.batch, p=self.chances)
        crops = [self._crop(self.pairs[i], rng) for i in chosen]
        null = torch.from_numpy(rng.random(len(crops)) < self.recipe.drop_map)
        return as_batch(crops, null)

    def _crop(self, pair: Pair, rng: np.random.Generator) -> tuple[Photo, LabelMap]:
        height, width = pair.labels.shape
        side = round(min(height, width) * rng.uniform(self.recipe.crop, 1.0))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        photo, labels = square(pair, top, left, side, self.recipe.network.image_size)
        if rng.random() < 0.5:
            photo, labels = photo[:, ::-1], self.mirror[labels[:, ::-1]]
        if rng.random() < self.recipe.clear_classes:
            labels = self._clear(labels, rng)
        return photo, labels

    def _clear(self, labels: LabelMap, rng: np.random.Generator) -> LabelMap:
        """Forgets a random share of the map's classes."""
        table = np.arange(256, dtype=np.uint8)
        table[rng.random(256) < rng.uniform(0.1, 0.7)] = self.unlabelled
        return table[labels]


def square(pair: Pair, top: int, left: int, side: int, size: int) -> tuple[Photo, LabelMap]:
    """A square cut out of a pair, resized to (size, size): photo by area or cubic, labels by nearest."""
    photo = pair.photo[top : top + side, left : left + side]
    labels = pair.labels[top : top + side, left : left + side]
    photo = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC)
    return photo, cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)


def centre(pair: Pair, size: int) -> tuple[Photo, LabelMap]:
    """The largest centred square: what validation looks at."""
    height, width = pair.labels.shape
    side = min(height, width)
    return square(pair, (height - side) // 2, (width - side) // 2, side, size)


def as_batch(crops: list[tuple[Photo, LabelMap]], null: Tensor) -> Batch:
    photos = torch.from_numpy(np.stack([photo for photo, _ in crops])).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.from_numpy(np.stack([labels for _, labels in crops])).long()
    return Batch(photos.contiguous(), labels, null)
