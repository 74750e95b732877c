"""Teaching a painting network: one step after the other, each a function of the weights, the recipe and its number."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from engine.condition import condition_from, map_edges
from engine.device import PRECISIONS
from engine.model.networks import new_network
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.schedule import alpha_bars
from engine.training import thrift
from engine.training.crops import picture_size
from engine.training.data import Batch
from engine.training.group import ALONE, Group
from engine.training.loss import losses, noised
from engine.training.recipe import Recipe
from engine.trajectory import levels
from engine.types import Level


@dataclass(frozen=True)
class Means:
    """What saves time or memory and leaves what is learnt alone, but for rounding.

    compiled: minutes at the start, faster steps. checkpointing: see `thrift`. micro_batch: pictures that a process
    computes at a time; their gradients add up to the batch's. None: all of its share.
    """

    compiled: bool = False
    checkpointing: bool = False
    micro_batch: int | None = None


PLAIN = Means()


@dataclass(frozen=True)
class Drawn:
    """The noise of a batch and the level of each picture, with the next lower one."""

    eps: Tensor
    levels: list[tuple[Level, Level]]

    def __getitem__(self, rows: slice) -> Drawn:
        return Drawn(self.eps[rows], self.levels[rows])


def adjacent_levels(recipe: Recipe) -> list[tuple[Level, Level]]:
    """For every original timestep, ascending: its level and the one below."""
    every = range(recipe.diffusion_steps)
    descending = levels(alpha_bars(recipe.schedule, recipe.diffusion_steps), every)
    return list(reversed(list(pairwise(descending))))


def condition_maps(batch: Batch, recipe: Recipe, classes: Tensor) -> Tensor:
    """The batch's maps (N, K, H, W) for `classes`, then the edges where the network has them; null maps are zeros."""
    edges = map_edges(batch.labels, recipe.network, batch.instances)
    maps = condition_from(batch.labels, recipe.network.num_classes, edges, classes).maps
    return maps * (~batch.null).to(maps)[:, None, None, None]


class Taught(nn.Module):
    """The network as it is taught: `channels` (K,) of its condition channels, all others being empty in the data."""

    def __init__(self, network: UNet, channels: Tensor, checkpointing: bool) -> None:
        super().__init__()
        self.network, self.channels, self.checkpointing = network, channels, checkpointing
        if checkpointing:
            thrift.make_thrifty(network)

    def forward(self, x: Tensor, timesteps: Tensor, maps: Tensor) -> Tensor:
        condition = Condition(maps, self.channels)
        if self.checkpointing:
            return thrift.forward(self.network, x, timesteps, condition)
        return self.network(x, timesteps, condition)


class Trainer:
    """The network, its averages and its optimiser; `step(k)` depends on nothing but them, the recipe and k.

    batches: makes this process's rows of a step's batch. classes: (K,) those that occur in the data.
    """

    def __init__(
        self,
        recipe: Recipe,
        batches: Callable[[int], Batch],
        classes: Tensor,
        device: torch.device,
        means: Means = PLAIN,
        group: Group = ALONE,
    ) -> None:
        torch.manual_seed(recipe.seed)
        group.check_batch(recipe.batch)
        self.recipe, self.batches, self.device, self.means, self.group = recipe, batches, device, means, group
        self.classes = classes.to(device)
        edge_channel = [recipe.network.num_classes] if recipe.network.instance_edges else []
        channels = torch.cat([self.classes, self.classes.new_tensor(edge_channel)])
        self.network = new_network(recipe.network).to(device, memory_format=torch.channels_last)
        self.averages = {
            decay: copy.deepcopy(self.network).requires_grad_(False).eval() for decay in (recipe.ema, *recipe.more_emas)
        }
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.levels = adjacent_levels(recipe)
        self.taught = group.wrapped(Taught(self.network, channels, means.checkpointing))
        # Costs minutes at the start and pays over hours; see docs/performance.md.
        self.forward = torch.compile(self.taught) if means.compiled else self.taught

    @property
    def average(self) -> UNet:
        """The one that the recipe's `ema` makes: what a run's model holds."""
        return self.averages[self.recipe.ema]

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Starts from weights of the network's own names and shapes instead of random ones."""
        for network in (self.network, *self.averages.values()):
            network.load_state_dict(weights)

    def step(self, index: int) -> Tensor:
        """One update. Returns the batch's loss, a tensor that is not yet waited for."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + index)  # of the dropout
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(index)
        self.network.train()
        loss = self._add_gradients(self.batches(index), self._draw(index)[self.group.rows])
        if self._update():
            self._follow(index)
        return self.group.mean(loss)

    def _add_gradients(self, batch: Batch, drawn: Drawn) -> Tensor:
        """Of this process's rows, so many at a time as its memory allows; -> their mean loss."""
        rows = len(batch.photos)
        size = self.means.micro_batch or rows
        total = torch.zeros((), device=self.device)
        for start in range(0, rows, size):
            part = slice(start, start + size)
            with self.group.apart(self.taught) if start + size < rows else nullcontext():
                loss = self._losses(batch[part].to(self.device), drawn[part]).sum() / rows
                self.scaler.scale(loss).backward()
            total += loss.detach()
        return total

    def _update(self) -> bool:
        """Whether the weights have changed: a step whose half-precision gradients ran over is left out."""
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimiser)
        before = self.scaler.get_scale()
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return self.scaler.get_scale() >= before

    def _draw(self, index: int) -> Drawn:
        """For the whole batch, so that what a picture gets doesn't depend on how many processes share it."""
        size = (self.recipe.batch, 3, *picture_size(self.recipe.network))
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + index)
        chosen = torch.randint(len(self.levels), (self.recipe.batch,), generator=generator).tolist()
        return Drawn(torch.randn(size, generator=generator), [self.levels[i] for i in chosen])

    def _losses(self, batch: Batch, drawn: Drawn) -> Tensor:
        """(N,) of each picture."""
        recipe, device = self.recipe, self.device
        now = [each for each, _ in drawn.levels]
        eps = drawn.eps.to(device)
        alpha, sigma = (
            torch.tensor([getattr(each, name) for each in now], device=device) for name in ("alpha", "sigma")
        )
        x = noised(batch.photos, eps, alpha, sigma)
        timesteps = torch.tensor([each.timestep for each in now], device=device)
        maps = condition_maps(batch, recipe, self.classes)
        lower = recipe.precision != "float32"
        with torch.autocast(device.type, PRECISIONS[recipe.precision], enabled=lower):
            output = self.forward(x, timesteps, maps)
        kind = recipe.network.prediction
        return losses(kind, output.float(), batch.photos, eps, x, drawn.levels, recipe.min_snr).loss

    @torch.no_grad()
    def _follow(self, index: int) -> None:
        """The averages follow the weights, faster at first, when they still change fast."""
        weights = list(self.network.parameters())
        for decay, average in self.averages.items():
            torch._foreach_lerp_(list(average.parameters()), weights, 1 - min(decay, (1 + index) / (10 + index)))

    def state(self, done: int) -> dict[str, Any]:
        return {
            "done": done,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "more_averages": {decay: self.averages[decay].state_dict() for decay in self.recipe.more_emas},
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> int:
        """-> steps done. An average that the state lacks starts as the one it has."""
        self.network.load_state_dict(state["network"])
        kept = state.get("more_averages", {})
        for decay, average in self.averages.items():
            average.load_state_dict(state["average"] if decay == self.recipe.ema else kept.get(decay, state["average"]))
        self.optimiser.load_state_dict(state["optimiser"])
        if state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
        return state["done"]
