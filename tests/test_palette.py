"""The palettes that come with the program, and those that people write for data of their own."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from engine.images import read_photo
from engine.label_files import read_label_map
from engine.palette import FOLDER, load_palette, palette_from, palette_names, palette_to_json
from engine.types import UserError

SIZES = {"ade20k": 151, "cityscapes": 35, "celebamask_hq": 19, "coco_stuff": 183, "facades": 13}
SPACING = {"ade20k": 10, "cityscapes": 17, "celebamask_hq": 17, "coco_stuff": 9, "facades": 17}  # CIEDE2000
GROUPS = {"sky", "plants", "ground", "water", "buildings", "vehicles", "people", "animals", "indoors", "food", "street"}
GROUPS |= {"objects", "face", "clothing", "void"}

OWN = {
    "name": "cells",
    "unlabelled": 0,
    "classes": [
        {"index": 0, "name": "nothing", "colour": [0, 0, 0]},
        {"index": 1, "name": "nucleus", "colour": [255, 0, 0], "synonyms": ["kernel"], "file_value": 7},
        {"index": 2, "name": "wall", "colour": [0, 0, 255]},
    ],
}


@pytest.fixture(params=SIZES)
def palette(request):
    return load_palette(request.param)


def own(**changes):
    """OWN with keys changed: `name=...` for the palette's, `class_1={...}` for those of a class; None drops one."""
    document = copy.deepcopy(OWN)
    for key, value in changes.items():
        place, new = (
            (document["classes"][int(key[6:])], value) if key.startswith("class_") else (document, {key: value})
        )
        place.update(new)
        for dropped in [key for key, value in new.items() if value is None]:
            del place[dropped]
    return document


# --- Those that come with the program ---


def test_the_five_palettes_are_there():
    assert palette_names() == sorted(SIZES)


def test_sizes_names_and_groups(palette):
    assert palette.size == SIZES[palette.name]
    assert len({each.name.casefold() for each in palette.classes}) == palette.size
    assert {each.group for each in palette.classes} <= GROUPS
    assert [each.index for each in palette.classes] == list(range(palette.size))
    assert "unlabel" in " ".join(
        [palette.classes[palette.unlabelled].name, *palette.classes[palette.unlabelled].synonyms]
    )


def test_display_colours_are_told_apart(palette):
    lab = rgb2lab(palette.colours / 255.0)
    apart = deltaE_ciede2000(lab[:, None], lab[None])
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > SPACING[palette.name]


def test_no_display_colour_is_another_class_in_the_dataset(palette):
    for each in palette.classes:
        same = np.flatnonzero((palette.standard_colours == each.colour).all(1))
        assert set(same) <= {each.index}


def test_unlabelled_is_shown_in_a_neutral_dark_grey(palette):
    red, green, blue = palette.classes[palette.unlabelled].colour
    assert red == green == blue < 60


def test_colours_mean_what_they_look_like():
    ade = load_palette("ade20k")
    colour = {each.name: each.colour for each in ade.classes}
    for name in ("sky", "water", "sea", "river", "lake"):
        assert colour[name][2] == max(colour[name]), name
    for name in ("tree", "grass", "plant"):
        assert colour[name][1] == max(colour[name]), name
    assert max(colour["road"]) - min(colour["road"]) < 25
    assert sum(colour["grass"]) > sum(colour["tree"]) + 100


@pytest.mark.parametrize(
    ("name", "unlabelled", "value"), [("ade20k", 150, 0), ("coco_stuff", 182, 255), ("cityscapes", 0, 0)]
)
def test_the_file_value_of_unlabelled(name, unlabelled, value):
    palette = load_palette(name)
    assert palette.unlabelled == unlabelled == palette.indices_by_file_value()[value]
    assert palette.file_values[unlabelled] == value


def test_models_with_an_edge_channel():
    assert {name for name in SIZES if load_palette(name).has_edges} == {"cityscapes", "celebamask_hq", "coco_stuff"}


def test_ade20k_file_values_are_one_more_than_the_index():
    assert load_palette("ade20k").indices_by_file_value()[:151].tolist() == [150, *range(150)]


