"""Every tool in a real browser, by mouse, key, pen and touch, down to the exact pixels."""

import io
import itertools

import gradio as gr
import numpy as np
import pytest
from browser import Pages
from canvas_driver import Driver
from PIL import Image

from app.canvas import LabelCanvas, browser_palettes
from engine.palette import load_palette

pytest_plugins = ["browser"]

ADE = load_palette("ade20k")
INDEX = {c.name: c.index for c in ADE.classes}
SKY, SEA, MOUNTAIN = INDEX["sky"], INDEX["sea"], INDEX["mountain"]
VOID = ADE.unlabelled
X, Y = np.meshgrid(np.arange(512) + 0.5, np.arange(512) + 0.5)


PALETTES = browser_palettes()
NUMBERS = itertools.count()

MOUNT = """async config => {
    const at = [...performance.getEntriesByType("resource")].find(entry => entry.name.endsWith("/canvas.js")).name;
    const {mount} = await import(at);
    mount(document.querySelector(".spadework"), {props: {value: null}, trigger() {}, watch() {}}, config);
}"""
DOTS = """places => {
    const stage = document.querySelector(".sw-stage");
    stage.setPointerCapture = () => {};
    for (const [clientX, clientY] of places) for (const type of ["pointerdown", "pointerup"])
        stage.dispatchEvent(new PointerEvent(type, {clientX, clientY, pointerId: 3, bubbles: true, cancelable: true}));
}"""
KEYS = """([times, key]) => {
    const press = () => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {...key, bubbles: true, cancelable: true}));
    for (let i = 0; i < times; i++) press();
}"""


@pytest.fixture(scope="module")
def address():
    with gr.Blocks() as page:
        LabelCanvas(palette="ade20k")
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    page.close()


@pytest.fixture(scope="module")
def table(chromium, address):
    """One page for all tests that need no page of their own."""
    pages = Pages(chromium)
    yield pages(address)
    for context in pages.contexts:
        context.close()
    assert not pages.errors
    assert not pages.strays


@pytest.fixture
def canvas(table):
    """open → a driver of a fresh canvas, at actual size, with sky as the class."""

    def open_(palette="ade20k", colour="sky"):
        table.wait_for_selector(".sw-root[data-ready]")
        name = f"canvas-{next(NUMBERS)}"
        table.evaluate(MOUNT, {"id": name, "palette": palette, "width": 512, "height": 512, "palettes": PALETTES})
        return begun(Driver(table, name), colour)

    return open_


@pytest.fixture
def canvas_page(open_page, address):
    """open → the same on a page of its own."""
    return lambda **options: begun(Driver(open_page(address, **options)), "sky")


def begun(driver, colour):
    driver.choose(colour)
    driver.actual_size()
    return driver


def between(a, b):
    """The pixels whose centres lie in the rectangle between two points."""
    (x0, x1), (y0, y1) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    return (x0 <= X) & (x1 > X) & (y0 <= Y) & (y1 > Y)


def round_in(a, b):
    """The pixels whose centres lie in the ellipse between two points."""
    cx, cy, rx, ry = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, abs(a[0] - b[0]) / 2, abs(a[1] - b[1]) / 2
    return (((X - cx) / rx) ** 2 + ((Y - cy) / ry) ** 2 <= 1) & between(a, b)


def map_with(inside, label=SKY):
    return np.where(inside, label, VOID).astype(np.uint8)


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_strokes_are_those_of_the_document(canvas_page, ratio):
    c = canvas_page(device_scale_factor=ratio)
    first = c.drag((100, 60), (300, 75), (180, 400))
    c.page.click("[data-option=square-true]")
    c.press("]")
    second = c.drag((400, 100), (420, 420))
    c.press("e")
    third = c.drag((50, 300), (450, 310))
    expected = c.replayed(
        ADE,
        {"ink": SKY, "points": [(*p, 40) for p in first]},
        {"ink": SKY, "points": [(*p, 44) for p in second], "square": True},
        {"ink": VOID, "points": [(*p, 44) for p in third], "square": True},
    )
    np.testing.assert_array_equal(c.labels, expected)


