"""Finished areas laid over a photo at its own size, forming ones over a smaller one of it."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy import ndimage

from engine.areas import areas, whole
from engine.blending import depths
from engine.montage import Montage, parts_of
from engine.types import BlendName, EditRequest

RNG = np.random.default_rng(0)


def region_of() -> np.ndarray:
    region = np.zeros((200, 150), bool)
    region[40:90, 100:] = True  # touches the right border
    region[150:160, 10:40] = True
    return region


def far_parts() -> np.ndarray:
    region = np.zeros((700, 400), bool)
    region[50:90, 380:] = region[500:530, 10:60] = True
    return region


def request_of(region: np.ndarray, **changes: object) -> EditRequest:
    photo = RNG.integers(0, 256, (*region.shape, 3), dtype=np.uint8)
    return EditRequest("tiny", np.zeros(region.shape, np.uint8), photo, region, **changes)


def plain_over(photo: np.ndarray, picture: np.ndarray, region: np.ndarray, softness: float) -> np.ndarray:
    """The slow obvious way: everything, with the distance to what is outside; a photo's border is no edge."""
    opacity = np.minimum(ndimage.distance_transform_edt(region) / (softness + 1), 1)[:, :, None]
    return np.rint(photo + (picture.astype(float) - photo) * opacity).astype(np.uint8)


@pytest.mark.parametrize("feather", [None, 0, 5])
def test_the_whole_photo_plainly_is_the_picture_over_it_rising_from_the_region_s_edge_inwards(feather):
    request = request_of(region_of(), extent="whole", blend="plain", feather=feather)
    (area,), montage = whole(request.region), Montage(request, 2)
    pictures = RNG.integers(0, 256, (2, 200, 150, 3), dtype=np.uint8)
    montage.lay(montage.place(area), pictures, (0, 0))
    for found, picture in zip(montage.pictures, pictures, strict=True):
        expected = plain_over(request.photo, picture, request.region, 150 / 64 if feather is None else feather)
        assert np.array_equal(found, expected)


def test_an_area_s_window_laid_is_the_whole_laid():
    request = request_of(far_parts(), blend="plain", feather=3)
    montage, picture = Montage(request, 1), RNG.integers(0, 256, (1, 700, 400, 3), dtype=np.uint8)
    assert len(areas(request.region, 64)) == 2
    for area in areas(request.region, 64):
        montage.lay(montage.place(area), picture[:, *area.box], (0,))
    assert np.array_equal(montage.pictures[0], plain_over(request.photo, picture[0], request.region, 3))


@pytest.mark.parametrize("blend", get_args(BlendName))
def test_outside_an_area_nothing_changes_and_the_photo_itself_never_does(blend):
    request = request_of(far_parts(), blend=blend)
    before, montage = request.photo.copy(), Montage(request, 1)
    for area in areas(request.region, 16):
        montage.lay(montage.place(area), RNG.integers(0, 256, (1, *area.shape, 3), dtype=np.uint8), (3,))
    assert np.array_equal(montage.pictures[0][~request.region], before[~request.region])
    assert (montage.pictures[0][request.region] != before[request.region]).mean() > 0.5
    assert np.array_equal(request.photo, before)


@pytest.mark.parametrize("size", [(200, 150), (2300, 1700)])
def test_the_preview_shows_what_is_finished_and_over_it_what_is_forming(size):
    region = np.zeros(size, bool)
    region[: size[0] // 4, : size[1] // 4] = region[-size[0] // 4 :, -size[1] // 4 :] = True
    request = request_of(region, feather=0, blend="plain")
    montage = Montage(request, 1)
    first, second = map(montage.place, areas(region, 16))
    montage.lay(first, np.full((1, *first.area.shape, 3), 255, np.uint8), (0,))
    held = montage.preview.copy()
    shown = montage.with_forming(second, np.zeros((1, *second.shape, 3), np.uint8))[0]
    assert max(shown.shape) == min(1024, max(size))
    height, width = (side // 6 for side in shown.shape[:2])
    assert sorted((shown[:height, :width].max(), shown[-height:, -width:].max())) == [0, 255]
    assert np.array_equal(montage.preview, held)
    middle = np.s_[shown.shape[0] // 2, :]
    assert np.array_equal(shown[middle], montage.preview[0][middle])


def test_a_small_region_of_a_large_photo_is_covered_all_the_same():
    """By default; a share of the photo's short side alone would fade in over more than the region."""
    region = np.zeros((3000, 4000), bool)
    region[1000:1040, 1000:1040] = True
    (area,) = areas(region, 64)
    for extent, covered in (("windows", True), ("whole", False)):
        montage = Montage(request_of(region, blend="plain", extent=extent), 1)
        (part,) = montage.place(area).parts
        assert (part.feather < depths(area.region).max()) == covered
    region[1000:2900, 1000:3900] = True
    (part,) = Montage(request_of(region), 1).place(whole(region)[0]).parts
    assert part.feather == pytest.approx(3000 / 64, abs=1)


@pytest.mark.parametrize("blend", get_args(BlendName))
def test_something_tiny_beside_something_large_is_covered_as_it_would_be_alone(blend):
    """And so is what is large: each takes the feather of its own depth."""
    size = (900, 1200)
    large, tiny = np.zeros((2, *size), bool)
    large[100:800, 100:800] = True
    tiny[400:408, 810:818] = tiny[600:609, 812:822] = True
    request = request_of(large | tiny, blend=blend)
    picture = np.full((1, *size, 3), 255, np.uint8)

    def laid(region: np.ndarray) -> np.ndarray:
        montage = Montage(replace(request, region=region), 1)
        montage.lay(montage.place(whole(region)[0]), picture, (0,))
        return montage.pictures[0].astype(int)

    both = laid(large | tiny)
    for region in (large, tiny):
        alone = laid(region)
        changed = np.abs(alone - request.photo)[region].mean()
        assert changed > (40 if blend != "gradient" else 0)
        assert np.abs(both - alone)[region].mean() < 0.1 * changed


def test_of_a_million_specks_there_are_few_parts():
    region = RNG.random((1500, 2000)) < 0.2
    region[200:1200, 300:1500] = True
    parts = parts_of(request_of(region), region)
    assert 1 < len(parts) <= 7
    assert np.array_equal(np.sum([part.region for part in parts], 0), region)


def test_made_again_an_area_begins_as_the_photo_was_amid_what_was_made():
    request = request_of(far_parts(), blend="plain", feather=0)
    montage, (area,) = Montage(request, 2), whole(request.region)
    assert np.array_equal(montage.seen_by(area, again=False), request.photo[None])
    montage.lay(montage.place(area), RNG.integers(0, 256, (2, 700, 400, 3), dtype=np.uint8), (0, 0))
    (one, _) = areas(request.region, 16)
    for seen, made in zip(montage.seen_by(one, again=True), montage.pictures, strict=True):
        assert np.array_equal(seen[one.region], request.photo[one.box][one.region])
        assert np.array_equal(seen[~one.region], made[one.box][~one.region])
