"""At what size a picture is computed, and how it is padded."""

import numpy as np
import pytest

from engine.sizes import LONGEST, PREVIEW_SIDE, Grid, grid_for, preview_size, shrink_region


@pytest.mark.parametrize(
    ("size", "side", "grid", "padded"),
    [
        ((512, 512), 128, (128, 128), (128, 128)),
        ((512, 1024), 128, (128, 256), (128, 256)),  # 2:1 stays 2:1
        ((213, 320), 128, (128, 192), (128, 192)),
        ((480, 640), 128, (128, 171), (128, 176)),
        ((8, 2048), 128, (2, 512), (16, 512)),  # the long side is bounded, the short one gives way
        ((2048, 8), 128, (512, 2), (512, 16)),
        ((1, 1), 128, (128, 128), (128, 128)),
        ((1, 100_000), 128, (1, 512), (16, 512)),
        ((37, 211), 37, (26, 148), (32, 160)),
        ((300, 100), 1, (3, 1), (16, 16)),
    ],
)
def test_the_short_side_is_as_asked_and_both_are_padded_to_whole_strides(size, side, grid, padded):
    found = grid_for(*size, side, stride=16)
    assert (found.height, found.width) == grid
    assert found.padded == padded
    assert max(grid) <= LONGEST * side


def test_proportions_are_kept():
    for height, width in ((100, 400), (311, 200), (768, 1024), (17, 19)):
        grid = grid_for(height, width, 256, 8)
        assert grid.width / grid.height == pytest.approx(width / height, rel=0.01)


def test_padding_continues_the_edges_and_is_cut_off_again():
    grid = Grid(3, 5, 4)
    labels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    padded = grid.labels(labels)
    assert padded.shape == (4, 8)
    assert np.array_equal(padded[grid.kept], labels)
    assert np.array_equal(padded[3], padded[2])
    assert (padded[:, 5:] == padded[:, 4:5]).all()
    photo = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    padded = grid.photo(photo)
    assert padded.shape == (4, 8, 3)
    assert np.array_equal(padded[grid.kept], photo)
    assert (padded[:, 5:] == padded[:, 4:5]).all()


def test_a_map_is_resized_by_its_nearest_pixels_and_keeps_its_classes():
    labels = np.random.default_rng(0).choice(np.array([0, 7, 150], np.uint8), (50, 80))
    grid = grid_for(*labels.shape, 32, 16)
    found = grid.labels(labels)
    assert found.shape == grid.padded == (32, 64)
    assert set(np.unique(found)) == {0, 7, 150}


@pytest.mark.parametrize(
    ("size", "preview"),
    [
        ((1, 1), (1, 1)),
        ((1024, 700), (1024, 700)),
        ((2048, 1024), (1024, 512)),
        ((3000, 4000), (768, 1024)),
        ((20_000, 3), (1024, 1)),
    ],
)
def test_previews_are_no_larger_than_what_is_worth_sending(size, preview):
    assert preview_size(*size) == preview
    assert max(preview) <= PREVIEW_SIDE


def test_a_region_on_the_grid_is_every_cell_it_touches_and_none_of_the_padding():
    region = np.zeros((64, 60), bool)
    region[17, 33] = region[63, 59] = True
    small = Grid(16, 15, 8).region(region)
    assert small.shape == (16, 16)
    assert np.argwhere(small).tolist() == [[4, 8], [15, 14]]


def test_a_shrunk_region_never_vanishes_when_the_grid_is_larger():
    region = np.zeros((5, 7), bool)
    region[2, 3] = True
    assert shrink_region(region, 16, 16).any()