def test_shift_goes_straight_on_from_the_last_stroke(canvas):
    c = canvas()
    (start,) = c.drag((100, 100))
    (end,) = c.drag((380, 300), hold=["Shift"])
    line = {"ink": SKY, "points": [(*start, 40), (*end, 40)]}
    np.testing.assert_array_equal(c.labels, c.replayed(ADE, line))
    c.press("Control+z")
    np.testing.assert_array_equal(c.labels, c.replayed(ADE, {"ink": SKY, "points": [(*start, 40)]}))


@pytest.mark.parametrize("ratio", [1, 1.5])
def test_rectangles_and_ellipses_to_the_pixel(canvas_page, ratio):
    c = canvas_page(device_scale_factor=ratio)
    c.press("u")
    a, b = c.drag((60, 50), (301, 204))
    expected = map_with(between(a, b))
    np.testing.assert_array_equal(c.labels, expected)
    c.press("u")  # once more: the next shape
    c.choose("sea")
    assert c.pressed("shape")
    a, b = c.drag((420, 430), (123, 155))
    expected[round_in(a, b)] = SEA
    np.testing.assert_array_equal(c.labels, expected)


def test_shift_makes_squares_and_alt_begins_at_the_centre(canvas):
    c = canvas()
    c.press("u")
    (x, y), (_, bottom) = c.drag((100, 100), (140, 230), hold=["Shift"])
    side = bottom - y
    expected = map_with(between((x, y), (x + side, y + side)))
    np.testing.assert_array_equal(c.labels, expected)
    c.press("Shift+U")
    c.choose("sea")
    (x, y), (right, bottom) = c.drag((350, 350), (400, 380), hold=["Alt"])
    expected[round_in((2 * x - right, 2 * y - bottom), (right, bottom))] = SEA
    np.testing.assert_array_equal(c.labels, expected)


def test_a_line_has_the_brushs_size(canvas):
    c = canvas()
    c.press("u")
    c.page.click("[data-option=shape-line]")
    a, b = c.drag((80, 80), (90, 150), (400, 420))[::2]
    np.testing.assert_array_equal(c.labels, c.replayed(ADE, {"ink": SKY, "points": [(*a, 40), (*b, 40)]}))
    a, b = c.drag((80, 420), (400, 380), hold=["Shift"])
    straight = c.replayed(ADE, {"ink": SKY, "points": [(*a, 40), (b[0], a[1], 40)]})
    assert (c.labels[straight == SKY] == SKY).all()


def test_a_polygon_by_keys(canvas):
    c = canvas()
    c.press("u")
    c.page.click("[data-option=shape-polygon]")
    corners = [c.drag(point)[0] for point in ((100, 100), (300, 100))]
    c.drag((450, 450))
    c.press("Backspace")
    corners.append(c.drag((300, 300))[0])
    assert (c.labels == VOID).all()
    c.press("Enter")
    (x0, y0), (x1, _), (_, y2) = corners
    assert (x1 - x0, y2 - y0) == (200, 200)
    below, above = X - x0 > Y - y0, y0 < Y
    np.testing.assert_array_equal(c.labels, map_with(below & above & (x1 > X)))
    for point in ((20, 50), (60, 50), (60, 200)):
        c.drag(point)
    c.press("Control+z")  # takes a corner back, too
    c.press("Escape")
    c.press("Enter")
    c.press("Control+z")
    assert (c.labels == VOID).all()


def test_the_lasso_selects_and_the_brush_keeps_inside(canvas):
    c = canvas()
    c.press("l")
    points = c.drag((100, 100), (300, 100), (300, 300), (100, 300))
    inside = between(points[0], points[2])
    c.press("b")
    c.drag((50, 200), (450, 200))
    labels = c.labels
    assert (labels[~inside] == VOID).all()
    assert (labels[inside] == SKY).sum() == 40 * 200
    c.drag((400, 50))
    assert "outside the selection" in c.said
    c.press("Control+Shift+I")
    c.drag((50, 200), (450, 200))
    assert (c.labels[~inside] == SKY).sum() > 0
    assert c.said == ""
    c.press("Control+d")
    assert not c.page.locator("[data-command=grow]").is_visible()
    c.press("Shift+L")  # now it paints
    c.drag((100, 330), (300, 330), (300, 430), (100, 430))
    assert (c.labels[340:420, 110:290] == SKY).all()


