"""Blending against slow obvious versions, and by what an eye would see: steps at the edge, casts, missing grain."""

import cv2
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

from engine import blending, tiles
from engine.blending import (
    auto_feather,
    blended,
    correction,
    depths,
    difference,
    grown,
    membrane,
    opacity,
    rim,
    spanned,
)
from engine.grain import missing_grain
from engine.images import read_photo

BLENDS = ("plain", "matched", "gradient")
ADDING = ("matched", "gradient")


def ellipse(height: int, width: int, share: float = 0.3) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((y - height / 2) / (height * share)) ** 2 + ((x - width * 0.45) / (width * share)) ** 2 < 1


def shapes(height: int, width: int) -> dict[str, np.ndarray]:
    """Regions of several kinds: round, at the photo's corner, a ring with a part beside it."""
    corner = np.zeros((height, width), bool)
    corner[height // 2 :, width // 2 :] = True
    ring = ellipse(height, width, 0.4) & ~ellipse(height, width, 0.2)
    ring[:20, :30] = True
    return {"round": ellipse(height, width), "corner": corner, "ring": ring}


def across(photo: np.ndarray, region: np.ndarray) -> float:
    """The mean difference of neighbours of which one is inside the region and one outside."""
    values, found = photo.astype(np.float32), []
    for axis in (0, 1):
        step = np.abs(np.diff(values, axis=axis)).mean(2)
        found.append(step[np.diff(region, axis=axis)])
    return float(np.concatenate(found).mean())


def high_pass(picture: np.ndarray) -> np.ndarray:
    values = picture.astype(np.float32)
    return values - cv2.GaussianBlur(values, (0, 0), 1.5)


def shaded(height: int, width: int) -> np.ndarray:
    """A noiseless photo: smooth light from corner to corner."""
    y, x = np.mgrid[:height, :width]
    return np.stack([90 + 50 * y / height, 100 + 40 * x / width, 150 - 40 * y / height], 2).astype(np.float32)


def noisy(values: np.ndarray, deviation: float, seed: int, blur: float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(values.shape).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
        noise /= noise.std()
    return np.clip(np.rint(values + deviation * noise), 0, 255).astype(np.uint8)


def enlarged(photo: np.ndarray, cast: float, by: int = 4) -> np.ndarray:
    """What a model would give: computed small, enlarged, and of another colour."""
    small = cv2.resize(photo, None, fx=1 / by, fy=1 / by, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(large.astype(np.float32) + cast, 0, 255).astype(np.uint8)


def test_grown_is_by_euclidean_distance():
    rng = np.random.default_rng(0)
    region = rng.random((23, 31)) < 0.01
    ys, xs = np.nonzero(region)
    y, x = np.mgrid[:23, :31]
    nearest = np.sqrt((y[..., None] - ys) ** 2 + (x[..., None] - xs) ** 2).min(2)
    for pixels in (0, 1, 3, 5):
        assert np.array_equal(grown(region, pixels), nearest <= pixels)


def test_nothing_grows_into_nothing():
    assert not grown(np.zeros((5, 6), bool), 3).any()
    assert grown(np.ones((5, 6), bool), 3).all()


def test_opacity_is_nothing_outside_and_rises_inwards():
    region = np.zeros((40, 40), bool)
    region[10:30, 10:] = True
    rising = opacity(depths(region), 3)
    assert not rising[~region].any()
    assert rising[20, 10:15].tolist() == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert rising[20, 39] == 1  # the picture's own border is no edge
    assert (opacity(depths(region), 0) == region).all()


@pytest.mark.parametrize("region", [*shapes(90, 120).values(), np.ones((90, 120), bool), np.eye(90, 120) > 0])
@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("feather", [0, 1.4, 30])
def test_outside_no_value_changes(region, blend, feather):
    photo, picture = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    before = photo.copy()
    laid = blended(photo, picture, region, feather, blend, 1)
    assert laid.dtype == np.uint8
    assert np.array_equal(laid[~region], photo[~region])
    assert np.array_equal(photo, before)
    if depths(region).max() > 1:  # of what is nothing but edge, a gradient blend leaves all as it was
        assert (laid[region] != photo[region]).any()


def test_plain_is_the_picture_faded_in():
    photo, picture = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    region = ellipse(90, 120)
    feather = auto_feather(90, 120)
    share = np.clip(depths(region) / (feather + 1), 0, 1)[:, :, None]
    expected = np.rint(photo + (picture.astype(np.float32) - photo) * share).astype(np.uint8)
    assert np.array_equal(blended(photo, picture, region, feather, "plain", 0), expected)


def exact_membrane(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Laplace's equation as one sparse system, solved directly."""
    height, width = known.shape
    at = np.arange(height * width).reshape(height, width)
    one = np.concatenate([at[:, 1:].ravel(), at[1:].ravel()])
    other = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
    ones = np.ones(2 * one.size)
    beside = sparse.csr_matrix((ones, (np.r_[one, other], np.r_[other, one])), (height * width,) * 2)
    laplace = sparse.diags(np.asarray(beside.sum(1)).ravel()) - beside
    free, found = ~known.ravel(), values.reshape(-1, 3).astype(np.float64)
    found[free] = spsolve(laplace[free][:, free].tocsc(), -(laplace[free][:, ~free] @ found[~free]))
    return found.reshape(values.shape)


@pytest.mark.parametrize("region", shapes(120, 150).values(), ids=shapes(120, 150))
def test_the_membrane_is_the_exact_one_but_for_a_rounding(region):
    """Also at the photo's own border, which is free, and with values as rough as photos' differences are."""
    rough = np.random.default_rng(0).normal(0, 30, (120, 150, 3)).astype(np.float32)
    values = cv2.GaussianBlur(rough, (0, 0), 6) * 12 + rough / 3
    edge = rim(region)
    off = (membrane(values, edge) - exact_membrane(values, edge))[region]
    assert np.abs(values[edge]).mean() > 15
    assert np.sqrt(np.square(off).mean()) < 0.5
    assert np.abs(off).max() < 3


def test_a_membrane_of_many_pixels_stays_near_the_exact_one():
    """A plane is its own membrane, on any grid."""
    y, x = np.mgrid[:700, :900].astype(np.float32)
    plane = np.stack([x / 20, y / 20, (x + y) / 30], 2)
    edge = np.zeros((700, 900), bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    assert np.abs(membrane(plane, edge) - plane).max() < 0.5


def test_solved_at_half_the_size_it_is_as_near_to_the_exact_one(monkeypatch):
    """Of differences as rough as photos', at a region's rim; full size is given no more steps than large photos get."""
    height, width = 121, 150
    generator = np.random.default_rng(0)
    rough = cv2.GaussianBlur(generator.normal(0, 30, (height, width, 3)).astype(np.float32), (0, 0), 6) * 10
    photo = noisy(shaded(height, width) + rough / 2, 6, 1)
    picture = np.clip(shaded(height, width) - rough / 2, 0, 255).astype(np.uint8)
    everything = np.s_[0:height, 0:width]
    for region in shapes(height, width).values():
        edge, off = rim(region), {}
        exact = exact_membrane(difference(photo, picture), edge)
        for largest in (2**23, 2**14):
            with monkeypatch.context() as changed:
                changed.setattr(blending, "LARGE", largest)
                changed.setattr(blending, "WORK", 1)
                off[largest] = (spanned(photo, picture, edge)(everything) - exact)[region]
        full, half = (np.sqrt(np.square(each).mean()) for each in off.values())
        assert np.abs(off[2**14]).max() < 10
        assert half < 1.1 * full
        assert not off[2**14][edge[region]].any()


@pytest.mark.parametrize("size", [(201, 240), (200, 241), (203, 257), (202, 254), (129, 383), (65, 63)])
@pytest.mark.parametrize("blend", [*ADDING, "gradient, at half the size"])
def test_a_blend_by_tiles_is_the_one_of_it_all(monkeypatch, size, blend):
    """Also of odd sides, whose halves belong to no tile alone, with grain in every octave."""
    photo = noisy(shaded(*size), 8, 0)
    picture, region = enlarged(photo, 12), ellipse(*size, 0.42)
    if "half" in blend:
        monkeypatch.setattr(blending, "LARGE", 2**12)
    made = []
    for side in (64, 2**20):
        monkeypatch.setattr(tiles, "TILE", side)
        made.append([blended(photo, picture, region, feather, blend.split(",")[0], 1) for feather in (0, 1.5, 12)])
    assert np.array_equal(*made)


def test_a_cast_ends_where_it_has_faded_not_with_a_tile():
    photo = shaded(60, 60).astype(np.uint8)
    region = ellipse(60, 60, 0.4)
    depth = depths(region)
    colour = correction(photo, photo - 20, region, depth, 0, "matched")
    whole = colour(np.s_[0:60, 0:60])
    ending = [(y, x) for y, x in np.argwhere(depth > 8) if depth[y, x] < 9]
    assert ending
    for y, x in ending:
        assert np.array_equal(colour((slice(y, y + 1), slice(x, x + 1)))[0, 0], whole[y, x])


def test_the_gradient_blend_keeps_the_picture_s_gradients_and_takes_the_photo_s_edge():
    photo = shaded(120, 150).astype(np.uint8)
    picture = np.clip(photo.astype(int) + 37, 0, 255).astype(np.uint8)
    region = ellipse(120, 150)
    laid = blended(photo, picture, region, 0, "gradient", 0)
    assert np.abs(laid.astype(int) - photo)[region].max() <= 1  # a mere cast is taken back altogether


def test_a_cast_vanishes_at_the_edge_and_stays_deep_inside():
    photo = shaded(200, 240).astype(np.uint8)
    picture = np.clip(photo.astype(int) + 18, 0, 255).astype(np.uint8)
    region = ellipse(200, 240, 0.4)
    laid = blended(photo, picture, region, 3, "matched", 0)
    depth = depths(region)
    off = laid.astype(int) - photo
    assert off[(depth > 0) & (depth <= 2)].max() <= 2
    assert (off[depth > 20] == 18).all()
    assert np.abs(np.diff(off[100, :, 0])).max() <= 3  # nowhere in between is there a step


def test_another_thing_keeps_its_colour_and_is_not_pulled_to_what_was_there():
    photo = np.full((200, 240, 3), 240, np.uint8)
    region = ellipse(200, 240, 0.4)
    laid = blended(photo, np.full_like(photo, 110), region, 3, "matched", 0)
    assert (laid[depths(region) > 5] == 110).all()


def photographs(shared) -> list:
    scenes = sorted((shared / "data" / "scenes" / "val" / "images").iterdir())[::33]
    return scenes + sorted((shared / "data" / "facades" / "val" / "images").iterdir())[:1]


@pytest.mark.parametrize("shape", ["round", "corner", "ring"])
def test_on_photos_the_edge_is_no_stronger_than_the_photo_s_own(shared, shape):
    """With a picture of another photo: nothing fits. Plain is told by the same measure."""
    found = {blend: [] for blend in BLENDS}
    files = photographs(shared)
    for file, other in zip(files, files[1:] + files[:1], strict=True):
        photo = read_photo(file)
        picture = enlarged(cv2.resize(read_photo(other), photo.shape[1::-1]), 10)
        region = shapes(*photo.shape[:2])[shape]
        for blend, ratios in found.items():
            laid = blended(photo, picture, region, auto_feather(*photo.shape[:2]), blend, 3)
            ratios.append(across(laid, region) / across(photo, region))
    mean = {blend: float(np.mean(ratios)) for blend, ratios in found.items()}
    assert mean["matched"] < 1.03
    assert mean["gradient"] < 1.01
    assert max(found["matched"]) < max(found["plain"])
    assert mean["plain"] > max(mean["matched"], mean["gradient"])


@pytest.mark.parametrize("blend", ADDING)
@pytest.mark.parametrize(("deviation", "blur"), [(3, 0), (8, 0), (6, 0.7), (12, 0)])
def test_grain_is_as_strong_as_around(blend, deviation, blur):
    photo = noisy(shaded(256, 300), deviation, 0, blur)
    picture = enlarged(photo, 0)
    region = ellipse(256, 300)
    laid = high_pass(blended(photo, picture, region, 4, blend, 1))
    deep = depths(region) > 12
    assert high_pass(picture)[deep].std() < 0.4 * high_pass(photo)[~region].std()
    assert laid[deep].std() == pytest.approx(laid[~region].std(), rel=0.2)


def test_a_picture_that_has_its_grain_gets_no_more():
    photo, picture = noisy(shaded(256, 300), 6, 0), noisy(shaded(256, 300), 6, 1)
    region = ellipse(256, 300)
    deep = depths(region) > 12
    laid = high_pass(blended(photo, picture, region, 4, "matched", 1))
    assert laid[deep].std() == pytest.approx(high_pass(photo)[~region].std(), rel=0.1)


def test_a_noiseless_photo_gets_no_grain():
    photo = np.rint(shaded(256, 300)).astype(np.uint8)
    for picture in (enlarged(photo, 12), np.full_like(photo, 90)):
        assert not missing_grain(photo, picture, ellipse(256, 300), 1).octaves


def test_a_noiseless_photo_of_things_gets_no_grain():
    """Edges and stripes are no grain, as long as a little of the photo is smooth."""
    photo = np.rint(shaded(256, 300)).astype(np.uint8)
    photo[:, :120][:, ::3] = 20
    photo[200:, ::4] = 230
    assert not missing_grain(photo, enlarged(photo, 12), ellipse(256, 300), 1).octaves


def test_grain_of_grey_is_grey():
    values = shaded(256, 300).mean(2, keepdims=True).repeat(3, 2)
    grey = np.random.default_rng(0).standard_normal((256, 300, 1)).astype(np.float32)
    photo = np.clip(np.rint(values + 8 * grey), 0, 255).astype(np.uint8)
    grain = missing_grain(photo, enlarged(photo, 0), ellipse(256, 300), 1).at(np.s_[0:256, 0:300])
    assert grain.std() > 3
    assert np.abs(grain - grain.mean(2, keepdims=True)).max() < 0.1 * grain.std()


@pytest.mark.parametrize("blend", ADDING)
def test_grain_is_the_seed_s(blend):
    photo = noisy(shaded(96, 120), 8, 0)
    given = photo, enlarged(photo, 5), ellipse(96, 120), 2, blend
    assert np.array_equal(blended(*given, 4), blended(*given, 4))
    assert not np.array_equal(blended(*given, 4), blended(*given, 5))


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 4), (7, 40)])
def test_tiny_photos_are_blended_too(blend, size):
    photo, picture = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    region = np.zeros(size, bool)
    region[0, -1] = True
    laid = blended(photo, picture, region, auto_feather(*size), blend, 0)
    assert np.array_equal(laid[~region], photo[~region])


def test_what_is_white_stays_without_grain():
    photo = noisy(shaded(128, 160), 8, 0)
    region = ellipse(128, 160)
    laid = blended(photo, np.full_like(photo, 255), region, 1, "matched", 1)
    assert (laid[depths(region) > 24] == 255).all()
