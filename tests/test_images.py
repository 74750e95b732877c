"""Image files: label maps of every kind, photos, regions, and hostile input."""

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from engine import images
from engine.images import read_photo, read_photo_file, read_region, read_request
from engine.label_colours import Ambiguity
from engine.label_files import colour_map, palette_named_in, read_instances, read_label_map, save_label_map
from engine.palette import load_palette, palette_from, palette_names
from engine.types import UserError
from engine.writing import save_png
from tests.paintings import layered, psd
from tests.pictures import NOISE, encoded, red_and_blue_swapped

FIXTURES = Path(__file__).parent / "data" / "labels"
ADE, CITY, COCO, FACADES = (load_palette(name) for name in ("ade20k", "cityscapes", "coco_stuff", "facades"))


def png(width, height, *, depth=8, kind=0, rows=b"", before=()):
    """A PNG put together by hand: colour `kind` 0 is grey, 2 RGB, 3 indexed. rows: filter bytes and samples."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def indexed(indices, colours):
    """An indexed-colour image: indices (H, W) and the colours of index 0, 1, ..."""
    image = Image.fromarray(np.asarray(indices, np.uint8))
    image.putpalette(np.asarray(colours, np.uint8).tobytes())
    return image


def every_class(palette):
    """(16, 3 × size): every class as a block."""
    return np.arange(palette.size, dtype=np.uint8).repeat(3)[None].repeat(16, 0)


# --- The datasets' own files ---


def check_ade20k(file):
    values = np.array(Image.open(file)).astype(int)
    read = read_label_map(file, ADE)
    assert (read.how, read.exact, read.snapped, read.ambiguous) == ("dataset values", True, 0, ())
    assert (read.labels == np.where(values == 0, 150, values - 1)).all()
    assert read.labels.dtype == np.uint8


def check_coco_stuff(file):
    values = np.array(Image.open(file))
    assert (values == 255).any()
    assert (read_label_map(file, COCO).labels == np.where(values == 255, 182, values)).all()


def check_cityscapes(labels_file, instances_file):
    read = read_label_map(labels_file, CITY)
    assert (read.how, read.exact) == ("dataset values", True)
    assert (read.labels == np.array(Image.open(labels_file))).all()
    assert (read_label_map(instances_file, CITY).labels == read.labels).all()  # 26003 is a car as well
    instances = read_instances(instances_file)
    assert instances.dtype == np.int32
    assert (instances == np.array(Image.open(instances_file))).all()
    assert instances.max() >= 24_000


def test_ade20k():
    check_ade20k(FIXTURES / "ade20k.png")


def test_coco_stuff():
    check_coco_stuff(FIXTURES / "coco_stuff.png")


def test_cityscapes():
    check_cityscapes(FIXTURES / "cityscapes_labelIds.png", FIXTURES / "cityscapes_instanceIds.png")


def test_coco_instances_split_what_has_one_label():
    labels = read_label_map(FIXTURES / "coco_stuff.png", COCO).labels
    instances = read_instances(FIXTURES / "coco_stuff_instances.png")
    assert instances.shape == labels.shape
    assert len(np.unique(instances)) > len(np.unique(labels))


def test_whole_files_of_every_format(shared):
    formats = shared / "data/formats"
    for file in (formats / "ade20k/annotations").glob("*.png"):
        check_ade20k(file)
    coco = list((formats / "coco_stuff/labels").glob("*.png"))
    for file in coco:
        check_coco_stuff(file)
        assert read_instances(formats / "coco_stuff/instances" / file.name).max() <= 255
    streets = list((formats / "cityscapes").glob("*_labelIds.png"))
    for file in streets:
        check_cityscapes(file, file.with_name(file.name.replace("labelIds", "instanceIds")))
    assert (len(coco), len(streets)) == (6, 2)


def test_train_ids_are_told_from_class_values():
    values = np.array([[0, 13, 18], [10, 255, 255]], np.uint8)
    read = read_label_map(encoded(values), CITY)
    assert read.how == "train ids"
    assert [CITY.classes[label].name for label in read.labels.ravel()[:5]] == [
        *("road", "car", "bicycle", "sky", "unlabelled")
    ]
    assert read_label_map(encoded(np.array([[7, 26, 255]], np.uint8)), CITY).how == "dataset values"


def test_train_ids_without_unlabelled_pixels_are_read_as_class_values_but_doubted():
    read = read_label_map(encoded(np.array([[0, 13, 18]], np.uint8)), CITY)
    assert (read.how, read.exact, read.labels.tolist()) == ("dataset values", False, [[0, 13, 18]])
    assert "If these are train ids (0 to 18), it is wrong" in read.message
    for plain, palette in ([[0, 13, 19]], CITY), ([[7, 13, 18]], CITY), ([[0, 13, 18]], ADE):
        read = read_label_map(encoded(np.array(plain, np.uint8)), palette)
        assert read.exact
        assert "train ids" not in read.message


# --- What we save ourselves ---


@pytest.mark.parametrize("name", palette_names())
def test_our_own_maps_come_back_exactly(name, tmp_path):
    palette = load_palette(name)
    labels = np.random.default_rng(0).integers(0, palette.size, (31, 57)).astype(np.uint8)
    file = tmp_path / "map.png"
    for some in (labels, every_class(palette), np.full((2, 3), palette.size - 1, np.uint8), np.zeros((1, 1), np.uint8)):
        save_label_map(file, some, palette)
        read = read_label_map(file, palette)
        assert (read.labels == some).all()
        assert (read.how, read.exact) == ("dataset values", True)
        assert palette_named_in(file) == name
        saved = Image.open(file)
        assert saved.mode == "P"
        assert (np.array(saved) == palette.labels_to_file(some)).all()
        assert (np.array(saved.convert("RGB")) == colour_map(some, palette)).all()


def test_a_map_of_licence_plates_is_not_taken_for_train_ids():
    labels = np.array([[0, 7, 34]], np.uint8)
    buffer = io.BytesIO()
    save_label_map(buffer, labels, CITY)
    assert (read_label_map(buffer.getvalue(), CITY).labels == labels).all()


def test_a_map_opened_with_another_palette():
    buffer = io.BytesIO()
    save_label_map(buffer, np.array([[1, 2]], np.uint8), ADE)
    with pytest.raises(UserError, match=r"painted with ADE20K, not with CMP Facades\. Open it with ADE20K"):
        read_label_map(buffer.getvalue(), FACADES)


def test_a_map_of_a_palette_nobody_knows():
    info = PngInfo()
    info.add_text("spadework:palette", "cells")
    with pytest.raises(UserError, match="painted with the palette “cells”"):
        read_label_map(encoded(np.zeros((2, 2), np.uint8), pnginfo=info), ADE)


def test_what_a_file_says_of_its_palette_is_not_trusted(tmp_path):
    """The name is anyone's: it must not become a path to open, nor move the cursor of a terminal."""
    for name in ("cells", str(tmp_path / "own.json"), "../palettes/ade20k.json", "\x1b[2J\x07oh\n\u202eno"):
        info = PngInfo()
        info.add_itxt("spadework:palette", name)
        data = encoded(np.zeros((2, 2), np.uint8), pnginfo=info)
        assert palette_named_in(data) is None
        with pytest.raises(UserError, match="painted with the palette") as caught:
            read_label_map(data, ADE)
        assert str(caught.value).isprintable()


