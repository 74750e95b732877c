"""The noise of a run: which normal numbers a seed stands for, at the start and at every step that draws some.

`anew` draws at every step: at another number of steps one seed means other noise. `along_path` reads all steps' noise
off one Brownian motion in lam, so that runs of one seed see the same noise, however many steps they take (the idea of
k-diffusion's Brownian tree). bench/noise_path.py tells how much more alike their pictures are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor

from engine.types import Level, Reroll

CELLS = 24  # of a path, even in lam; steps may begin and end anywhere in them. 48 were no better (bench/noise_path.py)
TOUCHING = 1e-9  # two values of lam that are one but for rounding

Shape: TypeAlias = tuple[int, int, int]  # (3, H, W)
Draw: TypeAlias = Callable[[int, Shape], Iterator[Tensor]]  # of a seed: the start's noise, then that of every step


def derived(seed: int, what: object) -> int:
    """A seed of its own, 0 to MAX_SEED, for a part of what a seed stands for."""
    digest = hashlib.blake2b(f"{seed} {what}".encode(), digest_size=4).digest()  # 32 bits is all a generator takes
    return int.from_bytes(digest)


class SeededNoise:
    """One generator a picture, on the CPU: a seed gives the same noise alone, in a batch, and on every device.

    rerolls: with regions of (height, width). first: the place in the run of the first of `seeds`, which rerolls count.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        height: int,
        width: int,
        device: torch.device,
        draw: Draw | None = None,
        rerolls: Sequence[Reroll] = (),
        first: int = 0,
    ) -> None:
        self.device = device
        self.streams = [
            rerolled(draw or anew, seed, (3, height, width), [each.of_picture(first + i) for each in rerolls])
            for i, seed in enumerate(seeds)
        ]

    def __call__(self) -> Tensor:
        """(N, 3, H, W) standard normal: at the first call the start's, then the next step's."""
        return torch.stack([next(stream) for stream in self.streams]).to(self.device)


def anew(seed: int, shape: Shape) -> Iterator[Tensor]:
    """Independent noise, again and again."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(shape, generator=generator)


def along_path(
    seed: int, shape: Shape, levels: Sequence[Level], lams: tuple[float, float], cells: int = CELLS
) -> Iterator[Tensor]:
    """The start's noise, then that of every step between `levels` but for one to clean, which draws none.

    lams: of the model's noisiest and cleanest level. Each step's is exactly standard normal and independent of the
    others, whatever the steps: what is approximate is only how alike two runs are that end steps within one cell.
    """
    yield next(anew(seed, shape))
    path = Path(seed, shape, [lams[0] + i / cells * (lams[1] - lams[0]) for i in range(cells + 1)])
    for now, nxt in pairwise(levels):
        if nxt.sigma > 0:
            yield path.between(now.lam, nxt.lam)


def rerolled(draw: Draw, seed: int, shape: Shape, rerolls: Sequence[Reroll]) -> Iterator[Tensor]:
    """The seed's noise, and inside each reroll's region (H, W) that of the reroll's seed at the same place."""
    areas = [(torch.from_numpy(each.region), draw(each.seed, shape)) for each in rerolls]
    for noise in draw(seed, shape):
        for region, stream in areas:
            noise = torch.where(region, next(stream), noise)
        yield noise


class Path:
    """A Brownian motion of one seed over cells between the lams `bounds`, read once, upwards. Holds one cell."""

    def __init__(self, seed: int, shape: Shape, bounds: Sequence[float]) -> None:
        self.seed, self.shape, self.bounds = seed, shape, bounds
        self._cell: Cell | None = None

    def between(self, now: float, nxt: float) -> Tensor:
        """Its increment from one lam to a higher one, over the standard deviation: (3, H, W)."""
        total = torch.zeros(self.shape)
        for index, (begin, end) in enumerate(pairwise(self.bounds)):
            begin, end = max(begin, now), min(end, nxt)
            if end - begin > TOUCHING:
                total += math.sqrt((end - begin) / (nxt - now)) * self._cell_at(index, begin).take(end)
        return total

    def _cell_at(self, index: int, begin: float) -> Cell:
        """That cell, or what is left of it, from `begin` on."""
        if self._cell is None or self._cell.index != index:
            self._cell = Cell(self.seed, self.shape, index, *self.bounds[index : index + 2])
        if begin - self._cell.begin > TOUCHING:  # a run that begins here: an edit's
            self._cell.take(begin)
        return self._cell


class Cell:
    """What is left of a cell, as one normal number a value: the motion's increment over its standard deviation."""

    def __init__(self, seed: int, shape: Shape, index: int, begin: float, end: float) -> None:
        self.shape, self.index, self.begin, self.end = shape, index, begin, end
        self._generator = torch.Generator().manual_seed(derived(seed, index))
        self._rest = self._drawn()

    def take(self, end: float) -> Tensor:
        """The part from where it begins to `end`; from there on the rest is left. A Brownian bridge between the two."""
        if self.end - end <= TOUCHING:
            return self._rest
        part = (end - self.begin) / (self.end - self.begin)
        near, far, other = math.sqrt(part), math.sqrt(1 - part), self._drawn()
        self.begin, taken = end, near * self._rest + far * other
        self._rest = far * self._rest - near * other
        return taken

    def _drawn(self) -> Tensor:
        return torch.randn(self.shape, generator=self._generator)
