"""An artist edits a real photo, by mouse and keys in a real Chromium, with the shipped model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from desk_driver import (
    advanced,
    download,
    keep_seed,
    painted,
    pick,
    quality,
    ready,
    result_url,
    said,
    say,
    set_number,
    stroke,
    until,
    until_new_result,
    until_said,
    upload,
)
from PIL import Image

from engine.blending import grown
from engine.checkpoint import shipped_models
from engine.images import read_photo, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.segmentation import find_segmenter
from engine.writing import save_png

pytest_plugins = ["browser", "desk_driver"]

ADE = load_palette("ade20k")
BUILDING, SKY, TREE = (ADE.index_of(name) for name in ("building", "sky", "tree"))
HEIGHT, WIDTH = 240, 320

pytestmark = pytest.mark.skipif("scenes" not in shipped_models(), reason="checkpoints/scenes.safetensors is not there")


# A server's word to close its stream reaches the page only when `letGo` is called.
SLOW_CLOSE = """(() => {
    const plain = window.fetch, close = 'data: {"msg":"close_stream"';
    Object.assign(window, {asked: 0, streams: 0, held: 0, wait: Promise.resolve()});
    window.fetch = async (input, options) => {
        const response = await plain(input, options), url = String(input.url ?? input);
        if (url.includes("/queue/join")) window.asked++;
        if (!url.includes("/queue/data")) return response;
        window.streams++;
        const body = response.body.pipeThrough(new TransformStream({async transform(part, out) {
            const text = new TextDecoder().decode(part), at = text.indexOf(close);
            const send = words => words && out.enqueue(new TextEncoder().encode(words));
            if (at < 0) return out.enqueue(part);
            send(text.slice(0, at));
            window.held++;
            await window.wait;
            window.streams--;
            send(text.slice(at));
        }}));
        return new Response(body, {headers: response.headers});
    };
})()"""


def photo() -> np.ndarray:
    """Sky over grass, as a camera sees it: with noise."""
    rng = np.random.default_rng(0)
    pixels = np.full((HEIGHT, WIDTH, 3), (120, 170, 230), np.int32)
    pixels[150:] = (80, 130, 60)
    return np.clip(pixels + rng.integers(-9, 10, pixels.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def camera(tmp_path) -> Path:
    """The photo as a camera that was held sideways saves it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    Image.fromarray(photo()).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    return tmp_path / "photo.jpg"


def shown(page) -> str:
    return page.evaluate("() => window.spadework.version('desk')")


def edits(page) -> list[str]:
    """The words of the list of edits, from the top."""
    return page.locator(".sw-edits li b").all_inner_texts()


def opened(page, file: Path) -> None:
    upload(page, "sw-photo", file)
    until_said(page, "Photo of")
    until(page, lambda: shown(page) != "" and painted(page).shape == (HEIGHT, WIDTH))
    page.wait_for_selector("#sw-repaint:visible")


def repaint(page, press: Callable[[], None] | None = None) -> None:
    """By the button, or as `press` does."""
    former = result_url(page)
    (press or (lambda: page.click("#sw-repaint")))()
    until_new_result(page, former)
    until_said(page, "Saved")


def accept(page) -> None:
    """Takes the result in front, and waits until the canvas has heard of it."""
    before = shown(page)
    page.click("#sw-accept")
    until(page, lambda: shown(page) != before)
    until_said(page, "Accepted")


def step(page, keys: str, version: str) -> None:
    """Back or forth on the canvas, until it is at that version."""
    page.locator(".sw-stage").focus()
    page.keyboard.press(keys)
    until(page, lambda: shown(page) == version)


def as_png(page) -> Path:
    return download(page, lambda: page.click("#sw-save-photo"))


