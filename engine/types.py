"""The nouns that every part of the engine shares: maps, photos, regions, requests, steps, errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

LabelMap: TypeAlias = NDArray[np.uint8]  # (H, W), class indices of one palette
Photo: TypeAlias = NDArray[np.uint8]  # (H, W, 3), RGB
Region: TypeAlias = NDArray[np.bool_]  # (H, W), True = regenerate
SamplerName: TypeAlias = Literal["ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde"]  # see engine.samplers
Spacing: TypeAlias = Literal["lambda", "trailing", "even", "stride"]  # see engine.trajectory
Interval: TypeAlias = tuple[float, float]  # from and to which of the trained levels, as Level.share

MAX_STEPS = 1000
MAX_GUIDANCE = 20.0
MAX_ENCODER_REUSE = 4
MAX_SEED = 2**32 - 1
MAX_COMPUTED_SIDE = 4096


class UserError(Exception):
    """Something the user gave can't be used. The text names the value, the bound and the remedy."""


@dataclass(frozen=True)
class Level:
    """One noise level of a trajectory: x = alpha * x0 + sigma * eps, alpha**2 + sigma**2 = 1.

    `timestep` is what the network is told: an original, never a respaced, index, or a fraction between two. The betas
    belong to the ancestral step from this level to the next kept one below it (Ho 2020, eq. 7; Nichol 2021, eq. 15).
    """

    timestep: float
    alpha: float
    sigma: float
    beta: float = 0.0  # 1 - alpha_bar / alpha_bar of the next level
    log_beta: float = 0.0  # upper bound of the log-variance
    log_beta_tilde: float = 0.0  # lower bound, clipped at the last level where it would be -inf
    share: float = 0.0  # where it stands among the trained levels: 0 the cleanest, 1 the noisiest

    @property
    def lam(self) -> float:
        """Half the log of the signal-to-noise ratio, log(alpha / sigma): rises to infinity where x is clean."""
        return math.log(self.alpha / self.sigma) if self.sigma > 0 else math.inf


@dataclass(frozen=True)
class Prediction:
    """What a denoiser says of x at a level; every tensor is shaped like x, (N, 3, H, W)."""

    x0: torch.Tensor
    eps: torch.Tensor
    log_variance: torch.Tensor


@dataclass(frozen=True)
class Step:
    """One finished sampler step: `index` counts from 0, x is the state after it, x0 the current estimate."""

    index: int
    x: torch.Tensor
    x0: torch.Tensor


@dataclass(frozen=True)
class Sampling:
    """How to walk from noise to picture. One picture is made per seed.

    The defaults are the cheapest that could not be told from 250 ancestral steps (docs/performance.md).

    Raises UserError where a value is outside its bound.
    """

    sampler: SamplerName = "dpmpp_2m_sde"
    steps: int = 12
    guidance: float = 2.5  # 1 = none; the paper's own scale counts from 0 (s_paper = s - 1)
    seeds: tuple[int, ...] = (0,)
    spacing: Spacing = "lambda"
    guidance_interval: Interval = (0.0, 1.0)  # guidance acts between these shares of the noise levels, both included
    guidance_stop: float = 0.0  # it ends once it moves a picture by less, RMS of -1 to 1; 0 = never (engine.guidance)
    encoder_reuse: int = 1  # the encoder runs at every so many steps

    def __post_init__(self) -> None:
        for what, name, names in (
            ("Sampler", self.sampler, get_args(SamplerName)),
            ("Spacing", self.spacing, get_args(Spacing)),
        ):
            if name not in names:
                raise UserError(f"{what} “{name}” is not known. Choose {', '.join(names[:-1])} or {names[-1]}.")
        for what, number in (
            ("Steps", self.steps),
            ("Encoder reuse", self.encoder_reuse),
            *(("Seed", seed) for seed in self.seeds),
        ):
            if not isinstance(number, int):
                raise UserError(f"{what}: {number!r} is not a whole number. Give one.")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"{self.steps} steps is outside 1 to {MAX_STEPS}. 12 is a good start.")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise UserError(f"Guidance {self.guidance:g} is outside 0 to {MAX_GUIDANCE:g}. 2.5 is a good start.")
        interval = self.guidance_interval
        if len(interval) != 2 or not 0 <= interval[0] <= interval[1] <= 1:
            raise UserError(f"Guidance interval {interval} is not two rising shares of 0 to 1. (0, 1) is all of it.")
        if not 0 <= self.guidance_stop <= 1:
            raise UserError(f"Guidance stop {self.guidance_stop:g} is outside 0 to 1. 0 never stops it.")
        if not 1 <= self.encoder_reuse <= MAX_ENCODER_REUSE:
            raise UserError(f"Encoder reuse {self.encoder_reuse} is outside 1 to {MAX_ENCODER_REUSE}. 1 is no reuse.")
        if not self.seeds:
            raise UserError("No seed was given. Give at least one whole number.")
        for seed in self.seeds:
            if not 0 <= seed <= MAX_SEED:
                raise UserError(f"Seed {seed} is outside 0 to {MAX_SEED}. Choose a whole number in between.")


@dataclass(frozen=True)
class RenderRequest:
    """Everything one render needs; replaying it gives the same pictures.

    side: the short side in pixels at which it is computed; None is the model's training size, its best one.
    """

    model: str
    labels: LabelMap
    sampling: Sampling = field(default_factory=Sampling)
    side: int | None = None

    def __post_init__(self) -> None:
        check_side(self.side)


@dataclass(frozen=True)
class EditRequest:
    """Everything one edit needs: inside `region` the photo is regenerated under `labels`, outside it stays.

    Photo, labels and region have one height and width. strength in (0, 1]: 1 starts from pure noise.
    """

    model: str
    labels: LabelMap
    photo: Photo
    region: Region
    strength: float = 0.8
    sampling: Sampling = field(default_factory=Sampling)
    side: int | None = None

    def __post_init__(self) -> None:
        check_side(self.side)


def check_side(side: int | None) -> None:
    """Raises UserError where a request's computed short side is outside its bounds."""
    if side is not None and not (isinstance(side, int) and 1 <= side <= MAX_COMPUTED_SIDE):
        raise UserError(f"Computed side {side} is outside 1 to {MAX_COMPUTED_SIDE} px. The training size is best.")
