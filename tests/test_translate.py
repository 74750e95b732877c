"""A map painted for one dataset, carried to another."""

import numpy as np
import pytest

from engine.palette import load_palette, palette_from
from engine.translate import translate


def test_shared_names_are_carried_and_the_others_named():
    street, scenes = load_palette("cityscapes"), load_palette("ade20k")
    painted = ["road", "sky", "caravan", "person"]
    labels = np.array([[street.index_of(name) for name in painted]], np.uint8)
    carried, missing = translate(labels, street, scenes)
    assert carried.dtype == np.uint8
    assert [scenes.classes[index].name for index in carried[0]] == ["road", "sky", "unlabelled", "person"]
    assert missing == ["caravan"]


@pytest.mark.parametrize(
    ("source", "painted", "target", "expected"),
    [("ade20k", "minibike", "cityscapes", "motorcycle"), ("cityscapes", "motorcycle", "ade20k", "minibike")],
)
def test_a_synonym_on_either_side_is_enough(source, painted, target, expected):
    source, target = load_palette(source), load_palette(target)
    carried, missing = translate(np.full((2, 2), source.index_of(painted), np.uint8), source, target)
    assert (carried == target.index_of(expected)).all()
    assert missing == []


def test_unlabelled_stays_unlabelled_without_a_word():
    own = palette_from(
        {"name": "own", "unlabelled": 0, "classes": [{"index": 0, "name": "?", "colour": [0, 0, 0]}]}, "own"
    )
    scenes = load_palette("ade20k")
    carried, missing = translate(np.zeros((3, 5), np.uint8), own, scenes)
    assert (carried == scenes.unlabelled).all()
    assert carried.shape == (3, 5)
    assert missing == []