def test_selections_combine_grow_and_are_erased(canvas):
    c = canvas()
    c.press("Control+a")
    c.press("g")
    c.drag((256, 256))
    assert (c.labels == SKY).all()
    c.press("Control+d")
    c.press("u")
    c.page.click("[data-option=shapeMode-select]")
    a, b = c.drag((100, 100), (200, 200))
    d, e = c.drag((300, 100), (400, 200), hold=["Shift"])
    f, g = c.drag((150, 50), (350, 150), hold=["Alt"])
    selected = (between(a, b) | between(d, e)) & ~between(f, g)
    c.press("Delete")
    np.testing.assert_array_equal(c.labels, np.where(selected, VOID, SKY))
    c.press("Control+z")
    c.page.fill(".sw-amount", "7")
    c.press("Enter")
    c.page.focus(".sw-stage")
    c.drag((20, 20))  # a press without a drag ends the selection
    a, b = c.drag((200, 200), (260, 240))
    c.command("grow")
    c.press("Backspace")
    (x0, y0), (x1, y1) = (np.floor(a), np.floor(b))
    gap_x = np.maximum(np.maximum(x0 - (X - 0.5), (X - 0.5) - (x1 - 1)), 0)
    gap_y = np.maximum(np.maximum(y0 - (Y - 0.5), (Y - 0.5) - (y1 - 1)), 0)
    np.testing.assert_array_equal(c.labels, np.where(gap_x**2 + gap_y**2 <= 49, VOID, SKY))


def test_fill_connected_and_everywhere(canvas):
    c = canvas()
    c.press("u")
    rooms = [between(*c.drag((x, 100), (x + 80, 200))) for x in (60, 200, 340)]
    c.choose("sea")
    c.press("g")
    c.drag((90, 150))
    expected = map_with(rooms[1] | rooms[2])
    expected[rooms[0]] = SEA
    np.testing.assert_array_equal(c.labels, expected)
    c.press("Shift+G")
    c.drag((240, 150))
    expected[expected == SKY] = SEA
    np.testing.assert_array_equal(c.labels, expected)


def test_select_an_area_or_a_class(canvas):
    c = canvas()
    c.press("u")
    rooms = [between(*c.drag((x, 100), (x + 80, 200))) for x in (60, 200)]
    c.press("w")
    c.drag((90, 150))
    c.press("Delete")
    np.testing.assert_array_equal(c.labels, map_with(rooms[1]))
    c.press("Control+z")
    c.press("Shift+W")
    c.drag((90, 150))
    c.press("Delete")
    assert (c.labels == VOID).all()


def test_limits_hold_are_seen_and_are_taken_off(canvas):
    c = canvas()
    c.press("u")
    room = between(*c.drag((100, 100), (300, 300)))
    c.choose("sea")
    c.press("b")
    c.page.mouse.move(*c.spot(200, 200)[0])
    c.press("k")  # never over the sky under the pointer
    assert c.page.locator(".sw-badges").inner_text() == "Never over sky"
    c.drag((50, 200), (450, 200))
    assert (c.labels[room] == SKY).all()
    assert (c.labels == SEA).sum() > 0
    c.drag((200, 200))
    assert "Limits" in c.said
    c.page.click(".sw-badges .sw-chip")
    c.page.mouse.move(*c.spot(200, 150)[0])
    c.press("Shift+K")
    assert c.page.locator(".sw-badges").inner_text() == "Only over sky"
    outside = c.labels[~room]
    c.drag((50, 120), (450, 120))
    np.testing.assert_array_equal(c.labels[~room], outside)
    assert (c.labels[room] == SEA).sum() > 0


