"""The painting component in a real browser, on a page with nothing else but a text box and a few buttons."""

import base64
import io
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from browser import PATIENCE
from canvas_driver import PAYLOAD, Driver, area
from PIL import Image

from app.canvas import LabelCanvas, Painted
from engine.label_files import read_label_map
from engine.palette import load_palette

pytest_plugins = ["browser"]

ADE = load_palette("ade20k")
INDEX = {c.name: c.index for c in ADE.classes}
TURN = "told => window.spadework.photo('canvas', told)"
VERSION = "a" * 32
LEFT, RIGHT = (200, 40, 90), (20, 160, 60)


def photo_url():
    """A photo of two colours side by side, of another shape than the map that it goes under."""
    photo = Image.new("RGB", (60, 30), LEFT)
    photo.paste(RIGHT, (30, 0, 60, 30))
    file = io.BytesIO()
    photo.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def mix(label, photo, opacity):
    """What a painted class looks like over a photo."""
    return np.array(ADE.classes[label].colour) * opacity + np.array(photo) * (1 - opacity)


@pytest.fixture(scope="module")
def server():
    """The page, and what Python was given last, by stroke and by button."""
    seen = SimpleNamespace(stroke=None, button=None, url="")

    def on_stroke(painted):
        seen.stroke = painted

    def on_button(painted):
        seen.button = painted
        return "generated"

    def load():
        labels = np.zeros((64, 96), np.uint8)
        labels[:, 48:] = 2
        return Painted(labels, "celebamask_hq")

    with gr.Blocks() as page:
        with gr.Column() as column:
            canvas = LabelCanvas(palette="ade20k")
        gr.Textbox(elem_id="words", interactive=True)
        said = gr.Textbox(elem_id="said")
        generate = gr.Button("Generate", elem_id="generate")
        fetching = gr.Button("Generate what the canvas holds", elem_id="fetching")
        other = gr.Button("Load", elem_id="load")
        hide = gr.Button("Hide", elem_id="hide")
        show = gr.Button("Show", elem_id="show")
    with page:
        canvas.input(on_stroke, canvas, None, show_progress="hidden", trigger_mode="always_last")
        generate.click(on_button, canvas, said, show_progress="hidden")
        fetching.click(on_button, canvas, said, show_progress="hidden", js=f"async () => [await ({PAYLOAD})()]")
        other.click(load, None, canvas, show_progress="hidden")
        hide.click(lambda: gr.update(visible=False), None, column)
        show.click(lambda: gr.update(visible=True), None, column)
    _, seen.url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield seen
    page.close()


@pytest.fixture
def canvas(open_page, server):
    """open → a driver of the canvas on a fresh page."""

    def open_(**options):
        server.stroke = server.button = None
        return Visitor(open_page(server.url, **options), server)

    return open_


