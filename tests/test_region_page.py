"""Editing a photo at the canvas alone, in a real browser: versions, region and veil, divider, what is dropped on it."""

import base64
import io
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from canvas_driver import PAYLOAD, Driver, area
from PIL import Image

from app.canvas import LabelCanvas, decode
from engine.palette import load_palette

pytest_plugins = ["browser"]

ADE = load_palette("ade20k")
INDEX = {c.name: c.index for c in ADE.classes}
BLUE, RED, GREEN = (30, 60, 210), (200, 40, 40), (40, 160, 70)
SIDE = 512
HEARD = """() => {
    window.heard = [];
    for (const name of ["photo-version", "region", "browse", "accept", "open-file", "restored"])
        document.addEventListener("spadework:" + name, ({detail}) => window.heard.push({name, ...detail}));
}"""


def picture(colour, size=(64, 64)):
    """A data URL of a PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def told(version, colour=None, **more):
    """What the server tells of a version of a photo of 1024 × 1024 pixels."""
    url = {} if colour is None else {"url": picture(colour)}
    return {"id": version, "width": 1024, "height": 1024, "base": None, "record": True, **url, **more}


def filled(label, box=None):
    """A map of one class, unlabelled outside a box (top, bottom, left, right)."""
    labels = np.full((SIDE, SIDE), ADE.unlabelled, np.uint8)
    top, bottom, left, right = box or (0, SIDE, 0, SIDE)
    labels[top:bottom, left:right] = INDEX[label]
    return labels


@pytest.fixture(scope="module")
def server():
    with gr.Blocks() as page:
        LabelCanvas(palette="ade20k", results=True)
        gr.Textbox(elem_id="words", interactive=True)
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield SimpleNamespace(url=url)
    page.close()


@pytest.fixture
def desk(open_page, server):
    """open → a driver of the canvas on a fresh page, which is wide: a result's pane stands beside the map."""

    def open_(**options):
        page = open_page(server.url, **{"viewport": {"width": 1400, "height": 800}, **options})
        page.add_init_script(f"({HEARD})()")
        found = Photographer(page)
        page.evaluate(HEARD)
        return found

    return open_


class Photographer(Driver):
    """A driver that plays the server's part, too. The map is fitted to the view."""

    def turn(self, version, colour=None, **more):
        self.page.evaluate("told => window.spadework.photo('canvas', told)", told(version, colour, **more))
        self.page.focus(".sw-stage")

    def edge(self, grow, feather):
        self.page.evaluate("edge => window.spadework.edge('canvas', edge)", {"grow": grow, "feather": feather})

    def heard(self, name):
        return [each for each in self.page.evaluate("window.heard") if each["name"] == name]

    @property
    def version(self):
        return self.page.evaluate("window.spadework.version('canvas')")

    def told_region(self, words):
        self.page.locator(".sw-region", has_text=words).wait_for()

    def at(self, x, y, pane=".sw-stage"):
        box = self.page.locator(pane).bounding_box()
        side = min(box["width"], box["height"]) - 24
        left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
        return left + x * side / SIDE, top + y * side / SIDE

    def stroke(self, *points):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=8)
        self.page.mouse.up()

    def colour(self, x, y, pane=".sw-stage"):
        x, y = self.at(x, y, pane)
        shot = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        return shot[int(y), int(x)].astype(int)

    def result(self, colour, **more):
        shown = {"url": picture(colour), "final": True, "seed": 7, **more}
        self.page.evaluate("shown => window.spadework.result('canvas', shown)", shown)

    @property
    def region(self):
        return decode(self.page.evaluate(PAYLOAD)).region


def test_an_opened_photo_is_one_step_and_undo_closes_it(desk):
    d = desk()
    d.stroke((100, 100), (300, 100))
    painted = d.labels
    d.turn("a" * 32, BLUE, labels={**area(filled("sea", (0, 100, 0, SIDE))), "palette": "ade20k"})
    assert d.version == "a" * 32
    d.told_region("Region: what you painted, 21 % of the photo")
    assert (d.labels[:100] == INDEX["sea"]).all()
    d.press("Control+z")
    assert d.version == ""
    np.testing.assert_array_equal(d.labels, painted)
    d.page.wait_for_function("document.querySelector('.sw-region').textContent === ''")
    d.press("Control+Shift+Z")
    assert d.version == "a" * 32
    d.told_region("Region: what you painted, 21 % of the photo")
    np.testing.assert_allclose(d.colour(256, 300), veiled(BLUE), atol=3)
    assert [each["version"] for each in d.heard("photo-version")] == ["", "a" * 32]


def veiled(colour):
    """What of a photo stays, as veil.js shows it."""
    return np.array(colour) * (1 - 150 / 255) + np.array([126, 128, 134]) * 150 / 255


