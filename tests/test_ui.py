"""The page's widgets and their values, without a browser; `test_page` presses them in one."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from models import TINY, tiny_model, tiny_network

from app.bundle import Project, write_project
from app.canvas import Painted
from app.catalogue import offers
from app.handlers import Desk
from app.panel import QUALITIES, locked, of_photo, settings_of
from app.photos import Laid
from app.settings import CUSTOM, HARMONISING, Settings, scales_in
from app.ui import Page, fitting, region_in
from engine.checkpoint import Description, save_checkpoint
from engine.images import read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.presets import DEFAULT, PRESETS, preset
from engine.record import pack, record, render_request
from engine.types import RenderRequest, Resampling, Sampling, UserError
from engine.writing import save_png

FACADES = load_palette("facades")
ODD = Sampling("ddpm", 11, 6.25, (5,), "even", (0.125, 0.9), 0.015, 2, "steps", 0.35)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Of models: one good, one broken."""
    monkeypatch.setattr("engine.checkpoint.FOLDER", tmp_path)
    save_checkpoint(tmp_path / "good.safetensors", tiny_network().state_dict(), Description("Good", TINY, FACADES))
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    return tmp_path


@pytest.fixture
def page(folder) -> Page:
    return Page(Desk(folder / "outputs", lambda name, *_: dataclasses.replace(tiny_model(), name=name)), offers())


def value(update: Any) -> Any:
    """What a widget then holds, as the browser sends it back."""
    return json.loads(json.dumps(update["value"] if isinstance(update, dict) and "__type__" in update else update))


def settings_on(page: Page, values: dict) -> Settings:
    def held(widget: Any) -> Any:
        return values[widget] if widget is page.panel.rerolls else value(values.get(widget, widget.value))

    told = {widget: held(widget) for widget in page.panel.fields}
    return settings_of(*told.values())


def test_no_two_widgets_share_an_id(page):
    ids = [block.elem_id for block in page.blocks.blocks.values() if block.elem_id]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("sampling", [ODD, *(preset(name) for name in PRESETS)])
def test_an_opened_result_sets_every_widget_so_that_generate_makes_it_again(page, folder, sampling):
    made = dataclasses.replace(sampling, seeds=(5,))
    request = RenderRequest("good", np.ones((16, 16), np.uint8), made, side=48)
    save_png(folder / "result.png", np.zeros((16, 16, 3), np.uint8), record(request, "facades", 5))
    values = page.on_open(str(folder / "result.png"), "good")
    settings = settings_on(page, values)
    assert settings.model == "good"
    assert settings.seeded() == made
    assert settings.side == 48
    assert value(values[page.panel.quality]) == next((name for name in PRESETS if preset(name) == sampling), CUSTOM)


def test_guidance_beyond_the_slider_widens_it(page, folder):
    assert page.panel.set_to(Settings("good", 5, ODD))[page.panel.guidance]["maximum"] == ODD.guidance


def test_every_quality_fills_in_its_own_sampling():
    qualities = json.loads(QUALITIES).items()
    found = {name: settings_of("good", 0, True, 1, 0.8, None, "", (), *values) for name, values in qualities}
    assert {name: settings.sampling for name, settings in found.items()} == {name: preset(name) for name in PRESETS}


def test_the_page_opens_with_the_default_quality(page):
    widgets = page.panel.sampling
    assert settings_of("good", 1, True, 1, 0.8, None, "", (), *(widget.value for widget in widgets)).sampling == preset(
        DEFAULT
    )
    assert page.panel.quality.value == DEFAULT


@pytest.mark.parametrize("hidden", [None, [], {"unknown": 1}, {"guidance_interval": 3}, {"encoder_reuse": "x"}])
def test_settings_that_were_tampered_with_are_a_sentence(hidden):
    with pytest.raises(UserError):
        settings_of("good", 0, True, 1, 0.8, None, "", (), 2.5, 20, "ddim", "trailing", 0.0, hidden)


