"""The Results component in a real browser, fed by a run whose moments the test chooses, over a real history."""

import re
import secrets
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from browser import PATIENCE
from gallery import SIZE, added, map_of, picture_of, stored

from app.feed import message
from app.handlers import Cell, Status, Update
from app.history import History
from app.project import keep
from app.results import Results
from engine.images import read_photo, read_request
from engine.palette import load_palette
from engine.record import render_request
from engine.types import UserError

pytest_plugins = ["browser"]
expect = pytest.importorskip("playwright.sync_api").expect

ADE = load_palette("ade20k")
# The colour that the map over the picture shows in row y of column 0.
PIXEL = """async y => {
    const image = document.querySelector(".sw-map-over");
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return [...canvas.getImageData(0, y, 1, 1).data].slice(0, 3);
}"""
SMALL = """() => [...document.querySelectorAll(".sw-results :is(button, a, input)")]
    .filter(each => each.checkVisibility())
    .filter(each => each.getBoundingClientRect().width < 43.5 || each.getBoundingClientRect().height < 43.5)
    .map(each => each.outerHTML.slice(0, 90))"""
BEYOND = """() => [...document.querySelectorAll("dialog[open] :is(button, a, img)")]
    .filter(each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => each.outerHTML.slice(0, 90))"""

FIRST = 41  # seed
RESULT = """() => { window.results = [];
    document.addEventListener("spadework:result", ({detail}) => window.results.push(detail)); }"""


