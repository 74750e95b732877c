import dataclasses
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from models import tiny_model
from PIL import Image, ImageCms

from app.canvas import Painted
from app.handlers import Desk
from app.orders import edit_order, render_order
from app.project import keep
from app.settings import Settings, precision_of
from app.words import readable
from engine import pipeline
from engine.blending import grown
from engine.images import PhotoFile, read_photo, read_photo_file, read_request
from engine.palette import load_palette
from engine.pipeline import generate
from engine.presets import preset
from engine.record import render_request
from engine.types import RenderRequest, Reroll, Sampling, UserError
from engine.writing import save_png

FACADES, ADE = load_palette("facades"), load_palette("ade20k")
SAMPLING = Sampling("ddim", steps=3, guidance=1.5)
SETTINGS = Settings("tiny", 7, SAMPLING, growth=4)
FOUR = dataclasses.replace(SETTINGS, count=4)


def painted(palette: str = "facades", label: int = 1) -> Painted:
    labels = np.full((32, 40), label, np.uint8)
    labels[8:20, 10:30] = 5
    return Painted(labels, palette)


def load(name: str, device: str = "auto", precision: str = "auto") -> pipeline.Model:
    return dataclasses.replace(tiny_model(), name=name)


def sampled(settings: Settings, **changes) -> Settings:
    return dataclasses.replace(settings, sampling=dataclasses.replace(settings.sampling, **changes))


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path, load)


def test_a_picture_forms_step_by_step_and_is_saved_with_its_request(desk):
    updates = list(desk.generate(painted(), SETTINGS, "me"))
    assert [u.status.kind for u in updates] == ["busy", "busy", "busy", "done"]
    assert [u.status.share for u in updates[1:3]] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert "Step 2 of 3" in updates[2].status.text
    assert "left" in updates[2].status.text
    assert updates[1].cells[0].picture.shape == (32, 40, 3)
    path = updates[-1].entries[0].path
    request = render_request(read_request(path))
    *_, again = generate(tiny_model(), request)
    assert np.array_equal(again.pictures[0], read_photo(path))


def test_cancel_leaves_text_and_no_file(desk, tmp_path):
    updates = desk.generate(painted(), sampled(SETTINGS, steps=500), "me")
    next(updates), next(updates), next(updates)
    assert desk.cancel("me").kind == "busy"
    assert [u.status.text for u in updates] == ["Stopped. The map is as you left it."]
    assert not list(tmp_path.rglob("*.png"))
    assert desk.cancel("me").text == "Nothing is running."


def test_a_seed_that_is_not_kept_is_drawn_and_told(desk):
    unlocked = sampled(dataclasses.replace(SETTINGS, seed=None), steps=1)
    seeds = [list(desk.generate(painted(), unlocked, "me"))[-1].seed for _ in range(3)]
    assert len(set(seeds)) == 3
    assert list(desk.generate(painted(), SETTINGS, "me"))[-1].seed == 7


