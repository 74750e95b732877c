"""The data of a training run: where sets keep their files, what is checked, what stays in memory, what is cut out."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from models import TINY
from PIL import Image

from engine.condition import instance_edges
from engine.label_files import save_label_map
from engine.palette import load_palette, palette_from
from engine.training.check import UnusableError, census_table, check, remembered
from engine.training.crops import as_published, centred, ours, picture_size, resized_as_published
from engine.training.data import AHEAD, Ahead, Sampler
from engine.training.layouts import PARTS, find_held_out, find_listing, find_pairs
from engine.training.pairs import Pair, read_pair
from engine.training.recipe import Recipe
from engine.training.store import Store
from engine.training.trainer import condition_maps
from engine.types import UserError

FACADES, FACES, CITY = (load_palette(name) for name in ("facades", "celebamask_hq", "cityscapes"))
RNG = np.random.default_rng(0)


def picture(path: Path, values: np.ndarray | None = None, size: tuple[int, int] = (12, 16)) -> None:
    """A file holding `values`, or noise of (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 255, (*size, 3), np.uint8) if values is None else values).save(path)


def greys(value: int, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return np.full(size, value, np.uint8)


def store(folder: Path, palette=FACADES, short_side: int | None = None, limit: int = 10**9) -> Store:
    return Store(find_pairs(folder, "train"), palette, short_side, limit)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three pairs of one's own: classes 1, 5 and 6."""
    for name, value in zip("abc", (1, 5, 6), strict=True):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "labels" / f"{name}.png", greys(value))
    return tmp_path


# --- Layouts ---


@pytest.mark.parametrize(
    ("layout", "photo", "labels", "numbers", "name"),
    [
        ("images/ and labels/", "images/a.jpg", "labels/a.png", "instances/a.png", "a"),
        ("images/ and labels/", "train/images/deep/a.webp", "train/labels/deep/a.png", None, "deep/a"),
        ("images/ and labels/", "images/train/a.jpg", "labels/train/a.png", None, "a"),
        ("images/ and annotations/", "images/train/a.jpg", "annotations/train/a.png", None, "a"),
        ("ADE20K", "images/training/ADE_1.jpg", "annotations/training/ADE_1.png", None, "ADE_1"),
        (
            "Cityscapes",
            "leftImg8bit/train/ulm/ulm_0_leftImg8bit.png",
            "gtFine/train/ulm/ulm_0_gtFine_labelIds.png",
            "gtFine/train/ulm/ulm_0_gtFine_instanceIds.png",
            "ulm/ulm_0",
        ),
        ("COCO-Stuff", "train_img/01.jpg", "train_label/01.png", "train_inst/01.png", "01"),
        ("COCO-Stuff", "images/train2017/01.jpg", "annotations/train2017/01.png", None, "01"),
        ("CelebAMask-HQ", "CelebA-HQ-img/7.jpg", "CelebAMask-HQ-mask/7.png", None, "7"),
    ],
)
def test_a_layout_is_known_by_its_folders(tmp_path, layout, photo, labels, numbers, name):
    for file in (photo, labels, numbers):
        if file:
            picture(tmp_path / file)
    picture(tmp_path / Path(photo).parent / "._a.jpg")  # what a Mac leaves on a foreign disk
    listing = find_pairs(tmp_path, "train")
    (entry,) = listing.entries
    assert (listing.layout, entry.name) == (layout, name)
    assert (entry.photo, entry.labels) == (tmp_path / photo, (tmp_path / labels,))
    assert entry.instances == (tmp_path / numbers if numbers else None)
    assert (listing.alone, listing.unused) == ((), ())


def test_validation_pairs_are_the_other_split_and_never_the_training_s(tmp_path):
    for split in ("training", "validation"):
        picture(tmp_path / f"images/{split}/{split}.jpg")
        picture(tmp_path / f"annotations/{split}/{split}.png")
    assert [entry.name for entry in find_pairs(tmp_path, "train").entries] == ["training"]
    assert [entry.name for entry in find_held_out(tmp_path).entries] == ["validation"]
    assert find_pairs(tmp_path, "train").name == f"{tmp_path.name}/images"
    flat = tmp_path / "flat"
    picture(flat / "images/a.jpg")
    picture(flat / "labels/a.png")
    assert find_held_out(flat) is None
    assert find_listing(flat, "val").entries[0].name == "a"


