"""Samplers: generators that walk x down a sequence of noise levels. Progress, preview and cancel are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from engine.denoiser import Denoiser
from engine.types import Level, Step

Noise = Callable[[], Tensor]  # a fresh standard normal tensor shaped like x


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
