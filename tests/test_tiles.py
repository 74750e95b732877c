"""What is computed piece by piece against the same at once."""

import cv2
import numpy as np
import pytest

from engine.tiles import TILE, enlarged, enlarged_smoothly, shrunk, shrunk_by_tiles, strips, tiles

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
    small = RNG.normal(0, 10, (-(-size[0] // 4), -(-size[1] // 4), 3)).astype(np.float32)
    expected = cv2.resize(small, size[::-1], interpolation=method)
    for box in tiles(*size):
        np.testing.assert_allclose(make(small, size, box), expected[box], atol=0.02)


def test_shrunk_by_tiles_it_is_shrunk():
    for shape in ((600, 1030, 3), (600, 1030)):
        values = RNG.normal(0, 10, shape).astype(np.float32)
        assert np.array_equal(shrunk_by_tiles(lambda box, values=values: values[box], shape), shrunk(values))