def test_faces_are_put_together_of_their_parts(tmp_path):
    """As the data set's own program does it: in PARTS' order, class by class, later over earlier."""
    masks = {part: RNG.random((16, 16)) < 0.2 for part in PARTS}
    for number, part in enumerate(PARTS):
        mask = np.repeat(masks[part].astype(np.uint8)[..., None] * 255, 3, axis=2)
        picture(tmp_path / "CelebAMask-HQ-mask-anno" / str(number % 3) / f"00012_{part}.png", mask)
    picture(tmp_path / "CelebA-HQ-img" / "12.jpg", size=(32, 32))
    (entry,) = find_pairs(tmp_path, "train").entries
    expected = np.zeros((16, 16), np.uint8)
    for index, part in enumerate(PARTS, start=1):
        expected[masks[part]] = index
    found = read_pair(entry, FACES, scaled=True).pair.labels
    assert (found == expected.repeat(2, axis=0).repeat(2, axis=1)).all()  # masks have half the photos' size
    picture(tmp_path / "CelebAMask-HQ-mask-anno" / "0" / "00012_horn.png", greys(255, (16, 16)))
    with pytest.raises(UserError, match="horn"):
        check(store(tmp_path, FACES))


def test_the_data_sets_own_files_are_read(shared, tmp_path):
    formats = shared / "data" / "formats"
    ade = check(store(formats / "ade20k", load_palette("ade20k")))
    assert (ade.pairs, ade.warnings) == (1, ())
    coco = store(formats / "coco_stuff", load_palette("coco_stuff"))
    assert check(coco).pairs == 6
    assert all(pair.instances is not None and pair.instances.any() for pair in coco)
    for file in (formats / "cityscapes").iterdir():
        target = tmp_path / "gtFine" / "train" / "aachen" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file)
        if file.stem.endswith("_labelIds"):
            name = file.name.replace("gtFine_labelIds", "leftImg8bit")
            picture(tmp_path / "leftImg8bit" / "train" / "aachen" / name, greys(90, Image.open(file).size[::-1]))
    city = store(tmp_path, CITY, short_side=64)
    assert check(city).pairs == 2
    numbers = city[0].instances
    assert numbers.shape == (64, 128)
    assert numbers.max() >= 24_000  # class 24 to 33 times 1000, plus the object's number
    assert (numbers[numbers >= 1000] // 1000 == city[0].labels[numbers >= 1000]).all()


# --- The check ---


def test_all_that_is_wrong_is_told_at_once(folder):
    picture(folder / "labels" / "a.png", greys(1, (9, 16)))
    picture(folder / "labels" / "b.png", greys(77))
    (folder / "labels" / "c.png").unlink()
    picture(folder / "images" / "d.png")
    picture(folder / "labels" / "d.png", greys(3))
    (folder / "images" / "d.png").write_bytes((folder / "images" / "d.png").read_bytes()[:200])
    with pytest.raises(UnusableError) as caught:
        check(store(folder))
    assert caught.value.summary.endswith("can't be learnt from: 1 photo has no label map, 3 of 3 pairs can't be used.")
    for said in (str(caught.value), " ".join(caught.value.lines)):
        assert f"{Path('images/c.png')} has no label map of the same name." in said
        assert "a.png is 16 x 12 px, its map a.png 16 x 9" in said
        assert "b.png holds the value 77" in said
        assert "d.png can't be read" in said


def test_every_file_that_is_wrong_has_a_line_of_its_own(folder):
    """The message itself names a few of each kind; a newcomer who mends those must not find the next ones then."""
    for i in range(9):
        picture(folder / "images" / "far off" / f"n{i}.png")
        picture(folder / "labels" / "far off" / f"n{i}.png", greys(99))
    with pytest.raises(UnusableError) as caught:
        check(store(folder))
    assert [line.partition(" holds")[0] for line in caught.value.lines] == [f"far off/: n{i}.png" for i in range(9)]
    assert "n2.png" in str(caught.value)
    assert "n3.png" not in str(caught.value)
    assert str(caught.value).endswith("… and 6 more.")


def test_what_other_systems_leave_beside_pictures_is_no_photo(folder):
    for name in (".DS_Store", "Thumbs.db", "._a.png", ".thumbs/x.jpg", "@eaDir/a.png/SYNO.jpg", "__MACOSX/x.png"):
        for kind in ("images", "labels"):
            (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / kind / name).write_bytes(b"left behind")
    found = check(store(folder))
    assert (found.pairs, found.warnings) == (3, ())


def test_of_files_with_one_name_one_is_taken_and_the_others_are_told(folder):
    for extra in ("images/a.JPG", "labels/b.TIF"):
        picture(folder / extra)
    listing = find_pairs(folder, "train")
    assert [(e.photo.name, e.labels[0].name) for e in listing.entries] == [(f"{n}.png", f"{n}.png") for n in "abc"]
    assert check(store(folder)).warnings == ("2 files share names and are left out: a.JPG, b.TIF.",)


def test_faces_are_pictures_and_one_of_each_name(tmp_path):
    for photo in ("12.jpg", "12.png"):
        picture(tmp_path / "CelebA-HQ-img" / photo)
    for left in ("CelebA-HQ-img/13.txt", "CelebAMask-HQ-mask-anno/.trash/00012_nose.png"):
        (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / left).write_bytes(b"left behind")
    picture(tmp_path / "CelebAMask-HQ-mask-anno/0/00012_hair.png", greys(255))
    listing = find_pairs(tmp_path, "train")
    assert [(e.photo.name, e.masks) for e in listing.entries] == [("12.png", ("hair",))]
    assert listing.alone == ()


def test_maps_of_other_names_are_told_where_photos_lack_theirs(folder):
    (folder / "labels" / "a.png").rename(folder / "labels" / "a_mask.png")
    with pytest.raises(UnusableError) as caught:
        check(store(folder))
    for said in (str(caught.value), " ".join(caught.value.lines)):
        assert "Maps of other names are there: a_mask.png. Name each as its photo." in said


def test_objects_that_only_some_photos_lack_are_told(folder):
    for name in "ab":
        picture(folder / "instances" / f"{name}.png", greys(1))
    found = check(store(folder, CITY))
    assert found.warnings == (
        "1 of 3 photos have no map of their objects, so connected areas count as objects there: c.png.",
    )
    picture(folder / "instances" / "c.png", greys(1))
    assert check(store(folder, CITY)).warnings == ()


@pytest.mark.parametrize("folders", ["images/{} annotations/{}", "images/{}2017 annotations/{}2017", "{}_img {}_label"])
def test_what_is_said_of_a_split_names_it(tmp_path, folders):
    photos, maps = folders.split()
    for split in ("train", "val"):
        picture(tmp_path / photos.format(split) / "a.jpg")
        picture(tmp_path / maps.format(split) / "a.png", greys(99))
    for listing, split in ((find_pairs(tmp_path, "train"), "train"), (find_held_out(tmp_path), "val")):
        with pytest.raises(UnusableError) as caught:
            check(Store(listing, FACADES, None, 0))
        assert caught.value.summary.startswith(f"{tmp_path / photos.format(split)} can't be learnt from")


def test_a_folder_that_is_none_is_told(folder):
    for given, said in (("gone", "gone does not exist"), ("images/a.png", "is a file, not a folder")):
        with pytest.raises(UserError, match=said):
            find_pairs(folder / given, "train")


def test_a_link_that_leads_nowhere_is_named(folder, tmp_path):
    (folder / "images" / "d.png").symlink_to(folder / "gone.png")
    picture(folder / "labels" / "d.png", greys(1))
    with pytest.raises(UnusableError, match=r"d\.png can't be opened"):
        remembered(store(folder), tmp_path / "data.json")


def test_a_photo_that_its_exif_turns_says_so(folder):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (16, 12)).save(folder / "images" / "a.png", exif=turned)
    with pytest.raises(UserError, match=r"a\.png is 12 x 16 px, its map a\.png 16 x 12.*EXIF may turn it"):
        check(store(folder))


