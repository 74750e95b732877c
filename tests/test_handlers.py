import dataclasses
from pathlib import Path

import numpy as np
import pytest
from models import tiny_model
from PIL import Image, ImageCms

from app.canvas import Painted
from app.handlers import Desk, Settings, open_map, open_result, readable, switch_palette, within_sides
from engine.images import read_photo, read_request, save_png
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.pipeline import generate
from engine.record import record, render_request
from engine.types import RenderRequest, UserError

FACADES, ADE = load_palette("facades"), load_palette("ade20k")
SETTINGS = Settings("tiny", seed=7, steps=3, guidance=1.5)


def painted(palette: str = "facades", label: int = 1) -> Painted:
    labels = np.full((32, 40), label, np.uint8)
    labels[8:20, 10:30] = 5
    return Painted(labels, palette)


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path, lambda name: dataclasses.replace(tiny_model(), name=name))


def test_a_picture_forms_step_by_step_and_is_saved_with_its_request(desk):
    updates = list(desk.generate(painted(), SETTINGS, "me"))
    assert [u.status.kind for u in updates] == ["busy", "busy", "busy", "done"]
    assert [u.status.share for u in updates[1:3]] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert "Step 2 of 3" in updates[2].status.text
    assert "left" in updates[2].status.text
    assert updates[1].picture.shape == (32, 40, 3)
    path = updates[-1].finished
    request = render_request(read_request(path))
    *_, again = generate(tiny_model(), request)
    assert np.array_equal(again.pictures[0], read_photo(path))


def test_cancel_leaves_text_and_no_file(desk, tmp_path):
    updates = desk.generate(painted(), dataclasses.replace(SETTINGS, steps=500), "me")
    next(updates), next(updates), next(updates)
    assert desk.cancel("me").kind == "busy"
    assert [u.status.kind for u in updates] == ["stopped"]
    assert not list(tmp_path.rglob("*.png"))
    assert desk.cancel("me").text == "Nothing is running."


def test_a_seed_that_is_not_kept_is_drawn_and_told(desk):
    unlocked = dataclasses.replace(SETTINGS, seed=None, steps=1)
    seeds = [list(desk.generate(painted(), unlocked, "me"))[-1].seed for _ in range(3)]
    assert len(set(seeds)) == 3
    assert list(desk.generate(painted(), SETTINGS, "me"))[-1].seed == 7


@pytest.mark.parametrize(
    ("map_", "settings", "text"),
    [
        (None, SETTINGS, "There is no map yet"),
        (Painted(np.full((8, 8), 40, np.uint8), "facades"), SETTINGS, "Label 40 is outside"),
        (painted(), dataclasses.replace(SETTINGS, steps=5000), "5000 steps is outside 1 to 1000"),
        (painted(), dataclasses.replace(SETTINGS, guidance=99), "Guidance 99 is outside"),
    ],
)
def test_a_problem_is_a_sentence(desk, map_, settings, text):
    last = list(desk.generate(map_, settings, "me"))[-1]
    assert last.status.kind == "problem"
    assert text in last.status.text
    assert list(desk.generate(painted(), SETTINGS, "me"))[-1].status.kind == "done"


def test_a_map_in_another_palette_is_carried_over_and_losses_are_told(desk):
    labels = np.full((16, 16), ADE.index_of("sea"), np.uint8)
    labels[8:] = ADE.index_of("door")
    last = list(desk.generate(Painted(labels, "ade20k"), SETTINGS, "me"))[-1]
    assert last.status.kind == "done"
    assert "left open: sea" in last.status.text


def test_loading_another_model_frees_the_former(desk):
    first = desk.model("a")
    assert desk.model("a") is first
    assert desk.model("b").name == "b"
    assert desk.model("a") is not first


# --- Photos ---


