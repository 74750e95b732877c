"""The whole app as a newcomer starts it: `launch.py app` in its own process, a real Chromium, the shipped model."""

from __future__ import annotations

import dataclasses
import re
import urllib.error
import urllib.request

import numpy as np
import pytest
from desk_driver import (
    advanced,
    choose,
    download,
    frames,
    keep_seed,
    painted,
    pick,
    presses,
    quality,
    ready,
    result_url,
    save_picture,
    say,
    set_number,
    stroke,
    until,
    until_new_result,
    until_said,
    until_saved,
    upload,
)
from PIL import Image

from engine.blending import grown
from engine.checkpoint import shipped_models
from engine.images import read_photo, read_request
from engine.label_files import read_label_map, save_label_map
from engine.palette import load_palette
from engine.presets import preset
from engine.record import render_request
from engine.writing import save_png

pytest_plugins = ["browser", "desk_driver"]

ADE = load_palette("ade20k")

pytestmark = pytest.mark.skipif("scenes" not in shipped_models(), reason="checkpoints/scenes.safetensors is not there")


BEYOND = """width => [...document.querySelectorAll("button, input, h1, .sw-say")]
    .filter(element => element.offsetParent && !element.closest(".sw-slots")) // that row scrolls by itself
    .filter(element => element.getBoundingClientRect().right > width + 1)
    .map(element => element.outerHTML.slice(0, 80))"""


SMALL = """() => [...document.querySelectorAll("button, select, input:not([type=range])")]
    .map(element => /checkbox|radio/.test(element.type) ? element.closest("label") ?? element : element)
    .filter(element => element.checkVisibility() && element.offsetParent && !element.closest("#sw-card, [aria-hidden]"))
    .map(element => [element.getBoundingClientRect(), element.outerHTML.slice(0, 80)])
    .filter(([box]) => box.width > 1 && box.height > 1 && (box.width < 43.5 || box.height < 43.5))
    .map(([box, html]) => `${box.width} x ${box.height}: ${html}`)"""

# Fields that are cut off by what is around them, and arrows that don't stand beside their word.
ASKEW = """() => {
    const middle = box => box.y + box.height / 2;
    const written = element => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return range.getBoundingClientRect();
    };
    const seen = selector => [...document.querySelectorAll(selector)].filter(element => element.offsetParent);
    const cut = seen("input[type=number]").filter(({parentElement: around, offsetHeight}) =>
        getComputedStyle(around).overflow === "hidden" && offsetHeight > around.clientHeight + 1);
    const off = seen(".label-wrap").filter(({children: [word, arrow]}) =>
        Math.abs(middle(written(word)) - middle(arrow.getBoundingClientRect())) > 2);
    return [...cut, ...off].map(element => element.outerHTML.slice(0, 80));
}"""

# Waits until everything that moves for a while has come to rest.
MOVED = """() => Promise.allSettled(document.getAnimations()
    .filter(each => Number.isFinite(each.effect.getComputedTiming().endTime)).map(each => each.finished))"""

# Text on plain grounds, by the formula of WCAG 2: AA asks for 4.5.
PALE = """() => {
    const dot = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const colour = (css, ground = [255, 255, 255]) => {
        dot.fillStyle = `rgb(${ground})`; dot.fillRect(0, 0, 1, 1);
        dot.fillStyle = css; dot.fillRect(0, 0, 1, 1);
        return [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const ground = element => colour(getComputedStyle(element).backgroundColor,
        element.parentElement ? ground(element.parentElement) : undefined);
    const light = rgb => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
        if (!text || !element.offsetParent || element.closest("script, :disabled, [aria-disabled=true]")) continue;
        const behind = ground(element), pair = [light(behind), light(colour(getComputedStyle(element).color, behind))];
        const ratio = Math.max(...pair) / Math.min(...pair);
        if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
    }
    return found;
}"""