def test_the_limits_panel_names_classes(canvas):
    c = canvas()
    c.page.click("[popovertarget^=sw-limits]")
    panel = c.page.locator(".sw-popover:popover-open")
    panel.get_by_role("button", name="Add sky").last.click()
    assert panel.locator(".sw-chip").all_inner_texts() == ["sky"]
    panel.get_by_label("Paint only over a class of the map").select_option("unlabelled")
    assert c.page.locator(".sw-badges").inner_text().split("\n") == ["Only over unlabelled", "Never over sky"]
    c.press("e")  # no key acts under an open panel
    assert c.pressed("brush")
    c.press("Escape")
    assert not panel.is_visible()
    c.press("e")
    assert c.pressed("eraser")


@pytest.mark.parametrize(("presses", "mirror"), [(1, "x"), (2, "y"), (3, "both")])
def test_mirror(canvas, presses, mirror):
    c = canvas()
    for _ in range(presses):
        c.press("m")
    points = c.drag((90, 80), (200, 110))
    labels = c.labels
    np.testing.assert_array_equal(
        labels, c.replayed(ADE, {"ink": SKY, "points": [(*p, 40) for p in points], "mirror": mirror})
    )
    if mirror != "y":
        np.testing.assert_array_equal(labels, labels[:, ::-1])
    if mirror != "x":
        np.testing.assert_array_equal(labels, labels[::-1])
    assert c.page.locator(".sw-badges").inner_text().startswith("Mirror")


def test_an_area_is_moved_copied_and_nudged(canvas):
    c = canvas()
    c.press("u")
    room = between(*c.drag((100, 100), (150, 150)))
    c.press("v")
    c.drag((120, 120), (220, 170))
    np.testing.assert_array_equal(c.labels, map_with(np.roll(room, (50, 100), (0, 1))))
    c.drag((220, 170), (320, 270), hold=["Alt"])
    both = np.roll(room, (50, 100), (0, 1)) | np.roll(room, (150, 200), (0, 1))
    np.testing.assert_array_equal(c.labels, map_with(both))
    c.press("w")
    c.drag((320, 270))
    c.press("v")
    c.press("ArrowRight")
    c.press("Shift+ArrowDown")
    both = np.roll(room, (50, 100), (0, 1)) | np.roll(room, (160, 201), (0, 1))
    np.testing.assert_array_equal(c.labels, map_with(both))


def test_clean_up_says_how_much_it_changed(canvas):
    c = canvas()
    for _ in range(40):
        c.press("[")
    for x in range(60, 300, 20):
        c.drag((x, 100))
    assert (c.labels == SKY).sum() == 12
    c.page.click("[popovertarget^=sw-clean]")
    panel = c.page.locator(".sw-popover:popover-open")
    panel.get_by_role("button", name="Remove specks").click()
    assert panel.locator(".sw-told").inner_text() == "12 pixels changed"
    assert (c.labels == VOID).all()
    panel.get_by_role("button", name="Smooth").click()
    assert panel.locator(".sw-told").inner_text() == "Nothing to change"
    panel.get_by_role("button", name="Replace with sky").click()
    assert panel.locator(".sw-told").inner_text() == "262,144 pixels changed"
    assert (c.labels == SKY).all()


def test_a_pens_pressure_and_its_eraser(canvas):
    c = canvas()
    a = c.pen("pointerdown", 100, 200, pressure=0.25)
    b = c.pen("pointermove", 300, 200, pressure=1)
    c.pen("pointerup", 300, 200, pressure=0, buttons=0)
    expected = c.replayed(ADE, {"ink": SKY, "points": [(*a, 10), (*b, 40)]})
    np.testing.assert_array_equal(c.labels, expected)
    c.command("pressure")
    a = c.pen("pointerdown", 100, 300, pressure=0.25)
    c.pen("pointerup", 100, 300, pressure=0, buttons=0)
    light = c.replayed(ADE, {"ink": SKY, "points": [(*a, 40)]})
    np.testing.assert_array_equal(c.labels, np.where(light == SKY, SKY, expected))
    c.pen("pointerdown", 100, 300, button=5, buttons=32)
    c.pen("pointerup", 100, 300, button=5, buttons=0)
    np.testing.assert_array_equal(c.labels, expected)


