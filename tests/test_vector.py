"""Outlines: read back by another rule than they were made by, they give the map again, to the pixel."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.palette import load_palette, palette_from
from engine.types import UserError
from engine.vector import outlines, svg

ADE = load_palette("ade20k")
PATH = "{http://www.w3.org/2000/svg}path"


def rings_in(path):
    """The corners that an SVG path of M, H, V and Z goes through, ring by ring."""
    rings = []
    for drawn in path.split("Z")[:-1]:
        corners = []
        for command, numbers in re.findall(r"([MHV])([\d ]+)", drawn):
            values = [int(number) for number in numbers.split()]
            if command == "M":
                x, y = values
            elif command == "H":
                (x,) = values
            else:
                (y,) = values
            corners.append((x, y))
        assert re.fullmatch(r"M\d+ \d+(H\d+V\d+)*H\d+", drawn)
        rings.append(corners)
    return rings


def inside(rings, width, height):
    """Even-odd at each pixel's centre: how many edges a ray to the left crosses. Edges may be slanted."""
    ys, xs = np.mgrid[:height, :width] + 0.5
    crossed = np.zeros((height, width), int)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
            if y0 != y1:
                between = (ys > min(y0, y1)) & (ys < max(y0, y1))
                crossed += between & (x0 + (ys - y0) * (x1 - x0) / (y1 - y0) < xs)
    return crossed % 2 == 1


def filled(text):
    """The labels (H, W) that an SVG of ours shows; every pixel must be in exactly one path."""
    root = ElementTree.fromstring(text)
    left, top, width, height = map(int, root.get("viewBox").split())
    assert (left, top, root.get("fill-rule")) == (0, 0, "evenodd")
    labels = np.full((height, width), -1)
    for path in root.iter(PATH):
        here = inside(rings_in(path.get("d")), width, height)
        assert (labels[here] == -1).all()
        labels[here] = int(path.get("id").split("-")[1])
    assert (labels >= 0).all()
    return labels


def smooth(seed, shape):
    waves = np.random.default_rng(seed).normal(size=(6, 3))
    ys, xs = np.mgrid[: shape[0], : shape[1]] / 9
    return sum(np.sin(a * ys + b * xs + 9 * c) for a, b, c in waves)


MAPS = {
    "one class": np.full((3, 5), 7, np.uint8),
    "one pixel": np.array([[150]], np.uint8),
    "a hole": np.pad(np.array([[3]], np.uint8), 2, constant_values=4),
    "a hole in a hole": np.pad(np.pad(np.array([[4]], np.uint8), 1, constant_values=3), 2, constant_values=4),
    "checkered": (np.indices((6, 7)).sum(0) % 2).astype(np.uint8),
    "corners that touch": np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]], np.uint8),
    "stripes": (np.arange(8)[None] // 3).repeat(4, 0).astype(np.uint8),
    "noise": np.random.default_rng(0).integers(0, 5, (17, 23)).astype(np.uint8),
    "two-class noise": np.random.default_rng(1).integers(0, 2, (19, 16)).astype(np.uint8),
    "areas": (smooth(2, (40, 50)) * 2 + 60).clip(0, 150).astype(np.uint8),
}


@pytest.mark.parametrize("labels", MAPS.values(), ids=MAPS)
def test_the_paths_give_the_map_back(labels):
    assert (filled(svg(labels, ADE)) == labels).all()


@pytest.mark.parametrize("labels", MAPS.values(), ids=MAPS)
def test_no_corner_is_on_a_straight_line(labels):
    """So runs are as long as they can be, and each ring turns at every corner."""
    for rings in outlines(labels).values():
        for ring in rings:
            steps = np.roll(ring, -1, 0) - ring
            assert ((steps != 0).sum(1) == 1).all()
            assert (steps[0::2, 1] == 0).all()
            assert (steps[1::2, 0] == 0).all()


def test_a_rectangle_is_four_corners():
    labels = np.zeros((30, 40), np.uint8)
    labels[5:20, 10:25] = 2
    assert [ring.tolist() for ring in outlines(labels)[2]] == [[[10, 5], [25, 5], [25, 20], [10, 20]]]
    assert len(outlines(labels)[0]) == 2


def test_a_path_says_its_class_in_words_and_colour():
    (path,) = ElementTree.fromstring(svg(np.full((2, 3), 87, np.uint8), ADE)).iter(PATH)
    assert (path.get("id"), path.get("d")) == ("class-87-streetlight", "M0 0H3V2H0Z")
    assert path.get("fill") == "#{:02x}{:02x}{:02x}".format(*ADE.classes[87].colour)
    assert path[0].text == "streetlight"


def test_names_that_xml_would_misread():
    rows = [{"index": 0, "name": 'a <"b"> & c', "colour": [1, 2, 3]}]
    palette = palette_from({"name": "own", "title": "<&>", "unlabelled": 0, "classes": rows}, "own")
    root = ElementTree.fromstring(svg(np.zeros((1, 1), np.uint8), palette))
    assert root[0].text == "<&>"
    assert root[1][0].text == 'a <"b"> & c'


def test_a_label_outside_the_palette():
    with pytest.raises(UserError, match=r"Label 151 is outside ADE20K \(0 to 150\)"):
        svg(np.array([[151]], np.uint8), ADE)