def test_a_check_counts_classes_and_warns_of_maps_that_nobody_uses(folder):
    both = greys(1)
    both[:, :4] = 5
    picture(folder / "labels" / "a.png", both)
    picture(folder / "labels" / "z.png", greys(2))
    found = check(store(folder))
    assert found.pixels.sum() == 3 * 12 * 16
    assert (found.maps[1], found.maps[5], found.maps[6], found.maps[2]) == (1, 2, 1, 0)
    assert found.shares[5] == pytest.approx((4 / 16 + 1) / 3)
    assert found.warnings == ("1 label map has no photo and is left out: z.png.",)
    table = census_table(found, FACADES).splitlines()
    assert [line.split()[0] for line in table[:3]] == [FACADES.classes[i].name for i in (5, 6, 1)]
    assert table[-1] == "10 of 13 classes never occur."


def test_a_palette_of_one_s_own_is_enough(tmp_path):
    document = {
        "name": "mine",
        "unlabelled": 0,
        "classes": [
            {"index": 0, "name": "nothing", "colour": [0, 0, 0]},
            {"index": 1, "name": "moss", "colour": [0, 90, 0], "file_value": 200},
        ],
    }
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "labels" / "a.png", greys(200))
    assert check(store(tmp_path, palette_from(document, "mine.json"))).shares.tolist() == [0, 1]