def test_a_file_name_of_control_characters(tmp_path):
    file = tmp_path / "a\x1b[31m\nb.png"
    file.write_bytes(b"no image")
    for attempt in (lambda: read_photo(file), lambda: save_png(f"{tmp_path}/no\n/c\x07.png", NOISE, {})):
        with pytest.raises(UserError) as caught:
            attempt()
        assert str(caught.value).isprintable()


def test_saving_a_label_outside_the_palette(tmp_path):
    for attempt in (save_label_map, lambda _, labels, palette: colour_map(labels, palette)):
        with pytest.raises(UserError, match=r"Label 13 is outside CMP Facades \(0 to 12\)"):
            attempt(tmp_path / "map.png", np.array([[13]], np.uint8), FACADES)
    assert not list(tmp_path.iterdir())


def test_a_map_whose_colours_another_program_renumbered():
    labels = every_class(ADE)
    buffer = io.BytesIO()
    save_label_map(buffer, labels, ADE)
    order = np.random.default_rng(1).permutation(151)
    renumbered = indexed(np.argsort(order)[labels], ADE.colours[order])
    read = read_label_map(encoded(renumbered), ADE)
    assert read.how == "display colours"
    assert read.exact
    assert (read.labels == labels).all()


# --- Numbers or colours ---


