"""How far two sets of features lie apart: the Fréchet distance, and the kernel distance for small sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.types import UserError

Rows = NDArray[np.float64]  # (N, D), a picture's features in each row

BLOCK = 512  # rows whose kernel is held at a time


def frechet_distance(real: Rows, made: Rows) -> float:
    """|m - n|² + tr(A + B - 2 (AB)^½) of the Gaussians (m, A) and (n, B) with the moments of the rows (Heusel 2017,
    arXiv 1706.08500).

    With A = RᵀR and B = SᵀS the last trace is the sum of the singular values of R Sᵀ, which needs no root of a matrix
    and stays exact where there are fewer pictures than features. Raises UserError for fewer than two rows.
    """
    root_real, root_made = _root(real), _root(made)
    shared = np.linalg.svd(root_real @ root_made.T, compute_uv=False).sum()
    apart = np.square(real.mean(0) - made.mean(0)).sum()
    return float(apart + np.square(root_real).sum() + np.square(root_made).sum() - 2 * shared)


def _root(rows: Rows) -> Rows:
    """R of at most D rows with RᵀR = the covariance of the rows."""
    if len(rows) < 2:
        raise UserError(
            f"A Fréchet distance needs at least 2 pictures of each kind, and there is {len(rows)}. Add maps."
        )
    centred = (rows - rows.mean(0)) / np.sqrt(len(rows) - 1)
    return np.linalg.qr(centred, mode="r") if len(rows) > rows.shape[1] else centred


def kernel_distance(real: Rows, made: Rows) -> float:
    """KID: the squared maximum mean discrepancy for the kernel (x·y / D + 1)³, without bias (Bińkowski 2018, arXiv
    1801.01401). It is 0 on average for equal distributions, whatever the number of pictures, and may be negative.

    Over all pairs: the mean over random subsets, which is often given, estimates the same with more noise.
    """
    return KernelDistance(real, made, *(np.zeros(len(rows), np.intp) for rows in (real, made))).of([0])


class KernelDistance:
    """The same for rows in groups, so that any of the groups can be left out at no cost.

    real_group, made_group: (N,) and (M,), the number of each row's group.
    """

    def __init__(self, real: Rows, made: Rows, real_group: NDArray[np.intp], made_group: NDArray[np.intp]) -> None:
        groups = 1 + max(real_group.max(), made_group.max())
        self.counts, self.within = [], []
        for rows, group in ((real, real_group), (made, made_group)):
            itself = np.bincount(group, _kernel_diagonal(rows), groups)
            self.counts.append(np.bincount(group, minlength=groups))
            self.within.append(_kernel_sums(rows, rows, group, group, groups) - np.diag(itself))
        self.between = _kernel_sums(real, made, real_group, made_group, groups)

    def of(self, groups: ArrayLike) -> float:
        """The distance of the rows in some groups."""
        chosen = np.ix_(groups, groups)
        n, m = (counts[groups].sum() for counts in self.counts)
        within = sum(sums[chosen].sum() / (k * (k - 1)) for sums, k in zip(self.within, (n, m), strict=True))
        return float(within - 2 * self.between[chosen].sum() / (n * m))


def _kernel_sums(
    x: Rows, y: Rows, x_group: NDArray[np.intp], y_group: NDArray[np.intp], groups: int
) -> NDArray[np.float64]:
    """(groups, groups): the kernel's sum over the pairs of x in one and y in the other, a block of x at a time."""
    sums, member = np.zeros((groups, groups)), np.eye(groups)
    for start in range(0, len(x), BLOCK):
        kernel = (x[start : start + BLOCK] @ y.T / x.shape[1] + 1) ** 3
        sums += member[x_group[start : start + BLOCK]].T @ (kernel @ member[y_group])
    return sums


def _kernel_diagonal(rows: Rows) -> NDArray[np.float64]:
    return (np.square(rows).sum(1) / rows.shape[1] + 1) ** 3
