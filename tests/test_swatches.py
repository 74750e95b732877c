"""Swatch files, read back as the descriptions of their formats say."""

import importlib.util
import re
import struct

import pytest

from engine.palette import FOLDER, load_palette, palette_from, palette_names
from engine.swatches import SWATCHES, aco, ase, gpl
from engine.types import UserError


@pytest.fixture(params=palette_names())
def palette(request):
    return load_palette(request.param)


def wanted(palette):
    return [(each.name, each.colour) for each in palette.classes]


class Reader:
    """Big-endian numbers and texts, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def text(self, units):
        raw = self.data[self.at : self.at + 2 * units]
        self.at += 2 * units
        assert raw.endswith(b"\0\0")
        return raw[:-2].decode("utf-16-be")


def read_ase(data):
    """The group's title, and name and colour of each swatch."""
    reader = Reader(data)
    assert reader.take(">4sHH") == (b"ASEF", 1, 0)
    title, swatches, ended = None, [], False
    for _ in range(reader.take(">I")):
        kind, length = reader.take(">HI")
        start = reader.at
        if kind == 0xC001:
            title = reader.text(reader.take(">H"))
        elif kind == 0xC002:
            ended = True
        else:
            assert kind == 1
            name = reader.text(reader.take(">H"))
            assert reader.take(">4s") == b"RGB "
            shares = reader.take(">3f")
            assert all(0 <= share <= 1 for share in shares)
            assert reader.take(">H") in (0, 1, 2)
            swatches.append((name, tuple(round(share * 255) for share in shares)))
        assert reader.at == start + length
    assert reader.at == len(data)
    assert ended
    return title, swatches


def read_aco(data):
    """The colours of version 1, and name and colour of each swatch of version 2."""
    reader, lists = Reader(data), {}
    for wanted_version in (1, 2):
        version, count = reader.take(">HH")
        assert version == wanted_version
        lists[version] = []
        for _ in range(count):
            space, *values, zero = reader.take(">5H")
            assert (space, zero) == (0, 0)
            assert all(value % 257 == 0 for value in values)
            name = reader.text(reader.take(">I")) if version == 2 else None
            lists[version].append((name, tuple(value // 257 for value in values)))
    assert reader.at == len(data)
    return lists[1], lists[2]


def read_gpl(data):
    lines = data.decode().splitlines()
    assert lines[0] == "GIMP Palette"
    rows = [re.fullmatch(r" *(\d+) +(\d+) +(\d+)\t(.+)", line).groups() for line in lines[lines.index("#") + 1 :]]
    return [(name, (int(r), int(g), int(b))) for r, g, b, name in rows]


def test_every_format_holds_every_class_by_name(palette):
    assert read_gpl(gpl(palette)) == wanted(palette)
    assert read_ase(ase(palette)) == (palette.title, wanted(palette))
    plain, named = read_aco(aco(palette))
    assert named == wanted(palette)
    assert [colour for _, colour in plain] == [each.colour for each in palette.classes]


def test_colours_are_unique(palette):
    assert len({each.colour for each in palette.classes}) == palette.size


@pytest.mark.parametrize("suffix", SWATCHES)
def test_the_files_are_as_the_program_writes_them(palette, suffix):
    assert (FOLDER / f"{palette.name}{suffix}").read_bytes() == SWATCHES[suffix](palette)


def test_the_generator_writes_the_same_files(tmp_path):
    """Of the smallest palette; the larger ones take minutes."""
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    file = tmp_path / "facades.json"
    file.write_bytes((FOLDER / "facades.json").read_bytes())
    make.main([str(file)])
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", *SWATCHES}


def of_classes(*classes):
    rows = [{"index": i, "name": name, "colour": colour} for i, (name, colour) in enumerate(classes)]
    return palette_from({"name": "own", "unlabelled": 0, "classes": rows}, "own")


def test_names_outside_ascii_and_beyond_16_bits():
    palette = of_classes(("Gebüsch", [0, 0, 0]), ("葉", [1, 2, 3]), ("🌲", [255, 254, 253]))
    for swatches in (read_gpl(gpl(palette)), read_ase(ase(palette))[1], read_aco(aco(palette))[1]):
        assert swatches == wanted(palette)


@pytest.mark.parametrize("make", SWATCHES.values())
def test_two_classes_in_one_colour(make):
    with pytest.raises(UserError, match="own shows leaf and stem in one colour"):
        make(of_classes(("leaf", [1, 2, 3]), ("stem", [1, 2, 3])))
