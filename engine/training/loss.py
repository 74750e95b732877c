"""Training losses (Ho 2020; Nichol 2021, eq. 16; Salimans 2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.denoiser import interpret, log_variance
from engine.samplers import posterior_mean
from engine.types import Level

SMALLEST_SIGMA = 0.1  # below it the v-loss of an x0 network would count noise in the photos as error


@dataclass(frozen=True)
class Losses:
    """Per picture, (N,): `loss` is what is minimised; mse on the predicted quantity; vb the variance's term or None."""

    loss: Tensor
    mse: Tensor
    vb: Tensor | None


def per_picture(x: Tensor) -> Tensor:
    return x.flatten(1).mean(1)


def noised(x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """alpha, sigma: (N,) -> x at that level."""
    return alpha.view(-1, 1, 1, 1) * x0 + sigma.view(-1, 1, 1, 1) * eps


def losses(
    kind: str,
    output: Tensor,
    x0: Tensor,
    eps: Tensor,
    x: Tensor,
    levels: list[tuple[Level, Level]],
    min_snr: float = 0.0,
) -> Losses:
    """output: (N, 3 or 6, H, W) of the network at x; levels: per picture, its level and the next lower one.

    min_snr: with a gamma above 0, whatever is predicted, a picture's error counts as its error on x0 times the lesser
    of gamma and the signal-to-noise ratio (Hang 2023, arXiv 2303.09556).
    """
    alpha = x.new_tensor([now.alpha for now, _ in levels]).view(-1, 1, 1, 1)
    sigma = x.new_tensor([now.sigma for now, _ in levels]).view(-1, 1, 1, 1)
    value = output[:, :3]
    if kind == "eps":
        mse = per_picture((value - eps).square())
    elif kind == "v":
        mse = per_picture((value - (alpha * eps - sigma * x0)).square())
    else:  # the v-loss in terms of x0: v = (alpha * x - x0) / sigma
        mse = per_picture(((value - x0) / sigma.clamp(min=SMALLEST_SIGMA)).square())
    weighted = mse
    if min_snr:
        error = per_picture((value - x0).square()) if kind == "x0" else mse
        weighted = error * snr_weight(kind, alpha.flatten(), sigma.flatten(), min_snr)
    if output.shape[1] == 3:
        return Losses(weighted, mse, None)
    frozen = torch.cat([value.detach(), output[:, 3:]], dim=1)  # the variance's term must not teach eps
    vb = torch.cat([variational(frozen[i : i + 1], x0[i : i + 1], x[i : i + 1], *levels[i]) for i in range(len(x))])
    return Losses(weighted + vb, mse, vb)


def snr_weight(kind: str, alpha: Tensor, sigma: Tensor, gamma: float) -> Tensor:
    """(N,) what the squared error on eps, v or x0 is multiplied by."""
    snr = (alpha / sigma).square()
    return snr.clamp(max=gamma) / {"eps": snr, "v": snr + 1, "x0": torch.ones_like(snr)}[kind]


def variational(output: Tensor, x0: Tensor, x: Tensor, now: Level, nxt: Level) -> Tensor:
    """One picture's term of the variational bound in bits per number: KL between posteriors, or the likelihood at 0."""
    p = interpret("eps", output, x, now)
    mean = posterior_mean(p.x0, x, now, nxt)
    if nxt.sigma == 0:
        return per_picture(-discretised_log_likelihood(x0, mean, 0.5 * p.log_variance)) / math.log(2)
    true_mean = posterior_mean(x0, x, now, nxt)
    true_log_variance = log_variance(torch.full_like(x, -1.0), x, now)  # the lower bound, beta_tilde
    kl = 0.5 * (
        p.log_variance
        - true_log_variance
        - 1
        + torch.exp(true_log_variance - p.log_variance)
        + (true_mean - mean).square() * torch.exp(-p.log_variance)
    )
    return per_picture(kl) / math.log(2)


def discretised_log_likelihood(x0: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log of a Gaussian's mass in the 1/255-wide bin around each 8-bit value of x0 in [-1, 1] (Ho 2020, eq. 13)."""

    def below(value: Tensor) -> Tensor:
        """The published models use this approximation of the normal's distribution function."""
        return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))

    upper = below((x0 - mean + 1 / 255) * torch.exp(-log_scale))
    lower = below((x0 - mean - 1 / 255) * torch.exp(-log_scale))
    mass = torch.where(x0 < -0.999, upper, torch.where(x0 > 0.999, 1 - lower, upper - lower))
    return mass.clamp(min=1e-12).log()