def test_a_stroke_survives_leaving_and_losing_the_pointer(canvas):
    c = canvas()
    box = c.box()
    place, _ = c.spot(256, 256)
    c.page.mouse.move(*place)
    c.page.mouse.down()
    c.page.mouse.move(place[0], box["y"] + box["height"] + 60)
    c.page.mouse.move(place[0] + 200, place[1])
    c.page.mouse.up()
    assert c.labels[256, 440] == SKY
    c.press("Control+z")
    c.pen("pointerdown", 100, 200, pressure=1)
    c.pen("pointermove", 300, 200, pressure=1)
    c.pen("pointercancel", 300, 200)
    assert c.labels[200, 200] == SKY


def test_escape_gives_up_the_gesture_first_and_undo_waits_for_it(canvas):
    c = canvas()
    c.page.evaluate("() => { window.told = 0; document.addEventListener('spadework:cancel', () => window.told++); }")
    c.drag((100, 100))
    before = c.labels
    c.page.mouse.move(*c.spot(200, 200)[0])
    c.page.mouse.down()
    c.page.mouse.move(*c.spot(300, 200)[0])
    c.press("Control+z")
    assert (c.labels == SKY).sum() > (before == SKY).sum()
    c.press("Escape")
    np.testing.assert_array_equal(c.labels, before)
    c.page.mouse.move(*c.spot(300, 300)[0])
    c.page.mouse.up()
    np.testing.assert_array_equal(c.labels, before)
    assert c.page.evaluate("window.told") == 0
    c.press("Escape")
    assert c.page.evaluate("window.told") == 1


def test_two_hundred_undos_and_redos_by_key(canvas):
    c = canvas()
    for _ in range(40):
        c.press("[")
    rng = np.random.default_rng(5)
    places = [(x, y) for x in range(40, 480, 22) for y in range(60, 460, 38)]
    c.page.evaluate(DOTS, [c.spot(*places[k])[0] for k in rng.permutation(len(places))[:200]])
    painted = c.labels
    assert (painted == SKY).sum() == 200
    c.page.evaluate(KEYS, [199, {"key": "z", "code": "KeyZ", "ctrlKey": True}])
    assert (c.labels == SKY).sum() == 1
    c.press("Control+z")
    assert (c.labels == VOID).all()
    assert c.page.locator("[data-command=undo]").get_attribute("aria-disabled") == "true"
    c.page.evaluate(KEYS, [200, {"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True}])
    np.testing.assert_array_equal(c.labels, painted)


def test_a_reload_in_mid_stroke_loses_next_to_nothing(canvas_page, open_page):
    c = canvas_page()
    c.press("m")
    c.press("Shift+K")
    c.page.mouse.move(*c.spot(60, 60)[0])
    c.page.mouse.down()
    c.page.mouse.move(*c.spot(400, 60)[0])
    c.until_kept()  # while the pen is down
    open_page.reload(c.page)
    c.ready()
    labels = c.labels
    assert (labels[60, 60:400] == SKY).all()
    np.testing.assert_array_equal(labels, labels[:, ::-1])
    assert "Mirror left and right" in c.page.locator(".sw-badges").inner_text()


def test_a_selection_and_the_tools_come_back(canvas_page, open_page):
    c = canvas_page()
    c.press("u")
    c.press("u")
    c.page.click("[data-option=shapeMode-select]")
    a, b = c.drag((100, 100), (300, 300))
    open_page.reload(c.page)
    c.ready()
    c.actual_size()
    c.press("u")
    assert c.page.get_attribute("[data-option=shape-ellipse]", "aria-pressed") == "true"
    c.press("g")
    c.drag((200, 200))
    np.testing.assert_array_equal(c.labels == VOID, ~round_in(a, b))


def test_a_second_finger_keeps_what_was_painted_long_before(canvas_page):
    c = canvas_page(has_touch=True)
    session = c.page.context.new_cdp_session(c.page)

    def touch(kind, *points):
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    x, y = c.spot(200, 200)[0]
    touch("touchStart", (x, y))
    touch("touchMove", (x + 100, y))
    c.page.wait_for_timeout(400)
    touch("touchStart", (x + 100, y), (x + 150, y))
    touch("touchMove", (x + 100, y), (x + 180, y))
    touch("touchEnd")
    assert (c.labels[200, 200:300] == SKY).all()


def test_steps_are_told_to_the_page(canvas):
    c = canvas()
    c.page.evaluate(
        """() => {
            window.told = [];
            document.addEventListener("spadework:stroke", event => window.told.push(event.detail.id));
        }"""
    )
    c.drag((100, 100))
    c.press("Control+z")
    c.press("Control+a")  # a step of the selection alone is none of the map
    assert c.page.evaluate("window.told") == [c.name, c.name]


def test_keys_leave_sliders_and_fields_alone(canvas):
    c = canvas()
    c.press("Control+a")
    c.page.focus(".sw-amount")
    c.page.keyboard.type("12")
    c.press("Backspace")
    c.press("Delete")
    assert (c.labels == VOID).all()
    c.page.focus(".sw-size input")
    before = c.page.locator(".sw-size-value").inner_text()
    c.press("ArrowRight")
    assert c.page.locator(".sw-size-value").inner_text() != before
    c.page.focus("[data-command=eraser]")
    c.press("Enter")
    assert c.pressed("eraser")


def test_every_button_names_its_key(canvas):
    c = canvas()
    c.press("Control+a")
    untold = c.page.evaluate(
        """() => [...document.querySelectorAll(".sw-frame button[aria-keyshortcuts][data-tip]")]
            .filter(b => !b.dataset.tip.includes("(")).map(b => b.dataset.tip)"""
    )
    assert untold == []
    bare = c.page.evaluate(
        """() => [...document.querySelectorAll(".sw-tools button, .sw-options button")]
            .filter(b => !b.dataset.tip && !b.closest("[popover]")).map(b => b.outerHTML)"""
    )
    assert bare == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024)])