def test_cityscapes_has_the_19_train_ids_and_ten_kinds_with_instances():
    classes = load_palette("cityscapes").classes
    assert sorted(each.train_id for each in classes if each.train_id not in (-1, 255)) == list(range(19))
    assert [each.index for each in classes if each.has_instances] == list(range(24, 34))
    assert classes[26].category == "vehicle"


def test_a_flip_swaps_left_and_right_of_a_face_alone(palette):
    moved = {each.name for each in palette.classes if palette.mirrored[each.index] != each.index}
    sides = {f"{side} {part}" for side in ("left", "right") for part in ("eye", "brow", "ear")}
    assert moved == (sides if palette.name == "celebamask_hq" else set())
    assert (palette.mirrored[palette.mirrored] == np.arange(palette.size)).all()
    for name in moved:
        assert palette.classes[palette.mirrored[palette.index_of(name)]].name.split()[1] == name.split()[1]


@pytest.mark.parametrize(
    ("name", "word", "index"),
    [
        ("ade20k", "Car", 20),
        ("ade20k", "automobile", 20),
        ("ade20k", "swivel chair", 75),
        ("ade20k", "swivel", 75),  # its name in the dataset's own list
        ("ade20k", "coffee table", 64),
        ("ade20k", "projection screen", 130),
        ("ade20k", "screen", 58),  # a synonym of several: the first
        ("ade20k", "light", 82),  # a name before the synonym of another
        ("cityscapes", "license plate", 34),
        ("cityscapes", " pavement ", 8),
        ("celebamask_hq", "l_eye", 4),
        ("coco_stuff", "sky-other", 156),
        ("facades", "moulding", 10),
    ],
)
def test_classes_are_found_by_name_and_synonym(name, word, index):
    assert load_palette(name).index_of(word) == index


def test_a_name_that_is_no_class():
    with pytest.raises(UserError, match=r"ADE20K has no class called “spaceship”.*151"):
        load_palette("ade20k").index_of("spaceship")


def test_labels_to_file_and_back(palette):
    labels = np.arange(palette.size, dtype=np.uint8).reshape(1, -1)
    values = palette.labels_to_file(labels)
    assert values.dtype == np.uint8
    assert (palette.indices_by_file_value()[values] == labels).all()


def test_labels_outside_the_palette():
    with pytest.raises(UserError, match=r"Label 19 is outside CelebAMask-HQ \(0 to 18\)"):
        load_palette("celebamask_hq").labels_to_file(np.array([[3, 19]], np.uint8))


def test_the_tables_can_not_be_written_to(palette):
    with pytest.raises(ValueError, match="read-only"):
        palette.colours[0] = 0


def test_the_files_are_as_the_program_writes_them(palette):
    assert (FOLDER / f"{palette.name}.json").read_text(encoding="utf-8") == palette_to_json(palette)


def test_the_swatches_for_other_programs_agree(palette):
    lines = (FOLDER / f"{palette.name}.gpl").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "GIMP Palette"
    rows = [re.fullmatch(r" *(\d+) +(\d+) +(\d+)\t(.+)", line).groups() for line in lines[4:]]
    assert [(int(r), int(g), int(b), name) for r, g, b, name in rows] == [
        (*each.colour, each.name) for each in palette.classes
    ]


def test_facts_of_the_datasets(shared, palette):
    """Against the reference lists: index, file value, standard colour; and each original name finds its class."""
    if palette.name == "facades":
        pytest.skip("facades has no list of its own there")
    facts = json.loads((shared / "facts/palettes" / f"{palette.name}.json").read_text())
    assert [each["color"] for each in facts["classes"]] == palette.standard_colours.tolist()
    assert [each["file_value"] % 256 for each in facts["classes"]] == palette.file_values.tolist()
    assert (facts["unknown_index"], facts["instance_edges"]) == (palette.unlabelled, palette.has_edges)
    for fact, each in zip(facts["classes"], palette.classes, strict=True):
        assert fact["name"] in (each.name, *each.synonyms)