def test_indexed_colours_that_say_nothing_leave_the_indices():
    colours = np.random.default_rng(3).integers(0, 256, (256, 3))
    colours[0] = 0  # as many datasets have it
    read = read_label_map(encoded(indexed([[0, 1, 5, 150]], colours)), ADE)
    assert (read.how, read.labels.tolist()) == ("dataset values", [[150, 0, 4, 149]])


def test_a_grey_ramp_leaves_the_indices_even_where_a_grey_is_a_class():
    ramp = np.arange(256)[:, None].repeat(3, 1)
    read = read_label_map(encoded(indexed([[120, 140]], ramp)), ADE)  # as colours: wall and road
    assert read.labels.tolist() == [[119, 139]]


def test_greys_in_another_order_than_their_indices_are_values():
    values = np.array([[2, 3, 7, 7], [7, 3, 2, 2]], np.uint8)
    renumbered = Image.fromarray(values).convert("RGB").quantize(3, dither=0)
    assert renumbered.mode == "P"
    for data in (encoded(Image.fromarray(values), "GIF"), encoded(renumbered), encoded(renumbered, "GIF")):
        assert np.array(Image.open(io.BytesIO(data))).max() < 7  # other numbers than the greys
        read = read_label_map(data, ADE)
        assert (read.how, read.exact) == ("dataset values", True)
        assert (read.labels == values - 1).all()


def test_indexed_greys_of_the_palette_itself_are_colours():
    read = read_label_map(encoded(indexed([[0, 1, 2]], [[120] * 3, [0] * 3, [230] * 3])), ADE)
    assert (read.how, read.labels.tolist()) == ("standard colours", [[0, 150, 8]])