def test_a_number_beyond_its_bounds_reaches_the_status_as_text(page):
    values = ["good", 0, True, 99, 0.8, None, "", (), *json.loads(QUALITIES)[DEFAULT]]
    (update,) = page.on_generate(Request(), None, *values)
    assert "99 variations is outside 1 to 16" in update[page.status]


class Request:
    session_hash = "me"


def values_with(**changes: Any) -> list[Any]:
    """The widgets' values, in the order of `panel.fields`."""
    named = {
        "model": "good", "seed": 3, "lock": True, "count": 1, "strength": 0.8, "side": None, "class_guidance": "",
        "rerolls": (), "guidance": 2.5, "steps": 2, "sampler": "ddim", "spacing": "trailing", "rescale": 0.0,
        "hidden": {}, "photo_count": 3, "growth": 4, "feather": None, "blend": "matched", "harmonise": "off",
        "hidden_edit": None,
    }  # fmt: skip
    return list({**named, **changes}.values())


MAP = Painted(np.ones((16, 16), np.uint8), "facades")


def test_several_pictures_come_as_a_sheet_and_a_click_brings_one_back(page):
    *_, last = page.on_generate(Request(), MAP, *values_with(count=2))
    sheet = last[page.results]
    assert [(cell["seed"], cell["state"]) for cell in sheet["cells"]] == [(3, "done"), (4, "done")]
    assert last[page.panel.seed] == 3
    shown = page.on_action({"action": "show", "id": sheet["cells"][1]["id"]}, "good")
    assert shown[page.panel.seed] == 4
    assert shown[page.save].value is not None


@pytest.mark.parametrize(
    ("action", "has_map", "has_settings"), [("use", True, True), ("settings", False, True), ("map", True, False)]
)
def test_a_result_brings_back_its_map_its_settings_or_both(page, action, has_map, has_settings):
    *_, last = page.on_generate(Request(), MAP, *values_with(guidance=3.5, class_guidance="molding 4"))
    entry = last[page.results]["cells"][0]["id"]
    values = page.on_action({"action": action, "id": entry}, "good")
    assert (page.canvas in values) == has_map
    assert (page.panel.steps in values) == has_settings
    if has_map:
        assert np.array_equal(values[page.canvas].labels, MAP.labels)
    if has_settings:
        settings = settings_on(page, values)
        assert (settings.seed, settings.sampling.guidance, settings.sampling.steps) == (3, 3.5, 2)
        assert settings.class_guidance == (("molding", 4.0),)


def test_a_result_is_sent_to_edit(page):
    *_, last = page.on_generate(Request(), MAP, *values_with())
    values = page.on_action({"action": "edit", "id": last[page.results]["cells"][0]["id"]}, "good")
    assert page.desk.photos.stacks.has(values[page.photo])
    assert values[page.photo_panel.stack]["told"]["url"].startswith("data:image/jpeg;base64,")


def test_what_is_gone_is_a_sentence(page):
    for asked in ({"action": "show", "id": "unknown"}, {"action": "use", "id": "unknown"}, {}, None):
        assert 'role="alert"' in page.on_action(asked, "good")[page.status]


def test_moving_guidance_renders_only_with_a_kept_seed_or_live(page):
    assert not list(page.on_scrub(Request(), MAP, None, False, *values_with(lock=False)))
    for live, lock in ((True, False), (False, True)):
        *_, last = page.on_scrub(Request(), MAP, None, live, *values_with(lock=lock))
        assert last[page.results]["cells"][0]["draft"]
        assert page.panel.seed not in last


def area(region: np.ndarray) -> dict:
    return pack(region.astype(np.uint8))


def test_a_re_rolled_area_keeps_the_seed_and_the_other_areas(page):
    left, right = np.zeros((16, 16), bool), np.zeros((16, 16), bool)
    left[:, :8], right[:, 8:] = True, True
    first, *_ = page.on_reroll(Request(), MAP, None, None, area(left), *values_with(lock=False))
    rerolls = first[page.panel.rerolls]
    assert first[page.panel.lock] is True
    assert np.array_equal(rerolls[0].region, left)
    second, *_, last = page.on_reroll(Request(), MAP, None, None, area(right), *values_with(rerolls=rerolls))
    assert len(second[page.panel.rerolls]) == 2
    made = render_request(read_request(page.desk.history.get(last[page.results]["cells"][0]["id"]).path))
    assert [each.seed for each in made.rerolls] == [each.seed for each in second[page.panel.rerolls]]
    assert made.sampling.seeds == (3,)
    assert fitting(rerolls, second[page.panel.rerolls][0]) == ()


