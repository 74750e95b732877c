"""What is computed piece by piece against the same at once."""

import cv2
import numpy as np
import pytest

from engine.tiles import (
    TILE,
    enlarged,
    enlarged_smoothly,
    pixels_each,
    shrunk,
    shrunk_by_tiles,
    strips,
    tiles,
    with_around,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(1, 1), (TILE, TILE), (TILE + 1, 3 * TILE - 1)])
def test_tiles_and_strips_are_everything_once(size):
    for boxes in (list(tiles(*size)), [(rows, slice(None)) for rows in strips(size[0])]):
        seen = np.zeros(size, int)
        for box in boxes:
            assert max(seen[box].shape[0], 1) <= TILE
            seen[box] += 1
        assert (seen == 1).all()


@pytest.mark.parametrize(("make", "method"), [(enlarged, cv2.INTER_LINEAR), (enlarged_smoothly, cv2.INTER_CUBIC)])
@pytest.mark.parametrize("size", [(700, 1100), (701, 1099), (40, 30)])
def test_enlarged_by_tiles_it_is_a_resize_of_it_all(make, method, size):
    """Each value stands for 4 x 4 pixels, also at the end of a side that holds fewer."""
    small = RNG.normal(0, 10, (-(-size[0] // 4), -(-size[1] // 4), 3)).astype(np.float32)
    expected = cv2.resize(small, None, fx=4, fy=4, interpolation=method)
    for box in tiles(*size):
        np.testing.assert_allclose(make(small, size, box), expected[box], atol=0.02)


def test_shrunk_by_tiles_it_is_shrunk():
    for shape in ((600, 1030, 3), (600, 1030), (601, 1025, 3), (513, 700), (1, 515)):
        values = RNG.normal(0, 10, shape).astype(np.float32)
        assert np.array_equal(shrunk_by_tiles(lambda box, values=values: values[box], shape), shrunk(values))


@pytest.mark.parametrize("halvings", [1, 2, 3])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 33, 64, 513])
def test_what_a_shrunk_value_stands_for_is_known(side, halvings):
    values = np.zeros((side, 40), np.float32)
    for _ in range(halvings):
        values = shrunk(values)
    assert pixels_each(values.shape[1], 40) == 2**halvings
    if len(values) > 1:  # a single value is the same everywhere, whatever it stands for
        assert pixels_each(len(values), side) == 2**halvings


def test_around_a_box_there_is_only_the_picture():
    seen, inner = with_around((slice(0, 10), slice(20, 30)), 4, (12, 40, 3))
    assert seen == (slice(0, 12), slice(16, 34))
    assert inner == (slice(0, 10), slice(4, 14))
