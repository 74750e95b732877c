"""Intervals: how often they hold the truth, where the truth is known."""

import numpy as np
import pytest

from engine.evaluation.distances import frechet_distance
from engine.evaluation.intervals import GROUPS, SHARE, Figure, figure, group_of, mean_figure


def held(truth, figures):
    return np.mean([each.low <= truth <= each.high for each in figures])


def test_the_interval_of_a_mean_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    figures = [mean_figure(rng.exponential(2.0, 40)) for _ in range(300)]
    assert 0.88 < held(2.0, figures) < 0.98


def test_that_of_a_share_of_sums_too():
    rng = np.random.default_rng(1)
    figures = []
    for _ in range(200):
        sizes = rng.uniform(1, 5, 50)
        right = sizes * rng.beta(6, 4, 50)
        figures.append(figure(lambda maps, r=right, s=sizes: r[maps].sum() / s[maps].sum(), 50))
    assert 0.88 < held(0.6, figures) < 0.99


def test_that_of_a_frechet_distance_is_about_as_wide_as_new_maps_would_scatter():
    rng = np.random.default_rng(2)

    def draw():
        return rng.standard_normal((60, 6)), 1.4 * rng.standard_normal((60, 6)) + 0.5

    scatter = np.std([frechet_distance(*draw()) for _ in range(200)])
    widths = []
    for _ in range(10):
        real, made = draw()
        found = figure(lambda maps, r=real, m=made: frechet_distance(r[maps], m[maps]), 60)
        widths.append((found.high - found.low) / (2 * 1.96))
    assert 0.75 * scatter < np.mean(widths) < 1.5 * scatter


def test_the_jackknife_of_a_mean_is_the_mean():
    values = np.random.default_rng(3).uniform(size=30)
    one, other = figure(lambda maps: values[maps].mean(), 30), mean_figure(values)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-9)
    assert one.low < one.value < one.high


def test_maps_without_a_value_do_not_count():
    assert mean_figure([1.0, np.nan, 2.0, 3.0, np.nan]) == mean_figure([1.0, 2.0, 3.0])
    assert mean_figure([np.nan, np.nan]) == Figure(None)
    assert figure(lambda maps: float("nan"), 5) == Figure(None)


def test_too_few_maps_have_no_interval():
    assert mean_figure([1.0, 3.0]) == Figure(2.0)
    assert figure(lambda maps: float(len(maps)), 2) == Figure(2.0)


@pytest.mark.parametrize("maps", [1, 7, GROUPS, GROUPS + 1, 12 * GROUPS + 5])
def test_groups_are_even_and_all_there(maps):
    sizes = np.bincount(group_of(maps))
    assert len(sizes) == min(GROUPS, maps)
    assert sizes.sum() == maps
    assert sizes.max() - sizes.min() <= 1


def test_the_interval_of_a_share_stays_within_0_and_1():
    """Pseudo-values don't: of a mean of classes one of which stands in a single map, they reach far below 0."""
    rare = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])

    def statistic(maps):
        return 0.02 if rare[maps].any() else 0.2

    assert figure(statistic, 6).low < 0
    assert figure(statistic, 6, bounds=SHARE).low == 0
    assert figure(lambda maps: 1 - statistic(maps), 6, bounds=SHARE).high == 1
    assert figure(statistic, 2, bounds=SHARE) == Figure(0.2)
