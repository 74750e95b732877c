"""Samplers: generators that walk x down a sequence of noise levels. Progress, preview and cancel are the caller's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from engine.denoiser import Denoiser
from engine.types import Level, SamplerName, Step

Noise = Callable[[], Tensor]  # a fresh standard normal tensor shaped like x


def steps(name: SamplerName, denoise: Denoiser, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """The sampler of that name, from x (N, 3, H, W) at levels[0]. The deterministic ones leave `noise` alone."""
    if name in STOCHASTIC:
        return STOCHASTIC[name](denoise, x, levels, noise)
    return DETERMINISTIC[name](denoise, x, levels)


def ddim(denoise: Denoiser, x: Tensor, levels: Sequence[Level]) -> Iterator[Step]:
    """Song 2020 (arXiv 2010.02502), eq. 12 with eta = 0. x: (N, 3, H, W), levels: noisiest first, ending clean."""
    for i, (now, nxt) in enumerate(pairwise(levels)):
        p = denoise(x, now)
        x = nxt.alpha * p.x0 + nxt.sigma * p.eps
        yield Step(i, x, p.x0)


def ddpm(denoise: Denoiser, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """Ho 2020 (arXiv 2006.11239), algorithm 2, with the denoiser's variance. The last step adds no noise."""
    for i, (now, nxt) in enumerate(pairwise(levels)):
        p = denoise(x, now)
        x = posterior_mean(p.x0, x, now, nxt)
        if nxt.sigma > 0:
            x = x + torch.exp(0.5 * p.log_variance) * noise()
        yield Step(i, x, p.x0)


def posterior_mean(x0: Tensor, x: Tensor, now: Level, nxt: Level) -> Tensor:
    """Ho 2020, eq. 7: the mean of q(x at nxt | x at now, x0)."""
    variance = now.sigma**2
    of_x0 = nxt.alpha * now.beta / variance
    of_x = (1 - now.beta) ** 0.5 * nxt.sigma**2 / variance
    return of_x0 * x0 + of_x * x


def dpmpp_2m(denoise: Denoiser, x: Tensor, levels: Sequence[Level]) -> Iterator[Step]:
    """DPM-Solver++ 2M (Lu 2022, arXiv 2211.01095, algorithm 2): the probability-flow ODE. Space its levels by lam."""
    return multistep(denoise, x, levels, None)


def dpmpp_2m_sde(denoise: Denoiser, x: Tensor, levels: Sequence[Level], noise: Noise) -> Iterator[Step]:
    """SDE-DPM-Solver++ 2M (Lu 2022, section 3.4): the same for the diffusion SDE, which draws noise at every step."""
    return multistep(denoise, x, levels, noise)


def multistep(denoise: Denoiser, x: Tensor, levels: Sequence[Level], noise: Noise | None) -> Iterator[Step]:
    """Both forms of 2M: x's linear part is solved exactly, x0 is a line in lam through this step's and the last one's.

    Without noise the ODE's. The first step has no last one and on the last, to clean, lam is infinite: those two take
    x0 as constant.
    """
    eta = 0.0 if noise is None else 1.0  # the share of the noise that is drawn anew
    before = last_x0 = None
    for i, (now, nxt) in enumerate(pairwise(levels)):
        x0 = denoise(x, now).x0
        if nxt.sigma == 0:
            x = x0
        else:
            h = nxt.lam - now.lam
            d = x0 if before is None else x0 + h / (2 * (now.lam - before.lam)) * (x0 - last_x0)
            x = nxt.sigma / now.sigma * math.exp(-eta * h) * x - nxt.alpha * math.expm1(-(1 + eta) * h) * d
            if noise is not None:
                x = x + nxt.sigma * math.sqrt(-math.expm1(-2 * h)) * noise()
        before, last_x0 = now, x0
        yield Step(i, x, x0)


DETERMINISTIC = {"ddim": ddim, "dpmpp_2m": dpmpp_2m}
STOCHASTIC = {"ddpm": ddpm, "dpmpp_2m_sde": dpmpp_2m_sde}