class Visitor(Driver):
    """A driver that knows the page's other widgets and what Python was given. The map is fitted to the view."""

    def __init__(self, page, server):
        self.server = server
        super().__init__(page)

    def at(self, x, y):
        """The place on the page of a point of the 512 × 512 map that is fitted to the view."""
        box = self.box()
        side = min(box["width"], box["height"]) - 24
        left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
        return left + x * side / 512, top + y * side / 512

    def stroke(self, *points):
        self.page.locator(".sw-stage").scroll_into_view_if_needed()
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=8)
        self.page.mouse.up()

    def open_photo(self):
        """Over it a map with sea above, which is also its first map, so that nothing is veiled."""
        labels = np.full((512, 512), ADE.unlabelled, np.uint8)
        labels[:200] = INDEX["sea"]
        first = {**area(labels), "palette": "ade20k"}
        told = {"id": VERSION, "width": 60, "height": 30, "url": photo_url(), "base": first, "labels": first}
        self.page.evaluate(TURN, {**told, "record": True})
        self.page.focus(".sw-stage")

    def close_photo(self):
        self.page.evaluate(TURN, {"id": "", "url": "", "base": None, "record": True})

    def colour(self, x, y):
        """The colour on the screen at a point of the map."""
        x, y = self.at(x, y)
        shot = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        return shot[int(y), int(x)].astype(int)

    @property
    def current(self):
        return self.page.locator(".sw-now-name").inner_text()

    def python_has(self, labels):
        """Waits until Python's last map is this one."""
        for _ in range(PATIENCE // 50):
            if self.server.stroke and np.array_equal(self.server.stroke.labels, labels):
                return True
            self.page.wait_for_timeout(50)
        return False


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_python_gets_the_very_pixels(canvas, ratio):
    c = canvas(device_scale_factor=ratio)
    c.choose("mountain")
    c.stroke((100, 100), (400, 180), (130, 390))
    c.choose("sea")
    c.press("]")
    c.stroke((20, 480), (500, 470))
    labels = c.labels
    assert set(np.unique(labels)) == {ADE.unlabelled, INDEX["mountain"], INDEX["sea"]}
    assert labels[180, 400] == INDEX["mountain"]
    assert labels[470, 300] == INDEX["sea"]
    assert c.python_has(labels)
    shot = np.asarray(Image.open(io.BytesIO(c.page.screenshot())).convert("RGB"))
    x, y = (round(v * ratio) for v in c.at(400, 180))
    assert tuple(shot[y, x]) == tuple(ADE.classes[INDEX["mountain"]].colour)


def test_fill_undo_and_redo_leave_tool_and_class_alone(canvas):
    c = canvas()
    c.choose("sky")
    c.press("g")
    c.stroke((250, 250))
    assert (c.labels == INDEX["sky"]).all()
    c.choose("tree")
    c.press("b")
    c.stroke((50, 256), (460, 256))
    barred = c.labels
    c.press("e")
    c.press("Control+z")
    c.press("Control+z")
    assert (c.labels == ADE.unlabelled).all()
    c.press("Control+Shift+Z")
    c.press("Control+y")
    np.testing.assert_array_equal(c.labels, barred)
    assert c.current == "tree"
    assert c.pressed("eraser")
    assert c.python_has(barred)


@pytest.mark.parametrize("button", ["generate", "fetching"])
def test_a_press_of_the_button_in_the_same_moment_has_the_last_stroke(canvas, button):
    c = canvas()
    (x0, y0), (x1, y1) = c.at(100, 100), c.at(300, 300)
    c.page.evaluate(
        """([x0, y0, x1, y1, button]) => {
            const stage = document.querySelector(".sw-stage");
            stage.setPointerCapture = () => {};
            const send = (type, clientX, clientY) => stage.dispatchEvent(new PointerEvent(type,
                {clientX, clientY, pointerId: 1, buttons: 1, bubbles: true, cancelable: true}));
            send("pointerdown", x0, y0);
            send("pointermove", x1, y1);
            send("pointerup", x1, y1);
            document.getElementById(button).click();
        }""",
        [x0, y0, x1, y1, button],
    )
    c.page.wait_for_function("document.querySelector('#said textarea').value === 'generated'")
    labels = c.labels
    assert labels[300, 300] != ADE.unlabelled
    np.testing.assert_array_equal(c.server.button.labels, labels)


def test_a_reload_brings_the_painting_back(canvas, open_page):
    c = canvas()
    c.choose("water")
    c.press("]")
    c.stroke((100, 100), (300, 420))
    labels = c.labels
    size = c.page.locator(".sw-size-value").inner_text()
    assert c.python_has(labels)
    open_page.reload(c.page)
    c.ready()
    np.testing.assert_array_equal(c.labels, labels)
    assert c.current == "water"
    assert c.page.locator(".sw-size-value").inner_text() == size
    c.page.click("#generate")
    c.page.wait_for_function("document.querySelector('#said textarea').value === 'generated'")
    np.testing.assert_array_equal(c.server.button.labels, labels)


def test_a_reload_in_the_middle_of_a_stroke_keeps_it(canvas, open_page):
    c = canvas()
    c.choose("water")
    c.until_kept()
    c.page.mouse.move(*c.at(100, 100))
    c.page.mouse.down()
    c.page.mouse.move(*c.at(300, 300), steps=5)
    labels = c.labels
    assert (labels == INDEX["water"]).any()
    open_page.reload(c.page)
    c.page.mouse.up()
    c.ready()
    np.testing.assert_array_equal(c.labels, labels)
    assert c.current == "water"


def test_two_tabs_say_that_they_share_one_place(canvas, server):
    one = canvas()
    second = one.page.context.new_page()
    second.goto(server.url)
    other = Visitor(second, server)
    for c, name in ((one, "water"), (other, "tree")):
        c.choose(name)
        c.stroke((100, 100), (300, 300))
    kept = one.page.locator(".sw-kept")
    kept.filter(has_text="another tab").wait_for()
    assert (one.labels == INDEX["water"]).any()


def test_typing_is_not_painting(canvas):
    c = canvas()
    c.stroke((100, 100), (300, 300))
    labels = c.labels
    assert c.python_has(labels)
    c.page.evaluate(
        """() => {
            window.heard = [];
            for (const name of ["generate", "cancel"])
                document.addEventListener("spadework:" + name, () => window.heard.push(name));
        }"""
    )
    c.page.fill("#words textarea", "")
    c.page.type("#words textarea", "e g [ 0")
    c.press("Control+z")
    c.press("Control+Enter")
    c.press("Escape")
    assert not c.pressed("eraser")
    np.testing.assert_array_equal(c.labels, labels)
    assert c.page.evaluate("window.heard") == ["generate", "cancel"]
    c.page.focus("#generate")
    c.press("e")
    assert not c.pressed("eraser")
    c.page.focus(".sw-stage")
    c.press("e")
    assert c.pressed("eraser")


def test_the_search_field_keeps_its_keys(canvas):
    c = canvas()
    c.press("/")
    c.page.keyboard.type("plant life flora")
    assert c.page.locator(".sw-none").is_visible()
    c.press("Escape")
    assert c.pressed("brush")
    assert c.page.evaluate("document.activeElement.className") == "sw-stage"


def test_alt_picks_while_painting_and_x_swaps(canvas):
    c = canvas()
    c.choose("mountain")
    c.stroke((100, 100), (200, 100))
    c.choose("sea")
    c.page.keyboard.down("Alt")
    c.stroke((150, 100))
    c.page.keyboard.up("Alt")
    assert c.current.startswith("mountain")
    c.press("x")
    assert c.current == "sea"
    c.press("1")
    assert c.current.startswith("mountain")


def test_a_map_from_python_brings_its_palette_and_can_be_undone(canvas):
    c = canvas()
    c.stroke((100, 100), (300, 300))
    before = c.painted
    c.page.click("#load")
    c.page.wait_for_function("document.querySelector('.sw-map').textContent === '96 × 64'")
    assert c.painted.palette == "celebamask_hq"
    assert np.unique(c.labels[:, 48:]) == [2]
    assert c.page.locator(".sw-row", has_text="eyeglasses").count() == 1
    c.page.focus(".sw-stage")
    c.press("Control+z")
    assert c.painted.palette == "ade20k"
    assert c.page.locator(".sw-row", has_text="skyscraper").count() == 1
    np.testing.assert_array_equal(c.labels, before.labels)


def test_hiding_the_canvas_loses_neither_map_nor_history(canvas):
    c = canvas()
    c.stroke((100, 100), (300, 300))
    labels = c.labels
    c.page.click("#hide")
    c.page.wait_for_selector(".sw-stage", state="hidden")
    c.page.click("#show")
    c.ready()
    np.testing.assert_array_equal(c.labels, labels)
    c.page.focus(".sw-stage")
    c.press("Control+z")
    assert (c.labels == ADE.unlabelled).all()
    c.stroke((100, 100), (300, 300))
    np.testing.assert_array_equal(c.labels, labels)
    assert c.python_has(labels)


def test_the_saved_file_holds_the_datasets_own_values(canvas):
    c = canvas()
    c.choose("sky")
    c.stroke((100, 100), (400, 300))
    with c.page.expect_download() as download:
        c.page.click("[data-command=save]")
    image = Image.open(download.value.path())
    assert image.mode == "P"
    assert image.text["spadework:palette"] == "ade20k"
    values = np.array([k.file_value for k in ADE.classes], np.uint8)
    np.testing.assert_array_equal(np.asarray(image), values[c.labels])
    read = read_label_map(download.value.path(), ADE)
    assert read.exact
    np.testing.assert_array_equal(read.labels, c.labels)
    shown = np.asarray(image.convert("RGB"))[100, 100]
    assert tuple(shown) == tuple(ADE.classes[INDEX["sky"]].colour)


def test_a_dropped_file_and_the_open_button_reach_the_page(canvas):
    c = canvas()
    heard = c.page.evaluate(
        """() => {
            const heard = [];
            document.addEventListener("spadework:open", (e) => heard.push(["open", e.detail.id]));
            document.addEventListener("spadework:open-file", (e) => heard.push([e.detail.file.name, e.detail.id]));
            document.querySelector("[data-command=open]").click();
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["x"], "map.png"));
            const drop = new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true});
            document.querySelector(".sw-stage").dispatchEvent(drop);
            return heard;
        }"""
    )
    assert heard == [["open", "canvas"], ["map.png", "canvas"]]


def test_wheel_zooms_about_the_pointer_and_control_wheel_sizes_the_brush(canvas):
    c = canvas()
    c.page.mouse.move(*c.at(128, 128))
    place = ".sw-place"
    before = c.page.locator(place).inner_text()
    c.page.mouse.wheel(0, -300)
    assert c.page.locator(".sw-zoom").inner_text() != "83 %"
    assert c.page.locator(place).inner_text() == before
    c.page.keyboard.down("Control")
    c.page.mouse.wheel(0, -100)
    c.page.keyboard.up("Control")
    assert c.page.locator(".sw-size-value").inner_text() == "44 px"
    c.press("0")
    c.stroke((128, 128))
    assert c.labels[128, 128] != ADE.unlabelled


def test_two_fingers_zoom_and_paint_nothing(canvas):
    c = canvas(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    c.page.locator(".sw-stage").scroll_into_view_if_needed()
    session = c.page.context.new_cdp_session(c.page)

    def touch(kind, *points):
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    (x, y), zoom = c.at(256, 256), c.page.locator(".sw-zoom").inner_text()
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for gap in range(20, 90, 10):
        touch("touchMove", (x - gap, y), (x + gap, y))
    touch("touchEnd")
    assert c.page.locator(".sw-zoom").inner_text() != zoom
    assert (c.labels == ADE.unlabelled).all()
    touch("touchStart", (x, y))
    touch("touchMove", (x + 30, y))
    touch("touchEnd")
    assert (c.labels != ADE.unlabelled).any()


def test_choosing_scrolls_the_list_and_not_the_page(canvas):
    c = canvas(viewport={"width": 390, "height": 600})
    c.choose("sea")
    c.stroke((100, 100))
    c.choose("bulletin board")
    c.page.evaluate("scrollTo(0, 0)")
    c.press("1")
    assert c.current == "sea"
    assert c.page.evaluate("scrollY") == 0
    lies_inside = """() => {
        const row = document.querySelector(".sw-row[aria-pressed=true]").getBoundingClientRect();
        const list = document.querySelector(".sw-list").getBoundingClientRect();
        return row.top >= list.top && row.bottom <= list.bottom;
    }"""
    assert c.page.evaluate(lies_inside)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_the_page_does_not_overflow(canvas, width, height):
    c = canvas(viewport={"width": width, "height": height})
    assert c.page.evaluate("document.documentElement.scrollWidth") <= width
    box = c.page.locator(".sw-root").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    if width > height:
        assert box["height"] < height


def test_every_button_has_a_name(canvas):
    c = canvas()
    c.stroke((100, 100))
    nameless = c.page.evaluate(
        """() => [...document.querySelectorAll(".sw-root button")]
            .filter((b) => !(b.getAttribute("aria-label") || b.textContent.trim())).map((b) => b.outerHTML)"""
    )
    assert nameless == []


def test_a_photo_shows_where_nothing_is_painted_and_through_what_is(canvas):
    c = canvas()
    assert not c.page.locator(".sw-photo").is_visible()
    c.open_photo()
    for x, side in ((120, LEFT), (240, LEFT), (272, RIGHT), (400, RIGHT)):
        np.testing.assert_allclose(c.colour(x, 400), side, atol=1)
        np.testing.assert_allclose(c.colour(x, 100), mix(INDEX["sea"], side, 0.55), atol=2)
    assert c.page.locator(".sw-opacity-value").inner_text() == "55 %"
    c.choose("mountain")
    c.stroke((100, 400), (300, 400))
    np.testing.assert_allclose(c.colour(200, 400), mix(INDEX["mountain"], LEFT, 0.55), atol=2)
    assert c.python_has(c.labels)
    c.press("Control+z")
    c.page.locator(".sw-region", has_text="No region yet").wait_for()
    np.testing.assert_allclose(c.colour(400, 400), RIGHT, atol=1)


def test_the_map_can_be_faded_and_hidden_and_comes_back_when_painted_on(canvas):
    c = canvas()
    c.open_photo()
    c.page.fill(".sw-opacity input", "90")
    assert c.page.locator(".sw-opacity-value").inner_text() == "90 %"
    np.testing.assert_allclose(c.colour(120, 100), mix(INDEX["sea"], LEFT, 0.9), atol=2)
    c.press("o")
    assert c.pressed("photo")
    np.testing.assert_allclose(c.colour(120, 100), LEFT, atol=1)
    c.choose("mountain")
    c.stroke((120, 400), (160, 400))
    assert not c.pressed("photo")
    np.testing.assert_allclose(c.colour(120, 400), mix(INDEX["mountain"], LEFT, 0.9), atol=2)


def test_a_reload_brings_the_photo_back_and_closing_it_leaves_the_map(canvas, open_page):
    c = canvas()
    c.page.add_init_script(
        "window.restored = []; document.addEventListener('spadework:restored', (e) => window.restored.push(e.detail))"
    )
    c.open_photo()
    labels = c.labels
    c.until_kept()
    open_page.reload(c.page)
    c.ready()
    assert c.page.evaluate("window.restored") == [{"id": "canvas", "version": VERSION}]
    np.testing.assert_allclose(c.colour(400, 300), RIGHT, atol=1)
    np.testing.assert_array_equal(c.labels, labels)

    c.close_photo()
    assert not c.page.locator(".sw-photo").is_visible()
    np.testing.assert_array_equal(c.labels, labels)
    np.testing.assert_allclose(c.colour(120, 100), ADE.classes[INDEX["sea"]].colour, atol=1)
    open_page.reload(c.page)
    c.ready()
    assert c.page.evaluate("window.restored") == [{"id": "canvas", "version": ""}]
    np.testing.assert_array_equal(c.labels, labels)


def test_a_new_map_is_proposed_at_the_present_size(canvas):
    c = canvas()
    c.page.click("#load")
    c.page.wait_for_function("document.querySelector('.sw-map').textContent === '96 × 64'")
    c.page.click("[data-command=new]")
    sides = c.page.locator(".sw-sides input")
    assert [sides.nth(k).input_value() for k in (0, 1)] == ["96", "64"]
    c.page.click(".sw-primary")
    assert (c.labels.shape, c.labels.max()) == ((64, 96), 0)
