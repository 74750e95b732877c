"""Which noise levels a run visits, in what order: from the noisiest kept timestep down to clean.

Timesteps are the network's own, 0 to total - 1. A fraction between two stands at that share of the way in
lam = log(alpha / sigma), which is what the solvers step in (Lu 2022, arXiv 2211.01095).
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from engine.types import Level, Spacing, UserError

CLEAN = Level(timestep=-1, alpha=1.0, sigma=0.0)


def evenly_rounded(total: int, steps: int) -> list[int]:
    """From 0 to total - 1 at an even, rounded spacing: the published ancestral respacing."""
    if steps == 1:
        return [0]
    spacing = (total - 1) / (steps - 1)
    return [round(at) for at in accumulate([0.0] + [spacing] * (steps - 1))]  # summed up, as published: rounding tells


def fixed_stride(total: int, steps: int) -> list[int]:
    """At a whole stride from 0: the published “ddimN” respacing. UserError where no stride leaves `steps` of them."""
    for stride in range(1, total + 1):
        if len(range(0, total, stride)) == steps:
            return list(range(0, total, stride))
    nearest = len(range(0, total, max(1, total // steps)))
    raise UserError(f"No whole stride leaves {steps} of {total} noise levels. Try {nearest} steps or another spacing.")


def trailing(total: int, steps: int) -> list[int]:
    """Evenly rounded, and always with the noisiest (Lin 2023, arXiv 2305.08891).

    A run must start where x is pure noise; the published spacings can start from a level at which some picture is
    still expected.
    """
    return [round((i + 1) * total / steps) - 1 for i in range(steps)]


def even_in_lambda(alpha_bar: NDArray[np.float64], steps: int) -> list[float]:
    """From 0 to len(alpha_bar) - 1 at even steps of lam: fractions, so none coincide. One step takes the noisiest."""
    lam = log_snr(alpha_bar)
    noisiest = len(alpha_bar) - 1
    wanted = np.linspace(lam[noisiest], lam[0], steps)  # falling timesteps; both ends exact
    return np.interp(-wanted, -lam, np.arange(noisiest + 1.0)).tolist()[::-1]


WHOLE = {"trailing": trailing, "even": evenly_rounded, "stride": fixed_stride}


def walk(alpha_bar: NDArray[np.float64], spacing: Spacing, steps: int, strength: float = 1.0) -> list[Level]:
    """The levels of a run, noisiest first, ending in CLEAN. alpha_bar: (total,) of the model's schedule.

    A strength below 1 starts at that share of the noise levels. Whole timesteps are then fewer by the same share;
    “lambda” makes all `steps` of them. Raises UserError like `timesteps`.
    """
    total = len(alpha_bar)
    if spacing != "lambda":
        return levels(alpha_bar, timesteps(spacing, total, steps, strength))
    check(total, steps, strength)
    kept = max(min(2, total), round(strength * total))  # two at least, for there to be a way between them
    return levels(alpha_bar, even_in_lambda(alpha_bar[:kept], steps))


def timesteps(spacing: Spacing, total: int, steps: int, strength: float = 1.0) -> list[int]:
    """`steps` whole timesteps of `total`, ascending; with a strength below 1 the share of both that is left to walk.

    Raises UserError where steps is outside 1 to total or strength outside (0, 1].
    """
    check(total, steps, strength)
    if strength == 1:
        return WHOLE[spacing](total, steps)
    return trailing(max(1, round(strength * total)), max(1, round(strength * steps)))


def check(total: int, steps: int, strength: float) -> None:
    """Raises UserError where steps is outside 1 to total or strength outside (0, 1]."""
    if not 1 <= steps <= total:
        raise UserError(f"{steps} steps is outside 1 to {total}, the noise levels this model was trained with.")
    if not isinstance(strength, numbers.Real):
        raise UserError(f"Strength {strength!r} is no number. Give one above 0 to 1, such as 0.8.")
    if not 0 < strength <= 1:
        raise UserError(f"Strength {strength:g} is outside 0 to 1 (0 itself would change nothing). Try 0.8.")


def log_snr(alpha_bar: NDArray[np.float64]) -> NDArray[np.float64]:
    """lam = log(alpha / sigma) of every timestep; falls as they rise."""
    return 0.5 * (np.log(alpha_bar) - np.log1p(-alpha_bar))


def alpha_bar_at(alpha_bar: NDArray[np.float64], timestep: float) -> float:
    """The schedule's own value at a whole timestep, to the bit; between two, the one whose lam lies between theirs."""
    if timestep == int(timestep):
        return float(alpha_bar[int(timestep)])
    lam = np.interp(timestep, np.arange(len(alpha_bar)), log_snr(alpha_bar))
    return float(1 / (1 + np.exp(-2 * lam)))


def levels(alpha_bar: NDArray[np.float64], timesteps: Sequence[float]) -> list[Level]:
    """Kept timesteps (ascending) -> levels, noisiest first, ending in CLEAN.

    Respacing rebuilds beta from the kept alpha_bar (Nichol 2021, sec. 4). The variance bounds of the last step are
    those of the published code: beta_tilde would be 0 there and is replaced by the next one's.
    """
    kept = np.asarray([alpha_bar_at(alpha_bar, t) for t in timesteps])
    before = np.append(1.0, kept[:-1])
    beta = 1.0 - kept / before
    beta_tilde = beta * (1.0 - before) / (1.0 - kept)
    beta_tilde[0] = beta_tilde[1] if len(kept) > 1 else beta[0]
    ascending = [
        Level(
            timestep=float(t),
            alpha=float(np.sqrt(kept[i])),
            sigma=float(np.sqrt(1.0 - kept[i])),
            beta=float(beta[i]),
            log_beta=float(np.log(beta[i])),
            log_beta_tilde=float(np.log(beta_tilde[i])),
            share=float(t) / max(1, len(alpha_bar) - 1),
        )
        for i, t in enumerate(timesteps)
    ]
    return [*reversed(ascending), CLEAN]
