import numpy as np
import pytest
import torch
from oracle import circle, gaussian_denoiser

from engine.editing import bounding_box, keep_known, lay_over, seam, shrink_region
from engine.samplers import ddim


def test_known_pixels_carry_exactly_each_level_s_noise():
    generator = torch.Generator().manual_seed(0)
    photo, noise = torch.randn(2, 1, 3, 8, 8, generator=generator, dtype=torch.float64).unbind(0)
    region = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    region[..., :4] = True
    walk = circle(6)
    x = walk[0].alpha * photo + walk[0].sigma * noise
    known = (~region).expand_as(photo)
    for step, level in zip(ddim(keep_known(gaussian_denoiser, region, photo, noise), x, walk), walk[1:], strict=True):
        expected = level.alpha * photo + level.sigma * noise
        torch.testing.assert_close(step.x[known], expected[known], atol=1e-12, rtol=0)
    assert (step.x - photo)[~known].abs().max() > 1e-3


def test_the_network_sees_known_pixels_at_the_level_s_noise():
    seen = []
    walk = circle(3)
    photo, noise = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 3, 4, 4)
    region = torch.zeros(1, 1, 4, 4, dtype=torch.bool)

    def denoise(x, level):
        seen.append((x, level))
        return gaussian_denoiser(x, level)

    keep_known(denoise, region, photo, noise)(torch.zeros(1, 3, 4, 4), walk[1])
    x, level = seen[0]
    torch.testing.assert_close(x, level.alpha * photo + level.sigma * noise)


def test_the_shrunk_region_covers_every_cell_it_touches():
    region = np.zeros((64, 64), bool)
    region[17, 33] = True
    small = shrink_region(region, 16, 16)
    assert small.sum() == 1
    assert small[4, 8]


def test_a_shrunk_region_never_vanishes_when_the_grid_is_larger():
    region = np.zeros((5, 7), bool)
    region[2, 3] = True
    assert shrink_region(region, 16, 16).any()


def test_the_seam_is_nothing_outside_and_rises_inwards():
    region = np.zeros((40, 40), bool)
    region[10:30, 10:] = True
    opacity = seam(region, softness=3)
    assert not opacity[~region].any()
    assert opacity[20, 10:15].tolist() == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert opacity[20, 39] == 1  # the picture's own border is no seam


def test_lay_over_takes_the_picture_inside_and_the_photo_outside():
    photo, picture = np.zeros((128, 128, 3), np.uint8), np.full((128, 128, 3), 200, np.uint8)
    region = np.zeros((128, 128), bool)
    region[32:96, 32:96] = True
    laid = lay_over(photo, picture, region)
    assert not laid[~region].any()
    assert (laid[40:88, 40:88] == 200).all()


def test_laying_over_the_box_equals_laying_over_everything():
    """Against the slow obvious way: the opacity of the whole picture."""
    rng = np.random.default_rng(0)
    photo, picture = rng.integers(0, 256, (2, 200, 150, 3), dtype=np.uint8)
    region = np.zeros((200, 150), bool)
    region[40:90, 100:] = True  # touches the right border
    region[150:160, 10:40] = True
    opacity = seam(region, softness=150 / 64)[:, :, None]
    plain = np.rint(photo + (picture.astype(np.float32) - photo) * opacity).astype(np.uint8)
    assert np.array_equal(lay_over(photo, picture, region), plain)


def test_the_box_has_a_known_border_where_there_is_one():
    region = np.zeros((10, 10), bool)
    region[3:5, 7:] = True
    assert bounding_box(region) == (slice(2, 6), slice(6, 11))