def test_fingers_find_every_button(canvas_page, width, height):
    c = canvas_page(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    small = c.page.evaluate(
        """() => [...document.querySelectorAll(".sw-tools button, .sw-options button, .sw-status button")]
            .filter(button => button.offsetParent).map(button => [button, button.getBoundingClientRect()])
            .filter(([, {width, height}]) => width < 44 || height < 44)
            .map(([button, {width, height}]) => [button.outerHTML.slice(0, 90), width, height])"""
    )
    assert small == []
    assert c.page.evaluate("document.documentElement.scrollWidth") <= width


def test_objects_of_one_class_keep_apart(canvas):
    c = canvas("coco_stuff", "car")
    c.press("u")
    a, b = c.drag((100, 100), (200, 200))
    c.press("n")
    assert c.pressed("object")
    d, e = c.drag((200, 100), (300, 200))
    painted = c.painted
    car = load_palette("coco_stuff").index_of("car")
    np.testing.assert_array_equal(painted.labels == car, between(a, b) | between(d, e))
    np.testing.assert_array_equal(painted.instances > 0, between(d, e))
    assert c.pressed("edges")
    assert len(edge_columns(c, (100, 300))) == 2
    c.press("Shift+N")
    assert len(edge_columns(c, (100, 300))) == 0
    c.choose("road")
    assert not c.pressed("object")


def edge_columns(c, span):
    """Columns of the map, on one row through both objects, that are darker than what lies beside them."""
    c.page.mouse.move(*c.spot(256, 400)[0])
    shot = np.asarray(Image.open(io.BytesIO(c.page.screenshot())).convert("L")).astype(int)
    (left, y), (right, _) = c.spot(span[0] + 5, 150)[0], c.spot(span[1] + 5, 150)[0]
    row = shot[y, left:right]
    return np.flatnonzero((row[1:-1] < 0.7 * row[:-2]) & (row[1:-1] < 0.7 * row[2:]))