@pytest.mark.parametrize(
    ("map_", "settings", "text"),
    [
        (None, SETTINGS, "There is no map yet"),
        (Painted(np.full((8, 8), 40, np.uint8), "facades"), SETTINGS, "Label 40 is outside"),
        (painted(), sampled(SETTINGS, steps=600, spacing="stride"), "No whole stride leaves 600 of 1000"),
        (painted(), dataclasses.replace(SETTINGS, seed=2**32), "Seed 4294967296 is outside"),
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


# --- Several pictures, and memory ---


def test_several_pictures_each_have_their_seed_and_their_file(desk):
    updates = list(desk.generate(painted(), FOUR, "me"))
    assert [cell.picture.shape for cell in updates[2].cells] == [(32, 40, 3)] * 4
    assert "Results 1 to 4 of 4, 33 % done" in updates[1].status.text
    last = updates[-1]
    assert "4 results in" in last.status.text
    assert [entry.seed for entry in last.entries] == [7, 8, 9, 10]
    assert last.seed == 7
    for entry in last.entries:
        assert read_request(entry.path)["sampling"]["seeds"] == [entry.seed]
    assert len({read_photo(entry.path).tobytes() for entry in last.entries}) == 4


def test_what_is_finished_before_a_stop_is_saved_and_told(desk, monkeypatch):
    monkeypatch.setattr("engine.plan.LARGEST_BATCH", {"cpu": 1})
    updates = desk.generate(painted(), FOUR, "me")
    texts = []
    for update in updates:
        texts.append(update.status.text)
        if len(update.entries) == 2:
            desk.cancel("me")
    assert "Result 2 of 4, 42 % done" in texts[5]
    assert texts[-1] == "Stopped. The map is as you left it. 2 results were finished and are saved."
    assert [read_request(entry.path)["sampling"]["seeds"] for entry in update.entries] == [[7], [8]]


def test_where_memory_runs_out_the_pictures_still_come_and_the_change_is_told(tmp_path):
    def crowded(name, device, precision):
        model = load(name)
        encode = model.network.encode

        def encode_two(x, *rest):
            if len(x) > 2:
                raise torch.OutOfMemoryError("no room for more than two")
            return encode(x, *rest)

        model.network.encode = encode_two
        return model

    updates = list(Desk(tmp_path, crowded).generate(painted(), FOUR, "me"))
    assert [entry.seed for entry in updates[-1].entries] == [7, 8, 9, 10]
    for update in (updates[1], updates[-1]):
        assert "Memory ran out: 2 at a time instead of 4." in update.status.text
    assert updates[-1].status.kind == "done"


def test_memory_that_runs_out_while_a_model_loads_is_a_sentence_and_no_end(tmp_path):
    full = [True]

    def load_when_empty(name, device, precision):
        if full:
            raise MemoryError
        return load(name)

    desk = Desk(tmp_path, load_when_empty)
    last = list(desk.generate(painted(), SETTINGS, "me"))[-1]
    assert last.status.kind == "problem"
    assert "Memory ran out. Close other programs" in last.status.text
    full.clear()
    assert list(desk.generate(painted(), SETTINGS, "me"))[-1].status.kind == "done"


@pytest.mark.parametrize(("free", "told"), [(2**20, True), (2**40, False)])
def test_a_run_that_takes_much_of_the_memory_is_announced(desk, monkeypatch, free, told):
    monkeypatch.setattr("engine.plan.free_memory", lambda device: free)
    texts = [update.status.text for update in desk.generate(painted(), SETTINGS, "me")]
    assert any("of 1 MB free memory, 1 at a time." in text for text in texts[:2]) == told
    assert "Done" in texts[-1]


def test_loading_another_model_frees_the_former_first(tmp_path):
    models = []

    def load_alone(name, device, precision):
        assert all(model() is None for model in models)
        model = load(name)
        models.append(weakref.ref(model))
        return model

    desk = Desk(tmp_path, load_alone)
    assert desk.shelf.model("a") is desk.shelf.model("a")
    for name in ("a", "b", "a"):
        last = list(desk.generate(painted(), dataclasses.replace(SETTINGS, model=name), "me"))[-1]
        assert last.status.kind == "done"
        assert last.entries[0].path.stem.split("-")[1] == name
    assert len(models) == 3


@pytest.mark.parametrize(
    ("of_desk", "fastest", "asked"),
    [
        ("auto", "bfloat16", ["auto", "float32", "auto"]),
        ("auto", "float32", ["auto"]),
        ("bfloat16", "bfloat16", ["bfloat16"]),
        ("float32", "bfloat16", ["float32"]),
    ],
)
def test_the_reference_is_computed_in_float32_unless_the_desk_says_otherwise(tmp_path, of_desk, fastest, asked):
    loaded = []

    def load_in(name, device, precision):
        loaded.append((device, precision))
        model = load(name)
        model.network.to(getattr(torch, fastest if precision == "auto" else precision))
        return model

    desk = Desk(tmp_path, load_in, "cpu", of_desk)
    for quality in ("fast", "fast", "exact", "exact", "draft"):
        desk.shelf.model("tiny", precision_of(preset(quality)))
    assert loaded == [("cpu", precision) for precision in asked]


def test_the_status_says_where_a_picture_was_computed(desk):
    assert "on the CPU in float32." in list(desk.generate(painted(), SETTINGS, "me"))[-1].status.text


# --- Photos ---


def test_painting_on_a_photo_changes_what_is_painted_and_nothing_else(desk, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    save_png(tmp_path / "photo.png", photo, {})
    opened = desk.photos.open(tmp_path / "photo.png", FACADES)
    assert opened.labels.labels.shape == (90, 120)
    labels = opened.labels.labels.copy()
    labels[30:60, 40:80] = 5
    last = list(desk.repaint(Painted(labels, "facades"), opened.version, SETTINGS, "me"))[-1]
    result = read_photo(last.entries[0].path)
    outside = ~grown(labels != FACADES.unlabelled, SETTINGS.growth)
    assert np.array_equal(result[outside], photo[outside])
    assert not np.array_equal(result[~outside], photo[~outside])
    assert read_request(last.entries[0].path)["kind"] == "edit"


def test_a_change_of_a_large_photo_is_grown_by_more_where_nothing_else_is_said(desk, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    save_png(tmp_path / "photo.png", photo, {})
    opened = desk.photos.open(tmp_path / "photo.png", FACADES)
    labels = opened.labels.labels.copy()
    labels[100:160, 140:280] = 5
    painted, left_open = Painted(labels, "facades"), dataclasses.replace(SETTINGS, growth=None)
    last = list(desk.repaint(painted, opened.version, left_open, "me"))[-1]
    assert read_request(last.entries[0].path)["growth"] == 400 // 64


def test_a_photo_keeps_its_opacity_and_colour_profile(desk, tmp_path):
    rng = np.random.default_rng(0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    Image.fromarray(stored).save(tmp_path / "photo.png", icc_profile=profile)
    opened = desk.photos.open(tmp_path / "photo.png", FACADES)
    labels = opened.labels.labels.copy()
    labels[10:20, 10:20] = 5
    last = list(desk.repaint(Painted(labels, "facades"), opened.version, SETTINGS, "me"))[-1]
    result, outside = Image.open(last.entries[0].path), ~grown(labels != 0, SETTINGS.growth)
    assert np.array_equal(np.asarray(result)[outside], stored[outside])
    assert result.info["icc_profile"] == profile


@pytest.mark.parametrize("key", [None, "0" * 32, "../../etc/passwd", 7, ""])
def test_a_photo_that_is_gone_is_a_sentence(desk, key):
    assert not desk.photos.stacks.has(key)
    assert "No photo is open" in list(desk.repaint(painted(), key, SETTINGS, "me"))[-1].status.text


def test_an_unpainted_photo_says_what_to_do(desk, tmp_path):
    save_png(tmp_path / "photo.png", np.zeros((32, 32, 3), np.uint8), {})
    opened = desk.photos.open(tmp_path / "photo.png", FACADES)
    last = list(desk.repaint(opened.labels, opened.version, SETTINGS, "me"))[-1]
    assert "Nothing is painted on the photo" in last.status.text


def test_a_photo_survives_a_restart(desk, tmp_path):
    save_png(tmp_path / "photo.png", np.zeros((32, 32, 3), np.uint8), {})
    key = desk.photos.open(tmp_path / "photo.png", FACADES).version
    assert Desk(tmp_path).photos.stacks.has(key)


def test_a_picture_that_can_t_be_saved_is_still_shown(tmp_path):
    (tmp_path / "outputs").write_text("a file where the folder should be", encoding="utf-8")
    desk = Desk(tmp_path / "outputs", load)
    last = list(desk.generate(painted(), SETTINGS, "me"))[-1]
    assert last.status.kind == "problem"
    assert "Finished, but not saved" in last.status.text
    assert last.cells[0].picture.shape == (32, 40, 3)


def test_a_fault_inside_ends_in_a_sentence(desk, monkeypatch):
    def faulty(model, request):
        raise ZeroDivisionError("no way")

    monkeypatch.setattr("app.handlers.pipeline.generate", faulty)
    last = list(desk.generate(painted(), SETTINGS, "me"))[-1]
    assert last.status.kind == "problem"
    assert "no way" in last.status.text


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (130, "2 min"), (3900, "1 h 5 min")])
def test_times_are_readable(seconds, text):
    assert readable(seconds) == text


# --- Live, and what was only looked at ---


def test_live_shows_a_draft_and_then_what_is_set_and_saves_neither(desk, tmp_path):
    many = sampled(SETTINGS, steps=12)
    updates = list(desk.live(painted(), many, "me"))
    done = [cell for update in updates for cell in update.cells if cell.state == "done"]
    assert len({cell.draft for cell in done}) == 2
    assert updates[-1].status.kind == "done"
    assert all(update.quiet for update in updates)
    assert not list(tmp_path.rglob("*.png"))
    wanted = pipeline.pictures_of(generate(tiny_model(), render_request_of(many)))
    assert np.array_equal(updates[-1].cells[0].picture, wanted[0])


def render_request_of(settings: Settings) -> RenderRequest:
    return RenderRequest("tiny", painted().labels, settings.seeded())


def test_what_was_seen_before_comes_back_at_once(desk):
    first = list(desk.live(painted(), SETTINGS, "me"))[-1]
    other = list(desk.live(painted(), sampled(SETTINGS, guidance=3.0), "me"))[-1]
    (again,) = desk.live(painted(), SETTINGS, "me")
    assert np.array_equal(again.cells[0].picture, first.cells[0].picture)
    assert not np.array_equal(again.cells[0].picture, other.cells[0].picture)
    assert again.status.kind == "done"


def test_a_draft_is_kept_on_request_with_its_request(desk):
    last = list(desk.live(painted(), SETTINGS, "me"))[-1]
    entry = desk.keep_draft(last.cells[0].draft)
    assert np.array_equal(read_photo(entry.path), last.cells[0].picture)
    assert render_request(read_request(entry.path)).sampling == SETTINGS.seeded()
    assert desk.keep_draft(last.cells[0].draft) == entry
    desk.history.delete([entry.id])
    assert desk.keep_draft(last.cells[0].draft).id != entry.id
    with pytest.raises(UserError, match="no longer held"):
        desk.keep_draft("unknown")


def test_live_gives_way_to_a_run_that_was_pressed_for(desk):
    run = desk.generate(painted(), sampled(SETTINGS, steps=500), "me")
    next(run), next(run)
    assert list(desk.live(painted(), SETTINGS, "me")) == []
    desk.cancel("me")
    assert list(run)[-1].status.kind == "stopped"
    assert list(desk.live(painted(), SETTINGS, "me"))[-1].status.kind == "done"


def test_a_draft_that_is_cancelled_says_so(desk):
    draft = desk.live(painted(), sampled(SETTINGS, steps=500), "me")
    next(draft), next(draft)
    desk.cancel("me")
    assert [(u.status.kind, u.quiet) for u in draft] == [("stopped", True)]


def test_a_newer_stroke_ends_the_draft_before_it_without_a_word(desk):
    older = desk.live(painted(), sampled(SETTINGS, steps=500), "me")
    seen = [next(older), next(older)]
    newer = desk.live(painted(label=2), SETTINGS, "me")
    first = next(newer)  # waits until the older one lets go of the device
    seen += list(older)
    assert seen[-1].status.kind == "busy"
    assert list(newer)[-1].status.kind == "done"
    assert first.quiet


def test_results_of_a_project_are_kept_once_however_often_it_is_opened(desk, tmp_path):
    made = list(desk.generate(painted(), FOUR, "me"))[-1]
    contents = tuple(entry.path.read_bytes() for entry in made.entries)
    first, second = desk.take_in(contents), desk.take_in(contents)
    assert [entry.seed for entry in first.entries] == [7, 8, 9, 10]
    assert [entry.id for entry in second.entries] == [entry.id for entry in first.entries]
    assert first.shape == (32, 40)
    assert len(list(tmp_path.rglob("*.png"))) == 8


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": None}, "its model is no name"),
        ({"sampling": {"seeds": [2**70]}}, f"Seed {2**70} is outside"),
        ({"sampling": {"seeds": ["x/../../elsewhere"]}}, "is not a whole number"),
        ({"labels": 3}, "damaged"),
        ({"spadework": 99}, "version 99"),
    ],
)
def test_a_result_whose_record_is_damaged_is_left_out_and_the_others_are_kept(desk, tmp_path, change, text):
    made = list(desk.generate(painted(), SETTINGS, "me"))[-1].entries[0].path
    save_png(tmp_path / "damaged.png", read_photo(made), {**read_request(made), **change})
    taken = desk.take_in(((tmp_path / "damaged.png").read_bytes(), made.read_bytes()))
    assert [entry.seed for entry in taken.entries] == [7]
    assert taken.status.text.startswith("Of 2 results 1 can't be kept. ")
    assert text in taken.status.text


@pytest.mark.parametrize("name", ["../../../elsewhere", "C:\\elsewhere", "a\0b", "m" * 300, "\ud800"])
def test_a_result_is_kept_in_its_folder_whatever_name_its_model_has(desk, tmp_path, name):
    made = list(desk.generate(painted(), SETTINGS, "me"))[-1].entries[0].path
    save_png(tmp_path / "odd.png", read_photo(made), {**read_request(made), "model": name})
    taken = desk.take_in(((tmp_path / "odd.png").read_bytes(),))
    assert all(entry.path.parent == made.parent for entry in taken.entries)
    assert len(taken.entries) == (0 if name == "\ud800" else 1)


def test_a_result_that_is_taken_in_keeps_its_opacity(desk, tmp_path):
    made = list(desk.generate(painted(), SETTINGS, "me"))[-1].entries[0].path
    alpha = np.arange(32 * 40, dtype=np.uint8).reshape(32, 40)
    file = PhotoFile(read_photo(made), alpha, None)
    save_png(tmp_path / "clear.png", file.pixels, read_request(made), file)
    (entry,) = desk.take_in(((tmp_path / "clear.png").read_bytes(),)).entries
    assert np.array_equal(read_photo_file(entry.path).alpha, alpha)


def test_pictures_saved_at_one_moment_never_take_each_other_s_name(tmp_path):
    record = {"model": "tiny", "sampling": {"seeds": [7]}}
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(24)]
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda picture: keep(picture, record, tmp_path), pictures))
    assert len(set(paths)) == 24
    assert [int(read_photo(path)[0, 0, 0]) for path in paths] == list(range(24))


