"""The palette panel in a real browser: search, keys, favourites, the classes in the map, and how they are shown."""

import io
import json
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app.canvas import LabelCanvas, Painted, decode
from engine.palette import load_palette

pytest_plugins = ["browser"]

ADE, COCO = load_palette("ade20k"), load_palette("coco_stuff")
INDEX = {c.name: c.index for c in ADE.classes}
PAYLOAD = "() => window.spadework.payload('canvas')"
SEEN = {"sky": 0.2, "tree": 0.1, "sea": 0.0009}
GROUND = 300  # rows of the map from which on it is sea


def scene():
    """Sky above, sea below, one pixel of sand."""
    labels = np.full((512, 512), INDEX["sky"], np.uint8)
    labels[GROUND:] = INDEX["sea"]
    labels[511, 0] = INDEX["sand"]
    return Painted(labels, "ade20k")


def every_class():
    """All 183 classes of COCO-Stuff, in columns."""
    return Painted(np.tile(np.arange(512) * COCO.size // 512, (512, 1)).astype(np.uint8), "coco_stuff")


@pytest.fixture(scope="module")
def server():
    """A page with a canvas and buttons that load maps."""
    seen = SimpleNamespace(url="")
    with gr.Blocks() as page:
        canvas = LabelCanvas(palette="ade20k")
        for name, load in {"scene": scene, "every": every_class}.items():
            gr.Button(name, elem_id=name).click(load, None, canvas, show_progress="hidden")
    _, seen.url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield seen
    page.close()


@pytest.fixture
def panel(open_page, server):
    """open → a driver of the panel on a fresh page."""

    def open_(load=None, **options):
        driver = Driver(open_page(server.url, **options))
        if load:
            driver.load(load)
        return driver

    return open_


class Driver:
    """What an artist does with the palette, and what there is to see."""

    def __init__(self, page):
        self.page = page
        self.ready()

    def ready(self):
        self.page.wait_for_selector(".sw-root[data-ready]")
        self.settle()
        self.page.focus(".sw-stage")

    def settle(self):
        """The frame in which the map's classes are counted, and the one that draws."""
        self.page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r())))")

    def load(self, name):
        before = self.shares
        self.page.evaluate("id => document.getElementById(id).click()", name)
        self.page.wait_for_function(
            "before => JSON.stringify(window.shares()) !== before", arg=json.dumps(before, separators=(",", ":"))
        )
        self.page.focus(".sw-stage")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, name):
        self.press("/")
        self.page.keyboard.type(name)
        self.press("Enter")

    def dab(self, x=256, y=256):
        """Paints one spot; x, y in map pixels."""
        self.page.mouse.click(*self.at(x, y))
        self.settle()

    def at(self, x, y):
        """The place on the page of a point of the 512 × 512 map that is fitted to the view."""
        box = self.page.locator(".sw-stage").bounding_box()
        side = min(box["width"], box["height"]) - 24
        left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
        return left + x * side / 512, top + y * side / 512

    def section(self, name):
        return self.page.locator(f".sw-section:has(> .sw-rows[aria-label='{name}' i])")

    def names(self, name):
        """The classes under a heading, from above; none where it is folded."""
        return self.section(name).locator(".sw-name:visible").all_inner_texts()

    def prefer(self, option, value=True):
        """Sets an option of the Display menu."""
        self.page.click(".sw-menu")
        self.page.get_by_label(option).set_checked(value)
        self.press("Escape")
        self.page.focus(".sw-stage")
        self.settle()

    @property
    def shares(self):
        """What "In this map" says: [[name, share], …]."""
        return self.page.evaluate(
            """() => (window.shares = () => [...document.querySelectorAll(".sw-class:has(.sw-select)")].map(
                line => [".sw-name", ".sw-share"].map(part => line.querySelector(part).textContent)))()"""
        )

    @property
    def slots(self):
        return self.page.eval_on_selector_all(
            ".sw-slot:enabled", "all => all.map(each => each.getAttribute('aria-label').split(',')[0])"
        )

    @property
    def found(self):
        return self.page.locator(".sw-found .sw-name:visible").all_inner_texts()

    @property
    def current(self):
        return self.page.locator(".sw-now-name").inner_text()

    @property
    def focused(self):
        return self.page.evaluate("document.activeElement.className")

    @property
    def labels(self):
        return decode(self.page.evaluate(PAYLOAD)).labels

    def colour(self, x, y):
        """The colour on the screen at a point of the map."""
        x, y = self.at(x, y)
        shot = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        return tuple(shot[int(y), int(x)].tolist())

    def swatch(self):
        """The colour of the current class's swatch."""
        style = self.page.eval_on_selector(".sw-now", "node => getComputedStyle(node).backgroundColor")
        return tuple(int(part) for part in style[4:-1].split(","))


def test_the_classes_in_the_map_and_their_shares_follow_each_step(panel):
    p = panel()
    assert p.shares == [["unlabelled", "100 %"]]
    p.load("scene")
    assert p.shares == [["sky", "59 %"], ["sea", "41 %"], ["sand", "<0.1 %"]]
    p.choose("tree")
    p.dab()
    painted = (p.labels == INDEX["tree"]).mean()
    assert p.shares[2] == ["tree", f"{100 * painted:.1f} %"]
    p.press("Control+z")
    p.settle()
    assert [name for name, _ in p.shares] == ["sky", "sea", "sand"]