def test_paint_generate_cancel_generate_again_save_and_open(desk, tmp_path):
    before = painted(desk)
    pick(desk, "road")
    stroke(desk, (0.4, 0.5), (0.6, 0.6))
    labels = painted(desk)
    assert (labels == ADE.index_of("road")).sum() > (before == ADE.index_of("road")).sum()

    advanced(desk)
    set_number(desk, "sw-steps", 1000)
    desk.click("#sw-generate")
    desk.wait_for_selector(".sw-say[data-kind=busy] progress")
    desk.wait_for_selector(".sw-result-image")
    until_said(desk, "left")
    desk.click("#sw-cancel")
    assert "Stopped" in say(desk, "stopped")

    set_number(desk, "sw-steps", 4)
    desk.locator("#sw-lock input").check()
    set_number(desk, "sw-seed", 7)
    desk.locator(".sw-stage").click(position={"x": 5, "y": 5}, modifiers=["Alt"])
    desk.keyboard.press("Control+Enter")
    assert "Saved as" in say(desk, "done")

    saved = download(desk, lambda: desk.click("#sw-save"))
    request = read_request(saved.read_bytes())
    assert request["sampling"]["seeds"] == [7]
    assert request["sampling"]["steps"] == 4
    assert read_photo(saved.read_bytes()).shape == (*labels.shape, 3)

    map_file = tmp_path / "map.png"
    map_file.write_bytes(
        download(desk, lambda: desk.get_by_role("button", name=re.compile("Save map")).click()).read_bytes()
    )
    assert np.array_equal(read_label_map(map_file, ADE).labels, labels)
    pick(desk, "sky")
    stroke(desk, (0.3, 0.3), (0.7, 0.7))
    assert not np.array_equal(painted(desk), labels)
    upload(desk, "sw-open", map_file)
    until(desk, lambda: np.array_equal(painted(desk), labels))


def test_an_example_opens_and_a_bad_file_is_a_sentence(desk, tmp_path):
    before = painted(desk)
    desk.get_by_role("tab", name="Examples").click()
    desk.locator("#sw-examples .thumbnail-item").nth(1).click()
    until(desk, lambda: painted(desk).shape != before.shape)
    bad = tmp_path / "holiday.png"
    bad.write_bytes(b"not a picture")
    kept = painted(desk)
    upload(desk, "sw-open", bad)
    assert "holiday.png can't be read as an image" in say(desk, "problem")
    assert "Traceback" not in desk.content()
    assert np.array_equal(painted(desk), kept)


def test_escape_with_nothing_to_stop_leaves_the_status_alone(desk):
    quality(desk, "Draft")
    desk.keyboard.press("Control+Enter")
    until_saved(desk)
    cancelled = presses(desk, "sw-cancel")
    desk.keyboard.press("Escape")
    assert cancelled() == 0
    assert "Saved as" in say(desk, "done")


def test_a_new_map_by_keys_alone(desk):
    assert (painted(desk) != ADE.unlabelled).any()
    button = desk.get_by_role("button", name=re.compile("New map")).first
    button.focus()
    desk.keyboard.press("Enter")
    desk.wait_for_selector("dialog[open]")
    desk.keyboard.press("Enter")
    until(desk, lambda: (painted(desk) == ADE.unlabelled).all())