def test_an_artist_edits_a_photo_twice_and_goes_back_and_forth(desk, open_page, camera, tmp_path):
    quality(desk, "Draft")
    keep_seed(desk, 11)
    opened(desk, camera)
    assert painted(desk).shape == (HEIGHT, WIDTH)
    assert desk.locator("#sw-photo-count input").input_value() == "3"
    original = read_photo(camera)
    plain = shown(desk)

    # A building in the sky: three variations, the second one is taken.
    pick(desk, "building")
    stroke(desk, (0.4, 0.4), (0.5, 0.45))
    labels = painted(desk)
    repaint(desk)
    cells = desk.locator("#sw-results .sw-cell .sw-main")
    assert cells.count() == 3
    cells.nth(1).click()
    until(desk, lambda: int(desk.locator("#sw-seed input").input_value()) == 12)
    accept(desk)
    first = shown(desk)
    assert first != plain
    assert edits(desk) == ["building"]
    assert "seed 12" in desk.locator(".sw-edits li").inner_text()
    until(desk, lambda: desk.evaluate("() => window.spadework.region('desk').kind") == "none")

    # A tree beside it.
    pick(desk, "tree")
    stroke(desk, (0.6, 0.6), (0.65, 0.65))
    both = painted(desk)
    repaint(desk)
    accept(desk)
    second = shown(desk)
    assert edits(desk) == ["tree", "building"]
    made = as_png(desk)
    result = read_photo(made)
    assert [len(each["labels"]) for each in read_request(made)["edits"]] == [3, 3]
    outside = ~grown((both == BUILDING) | (both == TREE), 4)
    assert np.array_equal(result[outside], original[outside])
    assert (both == BUILDING).sum() == (labels == BUILDING).sum()
    assert not np.array_equal(result[both == BUILDING], original[both == BUILDING])

    # Hidden and shown again; back over both, and forth.
    desk.locator(".sw-edits li").nth(1).locator("[data-action=hide]").click()
    until_said(desk, "Hidden: building")
    assert desk.evaluate("() => document.activeElement.matches('.sw-stage')")  # Undo by key goes on from here
    building = grown(both == BUILDING, 4) & ~grown(both == TREE, 4)
    assert np.array_equal(read_photo(as_png(desk))[building], original[building])
    step(desk, "Control+z", second)
    until(desk, lambda: desk.locator(".sw-hidden-edit").count() == 0)
    step(desk, "Control+z", first)
    until(desk, lambda: edits(desk) == ["building"])
    assert np.array_equal(painted(desk), both)
    step(desk, "Control+z", first)  # the stroke
    step(desk, "Control+z", plain)
    until(desk, lambda: edits(desk) == [])
    assert np.array_equal(painted(desk), labels)
    step(desk, "Control+Shift+z", first)
    step(desk, "Control+Shift+z", first)
    step(desk, "Control+Shift+z", second)
    until(desk, lambda: edits(desk) == ["tree", "building"])

    # A reload keeps all of it; the photo comes back in its own format.
    open_page.reload(desk)
    ready(desk)
    until(desk, lambda: edits(desk) == ["tree", "building"])
    assert np.array_equal(painted(desk), both)
    with Image.open(download(desk, lambda: desk.click("#sw-save-own"))) as saved:
        assert (saved.format, saved.size) == ("JPEG", (WIDTH, HEIGHT))
        assert saved.getexif().get(0x010F) == "Camera"

    # The first edit as it was, the one above it aside; Undo brings the panel's settings back too.
    set_number(desk, "sw-seed", 99)
    desk.locator(".sw-edits li").nth(1).locator("[data-action=reopen]").click()
    until_said(desk, "Reopened: building")
    until(desk, lambda: desk.evaluate("() => window.spadework.region('desk').kind") == "selection")
    assert edits(desk) == []
    assert "One edit waits aside" in desk.locator(".sw-edits-note").inner_text()
    assert desk.locator("#sw-seed input").input_value() == "12"
    step(desk, "Control+z", second)
    until(desk, lambda: desk.locator("#sw-seed input").input_value() == "99")
    until(desk, lambda: edits(desk) == ["tree", "building"])

    # Closed, everything is as it was without a photo.
    desk.click("#sw-close")
    until(desk, lambda: shown(desk) == "")
    desk.wait_for_selector("#sw-generate:visible")
    assert not desk.locator("#sw-accept").is_visible()
    assert desk.locator("#sw-count input").is_visible()


