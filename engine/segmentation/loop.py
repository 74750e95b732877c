"""Teaching a segmenter: the network, its average and its optimiser, one step after the other."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.segmentation.config import SegmenterRecipe
from engine.segmentation.data import IGNORED, SegmenterSampler
from engine.segmentation.network import SegmenterNetwork


def class_weights(share: NDArray[np.float64], recipe: SegmenterRecipe) -> Tensor:
    """(labels,) weight of a pixel of each class, 1 on the average pixel; share: (256,) or more, of the pixels."""
    shares = share[list(recipe.network.labels)]
    shares = shares / shares.sum()
    weights = np.minimum(shares**-recipe.balance / (shares * shares**-recipe.balance).sum(), recipe.heaviest)
    return torch.from_numpy(weights).float()


class SegmenterTrainer:
    """`step(k)` depends on nothing but the weights, the optimiser, the recipe and k."""

    def __init__(
        self, recipe: SegmenterRecipe, sampler: SegmenterSampler, share: NDArray[np.float64], device: torch.device
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.sampler, self.device = recipe, sampler, device
        self.weights = class_weights(share, recipe).to(device)
        self.network = SegmenterNetwork(recipe.network).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

    def step(self, index: int) -> Tensor:
        """One update. Returns the loss, a tensor that is not yet waited for."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed * 1_000_003 + index)  # of the dropout
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(index)
        self.network.train()
        batch = self.sampler(index)
        if not (batch.targets != IGNORED).any():  # nothing is labelled there: the mean over no pixel is no number
            return torch.zeros(())
        photos = batch.photos.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.network(photos)
        logits = functional.interpolate(logits.float(), batch.targets.shape[-2:], mode="bilinear", align_corners=False)
        loss = functional.cross_entropy(
            logits, batch.targets.to(self.device), self.weights, ignore_index=IGNORED, label_smoothing=0.05
        )
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._follow(index)
        return loss.detach()

    @torch.no_grad()
    def _follow(self, index: int) -> None:
        """The average follows the weights, faster at first; the normalisations' statistics with them."""
        decay = min(self.recipe.ema, (1 + index) / (10 + index))
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def state(self, done: int) -> dict:
        return {
            "done": done,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: dict) -> int:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        return state["done"]
