"""Precision and recall (Kynkäänniemi 2019, arXiv 1904.06991), and which training photo a picture is nearest to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3  # as in the paper
BLOCK = 512  # rows whose distances are held at a time

Rows = NDArray[np.float64]  # (N, D)


@dataclass(frozen=True)
class Nearest:
    """distance: (N,), Euclidean, to the nearest of some rows; which: (N,), its number among them."""

    distance: NDArray[np.float64]
    which: NDArray[np.int64]


def inside(points: Rows, manifold: Rows, neighbours: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """(N,): whether each point lies in the manifold that its rows span: in one of the balls around them that reach to
    their own `neighbours`-th nearest among them (or the last there is).

    The mean for pictures in the photos' manifold is precision; for photos in the pictures', recall.
    """
    kth = min(neighbours, len(manifold) - 1)  # the nearest of a row is itself
    radii = np.concatenate([np.partition(d, kth, axis=1)[:, kth] for d in _squares(manifold, manifold)])
    return np.concatenate([(d <= radii).any(axis=1) for d in _squares(points, manifold)])


def nearest(points: Rows, among: Rows) -> Nearest:
    squares = [(d.min(axis=1), d.argmin(axis=1)) for d in _squares(points, among)]
    least, which = (np.concatenate(column) for column in zip(*squares, strict=True))
    return Nearest(np.sqrt(least), which)


def _squares(points: Rows, among: Rows) -> Iterator[NDArray[np.float64]]:
    """Squared distances (BLOCK, len(among)), block by block; exactly 0 from a row to itself."""
    lengths = np.square(among).sum(1)
    same = points is among
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        squares = (np.square(block).sum(1)[:, None] + lengths - 2 * block @ among.T).clip(0)
        if same:
            squares[np.arange(len(block)), start + np.arange(len(block))] = 0
        yield squares
