import dataclasses
from pathlib import Path

import numpy as np
import pytest

from app.canvas import Painted
from app.opening import open_map, open_result, switch_palette, within_sides
from app.settings import Settings
from engine.images import save_png
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.record import record
from engine.types import EditRequest, RenderRequest, Sampling, UserError

FACADES, ADE = load_palette("facades"), load_palette("ade20k")
EXAMPLES = Path(__file__).parent.parent / "app" / "static" / "examples"
EVERYTHING = Sampling(
    "dpmpp_2m",
    steps=11,
    guidance=3.25,
    seeds=(7, 8),
    spacing="even",
    guidance_interval=(0.125, 0.9),
    guidance_stop=0.015,
    encoder_reuse=2,
)


def labels_of() -> np.ndarray:
    labels = np.full((32, 40), 1, np.uint8)
    labels[8:20, 10:30] = 5
    return labels


def test_a_saved_map_opens_as_it_was(tmp_path):
    save_label_map(tmp_path / "map.png", labels_of(), FACADES)
    opened = open_map(tmp_path / "map.png", ADE)
    assert opened.painted.palette == "facades"
    assert np.array_equal(opened.painted.labels, labels_of())
    assert opened.settings is None


@pytest.mark.parametrize("seed", EVERYTHING.seeds)
def test_a_result_brings_its_map_and_every_setting_back(tmp_path, seed):
    """What Generate then asks for is the request of that one picture, field by field."""
    made = RenderRequest("tiny", labels_of(), EVERYTHING)
    for field in dataclasses.fields(Sampling):
        assert getattr(EVERYTHING, field.name) != getattr(Sampling(), field.name), "a default would prove nothing"
    save_png(tmp_path / "result.png", np.zeros((32, 40, 3), np.uint8), record(made, "facades", seed))
    opened = open_map(tmp_path / "result.png", ADE)
    assert np.array_equal(opened.painted.labels, made.labels)
    assert (opened.settings.model, opened.settings.count) == ("tiny", 1)
    assert opened.settings.seeded() == dataclasses.replace(EVERYTHING, seeds=(seed,))


def test_an_edit_brings_its_strength_and_says_that_its_photo_is_needed():
    made = EditRequest("tiny", labels_of(), np.zeros((32, 40, 3), np.uint8), labels_of() == 5, 0.35, EVERYTHING)
    stored = record(made, "facades", 7)
    opened = open_result(stored)
    assert opened.settings.strength == 0.35
    assert "open that too" in opened.message
    assert open_result({**stored, "strength": "much"}).settings.strength == Settings("tiny").strength


def test_a_large_map_is_scaled_to_what_the_canvas_takes():
    labels, note = within_sides(np.zeros((1024, 4096), np.uint8))
    assert labels.shape == (512, 2048)
    assert "Scaled from 4096 x 1024 to 2048 x 512" in note
    assert within_sides(np.zeros((2, 3), np.uint8))[0].shape == (8, 8)


def test_a_file_that_is_no_map_is_a_sentence(tmp_path):
    (tmp_path / "map.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"map\.png"):
        open_map(tmp_path / "map.png", ADE)


@pytest.mark.parametrize("change", [{"palette": "x"}, {"palette": ["x"]}, {"palette": "celebamask_hq"}])
def test_a_result_in_other_classes_is_a_sentence(change):
    stored = record(RenderRequest("tiny", np.full((8, 8), 40, np.uint8)), "ade20k", 0)
    with pytest.raises(UserError):
        open_result({**stored, **change})


def test_another_palette_keeps_what_has_a_name_there_or_shows_its_example():
    assert switch_palette(Painted(labels_of(), "facades"), FACADES, EXAMPLES, on_photo=False) is None
    labels = labels_of()
    labels[labels == 1] = 6
    windows = switch_palette(Painted(labels, "facades"), ADE, EXAMPLES, on_photo=False)
    assert windows.palette == "ade20k"
    assert set(np.unique(windows.labels)) == {ADE.index_of("windowpane"), ADE.index_of("door")}
    nothing = Painted(np.full((16, 16), ADE.index_of("sea"), np.uint8), "ade20k")
    assert (switch_palette(nothing, FACADES, EXAMPLES, on_photo=False).labels != 0).any()
    over_photo = switch_palette(nothing, FACADES, EXAMPLES, on_photo=True)
    assert over_photo.labels.shape == (16, 16)
    assert not over_photo.labels.any()
    blank = Painted(np.full((16, 16), ADE.unlabelled, np.uint8), "ade20k")
    assert not switch_palette(blank, FACADES, EXAMPLES, on_photo=False).labels.any()