@pytest.mark.parametrize("sent", [None, {}, area(np.zeros((16, 16))), area(np.ones((8, 16))), {"w": 2, "h": "x"}])
def test_an_area_that_is_none_is_a_sentence(page, sent):
    with pytest.raises(UserError, match=r"area|pixels"):
        region_in(sent, MAP)
    (only,) = page.on_reroll(Request(), MAP, None, None, sent, *values_with())
    assert 'role="alert"' in only[page.status]


def test_live_and_re_rolls_work_from_the_seed_that_is_there():
    assert settings_of(*locked(tuple(values_with(lock=False)))).seed == 3
    assert settings_of(*values_with(lock=False)).seed is None


def test_a_broken_model_stands_in_the_list_and_says_why_when_it_is_chosen(page):
    assert page.first == "good"
    assert ("bad: broken", "bad") in page.choices
    values = page.on_model(None, None, "bad")
    assert "can&#x27;t be read as safetensors" in values[page.status]
    assert 'role="alert"' in values[page.status]
    assert page.canvas not in values
    assert page.palette_of("bad") == FACADES


def test_a_model_that_came_or_went_is_seen_at_a_reload(page, folder):
    (folder / "good.safetensors").rename(folder / "moved.safetensors")
    assert "Reload the page" in page.on_about("gone")
    update = page.on_load(None, "good")[page.model]
    assert [name for _, name in update["choices"]] == ["bad", "moved"]
    assert update["value"] == "moved"


def test_without_any_model_that_works_the_reasons_are_told(folder):
    (folder / "good.safetensors").unlink()
    with pytest.raises(UserError, match=r"no model that can be used.*bad\.safetensors"):
        Page(Desk(folder), offers())


def test_a_project_whose_results_can_t_be_kept_is_on_the_desk_all_the_same(page, folder, monkeypatch):
    made = list(page.on_generate(Request(), MAP, *values_with()))[-1]
    result = page.desk.history.get(made[page.results]["cells"][0]["id"]).path
    record_of = {**read_request(result), "model": None}
    save_png(folder / "damaged.png", np.zeros((16, 16, 3), np.uint8), record_of)
    results = ((folder / "damaged.png").read_bytes(), result.read_bytes())
    write_project(folder / "desk.spadework", Project(MAP.labels, FACADES, results=results))
    values = page.on_open(str(folder / "desk.spadework"), "good")
    assert np.array_equal(values[page.canvas].labels, MAP.labels)
    assert len(values[page.results]["cells"]) == 1
    assert "Of 2 results 1 can&#x27;t be kept." in values[page.status]

    def unusable(run: str) -> list:
        raise UserError("The history can not be used.")

    monkeypatch.setattr(page.desk.history, "of_run", unusable)
    values = page.on_open(str(folder / "desk.spadework"), "good")
    assert np.array_equal(values[page.canvas].labels, MAP.labels)
    assert "The history can not be used." in values[page.status]


def test_a_re_roll_beside_an_empty_seed_is_one_all_the_same(page):
    area = pack(np.eye(*MAP.labels.shape, dtype=np.uint8))
    *_, last = page.on_reroll(Request(), MAP, None, None, area, *values_with(seed=None))
    made = read_request(page.desk.history.get(last[page.results]["cells"][0]["id"]).path)
    assert made["sampling"]["seeds"] == [0]
    assert len(made["rerolls"]) == 1


def test_a_guidance_of_a_class_comes_back_to_the_last_digit(page, folder):
    request = RenderRequest(
        "good", np.ones((16, 16), np.uint8), Sampling(), class_guidance=((1, 1.23456789), (2, 1e-5))
    )
    save_png(folder / "result.png", np.zeros((16, 16, 3), np.uint8), record(request, "facades", 0))
    settings = settings_on(page, page.on_open(str(folder / "result.png"), "good"))
    assert scales_in(FACADES, settings.class_guidance) == request.class_guidance


