"""Which noise levels a run visits, in what order: from the noisiest kept timestep down to clean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.types import Level, Spacing, UserError

CLEAN = Level(timestep=-1, alpha=1.0, sigma=0.0)


def evenly_rounded(total: int, steps: int) -> list[int]:
    """From 0 to total - 1 at an even, rounded spacing: the published ancestral respacing."""
    if steps == 1:
        return [0]
    spacing = (total - 1) / (steps - 1)
    return [round(i * spacing) for i in range(steps)]


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


SPACINGS = {"trailing": trailing, "even": evenly_rounded, "stride": fixed_stride}


def timesteps(spacing: Spacing, total: int, steps: int, strength: float = 1.0) -> list[int]:
    """`steps` kept timesteps of `total`, ascending; with a strength below 1 the share of both that is left to walk.

    Raises UserError where steps is outside 1 to total or strength outside (0, 1].
    """
    if not 1 <= steps <= total:
        raise UserError(f"{steps} steps is outside 1 to {total}, the noise levels this model was trained with.")
    if not 0 < strength <= 1:
        raise UserError(f"Strength {strength:g} is outside 0 to 1 (0 itself would change nothing). Try 0.8.")
    if strength == 1:
        return SPACINGS[spacing](total, steps)
    return trailing(max(1, round(strength * total)), max(1, round(strength * steps)))


def levels(alpha_bar: NDArray[np.float64], timesteps: Sequence[int]) -> list[Level]:
    """Kept timesteps (ascending) -> levels, noisiest first, ending in CLEAN.

    Respacing rebuilds beta from the kept alpha_bar (Nichol 2021, sec. 4). The variance bounds of the last step are
    those of the published code: beta_tilde would be 0 there and is replaced by the next one's.
    """
    kept = np.asarray([alpha_bar[t] for t in timesteps])
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
        )
        for i, t in enumerate(timesteps)
    ]
    return [*reversed(ascending), CLEAN]