def test_a_check_is_remembered_until_a_file_changes(folder, tmp_path):
    file, looked = tmp_path / "data.json", []
    first = remembered(store(folder), file, lambda done, pairs: looked.append(done))
    again = remembered(store(folder), file, lambda done, pairs: looked.append(done))
    assert looked == [1, 2, 3]
    assert again.to_dict() == first.to_dict()
    os.utime(folder / "labels" / "b.png", (1, 1))
    remembered(store(folder), file, lambda done, pairs: looked.append(done))
    assert len(looked) == 6
    file.write_text(json.dumps({"fingerprint": "x"}))
    assert remembered(store(folder), file).to_dict() == first.to_dict()


# --- Memory ---


def test_a_store_holds_what_its_limit_allows_and_reads_the_rest_anew(folder, monkeypatch):
    one = store(folder)[0].bytes
    limited = store(folder, limit=2 * one)
    for index in range(3):  # `check` does so on several threads, in no order
        limited.first(index)
    assert sorted(limited.held) == [0, 1]
    read, files = [], limited.read
    monkeypatch.setattr(limited, "read", lambda index: read.append(index) or files(index))
    assert [pair.name for pair in limited] == ["a", "b", "c"]
    assert [pair.name for pair in limited[1:]] == ["b", "c"]
    assert read == [2, 2]
    assert limited[-1].name == "c"
    assert limited.bytes <= 2 * one


def test_pairs_are_held_no_larger_than_training_looks_at_them(folder):
    small = store(folder, short_side=6)
    assert small[0].photo.shape == (6, 8, 3)
    assert small[0].labels.shape == (6, 8)


# --- Crops ---


