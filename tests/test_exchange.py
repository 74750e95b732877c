"""Exports, projects, other palettes and a watched file, as the page's widgets ask for them."""

from __future__ import annotations

import dataclasses
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from models import tiny_model
from PIL import Image
from test_ui import MAP, Request, values_with

from app.bundle import read_project
from app.canvas import Painted
from app.handlers import Desk
from app.kept_settings import settings_from_json
from app.ui import Page
from engine.label_files import read_label_map, save_label_map
from engine.palette import load_palette
from engine.types import Sampling

FACADES, ADE = load_palette("facades"), load_palette("ade20k")


@pytest.fixture
def page(tmp_path, monkeypatch) -> Page:
    offer = SimpleNamespace(problem="", palette=FACADES, label="Tiny", info=None)
    desk = Desk(tmp_path / "outputs", lambda name, *_: dataclasses.replace(tiny_model(), name=name))
    return Page(desk, {"good": offer})


def path_of(page: Page, values: dict):
    """The file that the browser is told to download."""
    return page.desk.outputs / "exports" / values[page.exchange.link]["name"]


def test_a_map_is_exported_as_it_is(page):
    values = page.exchange.on_export(MAP, None, "index", "good")
    assert np.array_equal(read_label_map(path_of(page, values), FACADES).labels, MAP.labels)
    assert values[page.exchange.link]["url"].startswith("gradio_api/file=")
    objects = page.exchange.on_export(dataclasses.replace(MAP, instances=numbers()), None, "objects", "good")
    assert np.asarray(Image.open(path_of(page, objects)))[0, 0] == 7


def numbers() -> np.ndarray:
    instances = np.zeros(MAP.labels.shape, np.uint16)
    instances[:4] = 7
    return instances


@pytest.mark.parametrize("kind", [".gpl", ".ase", ".aco"])
def test_swatches_need_no_map(page, kind):
    assert path_of(page, page.exchange.on_export(None, None, kind, "good")).stat().st_size > 100


def test_without_a_map_it_is_said_what_to_do(page):
    for values in (
        page.exchange.on_export(None, None, "index", "good"),
        page.exchange.on_save(None, None, *values_with()),
        page.exchange.on_propose(None, None, "ade20k"),
        page.exchange.on_apply(None, None, "ade20k", []),
    ):
        assert "There is no map yet" in values[page.status]


def test_a_project_holds_the_desk_and_its_last_results(page):
    *_, last = page.on_generate(Request(), MAP, *values_with(count=2))
    rejected, kept = (cell["id"] for cell in last[page.results]["cells"])
    page.desk.history.mark(rejected, rejected=True)
    values = page.exchange.on_save(MAP, None, *values_with(guidance=3.5, lock=False))
    project = read_project(path_of(page, values))
    assert np.array_equal(project.labels, MAP.labels)
    assert [result == page.desk.history.get(kept).path.read_bytes() for result in project.results] == [True]
    settings = settings_from_json(project.settings)
    assert (settings.seed, settings.sampling) == (3, Sampling("ddim", 2, 3.5, spacing="trailing"))


def test_another_palette_by_a_table_that_can_be_edited(page):
    labels = np.full((16, 16), FACADES.index_of("window"), np.uint8)
    labels[:, 12:] = FACADES.index_of("molding")
    painted = Painted(labels, "facades")
    proposed = page.exchange.on_propose(painted, None, "ade20k")
    rows = proposed[page.exchange.table]["value"]
    assert [row[0] for row in rows] == ["window", "molding"]
    assert rows[0][3] == "75.0%"
    rows = [["window", "sky", "chosen", ""], ["molding", "", "chosen", ""]]
    values = page.exchange.on_apply(painted, None, "ade20k", rows)
    changed = values[page.canvas]
    assert changed.palette == "ade20k"
    assert (changed.labels[:, :12] == ADE.index_of("sky")).all()
    assert (changed.labels[:, 12:] == ADE.unlabelled).all()
    assert "64 pixels of molding are unlabelled now" in values[page.status]
    wrong = page.exchange.on_apply(painted, None, "ade20k", [["window", "unicorn", "", ""]])
    assert "no class called “unicorn”" in wrong[page.status]
    assert "No palette was chosen" in page.exchange.on_propose(painted, None, None)[page.status]


def test_a_watched_file_is_read_until_it_is_let_go(page, tmp_path):
    save_label_map(tmp_path / "map.png", MAP.labels, FACADES)
    changes = page.exchange.on_watch(Request(), str(tmp_path / "map.png"), "good", None)
    assert np.array_equal(next(changes)[page.canvas].labels, MAP.labels)
    (tmp_path / "map.png").unlink()
    assert "is not there" in next(changes)[page.status]
    threading.Timer(0.2, page.exchange.end_watch, [Request()]).start()
    assert list(changes) == []
    assert "Nothing is watched" in page.exchange.on_unwatch(Request())
    (only,) = page.exchange.on_watch(Request(), "  ", "good", None)
    assert "No file was named" in only[page.status]


def test_rows_that_were_added_emptied_or_doubled_in_the_table_do_no_harm(page):
    labels = np.full((16, 16), FACADES.index_of("window"), np.uint8)
    painted = Painted(labels, "facades")
    rows = [["Window", "sky", None, None], ["", "", "", ""], [None, None, None, None], ["window", " Sea "], ["door"]]
    changed = page.exchange.on_apply(painted, None, "ade20k", rows)[page.canvas]
    assert (changed.labels == ADE.index_of("sea")).all()
    emptied = page.exchange.on_apply(painted, None, "ade20k", [["window", None, None, None]])
    assert (emptied[page.canvas].labels == ADE.unlabelled).all()
    assert page.exchange.on_apply(painted, None, "ade20k", None)[page.canvas].palette == "ade20k"


def test_of_watches_that_begin_at_once_none_is_forgotten(page, tmp_path):
    save_label_map(tmp_path / "map.png", MAP.labels, FACADES)
    start, switching = threading.Barrier(4), sys.getswitchinterval()

    def follow() -> None:
        start.wait()
        for _ in page.exchange.on_watch(Request(), str(tmp_path / "map.png"), "good", None):
            pass

    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            threads = [threading.Thread(target=follow, daemon=True) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(200):
                if sum(thread.is_alive() for thread in threads) > 1:
                    threading.Event().wait(0.01)
            page.exchange.end_watch(Request())
            for thread in threads:
                thread.join(5)
            assert not any(thread.is_alive() for thread in threads)
    finally:
        sys.setswitchinterval(switching)


def test_a_field_that_was_never_filled_names_no_file(page):
    (only,) = page.exchange.on_watch(Request(), None, "good", None)
    assert "No file was named" in only[page.status]
