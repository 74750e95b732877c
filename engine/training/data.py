"""Batches as a pure function of (seed, step), and the next ones made while one is learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.training.crops import Crop, as_published, ours, picture_size
from engine.training.pairs import Pair
from engine.training.recipe import Recipe

AHEAD = 4  # batches


@dataclass(frozen=True)
class Batch:
    """photos: (N, 3, H, W) float in [-1, 1]; labels: (N, H, W) int64; instances: the same, 0 where there are none;
    null: (N,) bool, True = no map at all."""

    photos: Tensor
    labels: Tensor
    instances: Tensor
    null: Tensor

    def to(self, device: torch.device) -> Batch:
        photos = self.photos.to(device, memory_format=torch.channels_last)
        return Batch(photos, *(each.to(device) for each in (self.labels, self.instances, self.null)))

    def __getitem__(self, rows: slice) -> Batch:
        return Batch(self.photos[rows], self.labels[rows], self.instances[rows], self.null[rows])


class Sampler:
    """Draws training batches. Step k of seed s is always the same batch, so a resumed run sees what it would have.

    rows: which of the batch's rows are made: one process's share where several learn together.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        recipe: Recipe,
        unlabelled: int,
        mirror: NDArray[np.uint8],
        weights: NDArray[np.float64] | None = None,
        rows: slice = slice(None),
    ) -> None:
        self.pairs, self.recipe, self.unlabelled, self.mirror, self.rows = pairs, recipe, unlabelled, mirror, rows
        self.size = picture_size(recipe.network)
        chances = 1 + (recipe.favour - 1) * (np.zeros(len(pairs)) if weights is None else weights)
        self.chances = chances / chances.sum()

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.choice(len(self.pairs), self.recipe.batch, p=self.chances)
        null = torch.from_numpy(rng.random(len(chosen)) < self.recipe.drop_map)
        crops = [self._crop(self.pairs[chosen[row]], step, row) for row in range(len(chosen))[self.rows]]
        return as_batch(crops, null[self.rows])

    def _crop(self, pair: Pair, step: int, row: int) -> Crop:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step, 1 + row))  # its own: no row depends on the others' photos
        if recipe.cropping == "paper":
            crop = as_published(pair, self.size, rng)
        else:
            crop = ours(pair, self.size, recipe.crop, rng)
        if rng.random() < 0.5:
            crop = flipped(crop, self.mirror)
        if rng.random() < recipe.clear_classes:
            crop = self._cleared(crop, rng)
        return crop

    def _cleared(self, crop: Crop, rng: np.random.Generator) -> Crop:
        """Forgets a random share of the map's classes, and the objects in them."""
        forgotten = rng.random(256) < rng.uniform(0.1, 0.7)
        table = np.where(forgotten, self.unlabelled, np.arange(256)).astype(np.uint8)
        instances = None if crop.instances is None else np.where(forgotten[crop.labels], 0, crop.instances)
        return Crop(crop.photo, table[crop.labels], instances)


def flipped(crop: Crop, mirror: NDArray[np.uint8]) -> Crop:
    """Left for right; classes that name a side become those of the other."""
    instances = None if crop.instances is None else crop.instances[:, ::-1]
    return Crop(crop.photo[:, ::-1], mirror[crop.labels[:, ::-1]], instances)


def as_batch(crops: list[Crop], null: Tensor) -> Batch:
    """Crops of one size, beside which of them lose their map."""
    photos = torch.from_numpy(np.stack([crop.photo for crop in crops])).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.from_numpy(np.stack([crop.labels for crop in crops])).long()
    numbers = [np.zeros_like(crop.labels) if crop.instances is None else crop.instances for crop in crops]
    instances = torch.from_numpy(np.stack(numbers).astype(np.int64))
    return Batch(photos.contiguous(), labels, instances, null)


class Ahead:
    """Makes the batches of the coming steps in threads: reading and cropping need not wait for the network."""

    def __init__(self, sampler: Callable[[int], Batch], threads: int) -> None:
        self.sampler = sampler
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        self.coming: dict[int, Future[Batch]] = {}

    def __call__(self, step: int) -> Batch:
        self.coming = {key: value for key, value in self.coming.items() if step <= key < step + AHEAD}
        for key in range(step, step + AHEAD):
            if key not in self.coming:
                self.coming[key] = self.pool.submit(self.sampler, key)
        return self.coming.pop(step).result()

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)
