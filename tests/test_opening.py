import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.bundle import Project, write_project
from app.canvas import Painted
from app.opening import listed, open_map, open_project, open_result, project_of, switch_palette, within_sides
from app.settings import Settings
from engine.images import PhotoFile
from engine.label_files import save_label_map
from engine.palette import load_palette, palette_from
from engine.record import record
from engine.types import EditRequest, RenderRequest, Reroll, Sampling, UserError
from engine.writing import save_png

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
    guidance_rescale=0.35,
    encoder_reuse=2,
    noise="steps",
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


def test_what_was_guessed_is_asked_and_the_answer_taken(tmp_path):
    city = load_palette("cityscapes")
    pixels = city.standard_colours[np.array([[26, 34], [23, 7]], np.uint8).repeat(8, 0).repeat(8, 1)]
    pixels[-6:, -6:] = (201, 33, 187)
    Image.fromarray(pixels).save(tmp_path / "map.png")
    asked = open_map(tmp_path / "map.png", city).choices
    assert [(each.shared, each.pixels) for each in asked] == [(True, 128), (False, 36)]
    answers = {asked[0].colour: 34, asked[1].colour: 24}
    opened = open_map(tmp_path / "map.png", city, answers)
    assert opened.choices == ()
    assert (opened.painted.labels[:8] == 34).all()
    assert (opened.painted.labels[-6:, -6:] == 24).all()


def desk():
    """All that a desk can hold."""
    rng = np.random.default_rng(0)
    instances = rng.integers(0, 65_536, (32, 40)).astype(np.uint16)
    settings = Settings(
        "tiny",
        seed=9,
        sampling=dataclasses.replace(EVERYTHING, seeds=(0,)),
        strength=0.35,
        count=3,
        side=64,
        class_guidance=(("window", 4.0), ("door", 1.5)),
        rerolls=(Reroll(labels_of() == 5, 12),),
        one_seed=True,
    )
    noise = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    result = io.BytesIO()
    save_png(result, noise, record(RenderRequest("tiny", labels_of()), "facades", 0))
    painted = Painted(labels_of(), "facades", instances=instances)
    return painted, settings, PhotoFile(noise, None, None), (result.getvalue(),)


def test_a_project_brings_everything_back(tmp_path):
    painted, settings, photo, results = desk()
    write_project(tmp_path / "desk.spadework", project_of(painted, settings, photo, results))
    opened = open_map(tmp_path / "desk.spadework", ADE)
    assert opened.painted.palette == "facades"
    assert opened.painted.labels.tobytes() == painted.labels.tobytes()
    assert opened.painted.instances.tobytes() == painted.instances.tobytes()
    assert opened.settings == settings
    assert (opened.photo.pixels == photo.pixels).all()
    assert opened.results == results
    assert opened.message == "The project is back on the desk (map, objects, photo, 1 result)."


def test_settings_that_are_damaged_leave_the_map():
    project = dataclasses.replace(project_of(*desk()), settings={"model": 3})
    opened = open_project(project)
    assert opened.settings is None
    assert "The settings are left out. They are damaged" in opened.message
    assert (opened.painted.labels == labels_of()).all()


def test_a_project_in_a_palette_of_its_own():
    classes = [{"index": i, "name": str(i), "colour": [i, i, i]} for i in range(6)]
    own = palette_from({"name": "cells", "unlabelled": 0, "classes": classes}, "cells")
    with pytest.raises(UserError, match=r"own palette 'cells'.*palette\.json"):
        open_project(Project(labels_of(), own))


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
    labels = np.where(labels_of() == 1, FACADES.index_of("door"), FACADES.index_of("window")).astype(np.uint8)
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


def test_areas_with_new_noise_go_where_the_map_has_to_be_scaled():
    for width, count in ((2048, 1), (2049, 0)):
        labels = np.ones((8, width), np.uint8)
        request = RenderRequest("tiny", labels, Sampling(), rerolls=(Reroll(labels > 0, 3),))
        assert len(open_result(record(request, "facades", 0)).settings.rerolls) == count


def test_many_names_stay_one_short_line():
    assert listed(["tree", "sky"]) == "tree, sky"
    assert listed(list("abcdefg"), 6) == "a, b, c, d, e, f and 1 more"
