"""Grain, told and drawn piece by piece, against the same at once."""

import cv2
import numpy as np
import pytest

from engine import blending
from engine.grain import ALL, BLOCK, LEAST_BLOCKS, QUIET, drawn, fine, quiet_spread, shrunk_share
from engine.tiles import shrunk

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("height", [40, 512, 514, 1100])
def test_noise_drawn_in_strips_is_what_would_be_drawn_at_once(height):
    mixing = np.array([[2.0, 0.5, 0], [0.5, 2, 0], [0, 0, 1]])
    noise, small = drawn(np.random.default_rng(3), (height, 50), mixing)
    white = np.random.default_rng(3).standard_normal((height, 50, 3), np.float32)
    expected = cv2.transform(fine(white), mixing)
    np.testing.assert_allclose(noise, expected, atol=0.01)  # half precision
    np.testing.assert_allclose(small, shrunk(expected), atol=1e-5)


@pytest.mark.parametrize("size", [(530, 1100), (67, 41)])
def test_the_spread_of_the_quietest_blocks_is_that_of_their_pixels(size):
    """The slow way: the fine detail of all of it, cut into blocks."""
    picture = (RNG.normal(128, 5, (*size, 3)) * RNG.uniform(0.5, 1, (*size, 1))).astype(np.uint8)
    rows, columns = (side // BLOCK for side in size)
    chosen = RNG.random((rows, columns)) < 0.7
    band = fine(picture.astype(np.float32))[: rows * BLOCK, : columns * BLOCK]
    blocks = band.reshape(rows, BLOCK, columns, BLOCK, 3).transpose(0, 2, 1, 3, 4)[chosen].reshape(-1, BLOCK**2, 3)
    quiet = np.argsort(np.square(blocks).sum((1, 2)))[: max(LEAST_BLOCKS, round(QUIET * len(blocks)))]
    pixels = blocks[quiet].reshape(-1, 3)
    np.testing.assert_allclose(quiet_spread(picture, chosen), pixels.T @ pixels / len(pixels), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [(400, 600), (401, 603), (333, 501)])
def test_all_of_a_region_is_all_of_it_at_half_the_size_too(size):
    """At odd sizes the weights of a mean don't add up to exactly 1; grain would then be looked for nowhere."""
    assert (shrunk_share(np.ones(size, bool)) > ALL).all()


@pytest.mark.parametrize("blend", ["plain", "matched", "gradient"])
def test_tiles_leave_no_trace_in_what_is_blended(blend, monkeypatch):
    y, x = np.mgrid[:300, :400]
    smooth = np.stack([90 + y / 5, 100 + x / 6, 160 - y / 8], 2)
    photo, picture = (np.rint(smooth + RNG.normal(off, grain, smooth.shape)) for off, grain in ((0, 6), (15, 1)))
    photo, picture = photo.clip(0, 255).astype(np.uint8), picture.clip(0, 255).astype(np.uint8)
    region = ((y - 140) / 120) ** 2 + ((x - 200) / 170) ** 2 < 1
    whole = blending.blended(photo, picture, region, 9, blend, 4)
    monkeypatch.setattr("engine.tiles.TILE", 64)
    off = np.abs(blending.blended(photo, picture, region, 9, blend, 4).astype(int) - whole)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.01
