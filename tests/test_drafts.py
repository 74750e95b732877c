import dataclasses

import numpy as np

from app.drafts import Draft, Drafts, key_of
from app.orders import Order
from engine.palette import load_palette
from engine.types import EditRequest, RenderRequest, Reroll, Sampling

FACADES, ADE = load_palette("facades"), load_palette("ade20k")
REQUEST = RenderRequest("tiny", np.zeros((4, 4), np.uint8), Sampling(seeds=(3,)))


def draft(key: str, request: RenderRequest | EditRequest = REQUEST) -> Draft:
    return Draft(key, Order(request, FACADES), np.zeros((4, 4, 3), np.uint8))


def key(request: RenderRequest, palette=FACADES, precision: str = "float32") -> str:
    return key_of(Order(request, palette), precision)


def test_the_ones_used_last_stay():
    drafts = Drafts(most=2)
    drafts.put(draft("a"))
    drafts.put(draft("b"))
    assert drafts.get("a").key == "a"
    drafts.put(draft("c"))
    assert drafts.get("b") is None
    assert drafts.get("a") is not None


def test_a_key_tells_all_that_decides_the_pixels():
    assert key(RenderRequest("tiny", np.zeros((4, 4), np.uint8), Sampling(seeds=(3,)))) == key(REQUEST)
    other_map = np.zeros((4, 4), np.uint8)
    other_map[0, 0] = 1
    changes = {
        "model": "other",
        "labels": other_map,
        "sampling": Sampling(seeds=(3,), guidance=2.0),
        "side": 64,
        "class_guidance": ((1, 3.0),),
    }
    keys = {key(dataclasses.replace(REQUEST, **{name: value})) for name, value in changes.items()}
    assert len(keys | {key(REQUEST), key(REQUEST, precision="bfloat16"), key(REQUEST, ADE)}) == 8


def test_large_pictures_are_fewer():
    areas = (Reroll(np.zeros((4, 4), bool), 1),)
    request = dataclasses.replace(REQUEST, instances=np.zeros((4, 4), np.uint16), rerolls=areas)
    large = draft("a", request)
    assert large.bytes == 16 * (3 + 1 + 2 + 1)
    drafts = Drafts(most_bytes=2 * large.bytes)
    for key in "abc":
        drafts.put(dataclasses.replace(large, key=key))
    assert [drafts.get(key) is not None for key in "abc"] == [False, True, True]


def test_of_an_edit_its_photo_counts_too():
    photo, region = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
    assert draft("a", EditRequest("tiny", np.zeros((4, 4), np.uint8), photo, region)).bytes == 16 * (3 + 1 + 3 + 1)
