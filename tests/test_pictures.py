import base64

import numpy as np
import pytest

from app.pictures import GREY, data_url, sheet
from engine.images import read_photo


def plain(*values: int) -> np.ndarray:
    return np.stack([np.full((30, 60, 3), value, np.uint8) for value in values])


def test_a_single_picture_is_shown_as_it_is():
    pictures = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    assert np.array_equal(sheet(pictures), pictures[0])


def test_several_pictures_stand_side_by_side_row_by_row():
    whole = sheet(plain(10, 20, 30))
    assert whole.shape == (30, 60, 3)
    corners = [whole[row, column, 0] for row, column in ((2, 2), (2, 57), (27, 2), (27, 57))]
    assert corners == [10, 20, 30, GREY]


@pytest.mark.parametrize(("number", "shape"), [(2, (15, 60, 3)), (5, (20, 60, 3)), (8, (30, 60, 3))])
def test_a_sheet_is_about_as_large_as_one_picture(number, shape):
    assert sheet(plain(*range(number))).shape == shape


def test_a_picture_as_a_url_is_that_picture():
    scheme, data = data_url(plain(200)[0]).split(",")
    assert scheme == "data:image/jpeg;base64"
    assert np.abs(read_photo(base64.b64decode(data)).astype(int) - 200).max() <= 2
