"""What can be done with an open photo, without a browser: a tiny model paints, everything else is as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from models import tiny_model
from PIL import Image

from app.bundle import read_project, write_project
from app.canvas import Painted
from app.handlers import Desk
from app.opening import Opened, open_map, open_project, project_of
from app.photos import first_map, map_size_of
from app.pictures import as_seen
from app.settings import HARMONISING, Settings
from engine.blending import grown
from engine.images import PhotoFile, read_photo, read_photo_file, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.record import edit_request
from engine.types import Sampling, UserError
from engine.writing import save_png

FACADES, ADE = load_palette("facades"), load_palette("ade20k")
SETTINGS = Settings("tiny", 7, Sampling("ddim", steps=2, guidance=1.5), 0.6, growth=2, feather=3, blend="plain")
SIZE = (48, 72)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path / "outputs", lambda name, *_: dataclasses.replace(tiny_model(), name=name))


@pytest.fixture
def version(desk, tmp_path) -> str:
    save_png(tmp_path / "photo.png", noise(), {})
    return desk.photos.open(tmp_path / "photo.png", FACADES).version


def painted(*patches: tuple[slice, slice, int]) -> Painted:
    labels = np.zeros(SIZE, np.uint8)
    for rows, columns, label in patches:
        labels[rows, columns] = label
    return Painted(labels, "facades")


PATCH = (slice(5, 20), slice(10, 30), 2)
OTHER = (slice(25, 40), slice(40, 60), 5)


def repainted(desk: Desk, map_: Painted, version: str, settings: Settings = SETTINGS):
    """The entry of the one result."""
    last = list(desk.repaint(map_, version, settings, "me"))[-1]
    assert last.status.kind == "done", last.status.text
    return last.entries[0]


def accepted(desk: Desk, map_: Painted, version: str):
    return desk.photos.accept(version, map_, repainted(desk, map_, version).path)


# --- Regions ---


def test_what_is_selected_is_repainted_else_what_differs_from_the_first_map(desk, version):
    known = desk.photos.with_first_map(version, None, painted(PATCH), "").version
    entry = repainted(desk, painted(PATCH, OTHER), known)
    region = edit_request(read_request(entry.path), noise()).region
    assert np.array_equal(region, painted(OTHER).labels == 5)
    selection = np.eye(*SIZE, dtype=bool)
    entry = repainted(desk, dataclasses.replace(painted(PATCH, OTHER), region=selection), known)
    request = edit_request(read_request(entry.path), noise())
    assert np.array_equal(request.region, selection)
    assert (request.growth, request.feather, request.blend, request.strength) == (2, 3, "plain", 0.6)
    with pytest.raises(UserError, match="nothing is selected"):
        desk._edit_order(painted(PATCH), known, SETTINGS, FACADES)


def test_outside_the_grown_region_nothing_changes(desk, version):
    entry = repainted(desk, painted(PATCH), version)
    outside = ~grown(painted(PATCH).labels > 0, 2)
    assert np.array_equal(read_photo(entry.path)[outside], noise()[outside])


def test_harmonising_and_extent_reach_the_engine(desk, version):
    settings = dataclasses.replace(SETTINGS, resampling=HARMONISING["strong"], extent="whole")
    request = edit_request(read_request(repainted(desk, painted(PATCH), version, settings).path), noise())
    assert (request.resampling, request.extent) == (HARMONISING["strong"], "whole")


# --- Accepting ---


def test_an_accepted_result_is_the_photo_and_what_was_painted_is_what_it_shows(desk, version):
    entry = repainted(desk, painted(PATCH), version)
    laid = desk.photos.accept(version, painted(PATCH, OTHER), entry.path)
    assert np.array_equal(laid.file.pixels, read_photo(entry.path))
    assert laid.clears
    assert laid.record
    assert np.array_equal(first_map(laid.stack, FACADES, SIZE), painted(PATCH).labels)
    assert laid.stack.edits[0].words.endswith(" · strength 0.6 · seed 7")
    desk.history.delete([entry.id])
    entry.path.unlink(missing_ok=True)
    fresh = Desk(desk.outputs).photos.stacks.picture(laid.version)
    assert np.array_equal(fresh.pixels, laid.file.pixels)


def test_a_second_edit_is_made_on_the_first_and_both_can_be_hidden(desk, version):
    first = accepted(desk, painted(PATCH), version)
    second = accepted(desk, painted(PATCH, OTHER), first.version)
    assert len(second.stack.edits) == 2
    hidden = desk.photos.hide(second.version, 0, True)
    where = grown(painted(PATCH).labels > 0, 2)
    assert np.array_equal(hidden.file.pixels[where], noise()[where])
    assert np.array_equal(hidden.file.pixels[~where], second.file.pixels[~where])
    assert desk.photos.hide(hidden.version, 0, False).version == second.version
    both = desk.photos.remove(desk.photos.remove(second.version, 1).version, 0)
    assert np.array_equal(both.file.pixels, noise())


def test_only_a_result_of_this_version_is_accepted(desk, version):
    entry = repainted(desk, painted(PATCH), version)
    first = desk.photos.accept(version, painted(PATCH), entry.path)
    with pytest.raises(UserError, match="as it was before or after"):
        desk.photos.accept(first.version, painted(PATCH), entry.path)
    made = list(desk.generate(painted(PATCH), SETTINGS, "me"))[-1].entries[0]
    with pytest.raises(UserError, match="not of this photo"):
        desk.photos.accept(version, painted(PATCH), made.path)
    with pytest.raises(UserError, match="No photo is open"):
        desk.photos.accept(None, painted(PATCH), entry.path)


def test_a_draft_of_live_is_kept_and_accepted(desk, version):
    last = list(desk.live(painted(PATCH), SETTINGS, "me", version))[-1]
    entry = desk.result(last.cells[0].draft)
    laid = desk.photos.accept(version, painted(PATCH), entry.path)
    assert np.array_equal(laid.file.pixels, last.cells[0].picture)
    with pytest.raises(UserError, match="No result is in front"):
        desk.result("")


def test_an_edit_is_reopened_as_it_was_and_those_above_come_back(desk, version):
    first = accepted(desk, painted(PATCH), version)
    second = accepted(desk, painted(PATCH, OTHER), first.version)
    laid = desk.photos.reopen(second.version, 0)
    assert np.array_equal(laid.file.pixels, noise())
    assert np.array_equal(laid.labels.labels, painted(PATCH).labels)
    assert np.array_equal(laid.region, painted(PATCH).labels > 0)
    assert laid.stack.base is None
    assert "The one above it waits aside" in laid.message
    settings = dataclasses.replace(laid.settings, seed=7)
    assert (settings.strength, settings.growth, settings.feather, settings.blend) == (0.6, 2, 3, "plain")
    again = repainted(desk, dataclasses.replace(laid.labels, region=laid.region), laid.version, settings)
    assert np.array_equal(read_photo(again.path), first.file.pixels)
    back = desk.photos.accept(laid.version, laid.labels, again.path)
    assert np.array_equal(back.file.pixels, second.file.pixels)


def test_a_result_that_was_an_edit_brings_its_photo_along(desk, version, tmp_path):
    first = accepted(desk, painted(PATCH), version)
    entry = repainted(desk, painted(PATCH, OTHER), first.version)
    laid = desk.photos.reopen_result(read_request(entry.path))
    assert laid.version == first.version
    assert np.array_equal(laid.region, painted(OTHER).labels > 0)
    assert Desk(tmp_path / "elsewhere").photos.reopen_result(read_request(entry.path)) is None
    assert open_map(entry.path, FACADES).settings.growth == 2


def test_an_area_of_a_result_is_made_again_with_all_else_as_it_is(desk, version):
    wide = (slice(5, 20), slice(10, 60), 2)
    entry = repainted(desk, painted(wide), version)
    area = np.zeros(SIZE, bool)
    area[:, 45:] = True
    settings = dataclasses.replace(SETTINGS, count=2)
    last = list(desk.reroll(area, 99, version, entry.id, settings, "me"))[-1]
    assert last.status.kind == "done", last.status.text
    pictures = [read_photo(each.path) for each in last.entries]
    former = read_photo(entry.path)
    kept = ~grown(area & (painted(wide).labels > 0), 2)
    for picture in pictures:
        assert np.array_equal(picture[kept], former[kept])
        assert not np.array_equal(picture, former)
    assert not np.array_equal(*pictures)
    accepted_ = desk.photos.accept(version, painted(wide), last.entries[1].path)
    assert np.array_equal(accepted_.file.pixels, pictures[1])
    outside = np.zeros(SIZE, bool)
    outside[40:] = True
    last = list(desk.reroll(outside, 99, version, entry.id, settings, "me"))[-1]
    assert "was not repainted" in last.status.text


# --- The first map ---


class Fake:
    """Finds the upper half to be one class and the lower another."""

    def segment(self, photo: np.ndarray) -> np.ndarray:
        labels = np.full(photo.shape[:2], 3, np.uint8)
        labels[: len(labels) // 2] = 4
        return labels


def test_the_map_of_a_photo_is_found_and_what_was_painted_stays(desk, version, monkeypatch):
    monkeypatch.setattr("app.handlers.segmenter_for", lambda palette: Fake())
    *busy, last = desk.find_map(painted(PATCH), version, FACADES, "me")
    assert all(update.status.kind == "busy" for update in busy)
    found, labels = Fake().segment(noise()), painted(PATCH).labels
    assert np.array_equal(last.laid.stack.base, found)
    assert np.array_equal(last.laid.labels.labels, np.where(labels > 0, labels, found))
    entry = repainted(desk, last.laid.labels, last.laid.version)
    assert np.array_equal(edit_request(read_request(entry.path), noise()).region, labels > 0)


def test_finding_the_map_can_be_cancelled(desk, version, monkeypatch):
    class Slow(Fake):
        def segment(self, photo):
            desk.cancel("me")
            return super().segment(photo)

    monkeypatch.setattr("app.handlers.segmenter_for", lambda palette: Slow())
    updates = list(desk.find_map(painted(), version, FACADES, "me"))
    assert updates[-1].status.kind == "stopped"
    assert all(update.laid is None for update in updates)


def test_a_palette_whose_maps_nobody_finds_is_a_sentence(desk, version):
    (*_, last) = desk.find_map(None, version, load_palette("celebamask_hq"), "me")
    assert last.status.kind == "problem"
    assert "Paint the map" in last.status.text


def opened_map(tmp_path: Path, labels: np.ndarray) -> Opened:
    save_label_map(tmp_path / "map.png", labels, FACADES)
    return open_map(tmp_path / "map.png", FACADES)


def test_an_opened_map_is_first_the_first_map_and_then_the_painting(desk, version, tmp_path):
    opened = opened_map(tmp_path, np.full((24, 36), 3, np.uint8))
    assert not desk.photos.needs_fit(version, opened.painted)
    laid = desk.photos.laid_map(version, painted(PATCH), opened, None, False)
    assert (laid.stack.base == 3).all()
    assert (laid.labels.labels[PATCH[:2]] == 2).all()
    opened = opened_map(tmp_path, painted(OTHER).labels)
    second = desk.photos.laid_map(laid.version, laid.labels, opened, None, False)
    assert (second.stack.base == 3).all()
    assert np.array_equal(second.labels.labels, painted(OTHER).labels)
    chosen = desk.photos.laid_map(laid.version, laid.labels, opened, None, True)
    assert np.array_equal(chosen.stack.base, painted(OTHER).labels)


def test_a_map_of_other_proportions_is_asked_about(desk, version, tmp_path):
    labels = np.zeros((60, 60), np.uint8)
    labels[:, :30] = 3
    opened = opened_map(tmp_path, labels)
    assert "60 x 60 px, the photo 72 x 48" in desk.photos.needs_fit(version, opened.painted)
    stretched = desk.photos.laid_map(version, None, opened, "stretch", False).labels.labels
    cropped = desk.photos.laid_map(version, None, opened, "crop", False).labels.labels
    assert stretched.shape == cropped.shape == SIZE
    for given in (stretched, cropped):
        assert (given[:, :35] == 3).all()
        assert (given[:, 37:] == 0).all()


def test_another_model_s_classes_take_map_and_first_map_along(desk, version, tmp_path):
    labels = np.full(SIZE, FACADES.index_of("door"), np.uint8)
    known = desk.photos.with_first_map(version, None, Painted(labels, "facades"), "")
    laid = desk.photos.in_palette(known.version, known.labels, ADE, tmp_path)
    assert laid.labels.palette == laid.stack.palette == "ade20k"
    assert np.array_equal(laid.labels.labels, laid.stack.base)
    assert (laid.stack.base == ADE.index_of("door")).all()
    assert desk.photos.in_palette(laid.version, laid.labels, ADE, tmp_path) is None


def test_a_large_photo_is_painted_over_small():
    assert map_size_of(4000, 6000) == (683, 1024)
    assert map_size_of(3, 2000) == (8, 1024)
    assert map_size_of(48, 72) == SIZE


# --- Files ---


def test_a_photo_that_was_saved_holds_its_edits_and_opens_with_them(desk, version, tmp_path):
    first = accepted(desk, painted(PATCH), version)
    second = accepted(desk, painted(PATCH, OTHER), first.version)
    path, _ = desk.photos.save(second.version, own_format=False)
    stored = read_request(path)
    assert [each["strength"] for each in stored["edits"]] == [0.6, 0.6]
    assert np.array_equal(read_photo(path), second.file.pixels)
    assert desk.photos.open(path, FACADES).version == second.version
    elsewhere = Desk(tmp_path / "elsewhere").photos.open(path, FACADES)
    assert np.array_equal(elsewhere.file.pixels, second.file.pixels)
    assert not elsewhere.stack.edits
    assert open_map(path, FACADES).painted is None


def test_a_jpeg_is_saved_upright_as_a_jpeg_with_what_the_camera_said(desk, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(noise()).save(tmp_path / "photo.jpg", exif=exif)
    laid = desk.photos.open(tmp_path / "photo.jpg", FACADES)
    assert laid.labels.labels.shape == SIZE[::-1]
    path, _ = desk.photos.save(laid.version, own_format=True)
    with Image.open(path) as saved:
        assert (saved.format, saved.size) == ("JPEG", SIZE)
        assert saved.getexif().get(0x010F) == "Camera"
        assert saved.getexif().get(0x0112, 1) == 1


def test_a_project_holds_the_photo_with_its_edits(desk, version, tmp_path):
    first = accepted(desk, painted(PATCH), version)
    second = desk.photos.hide(accepted(desk, painted(PATCH, OTHER), first.version).version, 1, True)
    photo, stack, layers = desk.photos.project_parts(second.version)
    project = project_of(painted(PATCH), SETTINGS, photo, (), stack, layers)
    write_project(tmp_path / "desk.spadework", project)
    opened = open_project(read_project(tmp_path / "desk.spadework"))
    assert "map, photo, 2 edits" in opened.message
    assert opened.settings == SETTINGS
    elsewhere = Desk(tmp_path / "elsewhere").photos
    laid = elsewhere.lay_project(opened)
    assert np.array_equal(laid.file.pixels, second.file.pixels)
    assert np.array_equal(elsewhere.hide(laid.version, 1, False).file.pixels, desk.photos.at(
        desk.photos.hide(second.version, 1, False).version).file.pixels)  # fmt: skip
    assert np.array_equal(first_map(laid.stack, FACADES, SIZE), first_map(second.stack, FACADES, SIZE))
    reopened = elsewhere.reopen(laid.version, 0)
    assert np.array_equal(reopened.region, painted(PATCH).labels > 0)


def test_a_project_whose_edits_are_damaged_opens_with_its_photo(desk, version):
    opened = Opened(painted(PATCH), "Open.", photo=PhotoFile(noise(), None, None), stack={"spadework_stack": 9})
    laid = desk.photos.lay_project(opened)
    assert laid.version == version
    assert "damaged" in laid.message


def test_what_is_no_photo_leaves_what_is_open(desk, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    with pytest.raises(UserError, match=r"broken\.jpg"):
        desk.photos.open(tmp_path / "broken.jpg", FACADES)


def test_a_photo_is_seen_in_its_colours_on_white():
    pixels, alpha = noise(), np.zeros(SIZE, np.uint8)
    alpha[:, :36] = 255
    seen = as_seen(PhotoFile(pixels, alpha, None), *SIZE)
    assert np.array_equal(seen[:, :36], pixels[:, :36])
    assert (seen[:, 36:] == 255).all()
    assert as_seen(read_photo_file_of(pixels), 24, 36).shape == (24, 36, 3)


def read_photo_file_of(pixels: np.ndarray) -> PhotoFile:
    return PhotoFile(pixels, None, b"no profile at all")


def test_a_photo_of_few_pixels_is_edited_too(desk, tmp_path):
    save_png(tmp_path / "tiny.png", noise()[:6, :5], {})
    laid = desk.photos.open(tmp_path / "tiny.png", FACADES)
    labels = laid.labels.labels.copy()
    labels[:2, :2] = 3
    settings = dataclasses.replace(SETTINGS, growth=0)
    entry = repainted(desk, dataclasses.replace(laid.labels, labels=labels), laid.version, settings)
    assert read_photo_file(entry.path).pixels.shape == (6, 5, 3)
