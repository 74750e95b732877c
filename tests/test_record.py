import base64
import json
import zlib
from dataclasses import fields, replace

import numpy as np
import pytest

from engine.record import edit_request, pack, record, render_request, unpack
from engine.types import EditRequest, RenderRequest, Reroll, Resampling, Sampling, UserError

LABELS = np.random.default_rng(0).integers(0, 13, (9, 14), dtype=np.uint8)


def test_a_render_comes_back_from_its_record():
    request = RenderRequest("scenes", LABELS, Sampling("ddpm", 33, 2.5, (7, 8)))
    stored = json.loads(json.dumps(record(request, "ade20k", 8)))
    found = render_request(stored)
    assert found.model == "scenes"
    assert found.sampling == Sampling("ddpm", 33, 2.5, (8,))
    assert np.array_equal(found.labels, LABELS)
    assert stored["palette"] == "ade20k"


def test_an_edit_keeps_its_region_strength_and_the_photo_s_fingerprint():
    photo = np.zeros((9, 14, 3), np.uint8)
    region = LABELS > 5
    stored = record(EditRequest("scenes", LABELS, photo, region, 0.4), "ade20k", 0)
    assert stored["strength"] == 0.4
    assert np.array_equal(unpack(stored["region"]).astype(bool), region)
    other = record(EditRequest("scenes", LABELS, photo + 1, region, 0.4), "ade20k", 0)
    assert stored["photo_sha256"] != other["photo_sha256"]


def test_every_field_of_sampling_comes_back():
    sampling = Sampling("dpmpp_2m", 12, 3.0, (4,), "lambda", (0.25, 0.75), 0.01, 2, "steps", 0.5)
    stored = json.loads(json.dumps(record(RenderRequest("scenes", LABELS, sampling), "ade20k", 4)))
    assert render_request(stored).sampling == sampling


def test_an_older_record_means_what_it_meant():
    """Whatever the defaults are by now: full guidance, not rescaled, a fresh encoder, the trailing spacing."""
    stored = record(RenderRequest("scenes", LABELS), "ade20k", 0)
    older = {"sampler": "ddim", "steps": 20, "guidance": 2.5, "seeds": [3]}
    expected = Sampling("ddim", 20, 2.5, (3,), "trailing", (0.0, 1.0), 0.0, 1, "steps", 0.0)
    assert render_request({**stored, "sampling": older}).sampling == expected
    even = render_request({**stored, "sampling": {**older, "spacing": "even"}}).sampling
    assert even == replace(expected, spacing="even")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ({"spadework": 2}, "version 2, this version reads 1"),
        ({"sampling": {}}, "damaged"),
        ({"model": ["x"]}, "its model is no name"),
        ({"sampling": {"sampler": "ddim", "steps": 2, "seeds": [1], "guidance_interval": 1}}, "damaged"),
        ({"sampling": {"sampler": "ddim", "steps": 2, "seeds": [1], "guidance_interval": "ab"}}, "damaged"),
        ({"sampling": 3}, "damaged"),
        (
            {"sampling": {"sampler": "ddim", "steps": 20.5, "guidance": 1.5, "seeds": [1]}},
            r"20\.5 is not a whole number",
        ),
        ({"labels": {"w": 14, "h": 9, "z": "????"}}, "does not hold 14 x 9"),
        ({"instances": pack(LABELS)}, "does not hold 14 x 9"),
        ({"class_guidance": [[1, 99]]}, "Guidance 99 of class 1 is outside"),
        ({"class_guidance": [[1]]}, "damaged"),
        ({"rerolls": [{"seed": 1}]}, "damaged"),
        ({"rerolls": [{"seed": "x", "region": pack(LABELS)}]}, "Seed x is outside"),
        ({"labels": {**pack(LABELS), "h": 10}}, "does not hold 14 x 10"),
        ({"labels": {**pack(LABELS), "h": 10**9}}, "outside 1 to"),
        ({"labels": {**pack(LABELS), "h": -9, "w": -14}}, "outside 1 to"),
    ],
)
def test_a_damaged_record_is_a_message(damage, text):
    stored = record(RenderRequest("scenes", LABELS), "ade20k", 0)
    with pytest.raises(UserError, match=text):
        render_request({**stored, **damage})


def test_objects_and_scales_of_classes_come_back_of_edits_too():
    instances = np.random.default_rng(1).integers(0, 2**16, LABELS.shape, dtype=np.uint16)
    scales = ((3, 4.0), (5, 1.5))
    photo = np.zeros((9, 14, 3), np.uint8)
    more = {"instances": instances, "class_guidance": scales}
    for request in (
        RenderRequest("scenes", LABELS, **more),
        EditRequest("scenes", LABELS, photo, LABELS > 5, **more),
    ):
        found = render_request(json.loads(json.dumps(record(request, "ade20k", 0))))
        assert found.instances.dtype == np.uint16
        assert np.array_equal(found.instances, instances)
        assert found.class_guidance == scales


