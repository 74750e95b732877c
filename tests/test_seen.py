"""What the model sees of a map, beside loops that say the same slowly."""

import numpy as np
import pytest
from models import tiny_model

from engine.pipeline import computed_grid
from engine.resizing import resize_labels
from engine.seen import seen
from engine.types import EditRequest, LabelMap, RenderRequest, UserError


def areas_by_hand(labels: LabelMap) -> list[list[tuple[int, int]]]:
    """The pixels of each four-connected area of one class."""
    left, found = set(np.ndindex(labels.shape)), []
    while left:
        area, open_ends = [], [left.pop()]
        while open_ends:
            y, x = open_ends.pop()
            area.append((y, x))
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in left and labels[near] == labels[y, x]:
                    left.remove(near)
                    open_ends.append(near)
        found.append(area)
    return found


@pytest.mark.parametrize("patch", [1, 4])
@pytest.mark.parametrize(("size", "side"), [((40, 60), None), ((37, 53), 12), ((9, 9), None)])
def test_it_sees_what_reaches_its_finest_norms(patch, size, side):
    rng = np.random.default_rng(1)
    labels = resize_labels(rng.integers(0, 3, (5, 7), dtype=np.uint8), *size)
    speckled = rng.random(size) < 0.06
    labels[speckled] = rng.integers(0, 13, int(speckled.sum()))
    model, request = tiny_model(patch=patch), RenderRequest("tiny", labels, side=side)
    grid = computed_grid(model, request)
    where = resize_labels(np.arange(labels.size, dtype=np.int32).reshape(size), grid.height, grid.width)
    where = where[::patch, ::patch]
    found = seen(model, request)
    assert np.array_equal(found.labels, labels.ravel()[where])
    assert found.edges is None
    reached = set(where.ravel().tolist())
    asked = (area for area in areas_by_hand(labels) if labels[area[0]] != model.palette.unlabelled)
    lost = [area for area in asked if not any(y * size[1] + x in reached for y, x in area)]
    assert {pixel for area in lost for pixel in area} == {tuple(pixel) for pixel in np.argwhere(found.lost).tolist()}
    told = sorted(((int(labels[area[0]]), len(area)) for area in lost), key=lambda each: (-each[1], each[0]))
    assert found.lost_areas == tuple(told)
    assert bool(told) == (size != (9, 9) or patch > 1)


def test_edges_are_the_objects_as_the_network_is_given_them():
    labels, instances = np.full((32, 32), 4, np.uint8), np.zeros((32, 32), np.uint16)
    labels[:, :6], instances[:, :6] = 2, 512  # in no arithmetic is class 2's object 512 class 4's object 0
    instances[:, 20:] = 7
    found = seen(tiny_model(instance_edges=True), RenderRequest("tiny", labels, instances=instances))
    assert found.labels.shape == found.edges.shape == (16, 16)
    assert sorted(set(np.argwhere(found.edges)[:, 1].tolist())) == [2, 3, 9, 10]
    whole = seen(tiny_model(instance_edges=True), RenderRequest("tiny", labels))
    assert sorted(set(np.argwhere(whole.edges)[:, 1].tolist())) == [2, 3]


def test_padding_is_not_shown():
    labels = np.arange(9, dtype=np.uint8)[None].repeat(9, 0)
    assert np.array_equal(seen(tiny_model(), RenderRequest("tiny", labels, side=9)).labels, labels)


def test_an_edit_is_seen_alike():
    labels = np.full((16, 16), 4, np.uint8)
    request = EditRequest("tiny", labels, np.zeros((16, 16, 3), np.uint8), labels > 0)
    assert np.array_equal(seen(tiny_model(), request).labels, labels)


def test_a_label_outside_the_palette_is_named():
    with pytest.raises(UserError, match="Label 13 is outside"):
        seen(tiny_model(), RenderRequest("tiny", np.full((8, 8), 13, np.uint8)))