def test_paint_on_a_photo_and_repaint_it(desk, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    save_png(tmp_path / "photo.png", photo, {})
    upload(desk, "sw-photo", tmp_path / "photo.png")
    assert "Photo of 320 x 240" in say(desk, "done")
    desk.wait_for_function("() => window.spadework.version('desk')")
    pick(desk, "tree")
    stroke(desk, (0.45, 0.45), (0.55, 0.55))
    labels = painted(desk)
    assert labels.shape == (240, 320)
    quality(desk, "Draft")
    set_number(desk, "sw-photo-count", 1)
    desk.click("#sw-repaint")
    until_saved(desk)
    result = read_photo(download(desk, lambda: desk.click("#sw-save")).read_bytes())
    outside = ~grown(labels != ADE.unlabelled, 4)
    assert 0 < (~outside).sum() < outside.sum()
    assert np.array_equal(result[outside], photo[outside])
    assert not np.array_equal(result[~outside], photo[~outside])
    desk.click("#sw-close")
    desk.wait_for_selector("#sw-generate:visible")
    desk.wait_for_function("() => !window.spadework.version('desk')")


def test_the_settings_outlive_a_reload(desk, open_page, address):
    desk.wait_for_function("() => performance.now() > window.spadeworkRestored")  # what is restored is no change
    keep_seed(desk, 77)
    quality(desk, "Draft")
    set_number(desk, "sw-count", 3)
    set_number(desk, "sw-guidance", 3.5)
    desk.wait_for_function("() => /77.*3[.]5/.test(localStorage.getItem('spadework-settings'))")
    open_page.reload(desk)
    ready(desk)
    until(desk, lambda: desk.locator("#sw-seed input").input_value() == "77")
    until(desk, lambda: desk.locator("#sw-lock input").is_checked())
    until(desk, lambda: desk.locator("#sw-count input").input_value() == "3")
    until(desk, lambda: float(desk.locator("#sw-guidance input[type=number]").input_value()) == 3.5)
    until(desk, lambda: desk.locator("#sw-quality input:checked").input_value() == "custom")
    desk.click("#sw-generate")
    until_said(desk, "3 results in")
    assert desk.locator("#sw-seed input").input_value() == "77"


def test_a_quality_chosen_right_before_generate_is_the_one_that_is_used(desk, tmp_path):
    quality(desk, "Draft")
    desk.keyboard.press("Control+Enter")
    assert "Done" in say(desk, "done")
    made = render_request(read_request(save_picture(desk, tmp_path / "draft.png"))).sampling
    assert made == dataclasses.replace(preset("draft"), seeds=made.seeds)


def test_an_opened_result_is_made_again_to_the_last_pixel(desk, open_page, address, tmp_path):
    """With settings that no preset has, on a page that never saw them."""
    quality(desk, "Draft")
    advanced(desk)
    set_number(desk, "sw-steps", 5)
    set_number(desk, "sw-guidance", 3.5)
    choose(desk, "sw-sampler", "DPM-Solver++ 2M SDE")
    choose(desk, "sw-spacing", "Even in time")
    assert desk.locator("#sw-quality input:checked").input_value() == "custom"
    desk.click("#sw-generate")
    assert "Saved as" in say(desk, "done")
    first = save_picture(desk, tmp_path / "first.png")
    made = render_request(read_request(first)).sampling
    assert (made.steps, made.guidance, made.sampler, made.spacing) == (5, 3.5, "dpmpp_2m_sde", "trailing")
    assert made.guidance_interval == preset("draft").guidance_interval

    fresh = ready(open_page(address))
    upload(fresh, "sw-open", first)
    assert "back on the desk" in say(fresh, "done")
    assert fresh.locator("#sw-quality input:checked").input_value() == "custom"
    fresh.click("#sw-generate")
    until_saved(fresh)
    again = save_picture(fresh, tmp_path / "again.png")
    assert read_request(again) == read_request(first)
    assert np.array_equal(read_photo(again), read_photo(first))


def test_several_at_once_and_a_click_brings_one_back(desk, tmp_path):
    quality(desk, "Draft")
    set_number(desk, "sw-count", 3)
    desk.locator("#sw-lock input").check()
    set_number(desk, "sw-seed", 7)
    desk.click("#sw-generate")
    assert "3 results in" in say(desk, "done")
    cells = desk.locator("#sw-results .sw-cell .sw-main")
    cells.nth(2).wait_for()
    assert cells.count() == 3
    cells.nth(2).click()
    until(desk, lambda: desk.locator("#sw-seed input").input_value() == "9")
    request = read_request(save_picture(desk, tmp_path / "third.png"))
    assert request["sampling"]["seeds"] == [9]


def test_classes_that_the_model_hardly_knows_are_marked(desk):
    desk.locator(".sw-search").fill("plant")
    found = desk.locator(".sw-row:visible").first
    found.locator(".sw-mark").wait_for(state="visible")
    assert "model" in found.locator(".sw-mark").get_attribute("aria-label")
    desk.locator(".sw-search").fill("sky")
    desk.locator(".sw-row[title^=sky]:visible").first.wait_for()
    assert not found.locator(".sw-mark").is_visible()


def test_the_model_says_what_it_is(desk):
    assert re.match(r"scenes: ADE20K, \d+ px, .* parameters, .* MB", desk.locator("#sw-model input").input_value())
    desk.locator("#sw-about button").first.click()
    desk.wait_for_function("() => document.querySelector('#sw-card')?.textContent.includes('ADE20K')")
    desk.wait_for_function("() => document.querySelector('#sw-card img')?.naturalWidth > 0")
    assert desk.locator("#sw-card script").count() == 0


# --- Exploring ---


def results_seen(page) -> None:
    """From now on notes every result that the page is given, as [url, final]."""
    page.evaluate(
        """() => { window.given = []; document.addEventListener('spadework:result',
            event => window.given.push([event.detail.url, event.detail.final])); }"""
    )


def finals(page) -> list[str]:
    return page.evaluate("() => window.given.filter(([, final]) => final).map(([url]) => url)")


def test_live_follows_every_stroke_and_keeps_nothing_unasked(desk, address):
    keep_seed(desk, 5)
    quality(desk, "Draft")
    results_seen(desk)
    desk.locator("#sw-live input").check()
    until(desk, lambda: len(finals(desk)) > 0)
    pick(desk, "road")
    before = len(finals(desk))
    stroke(desk, (0.4, 0.5), (0.6, 0.6))
    until(desk, lambda: len(finals(desk)) > before)
    assert finals(desk)[-1].startswith("data:")
    assert "Not saved yet" in say(desk, "done")
    desk.locator("#sw-results .sw-keep").first.click()
    desk.wait_for_selector("#sw-results .sw-cell:not(:has(.sw-keep:visible))")
    desk.locator("#sw-live input").uncheck()
    asked = presses(desk, "sw-draft")
    stroke(desk, (0.3, 0.3), (0.6, 0.3))
    frames(desk)
    assert asked() == 0


def test_the_guidance_slider_shows_revisited_values_at_once(desk):
    keep_seed(desk, 5)
    quality(desk, "Draft")
    results_seen(desk)
    slider = desk.locator("#sw-guidance input[type=range]")
    slider.focus()
    shown = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        before = len(finals(desk))
        slider.press(key)
        until(desk, lambda before=before: len(finals(desk)) > before)
        say(desk, "done")
        shown.append(finals(desk)[-1])
    assert shown[0] == shown[2] != shown[1]
    until_said(desk, "as it was made before")


def test_a_class_is_re_rolled_and_the_seed_stays(desk, tmp_path):
    keep_seed(desk, 5)
    quality(desk, "Draft")
    desk.click("#sw-generate")
    until_saved(desk)
    pick(desk, "sky")
    desk.locator("#sw-areas button").first.click()
    until(desk, lambda: "file=" in result_url(desk))
    former = result_url(desk)
    desk.click("#sw-reroll-class")
    until(desk, lambda: desk.locator("#sw-reroll-note").inner_text() == "One area has new noise.")
    until_new_result(desk, former)
    until_saved(desk)
    stored = read_request(save_picture(desk, tmp_path / "second.png"))
    request = render_request(stored)
    assert request.sampling.seeds == (5,)
    assert np.array_equal(request.rerolls[0].region, painted(desk) == ADE.index_of("sky"))
    desk.click("#sw-reroll-selection")
    assert "No area was given" in say(desk, "problem")


def test_map_and_result_share_the_room_as_asked(desk):
    quality(desk, "Draft")
    desk.click("#sw-generate")
    until_saved(desk)
    desk.wait_for_function("() => document.querySelector('.sw-result-image').naturalWidth > 0")
    pane, stage = desk.locator(".sw-result"), desk.locator(".sw-stage")
    box, image = stage.bounding_box(), desk.locator(".sw-result-image:not(.sw-before)").bounding_box()
    assert abs(pane.bounding_box()["width"] - box["width"]) <= 2
    assert image["width"] / image["height"] == pytest.approx(painted(desk).shape[1] / painted(desk).shape[0], rel=0.02)
    stage.focus()
    desk.keyboard.press("t")
    assert not pane.is_visible()
    assert desk.locator(".sw-opacity").is_visible()
    desk.keyboard.press("t")
    assert not desk.locator(".sw-opacity").is_visible()
    desk.keyboard.press("t")
    assert pane.bounding_box()["width"] == pytest.approx(2 * box["width"], abs=4)


def test_what_the_model_sees_and_the_result_again(desk):
    quality(desk, "Draft")
    desk.click("#sw-generate")
    until_saved(desk)
    caption = desk.locator(".sw-pane-name:not(.sw-before-name, .sw-after-name)")
    until(desk, lambda: re.fullmatch(r"Result, seed \d+", caption.inner_text()))  # none that still forms
    picture = result_url(desk)
    desk.locator(".sw-stage").focus()
    desk.keyboard.press("q")
    until(desk, lambda: caption.inner_text() == "What the model sees")
    until_said(desk, "cells")
    until(desk, lambda: result_url(desk) != picture)
    desk.keyboard.press("q")
    until(desk, lambda: caption.inner_text().startswith("Result, seed"))
    until(desk, lambda: result_url(desk) == picture)


# --- Exchange ---


def exchange(desk) -> None:
    desk.get_by_role("tab", name="Exchange").click()
    desk.wait_for_selector("#sw-export:visible")


def test_a_project_brings_the_whole_desk_back(desk, open_page, address, tmp_path):
    keep_seed(desk, 11)
    quality(desk, "Draft")
    pick(desk, "road")
    stroke(desk, (0.4, 0.5), (0.6, 0.6))
    desk.click("#sw-generate")
    until_saved(desk)
    exchange(desk)
    file = tmp_path / "desk.spadework"
    file.write_bytes(download(desk, lambda: desk.click("#sw-save-project")).read_bytes())

    fresh = ready(open_page(address))
    upload(fresh, "sw-open", file)
    until_said(fresh, "The project is back on the desk")
    until(fresh, lambda: np.array_equal(painted(fresh), painted(desk)))
    assert fresh.locator("#sw-seed input").input_value() == "11"
    assert fresh.locator("#sw-quality input:checked").input_value() == "draft"
    fresh.locator("#sw-results .sw-cell .sw-main").first.wait_for()


def test_a_dropped_result_restores_the_session(desk, tmp_path):
    keep_seed(desk, 21)
    quality(desk, "Draft")
    desk.click("#sw-generate")
    until_saved(desk)
    saved, labels = save_picture(desk, tmp_path / "result.png"), painted(desk)
    stroke(desk, (0.3, 0.3), (0.7, 0.7))
    set_number(desk, "sw-seed", 4)
    data = list(saved.read_bytes())
    transfer = desk.evaluate_handle(
        """bytes => { const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], 'result.png', {type: 'image/png'})); return files; }""",
        data,
    )
    desk.dispatch_event(".sw-stage", "drop", {"dataTransfer": transfer})
    until_said(desk, "back on the desk")
    until(desk, lambda: np.array_equal(painted(desk), labels))
    assert desk.locator("#sw-seed input").input_value() == "21"


def test_a_map_is_exported_and_turned_into_another_palette(desk, tmp_path):
    exchange(desk)
    choose(desk, "sw-export-kind", "Shapes (SVG)")
    assert b"<svg" in download(desk, lambda: desk.click("#sw-export")).read_bytes()
    desk.locator("#sw-remap button").first.click()
    choose(desk, "sw-remap-to", "COCO-Stuff")
    desk.click("#sw-remap-propose")
    until_said(desk, "press Apply")
    before = painted(desk)
    desk.click("#sw-remap-apply")
    until_said(desk, "The map is in COCO-Stuff now")
    payload = "() => window.spadework.payload('desk')"
    until(desk, lambda: desk.evaluate(payload)["palette"] == "coco_stuff")
    desk.locator(".sw-stage").focus()
    desk.keyboard.press("Control+z")
    until(desk, lambda: np.array_equal(painted(desk), before))


def test_a_file_that_is_painted_elsewhere_is_followed(desk, tmp_path):
    labels = np.full((64, 96), ADE.index_of("sea"), np.uint8)
    file = tmp_path / "map.png"
    save_label_map(file, labels, ADE)
    exchange(desk)
    desk.locator("#sw-watch-path textarea, #sw-watch-path input").first.fill(str(file))
    desk.click("#sw-watch")
    until(desk, lambda: np.array_equal(painted(desk), labels))
    labels[:20] = ADE.index_of("sky")
    save_label_map(file, labels, ADE)
    until(desk, lambda: np.array_equal(painted(desk), labels))
    desk.click("#sw-unwatch")
    until_said(desk, "No longer watched")


def test_colours_that_could_be_several_classes_are_asked_about(desk, tmp_path):
    grey = np.full((64, 64, 3), (140, 140, 140), np.uint8)  # of road and of skyscraper, in the dataset's own colours
    grey[:32] = (6, 230, 230)  # sky
    Image.fromarray(grey).save(tmp_path / "colours.png")
    upload(desk, "sw-open", tmp_path / "colours.png")
    desk.wait_for_selector("#sw-questions")
    until(desk, lambda: painted(desk).shape == (64, 64))
    guessed = painted(desk)[40, 5]
    other = {ADE.index_of("road"): "skyscraper", ADE.index_of("skyscraper"): "road"}[guessed]
    desk.locator("#sw-questions input").first.click()
    desk.get_by_role("option", name=other, exact=True).first.click()
    desk.click("#sw-questions-apply")
    until(desk, lambda: painted(desk)[40, 5] == ADE.index_of(other))
    assert painted(desk)[5, 5] == ADE.index_of("sky")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_text_stands_out_from_its_ground(open_page, address, scheme):
    page = ready(open_page(address, color_scheme=scheme))
    for width, height in ((1280, 720), (820, 1180), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        frames(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = page.evaluate(BEYOND, width)
        assert wide == []
    page.set_viewport_size({"width": 1280, "height": 720})
    advanced(page)
    for tab in ("Results", "Examples", "Exchange"):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.evaluate(MOVED)
        assert page.evaluate(PALE) == []


def test_fingers_reach_everything(open_page, address):
    page = ready(open_page(address, viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True))
    for width, height in ((820, 1180), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        frames(page)
        assert page.evaluate(BEYOND, width) == []
        assert page.evaluate(SMALL) == []
        assert page.evaluate(ASKEW) == []
        generate = page.locator("#sw-generate").bounding_box()
        assert width < 800 or generate["y"] + generate["height"] < height  # a tablet needn't scroll for it


def test_keys_go_on_after_generate_and_a_list_keeps_its_escape(desk):
    advanced(desk)
    set_number(desk, "sw-steps", 1000)
    desk.click("#sw-generate")
    desk.wait_for_selector(".sw-say[data-kind=busy] progress")
    cancelled = presses(desk, "sw-cancel")
    desk.keyboard.press("e")
    assert desk.get_attribute("[data-command=eraser]", "aria-pressed") == "true"
    desk.locator("#sw-sampler input").click()
    desk.keyboard.press("Escape")
    assert cancelled() == 0
    say(desk, "busy")
    desk.locator(".sw-stage").focus()
    desk.keyboard.press("Escape")
    assert "Stopped" in say(desk, "stopped")


def test_a_page_elsewhere_is_refused(address):
    request = urllib.request.Request(address, headers={"Origin": "https://elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=20)