def test_a_colour_table_that_holds_less_than_the_indices():
    values = np.array([[0, 3, 5, 150]], np.uint8)
    black, paired = np.zeros((256, 3)), (np.arange(256) // 2)[:, None].repeat(3, 1)
    paired[4] = paired[5]
    short = png(4, 1, kind=3, rows=b"\0" + values.tobytes(), before=[(b"PLTE", bytes([9, 9, 9, 80, 2, 1]))])
    some_alike = encoded(indexed([[0, 4, 5, 150]], paired))
    for data, labels in (
        (encoded(indexed(values, black)), [[150, 2, 4, 149]]),
        (short, [[150, 2, 4, 149]]),
        (some_alike, [[150, 3, 4, 149]]),
    ):
        read = read_label_map(data, ADE)
        assert (read.how, read.exact, read.labels.tolist()) == ("dataset values", True, labels)
    with pytest.raises(UserError, match="the value 200"):
        read_label_map(encoded(indexed([[0, 200]], black)), ADE)


def voc_table():
    """The Pascal VOC colours, (256, 3): three bits of the index at a time, from the highest bit of each colour down."""
    table = np.zeros((256, 3), np.uint8)
    for index in range(256):
        for bit in range(8):
            table[index, bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return table


def test_the_pascal_voc_table_leaves_the_indices():
    """COCO-Stuff's standard colours are that table one further, so by colour every class would be the one before."""
    for table in (voc_table(), voc_table()[:182]):
        values = np.array([[0, 1, 22, 92, 181]], np.uint8)
        read = read_label_map(encoded(indexed(values, table)), COCO)
        assert (read.how, read.exact) == ("dataset values", True)
        assert (read.labels == values).all()
    unlabelled = read_label_map(encoded(indexed([[7, 255]], voc_table())), COCO)
    assert unlabelled.labels.tolist() == [[7, COCO.unlabelled]]
    from_one = read_label_map(encoded(indexed([[0, 1, 182]], voc_table())), COCO)  # 182: numbered from 1, 0 is none
    assert (from_one.how, from_one.labels.tolist()) == ("standard colours", [[COCO.unlabelled, 0, 181]])
    with pytest.raises(UserError, match="the value 200"):
        read_label_map(encoded(indexed([[0, 200]], voc_table())), ADE)


def test_two_colours_that_happen_to_begin_the_pascal_voc_table_are_colours():
    read = read_label_map(encoded(indexed([[0, 1]], COCO.standard_colours[[COCO.unlabelled, 0]])), COCO)
    assert read.labels.tolist() == [[COCO.unlabelled, 0]]


def test_indexed_standard_colours_of_other_classes_are_colours():
    """A file may number the classes in another order than ours: here the one in which CMP's paper lists them."""
    order = ["facade", "molding", "cornice", "pillar", "window"]
    colours = [(0, 0, 0), *(FACADES.classes[FACADES.index_of(name)].standard for name in order)]
    read = read_label_map(encoded(indexed([[1, 2, 3, 4, 5]], colours)), FACADES)
    assert (read.how, read.exact) == ("standard colours", True)
    assert [FACADES.classes[label].name for label in read.labels[0]] == order


def test_indices_outside_the_palette_leave_the_colours():
    colours = np.zeros((256, 3))
    colours[[200, 201]] = ADE.standard_colours[[2, 4]]
    read = read_label_map(encoded(indexed([[200, 201]], colours)), ADE)
    assert (read.how, read.labels.tolist()) == ("standard colours", [[2, 4]])


def test_a_gif_is_read_by_its_colours():
    labels = every_class(FACADES)
    read = read_label_map(encoded(Image.fromarray(FACADES.colours[labels]), "GIF"), FACADES)
    assert (read.how, read.exact) == ("display colours", True)
    assert (read.labels == labels).all()


def test_grey_pixels_saved_as_rgb_are_values():
    values = np.array([[0, 3, 5], [7, 10, 150]], np.uint8)
    read = read_label_map(encoded(values[..., None].repeat(3, 2)), ADE)
    assert (read.how, read.labels.tolist()) == ("dataset values", [[150, 2, 4], [6, 9, 149]])


def test_the_greys_of_the_palette_itself_are_colours():
    greys = np.array([[0, 120, 230]], np.uint8)[..., None].repeat(3, 2)  # unlabelled, wall, windowpane
    assert read_label_map(encoded(greys), ADE).labels.tolist() == [[150, 0, 8]]


def test_few_bits_hold_the_numbers_themselves():
    assert read_label_map(png(4, 1, depth=1, rows=b"\0\xa0"), ADE).labels.tolist() == [[0, 150, 0, 150]]
    assert read_label_map(png(4, 1, depth=2, rows=b"\0\x1b"), ADE).labels.tolist() == [[150, 0, 1, 2]]
    assert read_label_map(png(2, 1, depth=4, rows=b"\0\x9f"), ADE).labels.tolist() == [[8, 14]]


def test_16_bits_hold_values():
    values = np.array([[0, 1, 150]], np.uint16)
    assert read_label_map(encoded(values), ADE).labels.tolist() == [[150, 0, 149]]
    assert read_label_map(encoded(values, "TIFF"), ADE).labels.tolist() == [[150, 0, 149]]


# --- By colour ---


@pytest.mark.parametrize("name", palette_names())
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_a_colour_coded_map(name, kind):
    palette = load_palette(name)
    labels = every_class(palette)
    read = read_label_map(encoded(colour_map(labels, palette), kind, lossless=True), palette)
    assert (read.how, read.exact, read.snapped) == ("display colours", True, 0)
    assert (read.labels == labels).all()


def test_standard_colours_and_who_shares_them():
    labels = np.array([[ADE.index_of(name) for name in ("road", "skyscraper", "sky", "sky")]], np.uint8)
    read = read_label_map(encoded(ADE.standard_colours[labels]), ADE)
    assert (read.how, read.exact, read.snapped) == ("standard colours", False, 0)
    assert read.labels.tolist() == [[6, 6, 2, 2]]
    assert read.ambiguous == (Ambiguity((140, 140, 140), (6, 48), 2, 6, shared=True),)
    assert "2 pixels could be road or skyscraper" in read.message


def test_black_in_cityscapes_is_unlabelled_and_car_blue_a_car():
    labels = np.array([[3, 26, 34, 23]], np.uint8)
    read = read_label_map(encoded(CITY.standard_colours[labels]), CITY)
    assert read.labels.tolist() == [[0, 26, 26, 23]]
    guessed = {each.candidates: each.pixels for each in read.ambiguous}
    assert guessed[26, 34] == 2
    assert any(CITY.index_of("out of roi") in each and pixels == 1 for each, pixels in guessed.items())


def test_a_shared_colour_is_unlabelled_rather_than_the_first():
    names = ["leaf", "stem", "nothing"]
    classes = [{"index": i, "name": name, "colour": [0, 99 * (i == 1), 0]} for i, name in enumerate(names)]
    palette = palette_from({"name": "plants", "unlabelled": 2, "classes": classes}, "plants")
    read = read_label_map(encoded(palette.colours[[[0, 1, 2]]]), palette)
    assert read.labels.tolist() == [[2, 1, 2]]
    assert read.ambiguous == (Ambiguity((0, 0, 0), (0, 2), 2, 2, shared=True),)


def test_other_colours_take_the_nearest_and_are_counted():
    labels = every_class(FACADES)
    pixels = colour_map(labels, FACADES).astype(int)
    pixels[3:5, 7] += np.where(pixels[3:5, 7] > 128, -4, 4)
    read = read_label_map(encoded(pixels.astype(np.uint8)), FACADES)
    assert (read.how, read.exact, read.snapped) == ("display colours", False, 2)
    assert (read.labels == labels).all()
    assert "2 pixels had other colours" in read.message
    assert "photo" not in read.message


def test_nearest_is_nearest_to_the_eye():
    """(0, 90, 0) is nearer to black in RGB, but looks far more like the green."""
    colours = {"nothing": [0, 0, 0], "leaf": [0, 190, 0]}
    classes = [{"index": i, "name": name, "colour": colour} for i, (name, colour) in enumerate(colours.items())]
    palette = palette_from({"name": "two", "unlabelled": 0, "classes": classes}, "two")
    assert read_label_map(encoded(np.array([[[0, 90, 0]]], np.uint8)), palette).labels.tolist() == [[1]]


def test_a_jpeg_map_is_snapped():
    labels = FACADES.unlabelled + np.array([[1, 5], [9, 12]], np.uint8).repeat(32, 0).repeat(32, 1)
    read = read_label_map(encoded(colour_map(labels, FACADES), "JPEG", quality=90), FACADES)
    assert not read.exact
    assert read.snapped > 0
    assert (read.labels == labels).mean() > 0.95
    assert "photo" not in read.message


def test_a_photo_is_read_but_doubted():
    hue = np.linspace(0, 1, 64)[None, :, None] * np.array([40, 60, 90])  # soft and dull, as most photos are
    photo = (hue + np.linspace(60, 150, 48)[:, None, None]).astype(np.uint8)
    read = read_label_map(encoded(photo, "JPEG"), ADE)
    assert not read.exact
    assert "check that this is a label map of ADE20K and not a photo" in read.message


def test_a_grey_jpeg_map_is_refused():
    with pytest.raises(UserError, match=r"grey JPEG.*Save it as a PNG"):
        read_label_map(encoded(np.zeros((8, 8), np.uint8), "JPEG"), ADE)


def test_transparent_is_unlabelled_whatever_is_under_it():
    labels = np.array([[2, 2, 4, 4, 4]], np.uint8)
    pixels = np.dstack([colour_map(labels, ADE), np.array([[255, 0, 255, 200, 100]], np.uint8)])
    pixels[0, 1, :3] = 99  # hidden, so neither snapped nor asked
    read = read_label_map(encoded(pixels), ADE)
    assert read.labels.tolist() == [[2, 150, 4, 4, 150]]
    assert (read.how, read.snapped, read.exact) == ("display colours", 0, False)
    assert "2 transparent pixels" in read.message
    assert "2 pixels were half transparent" in read.message


def test_transparent_grey_and_indexed_maps():
    grey = Image.merge(
        "LA", [Image.fromarray(np.array([[3, 200]], np.uint8)), Image.fromarray(np.array([[255, 0]], np.uint8))]
    )
    assert read_label_map(encoded(grey), ADE).labels.tolist() == [[2, 150]]  # 200 is hidden, and no class
    image = indexed([[1, 2]], ADE.colours[[0, 2, 4]])
    assert read_label_map(encoded(image, transparency=1), ADE).labels.tolist() == [[150, 4]]


def test_a_map_that_is_transparent_everywhere():
    with pytest.raises(UserError, match="transparent everywhere"):
        read_label_map(encoded(np.zeros((4, 4, 4), np.uint8)), ADE)


def test_a_large_map_of_many_colours_takes_seconds_not_minutes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 151, (8, 8)).repeat(64, 0).repeat(64, 1).astype(np.uint8)
    noisy = colour_map(labels, ADE).astype(int) + rng.integers(-3, 4, (512, 512, 3))
    read = read_label_map(encoded(noisy.clip(0, 255).astype(np.uint8), compress_level=1), ADE)
    assert (read.labels == labels).mean() > 0.99


def test_a_large_map_needs_few_bytes_a_pixel():
    labels = np.random.default_rng(0).integers(0, 151, (30, 30)).repeat(100, 0).repeat(100, 1).astype(np.uint8)
    data = encoded(np.dstack([colour_map(labels, ADE), np.full_like(labels, 255)]), compress_level=1)
    tracemalloc.start()
    read = read_label_map(data, ADE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read.labels == labels).all()
    assert peak < 12 * labels.size + 100_000_000  # the second: tables and blocks of fixed size


# --- Values outside the palette ---


def test_values_outside_the_palette_are_named_with_count_bound_and_remedy(tmp_path):
    file = tmp_path / "street.png"
    file.write_bytes(encoded(np.array([[160, 160, 151, 3]], np.uint8)))
    expected = r"street\.png holds values 151, 160 \(3 pixels\), outside ADE20K \(0 to 150\)\. It fits COCO-Stuff"
    with pytest.raises(UserError, match=expected):
        read_label_map(file, ADE)


def test_a_value_that_several_palettes_or_none_have():
    with pytest.raises(
        UserError, match=r"the value 20 \(1 pixel\), outside CMP Facades \(0 to 12\)\. Open it with its own"
    ):
        read_label_map(encoded(np.array([[20]], np.uint8)), FACADES)
    with pytest.raises(
        UserError, match=r"the value 200 .*outside COCO-Stuff \(0 to 181 and 255\)\. Open it with its own"
    ):
        read_label_map(encoded(np.array([[200]], np.uint8)), COCO)
    with pytest.raises(UserError, match=r"values 200, 201, 202, 203, 204 … \(10 pixels\)"):
        read_label_map(encoded(np.arange(200, 210, dtype=np.uint8)[None]), ADE)


def test_instances_of_another_dataset():
    with pytest.raises(UserError, match=r"the value 26001 .*outside ADE20K"):
        read_label_map(encoded(np.array([[3, 26001]], np.uint16)), ADE)
    with pytest.raises(UserError, match=r"the value 40000 \(1 pixel\), outside ADE20K .*Open it with its own"):
        read_label_map(encoded(np.array([[3, 40000]], np.uint16)), ADE)  # 40 of COCO-Stuff by the instance rule alone
    with pytest.raises(UserError, match=r"the value 50000 .*outside Cityscapes \(0 to 33 and 255\)"):
        read_label_map(encoded(np.array([[3, 50000]], np.uint16)), CITY)


def test_numbers_below_zero_and_decimals():
    with pytest.raises(UserError, match="the value -1"):
        read_label_map(encoded(np.array([[-1, 3]], np.int32), "TIFF"), CITY)
    with pytest.raises(UserError, match="32-bit float"):
        read_label_map(encoded(np.zeros((2, 2), np.float32), "TIFF"), ADE)


def test_instances_in_colour():
    with pytest.raises(UserError, match=r"in colour \(RGB\)"):
        read_instances(encoded(np.zeros((2, 2, 3), np.uint8)))


# --- Hostile input ---

READERS = {
    "label map": lambda source: read_label_map(source, ADE),
    "palette": palette_named_in,
    "instances": read_instances,
    "photo": read_photo,
    "photo file": read_photo_file,
    "region": read_region,
    "request": read_request,
}
BROKEN = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"label,colour\n1,red\n", "can't be read as an image"),
    "signature alone": (b"\x89PNG\r\n\x1a\n", "can't be read"),
    "cut short": (encoded(NOISE)[:-3000], "can't be read"),
    "JPEG cut short": (encoded(NOISE, "JPEG")[:-1000], "can't be read"),
    "50,000 a side": (png(50_000, 50_000), r"2,500,000,000 pixels, more than 64,000,000"),
    "too many pixels": (png(9_000, 9_000), r"9000 × 9000 pixels, more than 64,000,000"),
    "too long": (png(20_000, 10), r"20000 × 10, more than 16,384 on a side"),
    "no width": (png(0, 10), "can't be read"),
    "no pixels": (png(10, 10), "can't be read"),
    "damaged pixels": (png(10, 10)[:-20] + b"\0" * 20, "can't be read"),
    "text bomb": (
        png(2, 2, rows=b"\0\1\1" * 2, before=[(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 3_000_000))]),
        "can't be read",
    ),
    "moving": (
        encoded(
            Image.new("L", (4, 4)),
            "GIF",
            save_all=True,
            append_images=[Image.new("L", (4, 4), grey) for grey in (9, 99)],
        ),
        "holds 3 frames",
    ),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC photo.*Export it as JPEG or PNG"),
    "a format we leave out": (b"P6 1 1 255\n\1\2\3", "can't be read.*Save it again as PNG"),
    "vector": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "can't be read"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.filterwarnings("error")  # a warning of Pillow's must not escape either