def test_undo_leads_over_versions_and_strokes_in_their_order(desk):
    d = desk()
    d.turn("a" * 32, BLUE)
    d.stroke((100, 256), (400, 256))
    painted = d.labels
    d.turn("b" * 32, RED, base={**area(painted), "palette": "ade20k"}, region=None)
    d.told_region("No region yet: paint, or select")
    np.testing.assert_allclose(d.colour(256, 450), RED, atol=2)
    d.stroke((100, 100), (400, 100))
    for version, labels in (("b" * 32, painted), ("a" * 32, painted), ("a" * 32, filled("sea", (0, 0, 0, 0)))):
        d.press("Control+z")
        assert d.version == version
        np.testing.assert_array_equal(d.labels, labels)
    d.told_region("No region yet")
    np.testing.assert_allclose(d.colour(256, 450), BLUE, atol=2)
    assert [each["version"] for each in d.heard("photo-version")] == ["a" * 32]


def test_a_reload_brings_version_first_map_and_region_back(desk, open_page):
    d = desk()
    base = filled("sea", (0, 256, 0, SIDE))
    d.turn("a" * 32, BLUE, base=area(base), labels={**area(base), "palette": "ade20k"})
    d.told_region("No region yet")
    d.stroke((100, 400), (400, 400))
    d.told_region("Region: what you painted")
    words = d.page.locator(".sw-region").inner_text()
    d.until_kept()
    open_page.reload(d.page)
    d.ready()
    assert d.version == "a" * 32
    assert d.heard("restored") == [{"name": "restored", "id": "canvas", "version": "a" * 32}]
    d.told_region(words)
    d.page.wait_for_function("window.spadework.region('canvas').kind === 'change'")


def test_the_region_is_the_selection_where_there_is_one_and_goes_to_python(desk):
    d = desk()
    d.turn("a" * 32, BLUE)
    d.edge(0, 0)
    d.stroke((100, 256), (400, 256))
    assert d.region is None
    d.press("Shift+b")
    d.stroke((150, 100), (350, 100))
    d.told_region("Region: the selection")
    region = d.region
    assert region.dtype == bool
    assert region[100, 150:350].all()
    assert not region[200:].any()
    share = d.page.evaluate("window.spadework.region('canvas').share")
    assert share == pytest.approx(region.mean())
    heard = d.heard("region")[-1]
    assert (heard["kind"], heard["share"]) == ("selection", share)
    d.press("e")
    d.stroke((250, 60), (250, 140))
    assert not d.region[100, 245:255].any()
    assert d.region[100, 160]
    d.press("Control+d")
    assert d.region is None
    d.told_region("Region: what you painted")
    d.press("Shift+a")
    np.testing.assert_array_equal(d.region, d.labels != ADE.unlabelled)


def test_what_stays_is_veiled_and_the_edge_is_soft(desk):
    d = desk()
    d.turn("a" * 32, BLUE)
    np.testing.assert_allclose(d.colour(256, 256), BLUE, atol=2)
    d.press("u")
    d.page.click("[data-option=shapeMode-select]")
    d.edge(0, 127)  # pixels of the photo, 64 of the map
    d.stroke((100, 100), (412, 412))
    d.told_region("Region: the selection, 37 %")
    np.testing.assert_allclose(d.colour(50, 256), veiled(BLUE), atol=3)
    np.testing.assert_allclose(d.colour(256, 256), BLUE, atol=3)
    half = d.colour(100 + 32, 256)
    np.testing.assert_allclose(half, (veiled(BLUE) + np.array(BLUE)) / 2, atol=6)
    d.press("o")
    np.testing.assert_allclose(d.colour(50, 256), BLUE, atol=2)
    d.press("o")
    d.edge(40, 0)
    d.page.evaluate("told => window.spadework.photo('canvas', told)", told("b" * 32, region=area(square(200, 300))))
    d.told_region("Region: the selection, 7 %")
    np.testing.assert_allclose(d.colour(185, 250), BLUE, atol=3)
    np.testing.assert_allclose(d.colour(175, 250), veiled(BLUE), atol=3)


def square(low, high):
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[low:high, low:high] = 1
    return pixels


def test_region_tools_stand_by_while_a_photo_is_open(desk):
    d = desk()
    assert not d.page.locator("[data-command=grow]").is_visible()
    d.turn("a" * 32, BLUE)
    for command in ("select-change", "grow", "shrink", "invert", "deselect"):
        assert d.page.locator(f"[data-command={command}]").is_visible()
    d.command("select-change")
    assert d.said == "Nothing is painted yet."
    d.page.click("[data-option=brushMode-select]")
    d.stroke((200, 200), (300, 200))
    before = d.region.sum()
    d.command("grow")
    assert d.region.sum() > before
    d.command("invert")
    assert d.region.sum() > SIDE * SIDE / 2
    assert (d.labels == ADE.unlabelled).all()
    d.choose("sea")
    assert d.page.get_attribute("[data-option=brushMode-paint]", "aria-pressed") == "true"


