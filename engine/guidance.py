"""Classifier-free guidance (Ho 2022, arXiv 2207.12598) as a wrapper around denoisers."""

from __future__ import annotations

from torch import Tensor

from engine.denoiser import Denoiser
from engine.types import Level, Prediction


def guided(conditional: Denoiser, null: Denoiser, scale: float) -> Denoiser:
    """eps = eps_null + scale * (eps_cond - eps_null); scale 1 is no guidance and runs one branch only.

    The variance stays the conditional branch's. Works on predictions before clipping, in which x0 is linear in eps.
    """
    if scale == 1:
        return conditional

    def denoise(x: Tensor, level: Level) -> Prediction:
        with_map, without = conditional(x, level), null(x, level)
        return Prediction(
            without.x0 + scale * (with_map.x0 - without.x0),
            without.eps + scale * (with_map.eps - without.eps),
            with_map.log_variance,
        )

    return denoise
