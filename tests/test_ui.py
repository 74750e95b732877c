"""The page's widgets and their values, without a browser; `test_page` presses them in one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from models import TINY, tiny_model, tiny_network

from app.canvas import Painted
from app.catalogue import offers
from app.handlers import Desk
from app.settings import CUSTOM, Settings
from app.ui import QUALITIES, Page, settings_of
from engine.checkpoint import Description, save_checkpoint
from engine.images import save_png
from engine.palette import load_palette
from engine.presets import DEFAULT, PRESETS, preset
from engine.record import record
from engine.types import RenderRequest, Sampling, UserError

FACADES = load_palette("facades")
ODD = Sampling("ddpm", 11, 6.25, (5,), "even", (0.125, 0.9), 0.015, 2)


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
    fields = [page.model, page.seed, page.lock, page.count, page.strength, page.side]
    sampling = [page.guidance, page.steps, page.sampler, page.spacing, page.hidden]
    return settings_of(*(value(values[widget]) for widget in (*fields, *sampling)))


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
    assert value(values[page.quality]) == next((name for name in PRESETS if preset(name) == sampling), CUSTOM)


def test_guidance_beyond_the_slider_widens_it(page, folder):
    assert page._set_to(Settings("good", 5, ODD))[page.guidance]["maximum"] == ODD.guidance


def test_every_quality_fills_in_its_own_sampling():
    qualities = json.loads(QUALITIES).items()
    found = {name: settings_of("good", 0, True, 1, 0.8, None, *values) for name, values in qualities}
    assert {name: settings.sampling for name, settings in found.items()} == {name: preset(name) for name in PRESETS}


def test_the_page_opens_with_the_default_quality(page):
    widgets = (page.guidance, page.steps, page.sampler, page.spacing, page.hidden)
    assert settings_of("good", 1, True, 1, 0.8, None, *(widget.value for widget in widgets)).sampling == preset(DEFAULT)
    assert page.quality.value == DEFAULT


@pytest.mark.parametrize("hidden", [None, [], {"unknown": 1}, {"guidance_interval": 3}, {"encoder_reuse": "x"}])
def test_settings_that_were_tampered_with_are_a_sentence(hidden):
    with pytest.raises(UserError):
        settings_of("good", 0, True, 1, 0.8, None, 2.5, 20, "ddim", "trailing", hidden)


def test_a_number_beyond_its_bounds_reaches_the_status_as_text(page):
    values = ["good", 0, True, 99, 0.8, None, *json.loads(QUALITIES)[DEFAULT]]
    (update,) = page.on_generate(Request(), None, *values)
    assert "99 pictures is outside 1 to 8" in update[page.status]


class Request:
    session_hash = "me"


def test_several_pictures_come_as_a_gallery_and_a_click_brings_one_back(page):
    painted = Painted(np.ones((16, 16), np.uint8), "facades")
    values = ["good", 3, True, 2, 0.8, None, 2.5, 2, "ddim", "trailing", {}]
    *_, last = page.on_generate(Request(), painted, *values)
    gallery = last[page.results]
    assert gallery["visible"]
    assert [caption for _, caption in gallery["value"]] == ["Seed 3", "Seed 4"]
    path, seed, save = page.on_result(last[page.kept], Chosen(1))
    assert (path, seed) == (gallery["value"][1][0], 4)
    assert save.value is not None
    *_, single = page.on_generate(Request(), painted, *values[:3], 1, *values[4:])
    assert not single[page.results]["visible"]


@dataclasses.dataclass
class Chosen:
    index: int


def test_a_broken_model_stands_in_the_list_and_says_why_when_it_is_chosen(page):
    assert page.first == "good"
    assert ("bad: broken", "bad") in page.choices
    values = page.on_model(None, "bad", None)
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
