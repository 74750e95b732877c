"""A network with its label map, as one function of (x, level): the contract every sampler and wrapper speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.model.spade import Modulation
from engine.model.unet import Features, UNet
from engine.types import Level, Prediction


class Denoiser(Protocol):
    """x (N, 3, H, W) at a level -> what it is made of."""

    def __call__(self, x: Tensor, level: Level) -> Prediction: ...


class Branches(Denoiser, Protocol):
    """A denoiser under a label map, which can also say what it would do without one."""

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        """With the map, and without."""
        ...


class SharedEncoder:
    """The encoder never sees the label map, so all branches of a guided step share its features.

    Remembers the features of the one x it saw last; samplers make a new x each step, so identity is enough. With
    `reuse` above 1 it runs at every reuse-th new x only, and the steps between take its last features with their own
    timestep in the decoder (Li 2023, arXiv 2312.09608): an approximation, for one run.
    """

    def __init__(self, network: UNet, reuse: int = 1) -> None:
        self.network, self.reuse = network, reuse
        self._runs = 0
        self._seen: tuple[Tensor, float] | None = None
        self._features: Features | None = None

    def __call__(self, x: Tensor, timestep: float) -> Features:
        if self._features is None or self._seen is None or self._seen[0] is not x or self._seen[1] != timestep:
            self._features = self._fresh(x, torch.full((1,), timestep, device=x.device))
            self._seen = (x, timestep)
        return self._features

    def _fresh(self, x: Tensor, timestep: Tensor) -> Features:
        self._runs += 1
        if self._features is not None and (self._runs - 1) % self.reuse:
            return Features(x, self.network.decoder_times(timestep), self._features.maps)
        return self.network.encode(x, timestep)


class NetworkDenoiser:
    """The network under one label map, whose gamma and beta were computed beforehand and serve every step."""

    def __init__(self, encoder: SharedEncoder, modulations: Sequence[Modulation]) -> None:
        self.encoder = encoder
        self.modulations = list(modulations)

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        network = self.encoder.network
        output = network.decode(self.encoder(x, level.timestep), self.modulations)
        return interpret(network.config.prediction, output, x, level)


@dataclass(frozen=True)
class TwoBranches:
    """The network with a label map and without, on one encoder."""

    conditional: Denoiser
    null: Denoiser

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        return self.conditional(x, level)

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        return self.conditional(x, level), self.null(x, level)


@dataclass(frozen=True)
class PairedBranches:
    """The same of one picture, with both branches as one batch of two: a small network waits for its many calls more
    than for their arithmetic. pair: modulations (2, c, h, w), with the map and without."""

    conditional: NetworkDenoiser
    pair: Sequence[Modulation]

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        return self.conditional(x, level)

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        encoder = self.conditional.encoder
        outputs = encoder.network.decode(encoder(x, level.timestep).repeated(2), self.pair)
        with_map, without = (interpret(encoder.network.config.prediction, out, x, level) for out in outputs.split(1))
        return with_map, without


def interpret(kind: str, output: Tensor, x: Tensor, level: Level) -> Prediction:
    """Network output (N, 3 or 6, H, W) -> Prediction. x0 is not clipped here: guidance comes first."""
    value, variance = output[:, :3], output[:, 3:]
    if kind == "eps":
        eps = value
        x0 = (x - level.sigma * eps) / level.alpha
    elif kind == "v":  # Salimans 2022, arXiv 2202.00512: v = alpha * eps - sigma * x0
        x0 = level.alpha * x - level.sigma * value
        eps = level.sigma * x + level.alpha * value
    else:
        x0 = value
        eps = (x - level.alpha * x0) / level.sigma
    return Prediction(x0, eps, log_variance(variance, x, level))


def log_variance(variance: Tensor, x: Tensor, level: Level) -> Tensor:
    """The ancestral step's log-variance: interpolated by the network (Nichol 2021, eq. 15), or fixed.

    A network without learned variance was published with the upper bound beta, and beta_tilde at the last step.
    """
    if variance.shape[1] == 0:
        return torch.full_like(x, level.log_beta if level.timestep > 0 else level.log_beta_tilde)
    share = (variance + 1) / 2
    return share * level.log_beta + (1 - share) * level.log_beta_tilde


def clipped(denoise: Denoiser) -> Denoiser:
    """Keeps x0 inside the picture's range [-1, 1] and makes eps agree with it again."""

    def denoise_clipped(x: Tensor, level: Level) -> Prediction:
        p = denoise(x, level)
        x0 = p.x0.clamp(-1, 1)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma, p.log_variance)

    return denoise_clipped
