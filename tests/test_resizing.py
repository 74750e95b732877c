"""Label maps and photos at another size."""

import numpy as np
import pytest

from engine.resizing import fitted, resize_labels, resize_photo
from engine.types import UserError
from tests.pictures import NOISE


@pytest.mark.parametrize("size", [(3, 5), (7, 11), (14, 22), (20, 9), (1, 1), (23, 31)])
def test_labels_are_taken_at_pixel_centres(size):
    labels = np.random.default_rng(2).integers(0, 183, (7, 11)).astype(np.uint8)
    height, width = size
    rows = ((np.arange(height) + 0.5) * 7 / height).astype(int)
    columns = ((np.arange(width) + 0.5) * 11 / width).astype(int)
    assert (resize_labels(labels, height, width) == labels[rows][:, columns]).all()


def test_photos_are_averaged_smaller_and_smooth_larger():
    checks = (np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert set(np.unique(resize_photo(checks, 4, 4))) <= {127, 128}
    edge = np.repeat(np.array([[60, 60, 190, 190]], np.uint8)[..., None], 3, 2).repeat(4, 0)
    larger = resize_photo(edge, 16, 16)
    assert larger.shape == (16, 16, 3)
    assert 60 < larger[8, 7, 0] < 190
    assert resize_photo(checks, 4, 16).shape == (4, 16, 3)
    assert (resize_photo(checks, 8, 8) == checks).all()


@pytest.mark.parametrize("size", [(7, 11), (14, 22), (20, 9), (3, 40), (1, 1), (40, 3)])
def test_a_map_is_stretched_or_its_middle_taken(size):
    labels = np.random.default_rng(2).integers(0, 183, (7, 11)).astype(np.uint8)
    height, width = size
    assert (fitted(labels, height, width, "stretch") == resize_labels(labels, height, width)).all()
    rows, columns = 7, 11  # the largest of the photo's proportions that has its place in the map, by trying all
    sides = [
        (r, c)
        for r in range(1, 8)
        for c in range(1, 12)
        if r == round(c * height / width) or c == round(r * width / height)
    ]
    kept = max(sides, key=lambda side: side[0] * side[1], default=(1, 1))
    top, left = (rows - kept[0]) // 2, (columns - kept[1]) // 2
    middle = labels[top : top + kept[0], left : left + kept[1]]
    assert (fitted(labels, height, width, "crop") == resize_labels(middle.copy(), height, width)).all()


def test_sizes_out_of_range():
    for resize, given in ((resize_labels, np.zeros((2, 2), np.uint8)), (resize_photo, NOISE)):
        for size in ((0, 4), (4, -1), (4, 20_000), (9_000, 9_000)):
            with pytest.raises(UserError, match=r"outside 1 to 16,384 a side and 64,000,000 in all"):
                resize(given, *size)