def gradient(height: int, width: int) -> Pair:
    """Every pixel tells where it is: photo, labels and instances."""
    rows, columns = np.mgrid[:height, :width]
    photo = np.stack([rows * 255 // height, columns * 255 // width, 0 * rows], axis=-1).astype(np.uint8)
    return Pair("g", photo, (rows * 8 // height).astype(np.uint8), instances=(columns // 4).astype(np.uint16))


class Recorded:
    """A generator that notes what it has drawn."""

    def __init__(self, seed: int) -> None:
        self.rng, self.drawn = np.random.default_rng(seed), []

    def integers(self, *bounds: int) -> int:
        self.drawn.append(int(self.rng.integers(*bounds)))
        return self.drawn[-1]


@pytest.mark.parametrize("shape", [(40, 60), (75, 33), (200, 300)])
def test_published_crops_are_the_published_program_s(shape):
    """The slow way, in Pillow alone and whole pictures, given the same three random numbers."""
    pair, rng = gradient(*shape), Recorded(1)
    crop = as_published(pair, (16, 16), rng)
    short, top, left = rng.drawn
    assert 16 <= short <= 20
    photo = Image.fromarray(pair.photo)
    while min(photo.size) >= 2 * short:
        photo = photo.resize(tuple(side // 2 for side in photo.size), Image.Resampling.BOX)
    scale = short / min(photo.size)
    photo = photo.resize(tuple(round(side * scale) for side in photo.size), Image.Resampling.BICUBIC)
    box = (left, top, left + 16, top + 16)
    assert (crop.photo == np.asarray(photo.crop(box))).all()
    for found, whole in ((crop.labels, pair.labels), (crop.instances, pair.instances)):
        nearest = Image.fromarray(whole).resize(photo.size, Image.Resampling.NEAREST)
        assert (found == np.asarray(nearest.crop(box))).all()


def test_published_crops_of_wide_pictures_are_the_whole_photo():
    pair = gradient(64, 128)
    crop = as_published(pair, (16, 32), np.random.default_rng(0))
    assert (crop.photo == resized_as_published(pair.photo, 16, 32)).all()
    assert crop.labels.shape == crop.instances.shape == (16, 32)
    narrow = as_published(gradient(100, 120), (16, 32), np.random.default_rng(0))
    assert narrow.photo.shape == (16, 32, 3)


@pytest.mark.parametrize("size", [(16, 16), (16, 32)])
def test_photo_labels_and_instances_are_cut_at_one_place(size):
    pair = gradient(96, 128)
    for crop in (ours(pair, size, 0.8, np.random.default_rng(3)), centred(pair, size)):
        assert crop.photo.shape == (*size, 3)
        rows, columns = (crop.photo[..., i].astype(float) / 255 for i in (0, 1))
        assert np.abs(rows * 8 - 0.5 - crop.labels).max() < 1
        assert np.abs(columns * 32 - 0.5 - crop.instances).max() < 1.2


def test_wide_networks_learn_wide_pictures():
    assert picture_size(dataclasses.replace(TINY, aspect=2.0)) == (16, 32)
    assert picture_size(TINY) == (16, 16)


# --- Batches ---

RECIPE = Recipe(network=TINY, palette="cityscapes", batch=8, clear_classes=0, drop_map=0)


def test_instances_reach_the_edge_channel():
    """Two objects of one class: the map alone has no edge between them."""
    network = dataclasses.replace(TINY, num_classes=35, instance_edges=True)
    recipe = dataclasses.replace(RECIPE, network=network, crop=1.0)
    labels = np.full((16, 16), 26, np.uint8)
    numbers = np.full((16, 16), 26_001, np.uint16)
    numbers[:, 8:] = 26_002
    photo = np.zeros((16, 16, 3), np.uint8)
    classes = torch.tensor([0, 26])
    for instances, edges in ((numbers, 2 * 16), (None, 0)):
        batch = Sampler([Pair("two", photo, labels, instances=instances)], recipe, 0, CITY.mirrored)(0)
        maps = condition_maps(batch, recipe, classes)
        assert maps.shape == (8, 3, 16, 16)
        assert (maps[:, 2].flatten(1).sum(1) == edges).all()
        assert (maps[:, 2].bool() == instance_edges(batch.instances)).all()


def test_objects_are_flipped_with_their_photo():
    pair = gradient(32, 32)
    batch = Sampler([pair], RECIPE, 0, np.arange(35, dtype=np.uint8))(0)
    across = (batch.photos[:, 1] + 1) / 2 * 8  # the photo's second channel tells how far right a pixel was
    assert (across - 0.5 - batch.instances).abs().max() < 1
    rising = batch.instances[:, 0, -1] > batch.instances[:, 0, 0]
    assert 0 < rising.sum() < len(rising)


def test_what_a_map_forgets_has_no_objects_left():
    pair = gradient(32, 32)
    recipe = dataclasses.replace(RECIPE, clear_classes=1.0, batch=32)
    batch = Sampler([pair], recipe, 34, CITY.mirrored)(0)
    gone = batch.labels == 34
    assert 0.1 < gone.float().mean() < 0.9
    assert not batch.instances[gone].any()
    assert batch.instances[~gone].any()


def test_rows_of_a_batch_are_the_same_whoever_makes_them():
    pairs = [dataclasses.replace(gradient(24 + i, 32), name=str(i)) for i in range(5)]
    whole = Sampler(pairs, RECIPE, 0, CITY.mirrored)(4)
    for rank in range(2):
        rows = slice(rank, None, 2)
        share = Sampler(pairs, RECIPE, 0, CITY.mirrored, rows=rows)(4)
        assert torch.equal(share.photos, whole.photos[rows])
        assert torch.equal(share.instances, whole.instances[rows])


def test_batches_made_ahead_are_the_same_batches():
    sampler = Sampler([gradient(24, 32)], RECIPE, 0, CITY.mirrored)
    ahead = Ahead(sampler, threads=2)
    for step in (0, 1, 2, 40, 41):  # with a leap, as a run that goes on makes
        assert torch.equal(ahead(step).photos, sampler(step).photos)
        assert len(ahead.coming) < AHEAD
    ahead.close()


def test_an_error_in_a_batch_made_ahead_reaches_who_asks(folder):
    lazy = store(folder, limit=0)
    for file in (folder / "images").iterdir():
        file.write_bytes(b"gone")
    ahead = Ahead(Sampler(lazy, dataclasses.replace(RECIPE, palette="facades"), 0, FACADES.mirrored), threads=1)
    with pytest.raises(UserError):
        ahead(0)
    ahead.close()


def test_maps_of_our_own_keep_their_classes(tmp_path):
    labels = RNG.integers(0, 13, (12, 16)).astype(np.uint8)
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    save_label_map(tmp_path / "labels" / "a.png", labels, FACADES)
    assert (store(tmp_path)[0].labels == labels).all()
