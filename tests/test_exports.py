"""Maps written for other programs, read back."""

import numpy as np
import pytest
from PIL import Image

from app.exports import EXPORTS, export_map, export_swatches, numbered
from engine.label_files import read_instances, read_label_map
from engine.palette import load_palette
from engine.types import UserError

CITY, ADE = load_palette("cityscapes"), load_palette("ade20k")


def street():
    labels = np.full((20, 30), 7, np.uint8)
    labels[:8] = 23
    labels[10:14, 3:9] = labels[10:14, 12:18] = 26
    return labels


def test_values_come_back_exactly(tmp_path):
    labels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    export_map("index", tmp_path / "a.png", labels, CITY)
    assert (np.asarray(Image.open(tmp_path / "a.png")) == CITY.file_values[labels]).all()
    assert (read_label_map(tmp_path / "a.png", CITY).labels == labels).all()


@pytest.mark.parametrize(("kind", "table"), [("colour", CITY.colours), ("standard", CITY.standard_colours)])
def test_colours(tmp_path, kind, table):
    export_map(kind, tmp_path / "a.png", street(), CITY)
    assert (np.asarray(Image.open(tmp_path / "a.png")) == table[street()]).all()


def test_display_colours_come_back_exactly(tmp_path):
    labels = np.arange(151, dtype=np.uint8)[None]
    export_map("colour", tmp_path / "a.png", labels, ADE)
    read = read_label_map(tmp_path / "a.png", ADE)
    assert read.exact
    assert (read.labels == labels).all()


def test_shapes(tmp_path):
    export_map("shapes", tmp_path / "a.svg", street(), CITY)
    text = (tmp_path / "a.svg").read_text()
    assert text.count("<path") == 3
    assert "M3 10H9V14H3ZM12 10H18V14H12Z" in text


def test_objects_are_the_areas_unless_painted(tmp_path):
    labels = street()
    export_map("objects", tmp_path / "a.png", labels, CITY)
    objects = read_instances(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "I;16"
    assert len(np.unique(objects)) == 4
    assert objects.min() == 1
    assert objects[11, 4] != objects[11, 13]

    instances = np.zeros(labels.shape, np.uint16)
    instances[labels == 26] = 40_000  # both cars are one object
    export_map("objects", tmp_path / "a.png", labels, CITY, instances)
    objects = read_instances(tmp_path / "a.png")
    assert objects[11, 4] == objects[11, 13] == 40_000
    assert set(np.unique(objects)) == {40_000, 40_001, 40_002}


def test_numbers_part_the_map_as_its_own_edges_do():
    """A pixel is on an edge where class or object differs from a neighbour's: by numbers alone it is the same."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (24, 24)).astype(np.uint8)
    instances = rng.integers(0, 2, (24, 24)).astype(np.uint16) * (labels + 1)
    objects = numbered(labels, instances)
    both = labels.astype(int) * 100 + instances
    for one, two in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        assert ((both[one] != both[two]) == (objects[one] != objects[two])).all()


def test_more_objects_than_16_bits_can_number():
    noise = (np.indices((300, 300)).sum(0) % 2).astype(np.uint8)
    with pytest.raises(UserError, match=r"90,000 objects and areas, more than 65,535"):
        numbered(noise, None)


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_name_that_ends_otherwise_and_a_label_outside(kind, tmp_path):
    with pytest.raises(UserError, match="does not end in"):
        export_map(kind, tmp_path / "a.txt", street(), CITY)
    with pytest.raises(UserError, match=r"Label 35 is outside"):
        export_map(kind, tmp_path / f"a{EXPORTS[kind].suffix}", np.array([[35]], np.uint8), CITY)
    assert not list(tmp_path.iterdir())


def test_an_export_nobody_knows_and_a_place_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"no export “dxf”\. Choose index, colour"):
        export_map("dxf", tmp_path / "a.dxf", street(), CITY)
    with pytest.raises(UserError, match="can't be written"):
        export_map("shapes", tmp_path / "gone" / "a.svg", street(), CITY)


def test_swatches_of_a_palette(tmp_path):
    written = export_swatches(tmp_path, CITY)
    assert [path.name for path in written] == ["cityscapes.gpl", "cityscapes.ase", "cityscapes.aco"]
    assert all(path.stat().st_size > 100 for path in written)
