"""What a figure is worth: its 95 % interval by bootstrap over the maps it was measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROUPS = 100  # maps are left out together where there are more
ROUNDS = 2000
TAIL = 2.5  # percent on either side


@dataclass(frozen=True)
class Figure:
    """A measured value and its interval; None for what too few maps don't tell."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def text(self, percent: bool = False) -> str:
        """“41.2 % (39.0 to 43.5)”, or “0.412 (0.39 to 0.435)”; empty where there is no value."""
        value, low, high = (
            None if each is None else f"{100 * each:.1f}" if percent else f"{each:.4g}"
            for each in (self.value, self.low, self.high)
        )
        if value is None:
            return ""
        unit = " %" if percent else ""
        return f"{value}{unit}" if low is None else f"{value}{unit} ({low} to {high})"


Statistic = Callable[[NDArray[np.intp]], float]  # of the numbers of some maps
Bounds = tuple[float, float]  # the least and the most that a statistic can be
ANYTHING, DISTANCE, SHARE = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)


def mean_figure(values: ArrayLike) -> Figure:
    """The mean over the maps of (maps,) values, nan where one has none."""
    values = np.asarray(values, np.float64)
    return Figure(None) if np.isnan(values).all() else around(float(np.nanmean(values)), values)


def figure(statistic: Statistic, maps: int, most: int = GROUPS, bounds: Bounds = ANYTHING) -> Figure:
    """Of a statistic that is no mean, on all of `maps` maps, which are left out in `most` groups at most. bounds: what
    it can't leave, nor its interval.

    Drawing maps with replacement would make some of them doubles, which a distance between distributions takes for
    agreement: resampled Fréchet distances came out half as large again, and twice as spread, as those of new maps. So
    each map gets its pseudo-value of the jackknife, n s - (n - 1) s without it (Tukey 1958), and these are resampled.
    """
    group = group_of(maps, most)
    whole = statistic(np.arange(maps))
    if np.isnan(whole):
        return Figure(None)
    n = group[-1] + 1
    without = [statistic(np.flatnonzero(group != left_out)) for left_out in range(n)] if n > 2 else []
    found = around(whole, n * whole - (n - 1) * np.array(without))
    if found.low is None:
        return found
    return Figure(whole, max(found.low, bounds[0]), min(found.high, bounds[1]))


def around(value: float, parts: NDArray[np.float64]) -> Figure:
    """The value with the spread of the mean of resampled parts (maps,), nan where a map has none."""
    parts = parts[~np.isnan(parts)]
    if len(parts) < 3:
        return Figure(value)
    drawn = np.random.default_rng(0).integers(len(parts), size=(ROUNDS, len(parts)))
    low, high = np.percentile(parts[drawn].mean(1), (TAIL, 100 - TAIL)) - parts.mean()
    return Figure(value, float(value + low), float(value + high))


def group_of(maps: int, most: int = GROUPS) -> NDArray[np.intp]:
    """(maps,): the number of the group, below `most`, that each map is left out with: alone where they are few."""
    return np.arange(maps) * min(most, maps) // maps