def test_the_divider_shows_the_photo_as_it_was(desk):
    d = desk()
    d.result(RED)
    divider = d.page.locator(".sw-divider")
    assert not divider.is_visible()
    d.turn("a" * 32, BLUE)
    divider.wait_for()
    np.testing.assert_allclose(d.colour(50, 256, ".sw-result"), RED, atol=2)
    box = divider.bounding_box()
    d.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    d.page.mouse.down()
    d.page.mouse.move(*d.at(256, 100, ".sw-result"), steps=5)
    d.page.mouse.up()
    np.testing.assert_allclose(d.colour(150, 256, ".sw-result"), BLUE, atol=2)
    np.testing.assert_allclose(d.colour(350, 400, ".sw-result"), RED, atol=2)
    assert divider.get_attribute("aria-valuenow") == "50"
    d.press("Shift+ArrowRight")
    assert divider.get_attribute("aria-valuetext") == "60 % before"
    d.press("Home")
    np.testing.assert_allclose(d.colour(50, 256, ".sw-result"), RED, atol=2)
    assert d.heard("browse") == []


def test_p_held_shows_the_photo_as_it_was_in_every_layout(desk):
    d = desk()
    d.turn("a" * 32, BLUE, labels={**area(filled("sea")), "palette": "ade20k"})
    d.result(RED)
    d.page.locator(".sw-divider").wait_for()
    d.page.keyboard.down("p")
    np.testing.assert_allclose(d.colour(150, 400, ".sw-result"), BLUE, atol=2)
    assert d.page.get_by_text("The photo as it was", exact=True).is_visible()
    d.page.keyboard.up("p")
    np.testing.assert_allclose(d.colour(150, 400, ".sw-result"), RED, atol=2)
    d.press("t")
    d.press("o")
    np.testing.assert_allclose(d.colour(150, 400), RED, atol=2)
    d.page.keyboard.down("p")
    np.testing.assert_allclose(d.colour(150, 400), BLUE, atol=2)
    d.page.evaluate("window.dispatchEvent(new Event('blur'))")
    np.testing.assert_allclose(d.colour(150, 400), RED, atol=2)
    d.page.keyboard.up("p")


def test_arrows_browse_and_a_accepts_only_at_the_canvas(desk):
    d = desk()
    d.press("a")
    assert d.heard("accept") == []
    d.turn("a" * 32, BLUE)
    d.press("ArrowRight")
    d.press("ArrowLeft")
    d.press("a")
    assert [each["step"] for each in d.heard("browse")] == [1, -1]
    assert len(d.heard("accept")) == 1
    d.page.focus(".sw-size input")
    d.press("ArrowRight")
    d.page.focus("#words textarea")
    d.press("ArrowRight")
    d.press("a")
    d.page.focus(".sw-stage")
    d.press("v")
    d.press("ArrowRight")
    assert len(d.heard("browse")) == 2
    assert len(d.heard("accept")) == 1


DRAG = """([type, name, selector, mime]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], name, {type: mime}));
    const target = document.querySelector(selector);
    target.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}));
}"""


def test_a_picture_is_dropped_as_a_photo_or_as_a_map_and_asked_about_where_neither_is_said(desk):
    d = desk()
    for kind in ("photo", "map"):
        d.page.evaluate(DRAG, ["dragover", "a.png", ".sw-stage", "image/png"])
        zones, zone = d.page.locator(".sw-drop"), f".sw-drop[data-as={kind}]"
        assert zones.all_inner_texts() == ["Drop here to edit it as a photo", "Drop here to open it as a map"]
        d.page.evaluate(DRAG, ["dragover", "a.png", zone, "image/png"])
        assert "sw-over" in d.page.locator(zone).get_attribute("class")
        d.page.evaluate(DRAG, ["drop", "a.png", zone, "image/png"])
        assert not zones.first.is_visible()
    for name, mime, text in (("a.jpg", "image/jpeg", "photo"), ("a.spadework", "", "file")):
        d.page.evaluate(DRAG, ["dragover", name, ".sw-stage", mime])
        assert d.page.locator(".sw-drop").inner_text().endswith(text)
        d.page.evaluate(DRAG, ["drop", name, ".sw-drop", mime])
    d.page.evaluate("window.spadework.askKind('canvas', new File(['x'], 'holiday.png', {type: 'image/png'}))")
    sheet = d.page.locator("dialog[open]")
    assert "holiday.png may be a photo to edit" in sheet.inner_text()
    sheet.get_by_text("Edit it as a photo").click()
    assert sheet.count() == 0
    assert [each.get("as") for each in d.heard("open-file")] == ["photo", "map", None, None, "photo"]


def test_the_help_has_every_key_of_the_photo_and_the_page_does_not_overflow(desk):
    d = desk()
    d.turn("a" * 32, BLUE)
    d.stroke((100, 256), (300, 256))
    d.told_region("Region: what you painted")
    for width, height in ((1280, 720), (390, 844)):
        d.page.set_viewport_size({"width": width, "height": height})
        assert d.page.evaluate("document.documentElement.scrollWidth") <= width
        reach = d.page.evaluate(
            """() => [...document.querySelectorAll(".sw-options button, .sw-region")].filter(e => e.offsetParent)
                .map(e => e.getBoundingClientRect().right)"""
        )
        assert max(reach) <= width
    d.press("?")
    text = d.page.locator("dialog[open]").inner_text()
    for words in ("The photo as it was, while held", "Accept the result", "The next result", "Select what you painted"):
        assert words in text
