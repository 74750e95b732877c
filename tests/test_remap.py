"""Tables from palette to palette: what is proposed, edited, kept and lost."""

import json
from itertools import permutations

import numpy as np
import pytest

from app.remap import FOLDER, Loss, Row, Table, apply, propose
from engine.palette import load_palette, palette_names
from engine.types import UserError

ADE, CITY, COCO = (load_palette(name) for name in ("ade20k", "cityscapes", "coco_stuff"))
PAIRS = list(permutations(map(load_palette, palette_names()), 2))
REVIEWED = list(permutations((ADE, CITY, COCO), 2))


def named(pair):
    return pair[0].name + "-" + pair[1].name


def row_of(source, target, name):
    row = propose(source, target).rows[source.index_of(name)]
    return None if row.target is None else target.classes[row.target].name, row.how


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_every_class_has_a_row_and_every_index_is_one(pair):
    source, target = pair
    table = propose(source, target)
    assert [row.source for row in table.rows] == list(range(source.size))
    assert all(row.target is None or 0 <= row.target < target.size for row in table.rows)
    assert all((row.target is None) == (row.how == "none") for row in table.rows)
    if source.classes[source.unlabelled].name == target.classes[target.unlabelled].name:
        assert table.rows[source.unlabelled].target == target.unlabelled
    assert table.rows[source.unlabelled].target is not None


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_classes_of_one_name_stay_and_come_back(pair):
    source, target = pair
    there, back = propose(source, target), propose(target, source)
    names = {each.name.casefold(): each.index for each in target.classes}
    shared = [each for each in source.classes if each.name.casefold() in names]
    for each in shared:
        row = there.rows[each.index]
        assert (row.target, row.how) == (names[each.name.casefold()], "same name")
        assert back.rows[row.target].target == each.index
    labels = np.array([[each.index for each in shared] or [source.unlabelled]], np.uint8)
    carried, lost = apply(labels, there, source, target)
    assert lost == ()
    assert (apply(carried, back, target, source)[0] == labels).all()


@pytest.mark.parametrize("pair", REVIEWED, ids=named)
def test_our_tables_decide_on_exactly_the_classes_without_a_namesake(pair):
    source, target = pair
    table = json.loads((FOLDER / f"{source.name}-{target.name}.json").read_text())
    names = {each.name for each in target.classes}
    without = [each.name for each in source.classes if each.name not in names and each.index != source.unlabelled]
    assert list(table) == without
    assert {each for each in table.values() if each} <= names
    assert not any(row.how == "synonym" for row in propose(source, target).rows)


def test_there_are_no_tables_besides():
    assert {path.stem for path in FOLDER.iterdir()} == {named(pair) for pair in REVIEWED}


@pytest.mark.parametrize(
    ("source", "target", "name", "expected"),
    [
        (CITY, ADE, "vegetation", ("tree", "nearest meaning")),
        (CITY, ADE, "terrain", ("grass", "nearest meaning")),
        (CITY, COCO, "sidewalk", ("pavement", "nearest meaning")),
        (CITY, COCO, "sky", ("sky", "same name")),
        (CITY, ADE, "out of roi", (None, "none")),
        (ADE, CITY, "exhaust hood", (None, "none")),  # a car's bonnet is a hood too
        (ADE, CITY, "skyscraper", ("building", "nearest meaning")),
        (ADE, COCO, "windowpane", ("window pane", "nearest meaning")),
        (COCO, ADE, "giraffe", ("animal", "nearest meaning")),
        (COCO, ADE, "pavement", ("sidewalk", "nearest meaning")),
        (COCO, CITY, "brick wall", ("wall", "nearest meaning")),
        (COCO, ADE, "sea", ("sea", "same name")),
        (load_palette("facades"), ADE, "window", ("windowpane", "synonym")),
    ],
)
def test_what_becomes_of_a_class(source, target, name, expected):
    assert row_of(source, target, name) == expected


def test_what_is_lost_is_named_and_counted():
    labels = np.full((4, 5), CITY.index_of("sky"), np.uint8)
    labels[0] = CITY.index_of("static")
    labels[1, :2] = CITY.index_of("out of roi")
    labels[2, :3] = CITY.unlabelled
    carried, lost = apply(labels, propose(CITY, ADE), CITY, ADE)
    assert lost == (Loss("static", 5), Loss("out of roi", 2))
    assert (carried[:1] == ADE.unlabelled).all()
    assert (carried[3] == ADE.index_of("sky")).all()
    assert carried.dtype == np.uint8


def test_a_table_agrees_with_a_loop_over_the_pixels():
    labels = np.random.default_rng(0).integers(0, COCO.size, (20, 30)).astype(np.uint8)
    table = propose(COCO, CITY)
    carried, lost = apply(labels, table, COCO, CITY)
    gone = 0
    for painted, got in zip(labels.flat, carried.flat, strict=True):
        target = table.rows[painted].target
        assert got == (CITY.unlabelled if target is None else target)
        gone += target is None
    assert sum(each.pixels for each in lost) == gone


def test_an_edited_table():
    sky, road = CITY.index_of("sky"), CITY.index_of("road")
    table = propose(CITY, ADE).changed(sky, ADE.index_of("sea")).changed(road, None)
    assert table.rows[sky] == Row(sky, ADE.index_of("sea"), "chosen")
    carried, lost = apply(np.array([[sky, road]], np.uint8), table, CITY, ADE)
    assert carried.tolist() == [[ADE.index_of("sea"), ADE.unlabelled]]
    assert lost == (Loss("road", 1),)


def test_a_table_for_others():
    labels = np.zeros((2, 2), np.uint8)
    with pytest.raises(UserError, match="leads from cityscapes to ade20k"):
        apply(labels, propose(CITY, ADE), ADE, CITY)
    with pytest.raises(UserError, match="1 rows, Cityscapes has 35"):
        apply(labels, Table("cityscapes", "ade20k", (Row(0, 0, "chosen"),)), CITY, ADE)
    with pytest.raises(UserError, match=r"Class 151 is outside ADE20K \(0 to 150\)"):
        apply(labels, propose(CITY, ADE).changed(7, 151), CITY, ADE)
    with pytest.raises(UserError, match=r"Label 35 is outside Cityscapes"):
        apply(labels + 35, propose(CITY, ADE), CITY, ADE)


def test_what_was_unlabelled_before_is_no_loss():
    table = propose(ADE, CITY).changed(ADE.unlabelled, None)
    labels, lost = apply(np.full((2, 3), ADE.unlabelled, np.uint8), table, ADE, CITY)
    assert (labels == CITY.unlabelled).all()
    assert lost == ()
