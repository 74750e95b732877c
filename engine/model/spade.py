"""SPADE: normalise, then modulate by the label map (Park 2019, arXiv 1903.07291, as placed by Wang 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Modulation = tuple[Tensor, Tensor]  # gamma, beta: each (N or 1, c, h, w)


@dataclass(frozen=True)
class Condition:
    """A batch of one-hot label maps, of which only the channels that occur are held.

    maps: (N, K, H, W) float. channels: (K,) which of the network's condition channels they are, or None for all of
    them in order. The published network convolves every channel; leaving out those that are zero everywhere changes
    nothing but the order of the sum, and a painted map holds a handful of the 151 classes.
    """

    maps: Tensor
    channels: Tensor | None = None


class Spade(nn.Module):
    """x -> GroupNorm32(x) * (1 + gamma) + beta, with gamma and beta from the label map alone."""

    def __init__(self, channels: int, condition_channels: int, hidden: int, stride: int) -> None:
        super().__init__()
        self.stride = stride  # image pixels per cell of the features that this norm sees
        self.norm = nn.GroupNorm(32, channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(condition_channels, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def modulation(self, maps: Tensor, channels: Tensor | None) -> Modulation:
        """maps: (N, K, h, w), already at this norm's size -> gamma, beta (N, c, h, w)."""
        conv = self.mlp_shared[0]
        weight = conv.weight if channels is None else conv.weight.index_select(1, channels)
        hidden = functional.relu(functional.conv2d(maps, weight, conv.bias, padding=1))
        return self.mlp_gamma(hidden), self.mlp_beta(hidden)

    def forward(self, x: Tensor, modulations: Iterator[Modulation]) -> Tensor:
        gamma, beta = next(modulations)
        return torch.addcmul(beta, self.norm(x), 1 + gamma)
