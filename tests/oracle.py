"""Exact answers to test samplers against: for data N(0, spread**2) the perfect denoiser is known in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.denoiser import Denoiser
from engine.trajectory import CLEAN
from engine.types import Level, Prediction

SPREAD = 0.5


def gaussian_denoiser(x: Tensor, level: Level) -> Prediction:
    """E[x0 | x] for x0 ~ N(0, SPREAD**2), with the exact posterior's eps."""
    x0 = level.alpha * SPREAD**2 / marginal_variance(level) * x
    return Prediction(x0, (x - level.alpha * x0) / level.sigma, torch.full_like(x, level.log_beta_tilde))


def marginal_variance(level: Level) -> float:
    return level.alpha**2 * SPREAD**2 + level.sigma**2


def exact_end(x: Tensor, start: Level, end: Level = CLEAN) -> Tensor:
    """Where the probability-flow ODE takes x from `start` to `end`: the marginal's quantile is kept."""
    return x * math.sqrt(marginal_variance(end) / marginal_variance(start))


def single_picture_denoiser(picture: float) -> Denoiser:
    """The perfect denoiser of data that is one picture."""

    def denoise(x: Tensor, level: Level) -> Prediction:
        x0 = torch.full_like(x, picture)
        return Prediction(x0, (x - level.alpha * x0) / level.sigma, torch.full_like(x, level.log_beta_tilde))

    return denoise


def circle(steps: int) -> list[Level]:
    """Levels at even angles of alpha = cos, sigma = sin, ending clean: smooth, so that orders show."""
    angles = [1.5 * (1 - i / steps) for i in range(steps + 1)]
    return [Level(timestep=a, alpha=math.cos(a), sigma=math.sin(a)) for a in angles]


def even_lams(steps: int, first: float = -4.0, last: float = 4.0) -> list[Level]:
    """Levels at even lam = log(alpha / sigma), none of them clean: on these the second order shows."""
    lams = torch.linspace(first, last, steps + 1, dtype=torch.float64).tolist()
    return [Level(0.0, math.exp(lam) / math.hypot(1, math.exp(lam)), 1 / math.hypot(1, math.exp(lam))) for lam in lams]