def test_broken_files(reader, case, tmp_path):
    data, text = BROKEN[case]
    file = tmp_path / "upload.png"
    file.write_bytes(data)
    with pytest.raises(UserError, match=text) as caught:
        READERS[reader](file)
    assert str(caught.value).startswith("upload.png ")
    with pytest.raises(UserError, match=text):
        READERS[reader](data)


@pytest.mark.parametrize("reader", READERS)
def test_paths_that_are_no_files(reader, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, text in [
        (tmp_path, "is a folder"),
        (tmp_path / "gone.png", r"gone\.png can't be opened: No such file"),
        (tmp_path / "pipe", "pipe is not a plain file"),
        ("a\0b", "not a path"),
        ("x" * 5000, "can't be opened"),
    ]:
        with pytest.raises(UserError, match=text):
            READERS[reader](path)


def test_a_file_of_too_many_bytes(tmp_path):
    file = tmp_path / "huge.png"
    with file.open("wb") as out:
        out.truncate(images.MAX_FILE_BYTES + 2**20)  # a hole: no bytes on disk
    with pytest.raises(UserError, match=r"huge\.png is 65\.0 MiB, more than 64 MiB"):
        read_photo(file)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow about broken TIFF and EXIF tags
def test_every_way_to_damage_a_file_is_a_user_error():
    """Bytes changed and cut at random: an image or a UserError, nothing else."""
    rng = np.random.default_rng(7)
    small = NOISE[:12, :12]
    files = [encoded(small, kind) for kind in images.FORMATS if kind != "PSD"]
    files += [psd(small), layered(small), encoded(indexed(small[..., 0] % 9, NOISE[0, :9]))]
    errors = 0
    for _ in range(15):
        for data in files:
            damaged = bytearray(data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data)
            for position in rng.integers(0, len(damaged), 4):
                damaged[position] = rng.integers(0, 256)
            for reader in (READERS["photo"], READERS["label map"]):
                try:
                    reader(bytes(damaged))
                except UserError:
                    errors += 1
    assert errors > 40


# --- Photos and regions ---


def test_a_photo_as_it_is():
    assert (read_photo(encoded(NOISE)) == NOISE).all()
    assert read_photo(encoded(NOISE)).dtype == np.uint8


def test_a_photo_from_a_phone_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    assert (read_photo(encoded(NOISE[:, :40], exif=exif)) == np.rot90(NOISE[:, :40], -1)).all()


def test_a_phone_photo_with_a_preview_behind_it_is_its_first_picture():
    photo, preview = Image.fromarray(NOISE), Image.new("RGB", (8, 8))
    data = encoded(photo, "MPO", save_all=True, append_images=[preview], quality=100)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert read_photo(data).shape == NOISE.shape


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_leaves_the_photo():
    assert (read_photo(encoded(NOISE, exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")) == NOISE).all()


def test_16_bit_grey_is_scaled():
    grey = np.array([[0, 256 * 100, 65535]], np.uint16)
    assert read_photo(encoded(grey))[..., 0].tolist() == [[0, 100, 255]]


def test_32_bits_a_channel_are_refused():
    for kind in (np.int32, np.float32):
        with pytest.raises(UserError, match="32 bits a channel"):
            read_photo(encoded(np.zeros((2, 2), kind), "TIFF"))


def test_cmyk_is_converted():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = read_photo(encoded(cyan, "JPEG", quality=95))[4, 4]
    assert red < 30
    assert green > 200
    assert blue > 200


def test_transparency_is_laid_on_white():
    pixels = np.array([[[200, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    assert read_photo(encoded(pixels)).tolist() == [[[200, 0, 0], [255, 255, 255], [127, 127, 127]]]
    assert read_photo(encoded(indexed([[0, 1]], [(9, 9, 9), (5, 5, 5)]), transparency=0)).tolist() == [
        [[255] * 3, [5] * 3]
    ]


def test_a_colour_profile_is_converted_and_a_broken_one_ignored():
    photo = np.full((8, 8, 3), 100, np.uint8)
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()  # not of RGB: unusable here
    assert (read_photo(encoded(photo, icc_profile=b"nonsense")) == photo).all()
    assert (read_photo(encoded(photo, icc_profile=linear)) == photo).all()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(read_photo(encoded(NOISE, icc_profile=srgb)).astype(int) - NOISE).max() <= 1
    swapped = red_and_blue_swapped(srgb)
    red = np.full((8, 8, 3), (250, 0, 0), np.uint8)
    assert read_photo(encoded(red, icc_profile=swapped))[0, 0].argmax() == 2


def test_what_is_not_as_in_the_file_is_remarked():
    deep = png(2, 1, depth=16, kind=2, rows=b"\0" + bytes(range(12)))
    assert read_photo_file(deep).remark == "Its 16 bits a channel became 8."
    assert read_photo_file(deep).pixels.tolist() == [[[0, 2, 4], [6, 8, 10]]]
    for kind in ("PNG", "TIFF"):
        assert read_photo_file(encoded(np.zeros((2, 2), np.uint16), kind)).remark == "Its 16 bits a channel became 8."
    assert read_photo_file(encoded(Image.new("CMYK", (8, 8)), "JPEG")).remark == "Its colours (CMYK) became sRGB."
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"):
        assert read_photo_file(encoded(NOISE, kind)).remark == ""


def test_the_values_of_a_camera_jpeg_are_those_in_its_file(shared):
    file = shared / "data/formats/coco_stuff/images/000000000785.jpg"
    photo = read_photo_file(file)
    assert (photo.pixels == np.asarray(Image.open(file).convert("RGB"))).all()
    assert photo.profile == Image.open(file).info["icc_profile"]


@pytest.mark.filterwarnings("error")
def test_photo_files_of_other_modes():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colours = [(9, 8, 7), (5, 6, 4)]
    palette = read_photo_file(encoded(indexed([[0, 1]], colours), transparency=b"\0\x64", icc_profile=srgb))
    assert (palette.pixels.tolist(), palette.alpha.tolist()) == ([[[9, 8, 7], [5, 6, 4]]], [[0, 100]])
    assert palette.profile == srgb
    grey = read_photo_file(encoded(np.array([[3, 200]], np.uint8), icc_profile=b"of grey"))
    assert (grey.pixels.tolist(), grey.profile) == ([[[3] * 3, [200] * 3]], None)
    deep = encoded(np.array([[0, 256 * 100, 65535]], np.uint16))
    assert (read_photo_file(deep).pixels == read_photo(deep)).all()
    cyan = encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", icc_profile=b"of ink")
    assert (read_photo_file(cyan).pixels == read_photo(cyan)).all()
    assert read_photo_file(cyan).profile is None
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.dstack([NOISE, NOISE[..., 0]])[:, :40]
    turned = read_photo_file(encoded(pixels, exif=exif))
    assert (np.dstack([turned.pixels, turned.alpha]) == np.rot90(pixels, -1)).all()


def test_a_profile_too_large_for_a_png_is_converted():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    huge = encoded(NOISE, "TIFF", icc_profile=red_and_blue_swapped(srgb) + bytes(2**20))
    assert (read_photo_file(huge).pixels == read_photo(huge)).all()
    assert read_photo_file(huge).profile is None


def test_a_region_is_white_or_opaque():
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    expected = [[False, False, True, True]]
    assert read_region(encoded(grey)).tolist() == expected
    assert read_region(encoded(grey)).dtype == bool
    assert read_region(encoded(grey[..., None].repeat(3, 2))).tolist() == expected
    assert read_region(encoded(grey > 127)).tolist() == expected
    assert read_region(encoded(grey.astype(np.uint16) * 256)).tolist() == expected
    by_alpha = np.dstack([np.zeros((1, 4, 3), np.uint8), grey])
    assert read_region(encoded(by_alpha)).tolist() == expected
    opaque = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    assert read_region(encoded(opaque)).tolist() == expected


# --- What made a picture ---


@pytest.mark.parametrize("text", [None, "{", "[1]", "null", "[" * 100_000])
def test_a_picture_without_a_request(text):
    info = PngInfo()
    if text:
        info.add_text("spadework", text)
    assert read_request(encoded(NOISE, pnginfo=info)) is None
    assert read_request(encoded(NOISE, "JPEG")) is None


def test_the_a_of_lab_is_a_colour_and_no_opacity(tmp_path):
    stored = Image.merge("LAB", [Image.new("L", (6, 4), value) for value in (200, 30, 128)])
    stored.save(tmp_path / "photo.tif")
    assert read_photo_file(tmp_path / "photo.tif").alpha is None
