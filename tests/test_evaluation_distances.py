"""Distances between sets of features, and their overlap: against closed forms and slow obvious versions."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from engine.evaluation.distances import KernelDistance, frechet_distance, kernel_distance
from engine.evaluation.manifold import inside, nearest
from engine.types import UserError


def rows_with(mean, covariance, count, seed=0):
    """(count, D) whose mean and covariance are exactly these."""
    rows = np.random.default_rng(seed).standard_normal((count, len(mean)))
    rows -= rows.mean(0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return rows @ np.linalg.cholesky(covariance).T + mean


def some_rows(count, features, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, features)) @ rng.standard_normal((features, features)) + rng.standard_normal()


# --- Fréchet ---


def test_frechet_of_known_gaussians():
    spreads, others = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 1.5])
    a = rows_with(np.zeros(3), np.diag(spreads**2), 40)
    b = rows_with(np.array([1.0, -2.0, 0.0]), np.diag(others**2), 25, seed=1)
    assert frechet_distance(a, b) == pytest.approx(5 + np.square(spreads - others).sum(), rel=1e-9)


@pytest.mark.parametrize("counts", [(50, 70), (70, 5), (5, 5)])  # 12 features: more rows than that, and fewer
def test_frechet_against_the_root_of_a_matrix(counts):
    a, b = (some_rows(count, 12, seed) for seed, count in enumerate(counts))
    first, second = np.cov(a.T), np.cov(b.T)
    ridge = 1e-10 * np.eye(12)  # what has no full rank has no root without
    root = sqrtm((first + ridge) @ (second + ridge)).real
    slow = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(slow, rel=1e-4)


def test_frechet_is_nothing_to_itself_and_does_not_mind_who_is_first():
    a, b = some_rows(30, 8, 0), some_rows(9, 8, 1)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9 * np.square(a).sum())
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_one_picture_has_no_spread():
    with pytest.raises(UserError, match="at least 2"):
        frechet_distance(np.zeros((1, 3)), np.zeros((4, 3)))


# --- KID ---


def slow_kid(x, y):
    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(rows):
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_kid_against_two_loops():
    x, y = some_rows(11, 4, 0), some_rows(7, 4, 1)
    assert kernel_distance(x, y) == pytest.approx(slow_kid(x, y), rel=1e-9)


def test_groups_can_be_left_out(monkeypatch):
    monkeypatch.setattr("engine.evaluation.distances.BLOCK", 3)
    x, y = some_rows(8, 4, 0), some_rows(12, 4, 1)
    of_x, of_y = np.arange(8) // 2, np.arange(12) // 3
    found = KernelDistance(x, y, of_x, of_y).of([0, 1, 3])
    assert found == pytest.approx(kernel_distance(x[of_x != 2], y[of_y != 2]), rel=1e-9)


def test_kid_of_equal_distributions_is_nothing_on_average():
    rng = np.random.default_rng(0)
    found = [kernel_distance(rng.standard_normal((10, 3)), rng.standard_normal((14, 3))) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
    assert min(found) < 0


# --- Precision, recall, the nearest ---


def slow_inside(points, manifold, neighbours):
    def far(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    radii = [sorted(far(m, other) for other in manifold)[neighbours] for m in manifold]
    return [any(far(p, m) <= radius for m, radius in zip(manifold, radii, strict=True)) for p in points]


@pytest.mark.parametrize("neighbours", [1, 3])
def test_the_manifold_against_loops(monkeypatch, neighbours):
    monkeypatch.setattr("engine.evaluation.manifold.BLOCK", 7)
    rng = np.random.default_rng(neighbours)
    points, manifold = 1.5 * rng.standard_normal((40, 2)), rng.standard_normal((30, 2))
    found = inside(points, manifold, neighbours)
    assert found.tolist() == slow_inside(points, manifold, neighbours)
    assert 0 < found.mean() < 1


def test_what_is_there_is_inside_and_what_is_far_is_not():
    rows = some_rows(10, 3, 0)
    assert inside(rows, rows).all()
    assert not inside(rows + 1000, rows).any()
    assert inside(rows[:2], rows[:2]).all()  # fewer than there should be neighbours


def test_the_nearest_against_loops(monkeypatch):
    monkeypatch.setattr("engine.evaluation.manifold.BLOCK", 4)
    points, among = some_rows(9, 3, 0), some_rows(13, 3, 1)
    found = nearest(points, among)
    slow = [[np.linalg.norm(p - m) for m in among] for p in points]
    np.testing.assert_allclose(found.distance, np.min(slow, axis=1), rtol=1e-6)
    assert found.which.tolist() == np.argmin(slow, axis=1).tolist()