def test_numbers_of_objects_are_stored_little_endian():
    """As the page packs them: 258 is the bytes 2, 1."""
    packed = pack(np.array([[258, 0]], np.uint16))
    assert zlib.decompress(base64.b64decode(packed["z"])) == bytes([2, 1, 0, 0])


def test_what_is_not_used_leaves_the_record_as_it_was():
    request = RenderRequest("scenes", LABELS, instances=np.zeros(LABELS.shape, np.uint16))
    assert set(record(request, "ade20k", 0)) == {
        "spadework", "kind", "model", "palette", "sampling", "labels", "side",
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "picture", "expected"), [(7, None, 100), (8, None, 102), (7, 1, 101), (7, 3, 103)])
def test_a_reroll_is_recorded_with_the_seed_that_its_picture_took(seed, picture, expected):
    """Of several pictures, so that the record alone, as a run of one, makes that one."""
    request = RenderRequest(
        "scenes", LABELS, Sampling(seeds=(7, 7, 8, 7)), rerolls=(Reroll(LABELS > 5, 100), Reroll(LABELS < 2, 5))
    )
    found = render_request(json.loads(json.dumps(record(request, "ade20k", seed, picture))))
    assert found.rerolls == (Reroll(LABELS > 5, expected), Reroll(LABELS < 2, expected - 95))
    assert found.sampling.seeds == (seed,)


# --- Edits ---

PHOTO = np.random.default_rng(2).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def edit_of(**changes: object) -> EditRequest:
    return EditRequest("scenes", LABELS, PHOTO, LABELS > 5, **changes)


def same(one: EditRequest, other: EditRequest) -> bool:
    values = [[getattr(each, field.name) for field in fields(each)] for each in (one, other)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(*values, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"strength": 1, "side": 64, "sampling": Sampling("ddpm", 33, 2.5, (7,))},
        {"growth": 5, "feather": 0, "blend": "gradient", "extent": "whole"},
        {"resampling": Resampling(3, 5, (0.2, 0.8)), "class_guidance": ((3, 4.0),)},
        {"rerolls": (Reroll(LABELS > 9, 4), Reroll(LABELS == 6, 2)), "instances": LABELS.astype(np.uint16)},
    ],
)
def test_an_edit_comes_back_from_its_record_and_its_photo(changes):
    request = edit_of(**changes)
    (seed,) = request.sampling.seeds
    found = edit_request(json.loads(json.dumps(record(request, "ade20k", seed))), PHOTO.copy())
    assert same(found, request)
    assert found.region.dtype == bool


def test_an_older_edit_s_record_means_what_it_meant():
    """From before there were windows, blends and growth."""
    stored = record(edit_of(growth=4, feather=3), "ade20k", 0)
    for name in ("growth", "feather", "blend", "extent"):
        del stored[name]
    assert same(edit_request(stored, PHOTO), edit_of(growth=0, feather=None, blend="plain", extent="whole"))


def test_of_another_photo_an_edit_is_not_made_again():
    stored = record(edit_of(), "ade20k", 0)
    for photo in (PHOTO[:, ::-1], PHOTO.reshape(14, 9, 3), PHOTO[:8]):
        with pytest.raises(UserError, match="is not the one that the edit was made from"):
            edit_request(stored, photo)


def test_a_picture_from_a_map_is_no_edit():
    with pytest.raises(UserError, match="made from a map, not from a photo"):
        edit_request(record(RenderRequest("scenes", LABELS), "ade20k", 0), PHOTO)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ({"spadework": 2}, "version 2"),
        ({"strength": "much"}, "damaged"),
        ({"region": 3}, "damaged"),
        ({"growth": -1}, "Growth of -1 px is outside"),
        ({"feather": 2.5}, r"Feather of 2\.5 px is outside"),
        ({"blend": "smart"}, "smart"),
        ({"extent": []}, "Extent"),
        ({"resampling": 3}, "damaged"),
        ({"resampling": {"jump": 0}}, "jump 0 is outside"),
        ({"resampling": {"hops": 1}}, "damaged"),
        ({"resampling": {"band": [1, 0]}}, "two rising shares"),
        ({"rerolls": [{"seed": 1, "region": pack(LABELS[:5])}]}, "made again is 14 x 5 px"),
    ],
)
def test_a_damaged_edit_s_record_is_a_message(damage, text):
    with pytest.raises(UserError, match=text):
        edit_request({**record(edit_of(), "ade20k", 0), **damage}, PHOTO)


def test_a_missing_fingerprint_is_a_damaged_record():
    stored = record(edit_of(), "ade20k", 0)
    del stored["photo_sha256"]
    with pytest.raises(UserError, match="damaged"):
        edit_request(stored, PHOTO)