def test_an_example_whose_file_is_gone_is_told_and_the_map_stays(page, folder, monkeypatch):
    monkeypatch.setattr("app.ui.example_files", lambda palette: [(str(folder / "gone.png"), "Gone")])
    values = page.on_example("good", None, SimpleNamespace(index=0))
    assert list(values) == [page.status]
    assert 'data-kind="problem"' in values[page.status]


# --- A photo ---


@pytest.fixture
def version(page, folder) -> str:
    """Of an open photo."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    save_png(folder / "photo.png", pixels, {})
    values = page.on_photo(str(folder / "photo.png"), "good")
    assert "Photo of 24 x 16 px. Paint" in values[page.status]
    return values[page.photo]


def on_photo() -> Painted:
    labels = np.zeros((16, 24), np.uint8)
    labels[4:10, 5:15] = 5
    return Painted(labels, "facades")


def in_front(page: Page, version: str, **changes: Any) -> tuple[dict, dict]:
    """What the page tells of the first result of a run, and the run's last values."""
    *_, last = page.on_repaint(Request(), on_photo(), version, *values_with(growth=0, **changes))
    cell = last[page.results]["cells"][0]
    return {"id": cell["id"], "draft": "", "final": True}, last


def test_a_photo_gets_its_own_number_of_variations(page, version):
    _, last = in_front(page, version)
    assert len(last[page.results]["cells"]) == 3
    opened, closed = page._photo_open(True), page._photo_open(False)
    assert (opened[page.panel.count]["visible"], opened[page.panel.photo_count]["visible"]) == (False, True)
    assert (closed[page.panel.count]["visible"], closed[page.panel.photo_count]["visible"]) == (True, False)


def test_accepting_hiding_and_going_back_tell_the_canvas(page, version):
    shown, _ = in_front(page, version)
    side = page.photo_panel
    values = side.on_accept(on_photo(), version, shown)
    new, sent = values[page.photo], values[side.stack]
    assert new not in (version, None)
    assert [len(sent["edits"]), sent["told"]["record"], sent["told"]["region"]] == [1, True, None]
    hidden = side.on_stack({"action": "hide", "at": 0, "version": new})
    assert hidden[side.stack]["edits"][0]["hidden"]
    back = side.on_stack({"action": "version", "at": None, "version": version})
    assert (back[page.photo], back[side.stack]["told"]["record"]) == (version, False)
    assert "with no edits" in back[page.status]
    none = side.on_stack({"action": "version", "at": None, "version": ""})
    assert none[page.photo] is None
    assert none[page.go]["visible"]
    assert "No photo is open" in none[page.status]
    reopened = side.on_stack({"action": "reopen", "at": 0, "version": new})
    assert reopened[page.panel.edit.growth] == 0
    assert reopened[page.panel.lock] is True
    assert reopened[page.panel.count] == gr.update(visible=False)  # the photo has its own
    assert side.laid(Laid())[side.fit] == gr.update(visible=False)  # a map that waited for the former photo


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (None, "No result is in front"),
        ({"id": "", "draft": "", "final": False}, "not finished"),
        ({"id": "x", "final": True}, "no result"),
    ],
)
def test_what_can_t_be_accepted_is_a_sentence_and_nothing_else_changes(page, version, shown, text):
    values = page.photo_panel.on_accept(on_photo(), version, shown)
    assert list(values) == [page.status]
    assert 'data-kind="problem"' in values[page.status]


def test_a_re_roll_on_a_photo_makes_the_result_in_front_again(page, version):
    shown, _ = in_front(page, version, photo_count=1)
    again = [*values_with(photo_count=2)]
    *_, last = page.on_reroll(Request(), on_photo(), version, shown, area(on_photo().labels == 5), *again)
    assert [cell["seed"] for cell in last[page.results]["cells"]] == [3, 3]
    (only,) = page.on_reroll(Request(), on_photo(), version, None, area(on_photo().labels == 5), *again)
    assert 'role="alert"' in only[page.running]