def test_a_map_for_a_photo_asks_how_it_shall_fit(desk, camera, tmp_path):
    opened(desk, camera)
    labels = np.full((120, 120), SKY, np.uint8)
    labels[60:] = BUILDING
    for name in ("map.png", "again.png"):  # a browser tells of no change where one file is chosen twice
        save_label_map(tmp_path / name, labels, ADE)
    upload(desk, "sw-open", tmp_path / "map.png")
    desk.wait_for_selector("#sw-fit:visible")
    assert "120 x 120 px, the photo 320 x 240" in desk.locator("#sw-fit-text").inner_text()
    desk.click("#sw-fit-no")
    until_said(desk, "was not opened")
    assert (painted(desk) == ADE.unlabelled).all()
    upload(desk, "sw-open", tmp_path / "again.png")
    desk.click("#sw-fit-stretch")
    until_said(desk, "first map")
    until(desk, lambda: (painted(desk)[:120] == SKY).all())
    assert desk.evaluate("() => window.spadework.region('desk').kind") == "none"

    # What is painted over it is the region; an area of the result is made anew.
    quality(desk, "Draft")
    keep_seed(desk, 5)
    set_number(desk, "sw-photo-count", 1)
    pick(desk, "tree")
    stroke(desk, (0.3, 0.5), (0.6, 0.5))
    repaint(desk)
    desk.locator("#sw-areas button").first.click()
    repaint(desk, lambda: desk.click("#sw-reroll-class"))
    accept(desk)
    assert edits(desk) == ["tree"]


def test_what_can_t_be_opened_or_accepted_is_told_and_the_photo_stays(desk, camera, tmp_path):
    opened(desk, camera)
    version = shown(desk)
    desk.click("#sw-accept")
    assert "No result is in front" in say(desk, "problem")
    desk.click("#sw-repaint")
    until_said(desk, "nothing is selected")
    desk.locator("#sw-live input").check()
    until_said(desk, "what should be made anew")
    say(desk, "idle")
    desk.locator("#sw-live input").uncheck()
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    upload(desk, "sw-photo", tmp_path / "broken.jpg")
    until_said(desk, "broken.jpg")
    assert shown(desk) == version
    assert desk.locator("#sw-repaint").is_visible()
    save_png(tmp_path / "other.png", photo()[:100], {})
    upload(desk, "sw-photo", tmp_path / "other.png")
    until_said(desk, "320 x 100")
    until(desk, lambda: shown(desk) != version)
    step(desk, "Control+z", version)


def test_what_an_artist_is_told_stays_while_a_run_goes_on_and_after_it(desk, camera):
    opened(desk, camera)
    pick(desk, "building")
    stroke(desk, (0.4, 0.4), (0.5, 0.45))
    advanced(desk)
    set_number(desk, "sw-steps", 1000)
    desk.click("#sw-repaint")
    until_said(desk, "left")
    assert desk.locator(".sw-say:visible").count() == 1  # nothing of what was said before the run
    desk.click("#sw-accept")
    refused = say(desk, "problem")
    for _ in range(2):  # the run's own words go on beside it
        before = say(desk, "busy")
        until(desk, lambda before=before: say(desk, "busy") != before)
        assert refused in said(desk)
    desk.click("#sw-cancel")
    assert "Stopped" in say(desk, "stopped")
    assert refused in said(desk)
    for press, answer in (("#sw-save-photo", "Saved as"), ("#sw-accept", refused)):  # the next one stands alone
        desk.click(press)
        until_said(desk, answer)
        until(desk, lambda: desk.locator(".sw-say:visible").count() == 1)


