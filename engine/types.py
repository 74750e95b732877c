"""The nouns that every part of the engine shares: maps, photos, regions, requests, steps, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

LabelMap: TypeAlias = NDArray[np.uint8]  # (H, W), class indices of one palette
Photo: TypeAlias = NDArray[np.uint8]  # (H, W, 3), RGB
Region: TypeAlias = NDArray[np.bool_]  # (H, W), True = regenerate
SamplerName: TypeAlias = Literal["ddim", "ddpm"]
Spacing: TypeAlias = Literal["trailing", "even", "stride"]  # see engine.trajectory

MAX_STEPS = 1000
MAX_GUIDANCE = 20.0
MAX_SEED = 2**32 - 1


class UserError(Exception):
    """Something the user gave can't be used. The text names the value, the bound and the remedy."""


@dataclass(frozen=True)
class Level:
    """One noise level of a trajectory: x = alpha * x0 + sigma * eps, alpha**2 + sigma**2 = 1.

    `timestep` is what the network is told (an original, never a respaced, index). The last three belong to the
    ancestral step from this level to the next kept one below it (Ho 2020, eq. 7; Nichol 2021, eq. 15).
    """

    timestep: float
    alpha: float
    sigma: float
    beta: float = 0.0  # 1 - alpha_bar / alpha_bar of the next level
    log_beta: float = 0.0  # upper bound of the log-variance
    log_beta_tilde: float = 0.0  # lower bound, clipped at the last level where it would be -inf


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

    Raises UserError where a value is outside its bound.
    """

    sampler: SamplerName = "ddim"
    steps: int = 20
    guidance: float = 2.5  # 1 = none; the paper's own scale counts from 0 (s_paper = s - 1)
    seeds: tuple[int, ...] = (0,)
    spacing: Spacing = "trailing"

    def __post_init__(self) -> None:
        if self.sampler not in ("ddim", "ddpm"):
            raise UserError(f"Sampler “{self.sampler}” is not known. Choose ddim or ddpm.")
        if self.spacing not in ("trailing", "even", "stride"):
            raise UserError(f"Spacing “{self.spacing}” is not known. Choose trailing, even or stride.")
        for what, number in (("Steps", self.steps), *(("Seed", seed) for seed in self.seeds)):
            if not isinstance(number, int):
                raise UserError(f"{what}: {number!r} is not a whole number. Give one.")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"{self.steps} steps is outside 1 to {MAX_STEPS}. 20 is a good start.")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise UserError(f"Guidance {self.guidance:g} is outside 0 to {MAX_GUIDANCE:g}. 2.5 is a good start.")
        if not self.seeds:
            raise UserError("No seed was given. Give at least one whole number.")
        for seed in self.seeds:
            if not 0 <= seed <= MAX_SEED:
                raise UserError(f"Seed {seed} is outside 0 to {MAX_SEED}. Choose a whole number in between.")


@dataclass(frozen=True)
class RenderRequest:
    """Everything one render needs; replaying it gives the same pictures."""

    model: str
    labels: LabelMap
    sampling: Sampling = field(default_factory=Sampling)


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