# --- Of one's own ---


def test_the_facades_names_are_those_of_its_files(shared):
    """CMP's files count background, facade, window, ... : most of a front is wall, and what shows glass is dark."""
    palette, folder = load_palette("facades"), shared / "data" / "facades" / "val"
    photos = sorted((folder / "images").iterdir())
    pairs = [
        (read_photo(path), read_label_map(folder / "labels" / f"{path.stem}.png", palette).labels) for path in photos
    ]
    share = {c.name: np.mean([(labels == c.index).mean() for _, labels in pairs]) for c in palette.classes}
    assert max(share, key=share.get) == "facade"
    assert share["window"] > share["door"]
    wall, window = (
        np.concatenate([photo[labels == palette.index_of(name)] for photo, labels in pairs]).mean()
        for name in ("facade", "window")
    )
    assert window < wall - 10


def test_a_palette_of_ones_own(tmp_path):
    file = tmp_path / "cells.json"
    file.write_text(json.dumps(OWN))
    palette = load_palette(file)
    assert (palette.title, palette.size, palette.has_edges) == ("cells", 3, False)
    assert palette.file_values.tolist() == [0, 7, 2]
    assert (palette.colours == palette.standard_colours).all()
    assert palette.index_of("kernel") == 1
    assert palette_from(json.loads(palette_to_json(palette)), "again") == palette == load_palette(str(file))


def test_classes_may_stand_in_any_order():
    document = own()
    document["classes"].reverse()
    assert palette_from(document, "x") == palette_from(OWN, "x")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "not a JSON object"),
        (own(name=None), "no “name”"),
        (own(name=" "), "name ' '"),
        (own(unlabelled=None), "no “unlabelled”"),
        (own(unlabelled=3), "unlabelled 3.*0 to 2"),
        (own(unlabelled=True), "unlabelled True"),
        (own(has_edges="no"), "has_edges 'no'"),
        (own(classes=None), "no “classes”"),
        (own(classes=[]), "no list of classes"),
        (own(classes=[1]), "number 1.*not a JSON object"),
        (own(class_1={"name": None}), "number 2.*no “name”"),
        (own(class_1={"index": None}), "number 2.*no “index”"),
        (own(class_1={"index": 0}), "two classes with the index 0"),
        (own(class_1={"index": 5}), "3 classes, but one with the index 5.*0 to 2"),
        (own(class_1={"index": 1.0}), "index 1.0"),
        (own(class_1={"index": -1}), "index -1"),
        (own(class_1={"name": "Wall"}), "two classes with the name 'wall'"),
        (own(class_1={"file_value": 2}), "two classes with the file_value 2"),
        (own(class_1={"file_value": 256}), "file_value 256.*0 to 255"),
        (own(class_1={"colour": None}), "no “colour”"),
        (own(class_1={"colour": [0, 0, 256]}), r"colour \[0, 0, 256\].*0 to 255"),
        (own(class_1={"colour": [0, 0]}), r"colour \[0, 0\]"),
        (own(class_1={"colour": [0, 0, True]}), "colour"),
        (own(class_1={"standard": "red"}), "standard 'red'"),
        (own(class_1={"synonyms": "kernel"}), "synonyms 'kernel'"),
        (own(class_1={"mirror": 2}), "nucleus mirrors class 2"),
        (own(class_1={"mirror": 9}), "nucleus mirrors class 9"),
        (own(classes=[{"index": 0}] * 257), "257 classes, more than 256"),
    ],
)
def test_a_faulty_palette_says_what_and_where(document, text):
    with pytest.raises(UserError, match=text) as caught:
        palette_from(document, "cells.json")
    assert "cells.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_file_that_is_not_json(tmp_path, content):
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.json is not valid JSON"):
        load_palette(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [("ade", "no palette “ade”.*ade20k, celeba"), (Path("no/such.json"), "can't be read"), ("", "no palette")],
)
def test_a_palette_that_is_not_there(name, text):
    with pytest.raises(UserError, match=text):
        load_palette(name)
