"""Colour maps from painting programs: antialiased borders, profiles, layers; what is asked, and what is answered."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from engine.label_colours import Ambiguity
from engine.label_files import colour_map, read_label_map
from engine.palette import load_palette, palette_from
from engine.types import UserError
from tests.paintings import deep, interlaced, layered, png, psd

ADE, CITY, COCO, FACADES = (load_palette(name) for name in ("ade20k", "cityscapes", "coco_stuff", "facades"))
FINE = 8  # the side of the grid that a pixel's coverage is measured on


def coverage(outline, size=96):
    """(size, size): the share of each pixel that a polygon covers."""
    image = Image.new("L", (size * FINE, size * FINE))
    ImageDraw.Draw(image).polygon([(x * FINE, y * FINE) for x, y in outline], fill=255)
    return np.asarray(image, float).reshape(size, FINE, size, FINE).mean((1, 3)) / 255


def star(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radii = rng.uniform(15, 44, 9)
    return [(48 + r * np.cos(a), 48 + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]


def blended(shares, colours, light=False):
    """(n, H, W) shares of n colours -> RGB, blended as stored values or as the light that they stand for."""
    values = np.asarray(colours, float) / 255
    mixed = np.tensordot(shares, values**2.2 if light else values, (0, 0))
    return np.rint(255 * (mixed ** (1 / 2.2) if light else mixed)).astype(np.uint8)


# --- Antialiased borders ---


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize(
    ("palette", "inside", "outside"),
    [(ADE, "sky", "sea"), (ADE, "tree", "building"), (ADE, "person", "road"), (COCO, "sky", "tree"), (CITY, "car", 7)],
)
def test_an_antialiased_polygon_in_two_colours_has_only_these_two_classes(palette, inside, outside, light):
    first, second = palette.index_of(inside), outside if isinstance(outside, int) else palette.index_of(outside)
    for seed in range(4):
        share = coverage(star(seed))
        read = read_label_map(png(blended([share, 1 - share], palette.colours[[first, second]], light)), palette)
        assert set(np.unique(read.labels)) == {first, second}
        clear = np.abs(share - 0.5) > 0.06
        assert (read.labels == np.where(share > 0.5, first, second))[clear].all()
        assert read.snapped > 50


def test_any_two_classes_of_a_palette_keep_to_themselves():
    """A grey ramp from black to white crosses many colours exactly; so do others."""
    rng = np.random.default_rng(0)
    share = coverage(star(1))
    for _ in range(25):
        pair = rng.choice(ADE.size, 2, replace=False)
        read = read_label_map(png(blended([share, 1 - share], ADE.colours[pair])), ADE)
        assert set(np.unique(read.labels)) == set(pair)


def test_three_areas_that_meet_stay_three():
    across = np.clip((np.arange(96)[None] - 40 + np.arange(96)[:, None] * 0.37) / 1.5, 0, 1)
    down = np.clip((np.arange(96)[:, None] - 50 + np.arange(96)[None] * 0.21) / 1.5, 0, 1)
    shares = np.stack([across * np.ones((96, 96)), (1 - across) * down, (1 - across) * (1 - down)])
    classes = [ADE.index_of(name) for name in ("sky", "grass", "house")]
    read = read_label_map(png(blended(shares, ADE.colours[classes])), ADE)
    assert set(np.unique(read.labels)) == set(classes)
    sure = shares.max(0) > 0.6
    assert (read.labels == np.array(classes)[shares.argmax(0)])[sure].all()


def of_colours(*colours):
    rows = [{"index": i, "name": str(i), "colour": colour} for i, colour in enumerate(colours)]
    return palette_from({"name": "own", "unlabelled": 0, "classes": rows}, "own")


def test_a_blend_that_hits_a_third_class_exactly():
    """Half of the one and half of the other is class 2 to the last digit. Nine levels of coverage make many of them."""
    palette = of_colours([10, 20, 30], [210, 20, 130], [110, 20, 80])
    for seed in (4, 5):
        share = np.round(coverage(star(seed)) * 8) / 8
        pixels = blended([share, 1 - share], palette.colours[[1, 0]])
        assert (pixels == palette.colours[2]).all(-1).sum() > 20
        assert set(np.unique(read_label_map(png(pixels), palette).labels)) == {0, 1}


def test_a_blend_of_three_goes_to_the_heaviest_of_them():
    palette = of_colours([250, 0, 0], [0, 250, 0], [0, 0, 250], [100, 75, 80])
    labels = np.zeros((20, 20), np.uint8)
    labels[:, 10:] = 1
    labels[10:] = 2
    pixels = colour_map(labels, palette)
    pixels[10, 10] = (50, 75, 125)
    pixels[9, 9] = (105, 75, 70)  # nearest to class 3, which is nowhere
    read = read_label_map(png(pixels), palette)
    assert (read.labels == labels).all()
    assert read.snapped == 2


def test_a_thin_antialiased_line_keeps_its_class():
    road, grass = ADE.index_of("road"), ADE.index_of("grass")
    share = np.zeros((40, 40))
    share[20], share[19], share[21] = 1, 0.4, 0.3
    read = read_label_map(png(blended([share, 1 - share], ADE.colours[[road, grass]])), ADE)
    assert (read.labels[20] == road).all()
    assert (read.labels[[19, 21]] == grass).all()


def test_hard_borders_are_left_alone():
    """Single pixels and lines of a class that happens to lie between its neighbours by colour stay what they are."""
    labels = np.random.default_rng(3).integers(0, ADE.size, (64, 64)).astype(np.uint8)
    read = read_label_map(png(colour_map(labels, ADE)), ADE)
    assert read.exact
    assert (read.labels == labels).all()


def test_a_border_reaches_over_the_edge_of_a_band(monkeypatch):
    """Large images are read a few rows at a time; that changes nothing."""
    labels = np.random.default_rng(1).integers(0, ADE.size, (8, 8)).repeat(12, 0).repeat(12, 1)
    image = Image.fromarray(colour_map(labels.astype(np.uint8), ADE)).resize((91, 83), Image.Resampling.BICUBIC)
    whole = read_label_map(saved(image), ADE)
    monkeypatch.setattr("engine.label_colours.BLOCK", 5 * 96)
    assert (read_label_map(saved(image), ADE).labels == whole.labels).all()
    assert whole.snapped > 1000


def test_an_area_beside_transparency_is_not_mixed_with_it():
    share = coverage(star(4))
    labels = np.full(share.shape, 2, np.uint8)
    pixels = np.dstack([colour_map(labels, ADE), np.rint(share * 255).astype(np.uint8)])
    read = read_label_map(png(pixels), ADE)
    assert set(np.unique(read.labels)) == {2, ADE.unlabelled}
    assert read.snapped == 0


# --- What is asked, and what is answered ---


def street():
    """Cityscapes in its standard colours: car and licence plate share one, seven classes are black."""
    return png(CITY.standard_colours[np.array([[3, 26, 34, 23]], np.uint8).repeat(4, 0)])


def test_a_shared_colour_is_asked_and_the_answer_taken():
    car = tuple(CITY.standard_colours[26].tolist())
    asked = {each.colour: each for each in read_label_map(street(), CITY).ambiguous}
    assert asked[car] == Ambiguity(car, (26, 34), 8, 26, shared=True)
    read = read_label_map(street(), CITY, {car: 34, (0, 0, 0): 3})
    assert read.labels[0].tolist() == [3, 34, 34, 23]
    assert read.ambiguous == ()
    assert read.exact


def test_an_answer_for_one_colour_leaves_the_other_question():
    read = read_label_map(street(), CITY, {(0, 0, 0): 3})
    assert [each.candidates for each in read.ambiguous] == [(26, 34)]
    assert not read.exact


def own_colour():
    pixels = colour_map(np.full((40, 40), 2, np.uint8), ADE)
    pixels[10:30, 5:35] = (201, 33, 187)
    return pixels


def test_a_large_area_in_a_colour_of_ones_own_is_asked():
    read = read_label_map(png(own_colour()), ADE)
    (asked,) = read.strange
    assert (asked.colour, asked.pixels, asked.shared, asked.taken) == ((201, 33, 187), 600, False, asked.candidates[0])
    assert len(asked.candidates) == 4
    assert (read.labels == asked.taken).sum() == 600 == read.snapped
    assert "600 pixels in the colour #c921bb became" in read.message
    settled = read_label_map(png(own_colour()), ADE, {(201, 33, 187): 66})
    assert (settled.labels == 66).sum() == 600
    assert (settled.strange, settled.snapped, settled.exact) == ((), 0, True)


def test_borders_of_an_area_in_a_colour_of_ones_own_are_its_own():
    share = coverage(star(5))
    colours = [(201, 33, 187), ADE.colours[2]]
    read = read_label_map(png(blended([share, 1 - share], colours)), ADE)
    assert set(np.unique(read.labels)) == {2, read.strange[0].taken}
    read = read_label_map(png(blended([share, 1 - share], colours)), ADE, {(201, 33, 187): 66})
    assert set(np.unique(read.labels)) == {2, 66}


def test_small_spots_and_gradients_are_not_asked():
    pixels = own_colour()
    pixels[10:30, 5:35] = np.arange(600).reshape(20, 30, 1) % 250
    pixels[0, :20] = (201, 33, 187)
    assert read_label_map(png(pixels), ADE).strange == ()


@pytest.mark.parametrize("index", [-1, 151])
def test_an_answer_that_is_no_class(index):
    with pytest.raises(UserError, match=r"outside ADE20K \(0 to 150\)"):
        read_label_map(png(own_colour()), ADE, {(201, 33, 187): index})


# --- What painting programs write ---


def blocks(palette):
    """Some classes as blocks of 6 × 6."""
    return np.arange(12, dtype=np.uint8).reshape(3, 4).repeat(6, 0).repeat(6, 1) % palette.size


@pytest.mark.parametrize("mimetype", ["application/x-krita", "image/openraster"])
def test_a_layered_zip_is_read_as_a_whole(mimetype):
    labels = blocks(ADE)
    assert (read_label_map(layered(colour_map(labels, ADE), mimetype), ADE).labels == labels).all()


def test_a_zip_that_is_no_painting(tmp_path):
    (tmp_path / "words.ora").write_bytes(layered(own_colour(), merged=False))
    with pytest.raises(UserError, match=r"words\.ora is a zip without a picture \(mergedimage\.png\)"):
        read_label_map(tmp_path / "words.ora", ADE)


@pytest.mark.parametrize("opacity", [None, 255])
def test_photoshop(opacity):
    labels = blocks(ADE)
    pixels = colour_map(labels, ADE)
    if opacity:
        pixels = np.dstack([pixels, np.full(labels.shape, opacity, np.uint8)])
    read = read_label_map(psd(pixels), ADE)
    assert read.exact
    assert (read.labels == labels).all()


def test_photoshop_without_the_sum_of_its_layers():
    with pytest.raises(UserError, match=r"layers alone.*Maximise compatibility"):
        read_label_map(psd(colour_map(blocks(ADE), ADE), merged=False), ADE)


def wide_profile():
    """A profile whose primaries are turned round: red is stored as green, green as blue, blue as red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = {bytes(profile[start : start + 4]): start for start in range(132, 132 + 12 * profile[131], 12)}
    offsets = [bytes(profile[at[key] + 4 : at[key] + 12]) for key in (b"rXYZ", b"gXYZ", b"bXYZ")]
    for key, offset in zip((b"rXYZ", b"gXYZ", b"bXYZ"), offsets[1:] + offsets[:1], strict=True):
        profile[at[key] + 4 : at[key] + 12] = offset
    return bytes(profile)


