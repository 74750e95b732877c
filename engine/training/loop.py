"""The training loop, as a generator: each yield is a moment to print, to validate, or to stop."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.condition import map_condition
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.schedule import alpha_bars
from engine.training.data import Batch, Sampler
from engine.training.loss import losses, noised
from engine.training.recipe import Recipe
from engine.training.state import load_state, save_state
from engine.trajectory import levels
from engine.types import Level


@dataclass(frozen=True)
class Progress:
    """After a step: how far, how well, how fast. `saved` is True right after the state went to disk.

    loss: None where the run was finished before and no step was made.
    """

    step: int
    steps: int
    loss: float | None
    images_per_second: float
    saved: bool


def adjacent_levels(recipe: Recipe) -> list[tuple[Level, Level]]:
    """For every original timestep, ascending: its level and the one below."""
    every = range(recipe.diffusion_steps)
    descending = levels(alpha_bars(recipe.schedule, recipe.diffusion_steps), every)
    return list(reversed(list(pairwise(descending))))


def condition_maps(batch: Batch, recipe: Recipe, classes: Tensor) -> Tensor:
    """The batch's maps (N, K, H, W) for `classes`, then the edges where the network has them; null maps are zeros."""
    maps = map_condition(batch.labels, recipe.network, classes).maps
    return maps * (~batch.null).to(maps)[:, None, None, None]


class Trainer:
    """The network, its average and its optimiser; `step(k)` depends on nothing but them, the recipe and k."""

    def __init__(
        self, recipe: Recipe, sampler: Sampler, classes: Tensor, device: torch.device, compiled: bool = False
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.sampler, self.device = recipe, sampler, device
        self.classes = classes.to(device)
        edge_channel = [recipe.network.num_classes] if recipe.network.instance_edges else []
        self.channels = torch.cat([self.classes, self.classes.new_tensor(edge_channel)])
        self.network = UNet(recipe.network).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.levels = adjacent_levels(recipe)
        # Costs minutes at the start and pays over hours; see docs/performance.md.
        self.forward = torch.compile(self._forward) if compiled else self._forward

    def _forward(self, x: Tensor, timesteps: Tensor, maps: Tensor) -> Tensor:
        return self.network(x, timesteps, Condition(maps, self.channels))

    def step(self, index: int) -> Tensor:
        """One update. Returns the loss, a tensor that is not yet waited for."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(index)
        self.network.train()
        loss = self._loss(self.sampler(index), index)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._follow(index)
        return loss.detach()

    def _loss(self, batch: Batch, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + index)
        chosen = torch.randint(len(self.levels), (len(batch.photos),), generator=generator).tolist()
        eps = torch.randn(batch.photos.shape, generator=generator).to(self.device)
        pairs = [self.levels[i] for i in chosen]
        x0 = batch.photos.to(self.device, memory_format=torch.channels_last)
        alpha, sigma = (
            torch.tensor([getattr(now, k) for now, _ in pairs], device=self.device) for k in ("alpha", "sigma")
        )
        x = noised(x0, eps, alpha, sigma)
        moved = Batch(x0, batch.labels.to(self.device), batch.null.to(self.device))
        timesteps = torch.tensor([now.timestep for now, _ in pairs], device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            output = self.forward(x, timesteps, condition_maps(moved, self.recipe, self.classes))
        return losses(self.recipe.network.prediction, output.float(), x0, eps, x, pairs).loss.mean()

    @torch.no_grad()
    def _follow(self, index: int) -> None:
        """The average follows the weights, faster at first, when they still change fast."""
        decay = min(self.recipe.ema, (1 + index) / (10 + index))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

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


def train(
    trainer: Trainer, run: Path, *, save_seconds: float = 120, minutes: float | None = None
) -> Iterator[Progress]:
    """Trains until the recipe's images are seen or `minutes` are over, saving into `run`; resumes what is there.
    The caller has opened the run and holds its lock (`open_run`).

    Closing the generator saves before it ends.
    """
    recipe = trainer.recipe
    state = load_state(run)
    done = trainer.restore(state) if state else 0
    started = saved_at = time.monotonic()
    before = done
    on_disk = done
    if done >= recipe.steps:  # finished before: one last moment, to validate and export
        yield Progress(done, recipe.steps, None, 0.0, saved=True)
        return
    try:
        while done < recipe.steps:
            loss = trainer.step(done).item()
            done += 1
            now = time.monotonic()
            over = done == recipe.steps or (minutes is not None and now - started > minutes * 60)
            saved = over or now - saved_at > save_seconds
            if saved:
                save_state(run, trainer.state(done))
                saved_at, on_disk = time.monotonic(), done
            yield Progress(done, recipe.steps, loss, (done - before) * recipe.batch / (now - started), saved)
            if over:
                return
    finally:
        if on_disk != done:
            save_state(run, trainer.state(done))
