import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from engine.diversity import LEAST, heat, ramp, spread
from engine.types import UserError

SHEET = np.random.default_rng(0).integers(0, 256, (5, 12, 17, 3), dtype=np.uint8)


def test_the_spread_is_the_distance_to_the_mean_colour():
    lab = rgb2lab(SHEET)
    apart = deltaE_cie76(lab, lab.mean(0))
    found = spread(SHEET)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.sqrt((apart**2).mean(0)), rtol=1e-5)


def test_equal_pictures_have_no_spread_and_two_half_their_distance():
    assert spread(SHEET[[1, 1, 1]]).max() == 0
    two = SHEET[:2]
    np.testing.assert_allclose(spread(two), deltaE_cie76(*rgb2lab(two)) / 2, rtol=1e-4)


@pytest.mark.parametrize("pictures", [SHEET[:1], SHEET[0], SHEET[..., 0]])
def test_one_picture_can_not_differ(pictures):
    with pytest.raises(UserError, match="Give at least 2"):
        spread(pictures)


def test_the_heat_rises_with_the_spread_up_to_its_bound():
    values = np.linspace(0, 50, 1000, dtype=np.float32).reshape(20, 50)
    shown = heat(values)
    assert shown.picture.shape == (20, 50, 3)
    assert (shown.low, shown.high) == (0.0, pytest.approx(49.5, abs=0.1))
    light = rgb2lab(shown.picture)[..., 0].ravel()
    assert (np.diff(light) > -1).all()
    assert light[0] < 2
    assert light[-1] > 95
    assert (shown.picture[values > shown.high] == ramp()[-1]).all()


def test_what_can_not_be_told_apart_is_dark():
    assert (rgb2lab(heat(np.full((4, 4), LEAST / 20, np.float32)).picture)[..., 0] < 10).all()


def test_a_legend_has_the_colours_of_the_picture_at_even_steps():
    assert ramp(5).shape == (5, 3)
    assert np.array_equal(ramp(5)[[0, 2, 4]], ramp()[[0, 128, 255]])
