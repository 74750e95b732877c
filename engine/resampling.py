"""RePaint (Lugmayr 2022, arXiv 2201.09865): walking parts of the way again, so that what is made fits what is known.

A step sees the known pixels beside what it makes, but what it makes was begun without them. Noise put onto it and taken
off again lets it follow them; the distribution that is sampled stays the same, since both directions are its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from torch import Tensor

from engine.denoiser import Denoiser
from engine.samplers import Noise, steps
from engine.types import Level, Resampling, SamplerName, Step


def resampled(
    name: SamplerName,
    denoise: Denoiser,
    x: Tensor,
    levels: Sequence[Level],
    noise: Noise,
    extra: Noise,
    resampling: Resampling,
) -> Iterator[Step]:
    """The sampler of that name from x (N, 3, H, W) at levels[0], with parts of its way walked again.

    noise: for every step's first time, in the order of the steps, as without resampling. extra: for going back, and for
    steps that are walked again. Steps are counted on; after a jump a multistep sampler begins without history. Without
    repeats it is `steps` to the bit.
    """
    index = furthest = at = 0
    for start, stop in runs(levels, resampling):
        if start < at:
            x = noisier(x, levels[at], levels[start], extra())
        draws = chain(repeat(extra, furthest - start), repeat(noise))  # a stochastic sampler draws once a step
        for step in steps(name, denoise, x, levels[start : stop + 1], lambda draws=draws: next(draws)()):
            yield Step(index, step.x, step.x0)
            index += 1
        x, at, furthest = step.x, stop, max(furthest, stop)


def count(levels: Sequence[Level], resampling: Resampling) -> int:
    """How many steps `resampled` makes."""
    return sum(stop - start for start, stop in runs(levels, resampling))


def runs(levels: Sequence[Level], resampling: Resampling) -> Iterator[tuple[int, int]]:
    """The way as stretches without a jump: from which of `levels` down to which. Each begins at or above the end of the
    one before.

    The last step, to clean, is walked once, as in the paper (algorithm 1 goes back for t > 1 only): what it would be
    walked again from is noise too weak to change how anything fits.
    """
    last = len(levels) - 2  # of the levels that still have noise
    low, high = resampling.band
    begin = 0
    for start in range(0, last, resampling.jump):
        stop = min(start + resampling.jump, last)
        if low <= levels[start].share <= high:
            for _ in range(resampling.repeats - 1):
                yield begin, stop
                begin = start
    yield begin, len(levels) - 1


def noisier(x: Tensor, now: Level, before: Level, noise: Tensor) -> Tensor:
    """A draw from q(x at the noisier level `before` | x at `now`), Ho 2020, eq. 2, over several of its steps."""
    kept = before.alpha / now.alpha
    return kept * x + math.sqrt(before.sigma**2 - (kept * now.sigma) ** 2) * noise
