"""What a network has learnt of the map: its error on eps with the right map, with a wrong one, and with none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.condition import condition_from, map_edges, null_condition
from engine.denoiser import NetworkDenoiser, SharedEncoder
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.schedule import alpha_bars
from engine.training.crops import centred, picture_size
from engine.training.data import Batch, as_batch
from engine.training.pairs import Pair
from engine.training.recipe import Recipe
from engine.trajectory import levels

SHARES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)  # of the schedule's length: where the errors are taken
MOST = 101
BATCH = 16


@dataclass(frozen=True)
class Errors:
    """Mean squared error of eps over the validation pairs at fixed noise and timesteps.

    wins: share of the pairs whose error with the right map is below that with the wrong one, in [0, 1].
    """

    right: float
    wrong: float
    null: float
    wins: float

    def __str__(self) -> str:
        errors = f"right map {self.right:.4f}, wrong map {self.wrong:.4f}, no map {self.null:.4f}"
        return f"{errors} (right below wrong in {100 * self.wins:.0f} % of pairs)"


def validation_errors(network: UNet, pairs: Sequence[Pair], recipe: Recipe) -> Errors:
    """Compares on the same noised photos; the wrong map is the next photo's."""
    pairs = pairs[:MOST]
    size = picture_size(recipe.network)
    right = as_batch([centred(pair, size) for pair in pairs], torch.zeros(len(pairs), dtype=torch.bool))
    wrong = replace(right, labels=right.labels.roll(1, dims=0), instances=right.instances.roll(1, dims=0))
    noise = torch.randn(right.photos.shape, generator=torch.Generator().manual_seed(0))
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pairs), BATCH):
            part = slice(start, start + BATCH)
            photos = right.photos[part].to(device)
            conditions = [_condition(maps[part].to(device), recipe) for maps in (right, wrong)]
            conditions.append(null_condition(len(photos), *size, device))
            parts.append(_errors(network, recipe, photos, noise[part].to(device), conditions))
    errors = np.concatenate(parts, axis=1)
    return Errors(*errors.mean(axis=1).tolist(), wins=float((errors[0] < errors[1]).mean()))


def _condition(batch: Batch, recipe: Recipe) -> Condition:
    edges = map_edges(batch.labels, recipe.network, batch.instances)
    return condition_from(batch.labels, recipe.network.num_classes, edges)


def _errors(network: UNet, recipe: Recipe, photos: Tensor, noise: Tensor, conditions: list[Condition]) -> np.ndarray:
    """(conditions, N): each picture's error, the mean over the levels."""
    encoder = SharedEncoder(network)
    denoisers = [NetworkDenoiser(encoder, network.modulate(condition)) for condition in conditions]
    timesteps = [int(share * recipe.diffusion_steps) for share in SHARES]
    sums = np.zeros((len(conditions), len(photos)))
    for level in levels(alpha_bars(recipe.schedule, recipe.diffusion_steps), timesteps)[:-1]:
        x = level.alpha * photos + level.sigma * noise
        for i, denoise in enumerate(denoisers):
            sums[i] += (denoise(x, level).eps - noise).square().flatten(1).mean(1).cpu().numpy()
    return sums / len(SHARES)