def test_a_click_in_the_map_section_chooses_and_its_button_selects(panel):
    p = panel("scene")
    rows = p.section("In this map")
    rows.get_by_role("button", name="sea", exact=False).first.click()
    assert p.current == "sea"
    rows.get_by_role("button", name="Select sand on the map").click()
    p.settle()
    p.choose("tree")
    p.dab(256, 256)
    assert (p.labels == INDEX["tree"]).sum() == 0, "nothing but the pixel of sand is selected"


def test_digits_choose_favourites_first_and_slots_keep_their_place(panel):
    p = panel()
    for name in ("sea", "sand", "tree"):
        p.choose(name)
        p.dab()
    assert p.slots == ["sea", "sand", "tree"]
    p.press("/")
    p.page.keyboard.type("grass")
    p.press("ArrowDown", "f", "Escape")
    assert p.slots == ["grass", "sea", "sand", "tree"]
    assert p.names("Favourites") == ["grass"]
    p.press("1")
    assert p.current == "grass"
    p.dab()
    p.press("3")
    assert p.current == "sand"
    p.dab()
    assert p.slots == ["grass", "sea", "sand", "tree"]
    p.page.locator(".sw-slot").nth(1).click()
    assert p.current == "sea"


def test_stars_folds_and_looks_are_kept_in_the_browser(panel, open_page):
    p = panel("scene")
    row = p.section("Plants").locator(".sw-class", has_text="grass")
    row.hover()
    row.get_by_role("button", name="Favourite").click()
    p.page.get_by_role("button", name="Ground").click()
    assert p.names("Ground") == []
    p.prefer("Colour-blind safe")
    p.prefer("Hatching")
    open_page.reload(p.page)
    p.ready()
    assert p.names("Favourites") == ["grass"]
    assert p.names("Ground") == []
    assert p.names("Water") != []
    p.page.click(".sw-menu")
    assert p.page.get_by_label("Colour-blind safe").is_checked()
    assert p.page.get_by_label("Hatching").is_checked()
    p.press("Escape")
    p.page.get_by_role("button", name="Ground").click()
    assert "road" in p.names("Ground")


def test_the_search_by_keys_alone(panel):
    p = panel()
    p.press("/")
    p.page.keyboard.type("tv")
    assert p.found[0].startswith("television")
    assert p.page.locator(".sw-heard").inner_text() == "1 class"
    p.page.keyboard.press("Control+a")
    p.page.keyboard.type("sea")
    assert len(p.found) > 2
    assert p.page.locator(".sw-heard").inner_text() == f"{len(p.found)} classes"
    p.press("ArrowDown", "ArrowUp")
    assert "sw-search" in p.focused
    p.press("ArrowDown", "ArrowDown", "ArrowUp", "Enter")
    assert p.current == "sea"
    assert "sw-stage" in p.focused
    assert p.page.input_value(".sw-search") == ""
    p.press("/")
    p.page.keyboard.type("zzz")
    assert p.page.locator(".sw-heard").inner_text() == "No classes"
    assert p.page.locator(".sw-list").inner_text() == "No class is called “zzz”."
    p.press("Escape")
    assert "sw-stage" in p.focused
    assert p.current == "sea"


def test_a_favourite_taken_away_by_key_leaves_the_focus_in_the_list(panel):
    p = panel()
    for name in ("grass", "sea"):
        p.press("/")
        p.page.keyboard.type(name)
        p.press("ArrowDown", "f", "Escape")
    p.press("/", "ArrowDown")
    assert p.page.evaluate("document.activeElement.textContent") == "grass"
    p.press("f")
    assert p.names("Favourites") == ["sea"]
    assert p.page.evaluate("document.activeElement.textContent") == "sea"
    p.press("ArrowRight")
    assert "sw-star" in p.focused
    p.press("Enter")
    assert p.names("Favourites") == []


def test_what_the_model_hardly_knows_is_marked_and_can_be_hidden(panel):
    p = panel("scene")
    assert p.page.locator(".sw-mark:visible").count() == 0
    p.page.click(".sw-menu")
    assert p.page.get_by_label("Only what the model knows").is_disabled()
    p.press("Escape")
    p.page.evaluate("seen => spadework.know('canvas', 'ade20k', seen)", SEEN)
    row = p.section("Water").locator(".sw-row", has_text="sea")
    assert row.locator(".sw-mark").get_attribute("aria-label") == "The model has hardly seen this class"
    assert "hardly seen" in row.get_attribute("title")
    assert p.section("Sky").locator(".sw-mark:visible").count() == 0
    p.choose("sand")
    assert p.page.locator(".sw-warning").inner_text() == "Never seen"
    p.prefer("Only what the model knows")
    assert p.section("Water").is_hidden()
    assert p.names("Plants") == ["tree"]
    assert "sea" in p.names("In this map")
    p.press("/")
    p.page.keyboard.type("sand")
    assert p.found == []
    p.page.get_by_role("button", name="Show all").click()
    assert p.found[0] == "sand"
    p.press("Escape")
    assert "sea" in p.names("Water")
    p.page.evaluate("spadework.know('canvas', 'ade20k', null)")
    assert p.page.locator(".sw-mark:visible").count() == 0


