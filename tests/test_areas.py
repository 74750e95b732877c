"""Windows of a photo: each part of a region in one, with what is around it, and none larger than it must be."""

from itertools import combinations

import numpy as np
import pytest

from engine.areas import LEAST_CONTEXT, MOST_AREAS, areas, bounding_box, cells_of, inside, joined, whole, widened
from engine.sizes import LONGEST


def region_of(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """boxes: top, left, height, width."""
    region = np.zeros(shape, bool)
    for top, left, height, width in boxes:
        region[top : top + height, left : left + width] = True
    return region


def spans(box: tuple[slice, slice]) -> list[tuple[int, int]]:
    return [(at.start, at.stop) for at in box]


def test_a_small_region_has_a_window_of_the_computed_side_about_its_middle():
    (area,) = areas(region_of((4000, 6000), (2000, 3000, 60, 40)), 128)
    assert spans(area.box) == [(1966, 2094), (2956, 3084)]
    assert area.region.sum() == 60 * 40


def test_a_large_one_has_a_share_of_its_own_size_around_it():
    (area,) = areas(region_of((4000, 6000), (1000, 2000, 800, 600)), 128)
    assert spans(area.box) == [(800, 2000), (1850, 2750)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 30, 30), [(0, 128), (0, 128)]),
        ((970, 1470, 30, 30), [(872, 1000), (1372, 1500)]),
        ((0, 700, 300, 30), [(0, 375), (651, 779)]),
    ],
)
def test_at_the_photo_s_border_it_keeps_its_size(box, expected):
    (area,) = areas(region_of((1000, 1500), box), 128)
    assert spans(area.box) == expected


def test_a_long_strip_has_a_window_that_is_not_too_long_to_compute():
    (area,) = areas(region_of((4000, 6000), (2000, 0, 10, 6000)), 128)
    assert area.shape == (6000 // LONGEST, 6000)


def test_parts_far_apart_have_windows_of_their_own_the_one_with_most_to_make_first():
    region = region_of((2000, 3000), (100, 100, 20, 20), (1500, 2500, 60, 60))
    found = areas(region, 128)
    assert [area.region.sum() for area in found] == [3600, 400]
    assert all(area.shape == (128, 128) for area in found)


@pytest.mark.parametrize(("gap", "width"), [(0, 80 + 2 * LEAST_CONTEXT), (30, 110 + 2 * LEAST_CONTEXT), (100, 270)])
def test_parts_whose_windows_touch_share_one(gap, width):
    region = region_of((2000, 3000), (1000, 1000, 40, 40), (1000, 1040 + gap, 40, 40))
    (area,) = areas(region, 128)
    assert area.shape == (128, width)


def test_a_part_inside_another_s_arm_belongs_to_it():
    corner = region_of((3000, 3000), (500, 500, 20, 1500), (500, 500, 1500, 20), (900, 900, 30, 30))
    (area,) = areas(corner, 128)
    assert area.region.sum() == corner.sum()


def test_nearly_all_of_a_photo_is_all_of_it():
    (area,) = areas(region_of((300, 400), (20, 20, 240, 340)), 128)
    assert area.shape == (300, 400)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 500), (90, 700), (128, 128)])
def test_a_photo_without_room_for_a_window_is_cut_less(size):
    (area,) = areas(region_of(size, (size[0] // 2, size[1] // 2, 1, 1)), 128)
    assert area.shape == tuple(min(side, 128) for side in size)


@pytest.mark.parametrize("side", [1, 16, 100, 128])
@pytest.mark.parametrize("seed", range(6))
def test_of_any_region_every_pixel_is_made_once_and_seen_with_its_surroundings(seed, side):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(60, 1500, 2))
    region = region_of(shape, *(
        (rng.integers(shape[0]), rng.integers(shape[1]), *rng.integers(1, 80, 2)) for _ in range(rng.integers(1, 7))
    ))  # fmt: skip
    found, times = areas(region, side), np.zeros(shape, int)
    for area in found:
        assert np.array_equal(area.region, region[area.box])
        times[area.box] += area.region
        part = inside(bounding_box(area.region), area.box)
        for at, made, most in zip(area.box, part, shape, strict=True):
            assert at.start <= max(0, made.start - LEAST_CONTEXT)
            assert at.stop >= min(most, made.stop + LEAST_CONTEXT)
            assert at.stop - at.start >= min(side, most)
    assert np.array_equal(times, region.astype(int))
    for one, other in combinations(found, 2):
        assert any(a.stop < b.start or b.stop < a.start for a, b in zip(one.box, other.box, strict=True))


def test_a_million_specks_are_no_trouble():
    (area,) = areas(np.random.default_rng(0).random((4000, 6000)) < 0.05, 128)
    assert area.shape == (4000, 6000)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("parts", [30, 45, 90, 2000])
def test_however_many_parts_there_are_the_windows_are_few(parts, seed):
    rng = np.random.default_rng(seed)
    region = np.zeros((3000, 4000), bool)
    region[rng.integers(3000, size=parts), rng.integers(4000, size=parts)] = True
    found = areas(region, 64)
    assert len(found) <= MOST_AREAS
    assert sum(int(area.region.sum()) for area in found) == region.sum()
    if parts == 45:  # of a few too many, few share a window
        assert len(found) > MOST_AREAS / 2


def test_boxes_are_joined_as_the_slow_way_joins_them():
    rng = np.random.default_rng(0)
    boxes = [tuple(slice(at, at + side) for at, side in rng.integers(1, 90, (2, 2)).tolist()) for _ in range(12)]

    def both(one, other):
        return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))

    def size(box):
        return np.prod([at.stop - at.start for at in box])

    slow = list(boxes)
    while len(slow) > 4:
        one, other = min(combinations(slow, 2), key=lambda pair: size(both(*pair)))
        slow = [both(one, other), *(box for box in slow if box is not one and box is not other)]
    assert sorted(map(spans, joined(boxes, 4))) == sorted(map(spans, slow))


def test_the_whole_photo_is_one_area():
    region = region_of((50, 70), (0, 0, 3, 3), (40, 60, 5, 5))
    (area,) = whole(region)
    assert area.shape == (50, 70)
    assert np.array_equal(area.region, region)


def test_the_box_has_a_margin_where_there_is_room_for_one():
    region = region_of((10, 12), (3, 7, 2, 5))
    assert spans(bounding_box(region)) == [(3, 5), (7, 12)]
    assert spans(bounding_box(region, 2)) == [(1, 7), (5, 12)]


def test_a_span_is_widened_about_its_middle_as_far_as_there_is_room():
    for start, stop, least, most in [(4, 6, 5, 20), (0, 2, 5, 20), (18, 20, 5, 20), (4, 6, 50, 20), (4, 12, 5, 20)]:
        at = widened(slice(start, stop), least, most)
        assert 0 <= at.start <= start < stop <= at.stop <= most
        assert at.stop - at.start == max(stop - start, min(least, most))
    assert widened(slice(4, 6), 6, 20) == slice(2, 8)


def test_cells_tell_where_the_region_is():
    region = np.random.default_rng(0).random((37, 50)) < 0.01
    plain = [[region[y : y + 8, x : x + 8].any() for x in range(0, 50, 8)] for y in range(0, 37, 8)]
    assert np.array_equal(cells_of(region, 8), plain)