class Engine:
    """Stands in for the desk: makes the messages of a run, moment by moment."""

    def __init__(self, history):
        self.history, self.runs, self.asked, self.outbox = history, 0, [], None

    def begin(self, count=4, quiet=False):
        """A new run of pictures that wait."""
        self.runs += 1
        cells = tuple(Cell(FIRST + i) for i in range(count))
        self.update = Update(Status("Step", "busy", 0.0), f"run{self.runs}", cells, SIZE, quiet)
        return message(self.update)

    def form(self, share=0.5):
        """Those that aren't done show a preview."""
        cells = tuple(
            cell if cell.state == "done" else Cell(cell.seed, "forming", picture_of(cell.seed + 1000 + int(99 * share)))
            for cell in self.update.cells
        )
        self.update = replace(self.update, status=Status("Step", "busy", share), cells=cells)
        return message(self.update)

    def finish(self, count=4):
        """So many of them are done and kept."""
        cells = list(self.update.cells)
        for i in range(count):
            if cells[i].state != "done":
                cells[i] = Cell(cells[i].seed, "done", None, self.keep(cells[i].seed))
        all_done = all(cell.state == "done" for cell in cells)
        status = Status("Done", "done") if all_done else self.update.status
        self.update = replace(self.update, status=status, cells=tuple(cells))
        return message(self.update)

    def stop(self):
        cells = tuple(cell if cell.state == "done" else replace(cell, state="stopped") for cell in self.update.cells)
        self.update = replace(self.update, status=Status("Stopped.", "stopped"), cells=cells)
        return message(self.update)

    def draft(self):
        """Live's picture, which nobody pressed for."""
        self.begin(1, quiet=True)
        cell = Cell(5, "done", picture_of(5), draft="d5")
        self.update = replace(self.update, status=Status("", "done"), cells=(cell,))
        return message(self.update)

    def keep(self, seed):
        record = stored(seed, "sky", "sea")
        return self.history.add(keep(picture_of(seed), record, self.history.folder), record, self.update.run)

    def keep_draft(self, key):
        if key != "d5":
            raise UserError("That draft is no longer held. Press Generate: it comes again.")
        return self.keep(5)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The page. url: where it is."""
    folder = tmp_path_factory.mktemp("results")
    engine = Engine(History(folder))
    engine.folder = folder
    with gr.Blocks() as page:
        with gr.Column() as column:
            results = Results(engine.history, engine.keep_draft, elem_id="sw-results")
        gr.Button("Send", elem_id="send").click(lambda: engine.outbox, None, results, show_progress="hidden")
        hide = gr.Button("hide", elem_id="hide")
        hide.click(lambda: gr.update(visible=False), None, column)
        gr.Button("show", elem_id="unhide").click(lambda: gr.update(visible=True), None, column)
        results.input(
            lambda asked: engine.asked.append(asked), results, None, show_progress="hidden", trigger_mode="multiple"
        )
    _, engine.url, _ = page.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, allowed_paths=[str(folder)]
    )
    yield engine
    page.close()


@pytest.fixture
def engine(server):
    """Its engine, with a history in which nothing is yet."""
    server.history.__init__(server.folder / secrets.token_hex(4))
    server.asked, server.outbox = [], None
    return server


class Driver:
    """What an artist does, by names that are on the screen."""

    def __init__(self, page, engine):
        self.page, self.engine = page, engine
        page.wait_for_selector(".sw-results[data-ready]")
        page.evaluate(RESULT)

    def send(self, sent):
        """A message to the page, which it has taken in when this returns."""
        self.engine.outbox = sent
        self.page.locator("#send").click()
        self.page.wait_for_function(
            "seq => Number(document.querySelector('.sw-results').dataset.seq) >= seq", arg=sent["seq"]
        )

    def until_asked(self, deed):
        """Waits until that is what the page asked last: it goes there by an event of its own."""
        self.until(lambda: self.engine.asked[-1:] == [deed])

    def until(self, condition):
        """Waits for what only Python can see."""
        for _ in range(PATIENCE // 50):
            if condition():
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"waited in vain; asked so far: {self.engine.asked}")

    def until_marked(self, seed, **marks):
        """Waits until the history has those marks: to the eye they are there at once."""
        self.until(lambda: {**vars(self.entry(seed)), **marks} == vars(self.entry(seed)))

    def entry(self, seed):
        return next(entry for entry in self.engine.history.search(f"seed {seed}") if entry.seed == seed)

    @property
    def visible(self):
        return self.page.locator(".sw-panel:not([hidden])")

    @property
    def seeds(self):
        texts = self.visible.locator(".sw-caption").all_inner_texts()
        return [int(re.search(r"\d+", text)[0]) for text in texts]

    def cell(self, seed):
        return self.visible.locator(f".sw-cell:has(.sw-main[aria-label^='Seed {seed},'])")

    def picture(self, seed):
        return self.cell(seed).locator(".sw-main")

    def focus(self, seed):
        self.picture(seed).focus()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def focused(self):
        return self.page.evaluate("() => document.activeElement.getAttribute('aria-label')")

    def results(self):
        """What the result pane was told to show, in order."""
        return self.page.evaluate("() => window.results")


@pytest.fixture
def desk(engine, open_page):
    """open → a driver of a fresh page."""
    return lambda **options: Driver(open_page(engine.url, **options), engine)


# --- A run ---


def test_the_sheet_fills_as_pictures_finish(desk, engine):
    page = desk()
    expect(page.visible.get_by_text("Nothing here yet.")).to_be_visible()
    page.send(engine.begin(4))
    expect(page.cell(41)).to_have_attribute("data-state", "waiting")
    box = page.cell(44).bounding_box()
    page.send(engine.form(0.5))
    expect(page.cell(41).locator(".sw-bar")).to_be_visible()
    page.send(engine.finish(2))
    expect(page.visible.get_by_text("2 of 4 results done")).to_be_visible()
    assert "2 of 4 results done" in page.page.locator("[aria-live]").all_inner_texts()
    page.send(engine.finish(4))
    expect(page.visible.get_by_text("4 results done")).to_be_visible()
    assert page.seeds == [41, 42, 43, 44]
    assert page.cell(44).bounding_box() == pytest.approx(box)
    shown = page.results()
    assert [each["final"] for each in shown] == [False, True]  # the first picture: its preview, then itself
    assert {each["seed"] for each in shown} == {41}
    assert shown[-1]["size"] == [64, 48]
    assert shown[-1]["id"] == engine.update.cells[0].entry.id


def test_a_run_that_stops_keeps_what_it_has_and_a_new_one_takes_its_place(desk, engine):
    page = desk()
    for moment in (engine.begin(3), engine.form(), engine.finish(1), engine.stop()):
        page.send(moment)
    expect(page.cell(41)).to_have_attribute("data-state", "done")
    expect(page.cell(42)).to_have_attribute("data-state", "stopped")
    expect(page.cell(42).locator("img").first).to_be_visible()
    page.send(engine.begin(2))
    assert page.seeds == [41, 42]
    expect(page.cell(41)).to_have_attribute("data-state", "waiting")


def test_what_the_artist_looks_at_stays_while_the_run_goes_on(desk, engine):
    page = desk()
    for moment in (engine.begin(3), engine.form(0.3), engine.finish(2)):
        page.send(moment)
    page.picture(42).click()
    page.send(engine.form(0.6))
    page.send(engine.finish(3))
    assert page.results()[-1]["seed"] == 42
    expect(page.picture(42)).to_have_attribute("aria-current", "true")
    page.until_asked({"action": "show", "id": engine.update.cells[1].entry.id})


def test_the_canvas_browses_through_the_run_and_stops_at_its_ends(desk, engine):
    page = desk()
    for moment in (engine.begin(3), engine.finish(3)):
        page.send(moment)
    for step in (-1, 1, 1, 1, -1):
        page.page.evaluate(
            "step => document.dispatchEvent(new CustomEvent('spadework:browse', {detail: {id: 'desk', step}}))", step
        )
    assert [each["seed"] for each in page.results()] == [41, 42, 43, 42]
    assert page.results()[-1]["state"] == "done"
    expect(page.picture(42)).to_have_attribute("aria-current", "true")
    last = {"action": "show", "id": engine.update.cells[1].entry.id}
    page.until_asked(last)


def test_a_draft_stands_beside_the_run_and_can_be_kept(desk, engine):
    page = desk()
    for moment in (engine.begin(2), engine.finish(2)):
        page.send(moment)
    page.send(engine.draft())
    assert page.seeds == [5, 41, 42]
    assert page.results()[-1]["seed"] == 5
    page.cell(5).hover()
    page.cell(5).get_by_role("button", name="Keep").click()
    expect(page.visible.page.get_by_text(re.compile(r"Saved as .*-scenes-5\.png"))).to_be_visible()
    expect(page.cell(5).locator(".sw-keep")).to_be_hidden()
    assert [entry.seed for entry in engine.history.search("seed 5")] == [5]
    page.focus(5)
    page.press("f")
    expect(page.cell(5)).to_have_attribute("data-favourite", "")


# --- Keys ---


def finished(page, engine, count=4):
    for moment in (engine.begin(count), engine.finish(count)):
        page.send(moment)
    page.focus(41)


def test_everything_is_done_by_keys(desk, engine):
    page = desk()
    finished(page, engine)
    page.press("ArrowRight", "f")
    expect(page.cell(42)).to_have_attribute("data-favourite", "")
    expect(page.picture(42)).to_have_attribute("aria-label", "Seed 42, done, favourite")
    page.press("Home", "r")
    expect(page.cell(41)).to_have_attribute("data-rejected", "")
    assert page.seeds == [42, 43, 44, 41]
    assert page.focused.startswith("Seed 42")
    page.press("Control+z")
    expect(page.cell(41)).not_to_have_attribute("data-rejected", "")
    assert page.seeds == [41, 42, 43, 44]
    page.press("End", "Enter")
    assert page.results()[-1]["seed"] == 44
    page.press("Home", "Tab")
    assert page.focused == "Compare, seed 41"
    page.press("Tab")
    assert page.focused == "Favourite, seed 41"
    page.press("Enter")
    expect(page.cell(41)).to_have_attribute("data-favourite", "")
    page.press("Shift+Tab", "Shift+Tab", "Shift+Tab")  # one more leaves the sheet
    assert "Seed" not in (page.focused or "")
    for seed in (41, 42):
        page.until_marked(seed, favourite=True, rejected=False)
    assert not any(page.entry(seed).favourite or page.entry(seed).rejected for seed in (43, 44))


def test_arrows_up_and_down_go_by_rows(desk, engine):
    page = desk(viewport={"width": 620, "height": 720})
    finished(page, engine, 8)
    columns = page.page.evaluate(
        "() => getComputedStyle(document.querySelector('.sw-cells')).gridTemplateColumns.split(' ').length"
    )
    assert 1 < columns < 8
    page.press("ArrowDown")
    assert page.focused.startswith(f"Seed {41 + columns}")
    page.press("ArrowUp")
    assert page.focused.startswith("Seed 41")


# --- The viewer ---


def test_the_viewer_browses_marks_shows_the_map_and_saves(desk, engine, tmp_path):
    page = desk(accept_downloads=True)
    finished(page, engine)
    page.press("e")
    viewer = page.page.locator("dialog[open]")
    expect(viewer.get_by_role("heading")).to_have_text("Seed 41")
    expect(viewer.get_by_text(re.compile("scenes · Guidance 2.5 · 12 steps · .* sky, sea"))).to_be_visible()
    page.press("ArrowRight")
    expect(viewer.get_by_role("heading")).to_have_text("Seed 42")
    page.press("f")
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    page.page.keyboard.down("m")
    over = viewer.locator(".sw-map-over")
    expect(over).to_be_visible()
    assert page.page.evaluate(PIXEL, 3) == list(ADE.classes[ADE.index_of("sky")].colour)
    page.page.keyboard.up("m")
    expect(over).to_be_hidden()
    with page.page.expect_download() as download:
        viewer.get_by_text("Save", exact=True).click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == engine.update.cells[1].entry.path.name
    assert np.array_equal(render_request(read_request(file)).labels, map_of("sky", "sea"))
    assert np.array_equal(read_photo(file), picture_of(42))
    page.press("Escape")
    expect(viewer).to_have_count(0)
    expect(page.picture(42)).to_be_focused()


def test_the_viewer_brings_things_back_to_the_desk(desk, engine):
    page = desk()
    finished(page, engine)
    names = {"Use map and settings": "use", "Use settings": "settings", "Use map": "map", "Send to Edit": "edit"}
    for button, action in names.items():
        page.picture(43).dblclick()
        page.page.get_by_role("button", name=button, exact=True).click()
        expect(page.page.locator("dialog[open]")).to_have_count(0)
        wanted = {"action": action, "id": engine.update.cells[2].entry.id}
        page.until(lambda wanted=wanted: wanted in engine.asked)


def test_two_pictures_are_compared_with_a_handle(desk, engine):
    page = desk()
    finished(page, engine)
    page.press("c")
    expect(page.page.get_by_text("Mark two results to compare")).to_be_visible()
    page.press(" ", "ArrowRight", "ArrowRight", " ", "c")
    viewer = page.page.locator("dialog[open]")
    handle = viewer.get_by_role("slider")
    expect(handle).to_be_focused()
    assert viewer.locator(".sw-side").all_inner_texts() == ["Seed 41", "Seed 43"]
    page.press("ArrowRight", "Shift+ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "62")
    box = viewer.locator(".sw-comparison").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(64 / 48, rel=0.01)
    y = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + box["width"] / 2, y)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] / 4, y, steps=4)
    page.page.mouse.up()
    expect(handle).to_have_attribute("aria-valuenow", "25")


def test_where_the_pictures_differ_is_shown_with_its_scale(desk, engine):
    page = desk()
    finished(page, engine)
    page.page.get_by_role("button", name="Diversity").click()
    expect(page.visible.locator(".sw-legend")).to_contain_text("ΔE")
    expect(page.visible.locator(".sw-heat:visible")).to_have_count(4)
    page.focus(41)
    page.press("r")
    expect(page.visible.locator(".sw-legend")).to_contain_text("ΔE")
    page.page.get_by_role("button", name="Diversity").click()
    expect(page.visible.locator(".sw-heat:visible")).to_have_count(0)


# --- History ---


def history_open(page):
    page.page.get_by_role("tab", name="History").click()


def test_the_history_is_searched_filtered_and_fetched_page_by_page(desk, engine):
    for seed in range(70):
        added(engine.history, seed, *(("sky", "boat") if seed == 9 else ("wall", "floor")))
    page = desk()
    history_open(page)
    expect(page.visible.locator(".sw-cell").nth(59)).to_be_attached()
    expect(page.visible.get_by_role("heading")).to_have_text(["Today"])
    page.page.mouse.wheel(0, 9000)
    expect(page.visible.locator(".sw-cell")).to_have_count(70)
    assert page.seeds == list(range(69, -1, -1))
    page.page.get_by_role("searchbox").fill("boat")
    expect(page.visible.locator(".sw-cell")).to_have_count(1)
    assert page.seeds == [9]
    page.focus(9)
    page.press("f")
    page.until_marked(9, favourite=True)
    page.page.get_by_role("searchbox").fill("")
    page.page.get_by_role("button", name="Favourites").click()
    expect(page.visible.locator(".sw-cell")).to_have_count(1)
    page.page.get_by_role("searchbox").fill("zebra")
    expect(page.visible.get_by_text("No result fits “zebra”.")).to_be_visible()


def test_deleting_is_undone_by_one_press_and_restoring_later(desk, engine):
    entries = [added(engine.history, seed) for seed in (1, 2, 3)]
    page = desk()
    history_open(page)
    page.focus(2)
    page.press("Delete")
    expect(page.page.get_by_text("Seed 2 deleted.")).to_be_visible()
    assert page.seeds == [3, 1]
    assert page.focused.startswith("Seed 1")
    assert not entries[1].path.exists()
    page.page.get_by_role("button", name="Undo").click()
    expect(page.visible.locator(".sw-cell")).to_have_count(3)
    assert entries[1].path.exists()
    page.focus(3)
    page.press("Delete")
    expect(page.visible.locator(".sw-cell")).to_have_count(2)
    page.page.get_by_role("button", name="Deleted").click()
    expect(page.visible.locator(".sw-cell")).to_have_count(1)
    page.cell(3).get_by_role("button", name="Restore").click()
    expect(page.visible.get_by_text("Nothing is deleted.")).to_be_visible()
    assert {entry.seed for entry in engine.history.search()} == {1, 2, 3}


def test_a_mark_in_the_sheet_is_there_in_the_history_and_new_pictures_come_in(desk, engine):
    page = desk()
    history_open(page)
    expect(page.visible.get_by_text("Nothing here yet.")).to_be_visible()
    page.send(engine.begin(2))
    page.send(engine.finish(2))
    expect(page.visible.locator(".sw-cell")).to_have_count(2)
    page.page.get_by_role("tab", name="Variations").click()
    page.focus(42)
    page.press("f")
    history_open(page)
    expect(page.cell(42)).to_have_attribute("data-favourite", "")
    page.picture(42).click()
    assert page.results()[-1]["seed"] == 42


def test_rejected_pictures_are_deleted_together_and_a_problem_is_told(desk, engine):
    page = desk()
    finished(page, engine)
    page.press("r", "r")
    page.page.get_by_role("button", name="Delete rejected (2)").click()
    expect(page.page.get_by_text("2 results deleted.")).to_be_visible()
    assert page.seeds == [43, 44]
    page.page.get_by_role("button", name="Undo").click()
    expect(page.visible.locator(".sw-cell")).to_have_count(4)
    engine.history._open.execute("DELETE FROM pictures")
    page.focus(43)
    page.press("f")
    expect(page.page.get_by_text(re.compile("The history has no picture"))).to_be_visible()
    expect(page.cell(43)).not_to_have_attribute("data-favourite", "")


# --- The page around ---


def test_the_sheet_outlasts_being_hidden_and_a_reload_brings_the_last_run_back(desk, engine, open_page):
    page = desk()
    finished(page, engine)
    page.press("r")
    page.page.locator("#hide").click()
    expect(page.page.locator(".sw-results")).to_have_count(0)
    page.page.locator("#unhide").click()
    page.page.wait_for_selector(".sw-results[data-ready]")
    expect(page.cell(41)).to_have_attribute("data-rejected", "")
    page.focus(41)
    page.press("r")
    page.until_marked(41, rejected=False)
    expect(page.cell(41)).not_to_have_attribute("data-rejected", "")
    open_page.reload(page.page)
    page = Driver(page.page, engine)
    expect(page.visible.locator(".sw-cell")).to_have_count(4)
    assert page.seeds == [41, 42, 43, 44]


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_nothing_runs_off_the_page_and_fingers_hit(desk, engine, size):
    page = desk(viewport={"width": size[0], "height": size[1]}, has_touch=True, is_mobile=size[0] < 500)
    finished(page, engine)
    history_open(page)
    page.page.get_by_role("tab", name="Variations").click()
    small = page.page.evaluate(SMALL)
    assert small == []
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= size[0]
    page.picture(41).press("e")
    assert page.page.evaluate(SMALL) == []
    assert page.page.evaluate(BEYOND) == []