def test_looks_change_what_is_seen_and_never_the_map(panel):
    p = panel("scene")
    before = p.labels
    p.choose("sky")
    standard = tuple(ADE.classes[INDEX["sky"]].colour)
    assert p.colour(100, 100) == p.swatch() == standard
    p.prefer("Colour-blind safe")
    safe = p.swatch()
    assert safe != standard
    assert p.colour(100, 100) == safe
    p.choose("tree")
    p.dab(400, 100)
    assert p.colour(400, 100) == p.swatch()
    assert p.colour(100, 100) == safe, "a class keeps its colour"
    p.press("Control+z")
    p.prefer("Hatching")
    shades = {p.colour(x, y) for x in (100, 103) for y in (100, 104)}
    assert len(shades) == 2
    assert safe in shades
    p.prefer("Hatching", False)
    p.prefer("Standard")
    assert p.colour(100, 100) == standard
    np.testing.assert_array_equal(p.labels, before)


def test_more_classes_than_safe_colours_are_hatched(panel):
    p = panel("every")
    assert len(p.shares) == COCO.size
    p.prefer("Colour-blind safe")
    assert "Hatched" in p.page.locator(".sw-hint").inner_text()
    images = p.page.eval_on_selector_all(
        ".sw-class:has(.sw-select) .sw-swatch",
        "all => all.map(each => each.style.backgroundColor + each.style.backgroundImage)",
    )
    assert len(set(images)) == COCO.size


def test_a_stroke_builds_no_row_anew(panel):
    p = panel("every")
    p.page.evaluate("window.row = document.querySelector('.sw-section:last-child .sw-row')")
    p.page.evaluate(
        """() => {
        window.built = 0;
        const count = changes => { for (const change of changes) window.built += change.addedNodes.length; };
        new MutationObserver(count).observe(document.querySelector(".sw-sections"), {childList: true, subtree: true});
    }"""
    )
    p.choose("person")
    p.dab()
    grown = p.page.evaluate("window.built")
    assert grown <= 2 * COCO.size + 10, "the section of the map is put into its new order, and a few words change"
    assert p.page.evaluate("window.row.isConnected")
    p.page.evaluate("window.built = 0")
    p.press("[", "[", "x", "x")
    assert p.page.evaluate("window.built") <= 4 * 10, "a key that leaves the map alone moves no row"


def test_words_stand_out_from_their_ground(panel):
    p = panel("scene")
    p.page.evaluate("seen => spadework.know('canvas', 'ade20k', seen)", SEEN)
    p.choose("sand")
    for scheme in ("light", "dark"):
        p.page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
        low = lowest_contrast(p.page)
        assert low[0] >= 4.5, (scheme, low)


def lowest_contrast(page):
    """The words in the panel that stand out least from what is behind them: [ratio, class, text]."""
    parts = ".sw-name, .sw-share, .sw-count, .sw-fold, .sw-now-name, .sw-warning, .sw-menu, .sw-slot:disabled"
    return page.eval_on_selector_all(
        parts,
        """all => {
        const light = c => c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const read = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
        const ground = node => {
            const [r, g, b, a = 1] = read(getComputedStyle(node).backgroundColor);
            if (a === 1 && r !== undefined) return [r, g, b];
            const under = node.parentElement ? ground(node.parentElement) : [255, 255, 255];
            return [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
        };
        return all.filter(node => node.offsetParent && node.textContent + (node.dataset.key ?? "")).map(node => {
            const [a, b] = [light(read(getComputedStyle(node).color).slice(0, 3)), light(ground(node))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.className, node.textContent];
        }).sort((a, b) => a[0] - b[0])[0];
    }""",
    )


def test_fingers_find_targets_of_44_pixels(panel):
    p = panel("scene", viewport={"width": 390, "height": 1100}, has_touch=True, is_mobile=True)
    p.choose("tree")
    p.dab()
    for width in (390, 820):
        p.page.set_viewport_size({"width": width, "height": 1100})
        p.settle()
        check_targets(p, width)


def check_targets(p, width):
    small = p.page.eval_on_selector_all(
        ".sw-palette :is(button, input):not(.sw-popover *)",
        """all => {
        const shown = all.filter(each => each.checkVisibility());
        const boxes = shown.map(each => [each.getBoundingClientRect(), each.className]);
        const small = boxes.filter(([{width, height}]) => width < 44 || height < 44);
        return small.map(([box, name]) => [name, box.width, box.height]);
    }""",
    )
    assert small == []
    box = p.page.locator(".sw-palette").bounding_box()
    inside = p.page.eval_on_selector_all(
        ".sw-palette > *", "all => Math.max(...all.map(each => each.getBoundingClientRect().right))"
    )
    assert inside <= box["x"] + box["width"] + 0.5
    assert p.page.evaluate("document.documentElement.scrollWidth") <= width