def test_a_map_waits_until_it_is_said_how_it_shall_fit(page, version, folder):
    save_label_map(folder / "map.png", np.full((20, 20), 5, np.uint8), FACADES)
    side = page.photo_panel
    values = page.on_open(str(folder / "map.png"), "good", on_photo(), version)
    question = values[side.question]
    assert values[side.fit]["visible"]
    assert page.photo not in values
    assert side.stack not in values
    answered = side.answering("stretch")(on_photo(), version, question)
    assert answered[side.stack]["told"]["base"]
    assert not answered[side.fit]["visible"]
    refused = side.answering(None)(on_photo(), version, question)
    assert side.stack not in refused


def test_a_result_and_a_saved_photo_bring_their_edits_back(page, version):
    shown, _ = in_front(page, version)
    path = page.desk.history.get(shown["id"]).path
    values = page.on_open(str(path), "good")
    assert values[page.photo] == version
    assert values[page.photo_panel.stack]["told"]["region"]
    new = page.photo_panel.on_accept(on_photo(), version, shown)[page.photo]
    link = page.photo_panel.saving(False)(on_photo(), new)[page.photo_panel.link]
    values = page.on_open(str(page.desk.outputs / "exports" / link["name"]), "good")
    assert values[page.photo] == new
    for each in (page.desk.outputs / "photos" / "prints").iterdir():
        each.unlink()
    values = page.on_open(str(page.desk.outputs / "exports" / link["name"]), "good")
    assert "Open it with Edit a photo" in values[page.status]


def test_an_example_puts_the_photo_away_in_one_step(page, version, folder, monkeypatch):
    save_label_map(folder / "map.png", np.full((16, 16), 5, np.uint8), FACADES)
    monkeypatch.setattr("app.ui.example_files", lambda palette: [(str(folder / "map.png"), "Map")])
    values = page.on_example("good", version, SimpleNamespace(index=0))
    told = values[page.photo_panel.stack]["told"]
    assert (told["id"], told["record"], values[page.photo]) == ("", True, None)
    assert told["labels"]
    assert page.canvas not in values


def test_what_goes_and_comes_with_a_reopened_edit_is_all_that_reopening_sets(page):
    noted = page.panel.noted
    assert noted[:2] == [page.model, page.panel.quality], "the script takes them apart in this order"
    untold = {page.panel.rerolls, page.panel.reroll_note, page.panel.count}
    assert set(page.panel.set_to(Settings("good"))) - untold <= set(noted)


def test_harmonising_goes_there_and_back(page):
    for name, resampling in HARMONISING.items():
        assert settings_of(*values_with(harmonise=name)).resampling == resampling
    odd = Settings("good", 5, ODD, extent="whole", resampling=Resampling(4, 3, (0.25, 0.5)))
    values = page.panel.set_to(odd)
    assert values[page.panel.edit.harmonise] == CUSTOM
    back = settings_of(*values_with(harmonise=CUSTOM, hidden_edit=value(values[page.panel.edit.hidden])))
    assert (back.extent, back.resampling) == (odd.extent, odd.resampling)
    with pytest.raises(UserError):
        settings_of(*values_with(harmonise=CUSTOM, hidden_edit={"extent": "whole"}))
    assert of_photo(tuple(values_with(count=9, photo_count=2)))[3] == 2


def test_where_nothing_finds_maps_the_button_says_why(page, monkeypatch):
    monkeypatch.setattr("app.photo_panel.find_segmenter", lambda palette: None)
    values = page.photo_panel.finder(FACADES)
    assert not values[page.photo_panel.find]["interactive"]
    assert "No map can be found" in values[page.photo_panel.no_finder]["value"]


def test_a_photo_that_is_gone_after_a_reload_is_told(page):
    values = page.on_restored("0" * 32)
    assert values[page.photo] is None
    assert values[page.photo_panel.stack]["told"]["id"] == ""
    assert "The photo is gone" in values[page.status]
