"""Classifier-free guidance (Ho 2022, arXiv 2207.12598), where it matters: a network's two branches as one denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.denoiser import Branches, Denoiser
from engine.types import ClassGuidance, Interval, LabelMap, Level, Prediction

TINY = 1e-6  # of x0's range: a picture of one colour has no contrast to bring back


@dataclass(frozen=True)
class Guidance:
    """How strongly to follow the map, and in which part of a run.

    scale: 1 is none; a number, or a tensor that broadcasts to (N, 3, H, W).
    interval: guidance acts at levels whose `share` lies in it, both ends included (Kynkäänniemi 2024, arXiv
        2404.07724).
    stop: once guidance moves a picture by less than this, it has ended for the rest of that picture's run; 0 never
        ends it. It is the RMS of guided x0 minus conditional x0, in units of x0 (-1 to 1). Castillo 2023 (arXiv
        2312.12487) compares the branches' eps instead, but those agree at high noise too, where both are nearly x.
    rescale: how far, of 0 to 1, guided x0 is brought back to the conditional one's contrast, which guidance raises
        until colours are black and white (Lin 2023, arXiv 2305.08891, section 3.4, where it is phi).
    """

    scale: float | Tensor
    interval: Interval = (0.0, 1.0)
    stop: float = 0.0
    rescale: float = 0.0

    @property
    def acts(self) -> bool:
        """Whether it does anything anywhere: else the conditional branch is all that runs."""
        return not bool(torch.as_tensor(self.scale == 1).all())


def scale_over(labels: LabelMap, scale: float, of_classes: ClassGuidance, device: torch.device) -> float | Tensor:
    """The guidance scale over a map (H, W): `scale` but for the classes with one of their own.

    As a number where all classes in the map have the same one, else (1, 1, H, W) float32.
    """
    own = dict.fromkeys(np.unique(labels).tolist(), scale)
    own |= {index: value for index, value in of_classes if index in own}
    if len(set(own.values())) == 1:
        return next(iter(own.values()))
    table = np.full(256, scale, np.float32)
    table[list(own)] = list(own.values())
    return torch.from_numpy(table[labels])[None, None].to(device)


def guided(branches: Branches, guidance: Guidance) -> Denoiser:
    """eps = eps_null + scale * (eps_cond - eps_null) where guidance acts, else the conditional branch, run alone.

    For one run: it remembers which pictures guidance has ended for. The variance stays the conditional branch's. Works
    on predictions before clipping, in which x0 is linear in eps.
    """
    if not guidance.acts:
        return branches
    low, high = guidance.interval
    acts: Tensor | None = None  # (N, 1, 1, 1) bool, from the first guided step on; stays None where nothing ends it

    def denoise(x: Tensor, level: Level) -> Prediction:
        nonlocal acts
        if not low <= level.share <= high or (acts is not None and not acts.any()):
            return branches(x, level)
        with_map, without = branches.both(x, level)
        p = extrapolated(with_map, without, guidance.scale)
        if guidance.rescale:
            p = rescaled(p, with_map, guidance.rescale, x, level)
        if guidance.stop == 0:
            return p
        before = torch.ones_like(x[:, :1, :1, :1], dtype=torch.bool) if acts is None else acts
        acts = before & (change(p, with_map) >= guidance.stop)
        return Prediction(
            torch.where(before, p.x0, with_map.x0), torch.where(before, p.eps, with_map.eps), p.log_variance
        )

    return denoise


def extrapolated(with_map: Prediction, without: Prediction, scale: float | Tensor) -> Prediction:
    """From the null branch's prediction through the conditional one's, to `scale` times the way."""
    return Prediction(
        without.x0 + scale * (with_map.x0 - without.x0),
        without.eps + scale * (with_map.eps - without.eps),
        with_map.log_variance,
    )


def rescaled(p: Prediction, like: Prediction, share: float, x: Tensor, level: Level) -> Prediction:
    """Each picture's x0 with so much of the way made to the deviation that `like` has, and eps of x to agree with it.

    Lin 2023 does so to whatever the network predicts. That x0 is it here makes phi mean the same for every network, and
    act where contrast comes from: eps is as large as noise whatever guidance does.
    """
    deviation, wanted = (each.x0.std((1, 2, 3), keepdim=True) for each in (p, like))
    x0 = p.x0 * (1 + share * (wanted / deviation.clamp_min(TINY) - 1))
    return Prediction(x0, (x - level.alpha * x0) / level.sigma, p.log_variance)


def change(p: Prediction, of: Prediction) -> Tensor:
    """The RMS difference of two estimates of x0, per picture: (N, 1, 1, 1)."""
    return (p.x0 - of.x0).square().mean((1, 2, 3), keepdim=True).sqrt()
