"""The plain way, which everything is measured against: both branches whole, every class convolved, gamma and beta at
every step, float32. It is what the published code does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.condition import map_edges
from engine.denoiser import clipped, interpret
from engine.guidance import Guidance, guided
from engine.library import Model
from engine.model.spade import Condition
from engine.model.unet import UNet
from engine.noise import SeededNoise
from engine.pipeline import draw_of, walk_of
from engine.samplers import steps
from engine.types import LabelMap, Level, Prediction, Sampling


def one_hot(labels: LabelMap, network: UNet) -> Tensor:
    """(H, W) -> (1, C, H, W) float32 with every class, and the map's edges where the network wants them."""
    batch = torch.from_numpy(labels.astype(np.int64))[None].to(network.device)
    maps = functional.one_hot(batch, network.config.num_classes).permute(0, 3, 1, 2).float()
    edges = map_edges(batch, network.config)
    return maps if edges is None else torch.cat([maps, edges[:, None].float()], dim=1)


@dataclass(frozen=True)
class PlainBranches:
    """Two whole runs of the network a step."""

    network: UNet
    maps: Tensor

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        return self._run(x, level, self.maps)

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        return self(x, level), self._run(x, level, torch.zeros_like(self.maps))

    def _run(self, x: Tensor, level: Level, maps: Tensor) -> Prediction:
        output = self.network(x, torch.full((len(x),), level.timestep, device=x.device), Condition(maps))
        return interpret(self.network.config.prediction, output, x, level)


def plain_picture(model: Model, labels: LabelMap, sampling: Sampling, seed: int) -> Tensor:
    """(1, 3, H, W): one picture of a map of the size that is computed. model: not prepared for speed."""
    way = walk_of(model, sampling)
    noise = SeededNoise((seed,), *labels.shape, model.device, draw_of(model, sampling, way))
    branches = PlainBranches(model.network, one_hot(labels, model.network))
    denoise = clipped(guided(branches, Guidance(sampling.guidance)))
    *_, last = steps(sampling.sampler, denoise, noise(), way, noise)
    return last.x
