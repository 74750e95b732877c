"""What nobody can reach of the photos is put aside, all else stays, and what is asked for again comes back."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from app.project import keep_photo, photo_path
from app.pruning import DAY, KEPT_DAYS, put_aside
from app.stack import Stack, Stacks
from engine.images import PhotoFile
from engine.record import fingerprint

SHAPE = (20, 30)
PALETTE = "facades"


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)


@pytest.fixture
def stacks(tmp_path) -> Stacks:
    return Stacks(tmp_path)


def opened(stacks: Stacks, seed: int) -> str:
    return keep_photo(PhotoFile(noise(seed), None, None), stacks.outputs)


def accepted(stacks: Stacks, version: str, seed: int) -> str:
    region = np.zeros(SHAPE, bool)
    region[:5, :5] = True
    result = np.where(region[:, :, None], noise(seed), stacks.picture(version).pixels)
    stored = {"spadework": 1, "kind": "edit", "photo_sha256": fingerprint(stacks.picture(version).pixels), "seed": seed}
    return stacks.keep(stacks.accept(version, result, region, stored, f"edit {seed}"))


def aged(stacks: Stacks, days: float) -> None:
    """As if nothing in the folder had been used for so long."""
    then = time.time() - days * DAY
    for path in stacks.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def there(stacks: Stacks) -> set[str]:
    return {path.relative_to(stacks.folder).as_posix() for path in stacks.folder.rglob("*") if path.is_file()}


def test_what_was_used_of_late_stays(stacks):
    accepted(stacks, opened(stacks, 0), 1)
    before = there(stacks)
    assert put_aside(stacks) == 0
    aged(stacks, KEPT_DAYS - 1)
    assert put_aside(stacks) == 0
    assert there(stacks) == before


def test_a_photo_that_nothing_refers_to_is_put_aside_and_comes_back_when_it_is_asked_for(stacks):
    version = accepted(stacks, opened(stacks, 0), 1)
    pixels = stacks.picture(version).pixels
    aged(stacks, KEPT_DAYS + 1)
    assert put_aside(stacks) == 3  # the photo, the version, its layer
    assert all(name.startswith("deleted/") for name in there(stacks))
    again = Stacks(stacks.outputs)
    assert again.has(version)
    assert np.array_equal(again.picture(version).pixels, pixels)
    assert not any(name.startswith("deleted/") for name in there(stacks))
    assert put_aside(stacks) == 0, "it is in use again"


def test_all_that_a_result_was_made_of_stays_however_old(stacks):
    plain = opened(stacks, 0)
    first = accepted(stacks, plain, 1)
    second = accepted(stacks, first, 2)
    result = {"photo_sha256": fingerprint(stacks.picture(second).pixels)}
    stacks.note(result, second)
    other = opened(stacks, 9)
    left = stacks.keep(stacks.load(second).hiding(0, True))
    aged(stacks, 10 * KEPT_DAYS)
    assert put_aside(stacks) == 2
    for version, is_there in ((other, False), (plain, True)):
        assert photo_path(version, stacks.outputs).is_file() == is_there
    assert not (stacks.folder / "stacks" / f"{left}.json").exists()
    assert stacks.made_on(result) == second
    assert [each.words for each in stacks.load(second).edits] == ["edit 1", "edit 2"]
    assert stacks.load(stacks.load(second).edits[1].below).edits[0].words == "edit 1"


def test_one_use_keeps_a_version_with_all_below_it(stacks):
    plain = opened(stacks, 0)
    version = accepted(stacks, accepted(stacks, plain, 1), 2)
    before = there(stacks)
    aged(stacks, 10 * KEPT_DAYS)
    stacks.load(version)
    assert put_aside(stacks) == 0
    assert there(stacks) == before


def test_a_damaged_version_stops_nothing(stacks):
    plain = opened(stacks, 0)
    version = stacks.keep(Stack(plain, PALETTE, np.ones(SHAPE, np.uint8)))
    (stacks.folder / "stacks" / f"{version}.json").write_bytes(b"{")
    assert put_aside(stacks) == 0
    aged(stacks, KEPT_DAYS + 1)
    assert put_aside(stacks) == 2
