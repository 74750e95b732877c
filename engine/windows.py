"""Pictures larger than memory: overlapping windows, each denoised under its own part of the map, blended at every step.

After MultiDiffusion (Bar-Tal 2023, arXiv 2302.08113): the windows share one noisy picture, so where they overlap they
agree more with every step, and weights that fall off towards a window's edge leave no seam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.denoiser import Branches
from engine.types import Level, Prediction

OVERLAP = 0.25  # of a window's side at least


@dataclass(frozen=True)
class Window:
    """Rows and columns of the picture that are computed together."""

    top: int
    left: int
    height: int
    width: int

    @property
    def area(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def layout(height: int, width: int, largest: tuple[int, int], stride: int) -> list[Window]:
    """Windows of at most `largest` (height, width) pixels that cover a picture, overlapping by a quarter at least.

    All sides are multiples of the network's stride. One window where the picture is no larger.
    """
    sides = [min(side, most) for side, most in zip((height, width), largest, strict=True)]
    rows, columns = (starts(whole, side, stride) for whole, side in zip((height, width), sides, strict=True))
    return [Window(top, left, *sides) for top in rows for left in columns]


def starts(whole: int, side: int, stride: int) -> list[int]:
    """Where windows of `side` begin, evenly spread from 0 to whole - side."""
    if side >= whole:
        return [0]
    hop = max(stride, int(side * (1 - OVERLAP)) // stride * stride)
    count = -(-(whole - side) // hop) + 1
    return [round(i * (whole - side) / (count - 1) / stride) * stride for i in range(count)]


def weight(window: Window, height: int, width: int) -> Tensor:
    """(h, w) of a window: falls linearly towards those of its edges that lie inside the picture, never to 0."""

    def ramp(start: int, side: int, whole: int) -> Tensor:
        at = torch.arange(side, dtype=torch.float32) + 0.5
        rising = at if start > 0 else torch.full_like(at, side)
        falling = side - at if start + side < whole else torch.full_like(at, side)
        return torch.minimum(torch.minimum(rising, falling) / (side * OVERLAP), torch.ones(()))

    return ramp(window.top, window.height, height)[:, None] * ramp(window.left, window.width, width)


class Windowed:
    """Branches of a whole picture (height, width) from those of its windows, run one after the other.

    branches(window) makes the branches of one; it is asked at every step, so that it decides what is kept between.
    """

    def __init__(
        self, windows: Sequence[Window], branches: Callable[[Window], Branches], height: int, width: int
    ) -> None:
        self.windows, self.branches = list(windows), branches
        weights = [weight(window, height, width) for window in self.windows]
        total = torch.zeros(height, width)
        for window, each in zip(self.windows, weights, strict=True):
            total[window.area] += each
        self.shares = [each / total[window.area] for window, each in zip(self.windows, weights, strict=True)]

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        return self._blended(x, lambda window, part: [self.branches(window)(part, level)])[0]

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        with_map, without = self._blended(x, lambda window, part: self.branches(window).both(part, level))
        return with_map, without

    def _blended(self, x: Tensor, run: Callable[[Window, Tensor], Sequence[Prediction]]) -> list[Prediction]:
        """x0, eps and log-variance are all linear in what the network says of x, so a mean of them stays consistent."""
        whole: list[Prediction] = []
        for window, share in zip(self.windows, self.shares, strict=True):
            found = run(window, x[(..., *window.area)].contiguous())
            if not whole:
                whole = [Prediction(*(torch.zeros_like(x) for _ in range(3))) for _ in found]
            share = share.to(x.device)
            for sums, part in zip(whole, found, strict=True):
                for total, value in ((sums.x0, part.x0), (sums.eps, part.eps), (sums.log_variance, part.log_variance)):
                    total[(..., *window.area)] += share * value
        return whole