def test_colours_in_another_profile_are_converted():
    """The painting looks right but its stored values are other colours; after conversion a level or two is off."""
    labels = blocks(ADE)
    image = Image.fromarray(colour_map(labels, ADE))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(wide_profile()))
    stored = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), profile)
    assert (np.asarray(stored) != np.asarray(image)).any()
    read = read_label_map(saved(stored, icc_profile=wide_profile()), ADE)
    assert (read.labels == labels).all()
    assert read.strange == ()


def test_a_profile_that_came_along_leaves_right_colours_alone():
    labels = blocks(ADE)
    read = read_label_map(saved(Image.fromarray(colour_map(labels, ADE)), icc_profile=wide_profile()), ADE)
    assert read.exact
    assert (read.labels == labels).all()


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_indexed_colours_in_another_order_with_a_clear_one():
    """As programs write when they reduce colours: their own order, one entry for what is transparent."""
    labels = blocks(ADE)
    image = Image.fromarray(colour_map(labels, ADE)).quantize(12)
    shuffled = image.remap_palette(list(range(11, -1, -1)))
    read = read_label_map(saved(shuffled), ADE)
    assert (read.labels == labels).all()
    clear = int(np.asarray(shuffled)[0, 0])
    read = read_label_map(saved(shuffled, transparency=clear), ADE)
    assert (read.labels == np.where(labels == labels[0, 0], ADE.unlabelled, labels)).all()


def deep_and_clear(pixels):
    return deep(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))


@pytest.mark.parametrize("written", [interlaced, deep, deep_and_clear])
def test_interlaced_and_16_bit_colour(written):
    labels = blocks(ADE)
    read = read_label_map(written(colour_map(labels, ADE)), ADE)
    assert read.exact
    assert (read.labels == labels).all()
