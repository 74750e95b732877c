"""Exact answers to test samplers against: for data N(0, spread**2) the perfect denoiser is known in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.types import Level, Prediction

SPREAD = 0.5


def gaussian_denoiser(x: Tensor, level: Level) -> Prediction:
    """E[x0 | x] for x0 ~ N(0, SPREAD**2), with the exact posterior's eps."""
    x0 = level.alpha * SPREAD**2 / marginal_variance(level) * x
    return Prediction(x0, (x - level.alpha * x0) / level.sigma, torch.full_like(x, level.log_beta_tilde))


def marginal_variance(level: Level) -> float:
    return level.alpha**2 * SPREAD**2 + level.sigma**2


def exact_end(x: Tensor, start: Level) -> Tensor:
    """Where the probability-flow ODE takes x from `start` to clean: the marginal's quantile is kept."""
    return x * SPREAD / math.sqrt(marginal_variance(start))


def circle(steps: int) -> list[Level]:
    """Levels at even angles of alpha = cos, sigma = sin, ending clean: smooth, so that orders show."""
    angles = [1.5 * (1 - i / steps) for i in range(steps + 1)]
    return [Level(timestep=a, alpha=math.cos(a), sigma=math.sin(a)) for a in angles]