def test_painting_on_a_photo_changes_what_is_painted_and_nothing_else(desk, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    save_png(tmp_path / "photo.png", photo, {})
    opened = desk.open_photo(tmp_path / "photo.png", FACADES)
    assert opened.painted.labels.shape == (90, 120)
    assert opened.painted.under.startswith("data:image/jpeg;base64,")
    labels = opened.painted.labels.copy()
    labels[30:60, 40:80] = 5
    last = list(desk.repaint(Painted(labels, "facades"), opened.key, SETTINGS, "me"))[-1]
    result = read_photo(last.finished)
    outside = labels == FACADES.unlabelled
    assert np.array_equal(result[outside], photo[outside])
    assert not np.array_equal(result[~outside], photo[~outside])
    assert read_request(last.finished)["kind"] == "edit"


def test_a_photo_keeps_its_opacity_and_colour_profile(desk, tmp_path):
    rng = np.random.default_rng(0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    Image.fromarray(stored).save(tmp_path / "photo.png", icc_profile=profile)
    opened = desk.open_photo(tmp_path / "photo.png", FACADES)
    labels = opened.painted.labels.copy()
    labels[10:20, 10:20] = 5
    last = list(desk.repaint(Painted(labels, "facades"), opened.key, SETTINGS, "me"))[-1]
    result = Image.open(last.finished)
    assert np.array_equal(np.asarray(result)[labels == 0], stored[labels == 0])
    assert result.info["icc_profile"] == profile


@pytest.mark.parametrize("key", [None, "0" * 32, "../../etc/passwd", 7, ""])
def test_a_photo_that_is_gone_is_a_sentence(desk, key):
    assert not desk.has_photo(key)
    assert "No photo is open" in list(desk.repaint(painted(), key, SETTINGS, "me"))[-1].status.text


def test_an_unpainted_photo_says_what_to_do(desk, tmp_path):
    save_png(tmp_path / "photo.png", np.zeros((32, 32, 3), np.uint8), {})
    opened = desk.open_photo(tmp_path / "photo.png", FACADES)
    last = list(desk.repaint(opened.painted, opened.key, SETTINGS, "me"))[-1]
    assert "Nothing is painted on the photo" in last.status.text


def test_a_photo_survives_a_restart(desk, tmp_path):
    save_png(tmp_path / "photo.png", np.zeros((32, 32, 3), np.uint8), {})
    key = desk.open_photo(tmp_path / "photo.png", FACADES).key
    assert Desk(tmp_path).has_photo(key)


# --- Files ---


def test_a_saved_map_opens_as_it_was(tmp_path):
    save_label_map(tmp_path / "map.png", painted().labels, FACADES)
    opened = open_map(tmp_path / "map.png", ADE)
    assert opened.painted.palette == "facades"
    assert np.array_equal(opened.painted.labels, painted().labels)
    assert opened.settings is None


def test_a_result_brings_its_map_and_settings_back(desk):
    path = list(desk.generate(painted(), SETTINGS, "me"))[-1].finished
    opened = open_map(path, ADE)
    assert np.array_equal(opened.painted.labels, painted().labels)
    assert opened.settings == Settings("tiny", 7, 3, 1.5)


def test_a_large_map_is_scaled_to_what_the_canvas_takes():
    labels, note = within_sides(np.zeros((1024, 4096), np.uint8))
    assert labels.shape == (512, 2048)
    assert "Scaled from 4096 x 1024 to 2048 x 512" in note
    assert within_sides(np.zeros((2, 3), np.uint8))[0].shape == (8, 8)


def test_a_file_that_is_no_map_is_a_sentence(tmp_path):
    (tmp_path / "map.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"map\.png"):
        open_map(tmp_path / "map.png", ADE)


def test_another_palette_keeps_what_has_a_name_there_or_shows_its_example():
    examples = Path(__file__).parent.parent / "app" / "static" / "examples"
    assert switch_palette(painted(), FACADES, examples, on_photo=False) is None
    windows = switch_palette(painted("facades", label=6), ADE, examples, on_photo=False)
    assert windows.palette == "ade20k"
    assert set(np.unique(windows.labels)) == {ADE.index_of("windowpane"), ADE.index_of("door")}
    nothing = Painted(np.full((16, 16), ADE.index_of("sea"), np.uint8), "ade20k")
    assert (switch_palette(nothing, FACADES, examples, on_photo=False).labels != 0).any()
    over_photo = switch_palette(nothing, FACADES, examples, on_photo=True)
    assert over_photo.labels.shape == (16, 16)
    assert not over_photo.labels.any()
    blank = Painted(np.full((16, 16), ADE.unlabelled, np.uint8), "ade20k")
    assert not switch_palette(blank, FACADES, examples, on_photo=False).labels.any()


def test_a_picture_that_can_t_be_saved_is_still_shown(tmp_path):
    (tmp_path / "outputs").write_text("a file where the folder should be", encoding="utf-8")
    desk = Desk(tmp_path / "outputs", lambda name: tiny_model())
    last = list(desk.generate(painted(), SETTINGS, "me"))[-1]
    assert last.status.kind == "problem"
    assert "Finished, but not saved" in last.status.text
    assert last.picture.shape == (32, 40, 3)


def test_a_fault_inside_ends_in_a_sentence(desk, monkeypatch):
    def out_of_memory(model, request):
        raise MemoryError("no room")

    monkeypatch.setattr("app.handlers.pipeline.generate", out_of_memory)
    last = list(desk.generate(painted(), SETTINGS, "me"))[-1]
    assert last.status.kind == "problem"
    assert "no room" in last.status.text


@pytest.mark.parametrize("change", [{"palette": "x"}, {"palette": ["x"]}, {"palette": "celebamask_hq"}])
def test_a_result_in_other_classes_is_a_sentence(change):
    stored = record(RenderRequest("tiny", np.full((8, 8), 40, np.uint8)), "ade20k", 0)
    with pytest.raises(UserError):
        open_result({**stored, **change})


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (130, "2 min"), (3900, "1 h 5 min")])
def test_times_are_readable(seconds, text):
    assert readable(seconds) == text
