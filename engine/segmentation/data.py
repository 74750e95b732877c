"""Training batches for a segmenter, as a pure function of (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.segmentation.config import SegmenterRecipe
from engine.segmentation.network import position_planes
from engine.training.pairs import Pair
from engine.types import Photo

IGNORED = 255  # as a target: unlabelled, or outside the photo


@dataclass(frozen=True)
class Batch:
    """photos: (N, 3 + POSITION, S, S) float, about -1 to 1; targets: (N, S, S) int64, the network's outputs' numbers,
    or IGNORED."""

    photos: Tensor
    targets: Tensor


class SegmenterSampler:
    """Photos scaled, turned, mirrored, cut and recoloured at random. Step k of seed s is always the same batch."""

    def __init__(self, pairs: list[Pair], recipe: SegmenterRecipe, mirror: NDArray[np.uint8]) -> None:
        self.pairs, self.recipe, self.mirror = pairs, recipe, mirror
        self.target_of = targets_table(recipe.network.labels)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.integers(len(self.pairs), size=self.recipe.batch)
        photos, targets = zip(*(self._crop(self.pairs[i], rng) for i in chosen), strict=True)
        return Batch(torch.from_numpy(np.stack(photos)), torch.from_numpy(np.stack(targets)).long())

    def _crop(self, pair: Pair, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        recipe, size = self.recipe, self.recipe.crop
        matrix, mirrored = random_view(pair.labels.shape, recipe, rng)
        photo = cv2.warpAffine(recoloured(pair.photo, rng), matrix, (size, size), flags=cv2.INTER_LINEAR)
        labels = cv2.warpAffine(
            self.target_of[self.mirror[pair.labels] if mirrored else pair.labels],
            matrix,
            (size, size),
            flags=cv2.INTER_NEAREST,
            borderValue=IGNORED,
        )
        where = cv2.warpAffine(position_planes(*pair.labels.shape), matrix, (size, size), flags=cv2.INTER_LINEAR)
        if mirrored:
            where[..., 1] *= -1  # right of the mirrored photo is left of the stored one
        return np.concatenate([photo, where], axis=2).transpose(2, 0, 1), labels


def random_view(
    shape: tuple[int, int], recipe: SegmenterRecipe, rng: np.random.Generator
) -> tuple[NDArray[np.float64], bool]:
    """What cv2.warpAffine makes a crop with, (2, 3), and whether that mirrors the photo."""
    height, width = shape
    short = min(height, width)
    scale = recipe.network.side * np.exp(rng.uniform(*np.log(recipe.scales))) / short
    angle, mirrored = np.deg2rad(rng.uniform(-recipe.turn, recipe.turn)), bool(rng.random() < 0.5)
    reach = recipe.crop / scale / 2
    centre = [rng.uniform(min(reach, side / 2), max(side - reach, side / 2)) for side in (width, height)]
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    if mirrored:
        turn[0] *= -1
    return np.column_stack([turn, recipe.crop / 2 - turn @ centre]), mirrored


def recoloured(photo: Photo, rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> about -1 to 1, its brightness, contrast, saturation and tint changed a little."""
    x = photo.astype(np.float32) / 127.5 - 1
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * np.float32(rng.uniform(0.6, 1.4))
    tint = rng.uniform(0.85, 1.15, 3).astype(np.float32) * np.float32(rng.uniform(0.75, 1.25))
    return x * tint + np.float32(rng.uniform(-0.2, 0.2))


def targets_table(labels: tuple[int, ...]) -> NDArray[np.uint8]:
    """(256,): from a palette's index to the network's output; IGNORED where it has none."""
    table = np.full(256, IGNORED, np.uint8)
    table[list(labels)] = np.arange(len(labels), dtype=np.uint8)
    return table
