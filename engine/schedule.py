"""Noise schedules: beta -> alpha_bar (Ho 2020, arXiv 2006.11239; Nichol 2021, arXiv 2102.09672)."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.types import UserError

ScheduleName = Literal["linear", "cosine"]


def _cosine_alpha_bar(time: float) -> float:
    """Nichol 2021, eq. 17; time in [0, 1]."""
    return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2


def betas(name: ScheduleName, steps: int = 1000) -> NDArray[np.float64]:
    """(steps,) variances beta_t. Linear runs from 1e-4 to 0.02 at 1000 steps and is scaled for other counts."""
    if name == "linear":
        scale = 1000 / steps
        return np.linspace(scale * 1e-4, scale * 0.02, steps, dtype=np.float64)
    if name == "cosine":
        ends = [_cosine_alpha_bar(t / steps) for t in range(steps + 1)]
        return np.array([min(1 - ends[t + 1] / ends[t], 0.999) for t in range(steps)])
    raise UserError(f"Noise schedule “{name}” is not known. Choose linear or cosine.")


def alpha_bars(name: ScheduleName, steps: int = 1000) -> NDArray[np.float64]:
    """(steps,) alpha_bar_t, the share of signal variance left after t + 1 noising steps."""
    return np.cumprod(1.0 - betas(name, steps))
