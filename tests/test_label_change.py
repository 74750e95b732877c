"""The region from the map change, against a slow obvious version."""

import numpy as np
import pytest

from engine.label_change import auto_growth, changed
from engine.types import UserError


def slowly(base, labels, growth):
    """Every pixel, and from it the distance to every pixel whose label differs."""
    differing = [(y, x) for y, x in np.ndindex(base.shape) if base[y, x] != labels[y, x]]
    near = [[any((y - r) ** 2 + (x - c) ** 2 <= growth**2 for r, c in differing) for x in range(base.shape[1])]
            for y in range(base.shape[0])]  # fmt: skip
    return np.array(near)


@pytest.mark.parametrize("growth", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 7), (16, 23)])
def test_it_is_what_differs_and_what_is_near_it(size, growth):
    rng = np.random.default_rng(growth + sum(size))
    base = rng.integers(0, 5, size).astype(np.uint8)
    labels = np.where(rng.random(size) < 0.06, (base + 1) % 5, base).astype(np.uint8)
    labels[-1, -1] = base[-1, -1] + 1  # a corner, whatever the dice say
    region = changed(base, labels, growth)
    assert region.dtype == bool
    assert (region == slowly(base, labels, growth)).all()


def test_equal_maps_change_nothing():
    labels = np.full((9, 9), 3, np.uint8)
    assert not changed(labels, labels.copy(), 4).any()


def test_maps_of_two_sizes_are_refused_with_both():
    with pytest.raises(UserError, match="first map is 4 x 3 px, the map 5 x 3 px"):
        changed(np.zeros((3, 4), np.uint8), np.zeros((3, 5), np.uint8))


@pytest.mark.parametrize(
    ("size", "pixels"), [((1, 1), 4), ((128, 300), 4), ((500, 319), 4), ((320, 500), 5), ((3000, 4000), 46)]
)
def test_a_change_is_grown_by_a_64th_of_the_short_side_and_by_4_pixels_at_least(size, pixels):
    assert auto_growth(*size) == pixels
