"""Accepted edits as layers over a photo: to the bit, in any order of showing and hiding, and after damage."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from app.project import keep_photo, photo_path
from app.stack import MAX_EDITS, Edit, Stack, Stacks, stack_from_json, stack_to_json
from engine.images import PhotoFile, read_photo_file
from engine.palette import load_palette
from engine.record import fingerprint
from engine.types import UserError
from engine.writing import save_png

FACADES = load_palette("facades")
HEIGHT, WIDTH = 47, 61
RECORD = {"spadework": 1, "kind": "edit", "strength": 0.5, "sampling": {"seeds": (3,)}}


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[top:bottom, left:right] = True
    return region


@pytest.fixture
def stacks(tmp_path) -> Stacks:
    return Stacks(tmp_path)


@pytest.fixture
def version(stacks) -> str:
    return keep_photo(PhotoFile(noise(0), None, None), stacks.outputs)


def edited(stacks: Stacks, version: str, seed: int, region: np.ndarray) -> tuple[str, np.ndarray]:
    """One more accepted edit: the new version, and the result that was accepted."""
    result = np.where(region[:, :, None], noise(seed), stacks.picture(version).pixels)
    stored = {**RECORD, "photo_sha256": fingerprint(stacks.picture(version).pixels), "seed": seed}
    return stacks.keep(stacks.accept(version, result, region, stored, f"edit {seed}")), result


REGIONS = (box(0, 0, 20, 30), box(10, 20, 30, 45), box(25, 40, 47, 61))


@pytest.fixture
def three(stacks, version) -> tuple[str, list[np.ndarray]]:
    """A version with three edits that overlap, and what the photo was after each."""
    results = []
    for seed, region in enumerate(REGIONS, 1):
        version, result = edited(stacks, version, seed, region)
        results.append(result)
    return version, results


def slowly(hidden: tuple[bool, ...]) -> np.ndarray:
    """The photo with edits laid over it pixel by pixel."""
    picture = noise(0)
    for seed, (region, left_out) in enumerate(zip(REGIONS, hidden, strict=True), 1):
        for y, x in zip(*np.nonzero(region), strict=True):
            if not left_out:
                picture[y, x] = noise(seed)[y, x]
    return picture


def test_a_version_with_all_edits_shown_is_the_accepted_result_to_the_bit(stacks, three):
    version, results = three
    assert np.array_equal(Stacks(stacks.outputs).picture(version).pixels, results[-1])


@pytest.mark.parametrize("hidden", [(bool(n & 1), bool(n & 2), bool(n & 4)) for n in range(8)])
def test_what_is_hidden_is_left_out_and_nothing_else(stacks, three, hidden):
    stack = stacks.load(three[0])
    for at, so in enumerate(hidden):
        stack = stack.hiding(at, so)
    assert np.array_equal(stacks.picture(stacks.keep(stack)).pixels, slowly(hidden))


def test_without_any_edit_it_is_the_photo_itself(stacks, three, version):
    stack = stacks.load(three[0])
    for _ in range(3):
        stack = stack.without(0)
    assert stacks.keep(stack) == version
    assert np.array_equal(stacks.picture(version).pixels, noise(0))


def test_a_pixel_that_changed_outside_the_region_belongs_to_the_edit(stacks, version):
    result = noise(0)
    result[5:9, 5:9] = noise(1)[5:9, 5:9]
    result[40, 60] ^= 255
    new = stacks.keep(stacks.accept(version, result, box(5, 5, 9, 9), RECORD, ""))
    assert np.array_equal(stacks.picture(new).pixels, result)


def test_a_version_is_found_again_by_its_id_and_never_changes(stacks, three):
    version, _ = three
    again = Stacks(stacks.outputs)
    stack = again.load(version)
    assert again.keep(stack) == version
    assert [each.words for each in stack.edits] == ["edit 1", "edit 2", "edit 3"]
    assert [again.record(each)["seed"] for each in stack.edits] == [1, 2, 3]
    assert len(again.records(stack.hiding(1, True))) == 2
    assert stacks.keep(stack.hiding(0, True)) != version
    assert stacks.keep(stack.hiding(0, True).hiding(0, False)) == version


def test_opacity_profile_and_exif_are_the_photo_s(stacks):
    alpha = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    version = keep_photo(PhotoFile(noise(0), alpha, None, b"", "WEBP"), stacks.outputs)
    new, _ = edited(stacks, version, 1, REGIONS[0])
    assert np.array_equal(stacks.picture(new).alpha, alpha)
    assert stacks.picture(new).format == "WEBP"


def test_what_waits_aside_comes_back_on_top(stacks, three):
    stack = stacks.load(three[0])
    below = dataclasses.replace(stack, edits=stack.edits[:1], aside=stack.edits[1:])
    version = stacks.keep(below)
    assert np.array_equal(stacks.picture(version).pixels, slowly((False, True, True)))
    anew, _ = edited(stacks, version, 9, box(0, 0, 5, 5))
    assert [each.words for each in stacks.load(anew).edits] == ["edit 1", "edit 9", "edit 2", "edit 3"]
    assert not stacks.load(anew).aside


def test_a_first_map_makes_a_version_of_its_own_unless_it_says_nothing(stacks, version):
    stack = stacks.load(version)
    base = np.zeros((12, 16), np.uint8)
    assert stacks.keep(stack.with_base(base, "facades")) == version
    base[3:5] = 2
    kept = stacks.load(stacks.keep(stack.with_base(base, "facades")))
    assert np.array_equal(kept.base, base)
    assert kept.palette == "facades"
    assert np.array_equal(stacks.picture(stacks.keep(kept)).pixels, noise(0))


def test_a_result_of_another_size_is_no_result_of_this_photo(stacks, version):
    with pytest.raises(UserError, match="size"):
        stacks.accept(version, noise(1, 20, 20), np.ones((20, 20), bool), RECORD, "")


def test_too_many_edits_are_a_sentence():
    edit = Edit("a" * 32, 0, 0, "b" * 32)
    with pytest.raises(UserError, match=f"up to {MAX_EDITS} edits"):
        Stack("c" * 32, edits=(edit,) * MAX_EDITS).with_edit(edit)


@pytest.mark.parametrize("at", [3, -1, True, None])
def test_an_edit_that_is_not_there_is_a_sentence(stacks, three, at):
    with pytest.raises(UserError, match="There is no edit"):
        stacks.load(three[0]).without(at)


# --- Damage, and what comes from outside ---


@pytest.mark.parametrize("version", [None, 7, "", "0" * 32, "../../etc/passwd", "A" * 32])
def test_what_is_no_version_is_a_sentence(stacks, version):
    assert not stacks.has(version)
    with pytest.raises(UserError, match="No photo is open"):
        stacks.picture(version)


def test_a_lost_layer_names_its_edit_which_can_still_be_hidden_or_removed(stacks, three):
    version, _ = three
    stack = stacks.load(version)
    stacks.layer_path(stack.edits[1].layer).write_bytes(b"no picture")
    fresh = Stacks(stacks.outputs)
    with pytest.raises(UserError, match="“edit 2” can't be laid"):
        fresh.picture(version)
    assert np.array_equal(fresh.picture(fresh.keep(stack.hiding(1, True))).pixels, slowly((False, True, False)))
    assert np.array_equal(fresh.picture(fresh.keep(stack.without(1))).pixels, slowly((False, True, False)))


def test_a_layer_without_opacity_or_of_another_size_is_not_laid(stacks, three):
    stack = stacks.load(three[0])
    save_png(stacks.layer_path(stack.edits[0].layer), noise(5, 400, 400), {})
    with pytest.raises(UserError, match="does not fit this photo"):
        Stacks(stacks.outputs).picture(three[0])


@pytest.mark.parametrize(
    "change",
    [
        {"spadework_stack": 2},
        {"photo": "../../elsewhere"},
        {"photo": 3},
        {"edits": [{"layer": "../x", "top": 0, "left": 0, "below": "b" * 32}]},
        {"edits": [{"layer": "a" * 32, "top": -1, "left": 0, "below": "b" * 32}]},
        {"edits": [{"layer": "a" * 32, "top": True, "left": 0, "below": "b" * 32}]},
        {"edits": [{"layer": "a" * 32, "top": 0, "left": 0, "below": "b" * 32, "hidden": 1}]},
        {"edits": [{"layer": "a" * 32, "top": 0, "left": 0, "below": "b" * 32, "thumb": '"><script>'}]},
        {"edits": [{"layer": "a" * 32, "top": 0, "left": 0, "below": "b" * 32, "words": "w" * 999}]},
        {"edits": [{"colour": 3}]},
        {"edits": 3},
        {"base": {"w": 2, "h": 2, "z": "eJxjYGBgAAAABAAB"}, "palette": "unknown"},
        {"base": {"w": 10**6, "h": 10**6, "z": ""}, "palette": "facades"},
    ],
)
def test_a_damaged_version_is_a_sentence(stacks, three, change):
    version, _ = three
    path = stacks.folder / "stacks" / f"{version}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"edits of this photo (are damaged|can't be read)|outside"):
        stacks.load(version)


@pytest.mark.parametrize("content", ["", "[]", "null", "{", "\0"])
def test_a_version_that_is_no_json_is_a_sentence(stacks, three, content):
    (stacks.folder / "stacks" / f"{three[0]}.json").write_text(content)
    with pytest.raises(UserError, match="edits of this photo"):
        stacks.load(three[0])


# --- Finding again, and travelling ---


def test_the_version_that_an_edit_was_made_on_is_found_by_its_record(stacks, version):
    stored = {**RECORD, "photo_sha256": fingerprint(noise(0))}
    assert stacks.made_on(stored) is None
    stacks.note(stored, version)
    assert stacks.made_on(stored) == version
    for odd in ("../../etc/passwd", None, 3, "f" * 64):
        assert stacks.made_on({**stored, "photo_sha256": odd}) is None


def test_a_version_travels_with_its_layers(stacks, three, tmp_path):
    version, results = three
    stack = stacks.load(version).hiding(0, True)
    stored, layers = stacks.bundled(stack)
    elsewhere = Stacks(tmp_path / "elsewhere")
    photo = read_photo_file(photo_path(stack.photo, stacks.outputs))
    taken, remark = elsewhere.take_in(photo, json.loads(json.dumps(stored)), [path.read_bytes() for path in layers])
    assert not remark
    assert np.array_equal(elsewhere.picture(elsewhere.keep(taken)).pixels, slowly((True, False, False)))
    assert np.array_equal(elsewhere.picture(elsewhere.keep(taken.hiding(0, False))).pixels, results[-1])


def test_a_layer_that_is_missing_or_too_large_is_left_out_with_a_remark(stacks, three, tmp_path):
    stack = stacks.load(three[0])
    stored, layers = stacks.bundled(stack)
    contents = [path.read_bytes() for path in layers]
    photo = PhotoFile(noise(0), None, None)
    taken, remark = Stacks(tmp_path / "a").take_in(photo, stored, contents[1:])
    assert [each.words for each in taken.edits] == ["edit 2", "edit 3"]
    assert "1 edit of the photo can't be read and is left out" in remark
    taken, remark = Stacks(tmp_path / "b").take_in(PhotoFile(noise(0)[:30], None, None), stored, contents)
    assert [each.words for each in taken.edits] == ["edit 1", "edit 2"]


def test_json_holds_all_of_a_version(three, stacks):
    stack = stacks.load(three[0]).with_base(np.eye(9, dtype=np.uint8), "facades")
    again = stack_from_json(json.loads(json.dumps(stack_to_json(stack))))
    assert stack_to_json(again) == stack_to_json(stack)
