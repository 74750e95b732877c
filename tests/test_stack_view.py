"""What the canvas and the list of edits are told of a photo, and what may come back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.canvas import Painted, decode
from app.photos import Laid
from app.stack import Edit, Stack
from app.stack_view import StackView, message
from engine.images import PhotoFile
from engine.record import unpack
from engine.types import UserError

FILE = PhotoFile(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8), None, None)
EDIT = Edit("a" * 32, 2, 3, "b" * 32, "door · strength 1 · seed 3", "", True)


def test_a_laid_photo_is_told_whole():
    base, region = np.eye(30, 40, dtype=np.uint8), np.zeros((30, 40), bool)
    region[3:5] = True
    stack = Stack("c" * 32, "facades", base, (EDIT,), (EDIT,))
    laid = Laid("d" * 32, stack, FILE, name="reopen", labels=Painted(base, "facades"), region=region)
    sent = json.loads(json.dumps(message(laid)))
    assert sent["edits"] == [{"words": EDIT.words, "thumb": "", "hidden": True}]
    assert (sent["version"], sent["aside"]) == ("d" * 32, 1)
    told = sent["told"]
    assert (told["id"], told["width"], told["height"], told["record"]) == ("d" * 32, 40, 30, True)
    assert np.array_equal(unpack(told["base"]), base)
    assert told["base"]["palette"] == "facades"
    assert np.array_equal(decode(told["labels"]).labels, base)
    assert np.array_equal(unpack(told["region"]), region)
    assert told["url"].startswith("data:image/jpeg;base64,")


def test_what_stays_as_it_is_is_left_out():
    told = message(Laid("d" * 32, Stack("d" * 32), FILE, redraw=False, record=False))["told"]
    assert told["base"] is None
    assert not {"url", "labels", "region"} & set(told)
    assert message(Laid("d" * 32, Stack("d" * 32), FILE, clears=True))["told"]["region"] is None


def test_no_photo_is_told_as_none():
    sent = message(Laid())
    assert sent["told"]["id"] == sent["told"]["url"] == sent["version"] == ""
    assert sent["edits"] == []


def test_each_message_has_a_higher_number():
    first, second = message(Laid()), message(Laid())
    assert first["seq"] < second["seq"]


def test_only_what_can_be_asked_for_comes_back():
    view = StackView("desk")
    asked = {"action": "hide", "at": 1, "version": "d" * 32}
    assert view.preprocess(asked) == asked
    assert view.preprocess(None) is None
    assert view.preprocess(message(Laid())) is None
    for wrong in ({"action": "erase"}, {"version": 3}, {"at": "1"}, {"at": True}):
        with pytest.raises(UserError, match="Reload it"):
            view.preprocess({**asked, **wrong})