def test_what_is_pressed_in_the_moment_the_answers_end_is_answered(desk, open_page, camera):
    desk.add_init_script(SLOW_CLOSE)
    open_page.reload(desk)
    ready(desk)
    opened(desk, camera)
    desk.wait_for_function("() => window.streams === 0")  # all that the page asked so far is answered
    desk.evaluate("() => { window.held = 0; window.wait = new Promise(go => (window.letGo = go)); }")
    desk.click("#sw-repaint")
    until_said(desk, "nothing is selected")
    desk.wait_for_function("() => window.held > 0")
    asked = desk.evaluate("() => window.asked")
    desk.click("#sw-accept")
    desk.wait_for_function("asked => window.asked > asked", arg=asked)
    desk.wait_for_timeout(300)  # the page has heard that it asked
    desk.evaluate("() => window.letGo()")
    until_said(desk, "No result is in front")


def test_what_is_pressed_as_the_page_s_very_first_answers_end_is_answered(desk, open_page):
    desk.add_init_script(f"{SLOW_CLOSE}; window.wait = new Promise(go => (window.letGo = go))")
    open_page.reload(desk)
    ready(desk)
    desk.wait_for_function("() => window.held > 0")  # the server has closed the first stream
    assert desk.evaluate("() => window.streams") == 1
    asked = desk.evaluate("() => window.asked")
    desk.locator("#sw-about button").first.click()
    desk.wait_for_function("asked => window.asked > asked", arg=asked)
    desk.wait_for_timeout(300)  # the page has heard that it asked
    desk.evaluate("() => window.letGo()")
    desk.wait_for_selector("#sw-card p")


@pytest.mark.skipif(find_segmenter(ADE) is None, reason="checkpoints/segmenters holds none for ADE20K")
def test_the_map_of_a_photo_is_found_at_the_press_of_a_button(desk, camera):
    opened(desk, camera)
    desk.click("#sw-find-map")
    until_said(desk, "what the photo shows")
    until(desk, lambda: (painted(desk) != ADE.unlabelled).all())
    assert desk.evaluate("() => window.spadework.region('desk').kind") == "none"
    desk.locator(".sw-stage").focus()
    desk.keyboard.press("Control+z")
    until(desk, lambda: (painted(desk) == ADE.unlabelled).all())


INSIDE = """field => {
    const [box, input] = [field, field.querySelector("input")].map((each) => each.getBoundingClientRect());
    return box.left <= input.left && input.right <= box.right;
}"""


@pytest.mark.parametrize("field", ["sw-grow", "sw-soft"])
def test_the_numbers_of_an_edit_s_edge_are_whole(desk, camera, field):
    opened(desk, camera)
    assert desk.locator(f"#{field}").evaluate(INSIDE)


def test_the_photo_s_side_is_reached_by_keys_and_every_button_has_a_name(desk, camera):
    opened(desk, camera)
    quality(desk, "Draft")
    set_number(desk, "sw-photo-count", 1)
    keep_seed(desk, 3454017456)  # as long as those that are drawn
    advanced(desk)
    assert desk.locator("#sw-harmonise label:visible").all_inner_texts() == ["Off", "Light", "Strong"]
    pick(desk, "building")
    stroke(desk, (0.4, 0.4), (0.5, 0.45))
    repaint(desk, lambda: desk.keyboard.press("Control+Enter"))
    desk.locator("#sw-accept").focus()
    desk.keyboard.press("Enter")
    until_said(desk, "Accepted")
    assert desk.locator(".sw-edit-words span").evaluate("words => words.scrollWidth <= words.clientWidth")
    for action in ("hide", "show"):
        desk.locator(f".sw-edits [data-action={action}]").focus()
        desk.keyboard.press("Enter")
        until_said(desk, {"hide": "Hidden", "show": "Shown"}[action])
    until(desk, lambda: desk.evaluate("() => document.activeElement.dataset.action") == "hide")
    names = desk.locator(".sw-edits button").evaluate_all("all => all.map(each => each.getAttribute('aria-label'))")
    assert [name.split(":")[0] for name in names] == ["Hide", "Reopen", "Remove"]
    assert desk.locator("#sw-strength input[type=range]").get_attribute("aria-label")
    desk.locator(".sw-edits [data-action=remove]").focus()
    desk.keyboard.press("Enter")
    until_said(desk, "Removed")
    until(desk, lambda: edits(desk) == [])