def test_a_picture_that_can_t_be_written_leaves_no_empty_file(tmp_path):
    with pytest.raises(TypeError):
        keep(np.zeros((8, 8, 3), np.uint8), {"model": "tiny", "sampling": {"seeds": [7]}, "not": object()}, tmp_path)
    assert not list(tmp_path.rglob("*.png"))


def test_an_edit_takes_the_objects_along_at_the_photo_s_size():
    photo = PhotoFile(np.zeros((64, 80, 3), np.uint8), None, None)
    numbers = np.zeros((32, 40), np.uint16)
    numbers[8:20, 10:20] = 700
    order = edit_order(dataclasses.replace(painted(), instances=numbers), photo, SETTINGS, FACADES)
    assert np.array_equal(order.request.instances, numbers.repeat(2, 0).repeat(2, 1))


def test_areas_with_new_noise_of_another_map_are_left_out():
    areas = tuple(Reroll(np.ones(shape, bool), 3) for shape in ((32, 40), (40, 32)))
    settings = dataclasses.replace(SETTINGS, rerolls=areas)
    assert render_order(painted(), settings, FACADES).request.rerolls == areas[:1]


def test_live_on_a_photo_repaints_it_and_the_draft_keeps_its_opacity(desk, tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8)
    Image.fromarray(stored).save(tmp_path / "photo.png")
    opened = desk.photos.open(tmp_path / "photo.png", FACADES)
    labels = opened.labels.labels.copy()
    labels[10:20, 10:20] = 5
    last = list(desk.live(Painted(labels, "facades"), SETTINGS, "me", opened.version))[-1]
    assert last.status.kind == "done"
    kept = np.asarray(Image.open(desk.keep_draft(last.cells[0].draft).path))
    outside = ~grown(labels != 0, SETTINGS.growth)
    assert np.array_equal(kept[outside], stored[outside])
    assert not np.array_equal(kept[10:20, 10:20], stored[10:20, 10:20])
    (waits,) = desk.live(opened.labels, SETTINGS, "me", opened.version)
    assert (waits.status.kind, waits.run) == ("idle", "")
