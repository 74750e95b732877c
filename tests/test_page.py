"""The whole app as a newcomer starts it: `launch.py app` in its own process, a real Chromium, the shipped model."""

from __future__ import annotations

import dataclasses
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.canvas import decode
from engine.checkpoint import shipped_models
from engine.images import read_photo, read_request, save_png
from engine.label_files import read_label_map
from engine.palette import load_palette
from engine.presets import preset
from engine.record import render_request

pytest_plugins = ["browser"]

ROOT = Path(__file__).resolve().parent.parent
ADE = load_palette("ade20k")
PATIENCE = 60_000  # ms: a picture on a slow, busy machine

pytestmark = pytest.mark.skipif("scenes" not in shipped_models(), reason="checkpoints/scenes.safetensors is not there")


BEYOND = """width => [...document.querySelectorAll("button, input, h1, .sw-say")]
    .filter(element => element.offsetParent && element.getBoundingClientRect().right > width + 1)
    .map(element => element.outerHTML.slice(0, 80))"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address():
    """The URL of a running app."""
    port = free_port()
    command = [sys.executable, "launch.py", "--no-venv", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail(f"the app ended at once: {process.stdout.read()}")
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the app did not answer within two minutes")


@pytest.fixture
def desk(open_page, address):
    """A fresh page, ready to paint on."""
    page = open_page(address, accept_downloads=True)
    page.set_default_timeout(PATIENCE)
    page.wait_for_selector("[data-ready]")
    page.wait_for_selector("html[data-wired]", state="attached")
    return page


def pick(page, name: str) -> None:
    page.get_by_placeholder(re.compile("Search")).fill(name)
    page.get_by_role("option", name=name, exact=True).or_(
        page.get_by_role("button", name=name, exact=True)
    ).first.click()
    page.get_by_placeholder(re.compile("Search")).fill("")


def stroke(page, *points: tuple[float, float]) -> None:
    """Drags over the canvas, through shares of its width and height."""
    box = page.locator(".sw-stage").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def painted(page) -> np.ndarray:
    return decode(page.evaluate("() => window.spadework.payload('desk')")).labels


def say(page, kind: str) -> str:
    """Waits for a status of that kind, and returns its text."""
    return page.locator(f".sw-say[data-kind={kind}]").inner_text(timeout=PATIENCE)


def set_number(page, widget: str, value: float) -> None:
    box = page.locator(f"#{widget} input[type=number]").first
    box.fill(str(value))
    box.press("Tab")


def advanced(page) -> None:
    """Opens the settings that a newcomer needn't see."""
    page.locator("#sw-advanced button").first.click()
    page.wait_for_selector("#sw-steps:visible")


def quality(page, name: str) -> None:
    page.locator("#sw-quality").get_by_text(name, exact=True).click()


def choose(page, widget: str, option: str) -> None:
    page.locator(f"#{widget} input").click()
    page.get_by_role("option", name=option).click()


def upload(page, button: str, file: Path) -> None:
    page.locator(f"#{button}").evaluate("button => button.previousElementSibling.id = 'next-file'")
    page.set_input_files("#next-file", file)
    page.evaluate("() => document.getElementById('next-file')?.removeAttribute('id')")


def until_saved(page) -> None:
    page.wait_for_function("() => document.querySelector('.sw-say').textContent.includes('Saved as')", timeout=PATIENCE)


def save_picture(page, to: Path) -> Path:
    to.write_bytes(download(page, lambda: page.click("#sw-save")).read_bytes())
    return to


def until(page, condition: Callable[[], bool]) -> None:
    """Waits for what only Python can see."""
    for _ in range(PATIENCE // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("waited in vain")


def download(page, press) -> Path:
    with page.expect_download() as info:
        press()
    return Path(info.value.path())


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
    desk.wait_for_selector("#sw-picture img")
    assert "left" in say(desk, "busy")
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
    desk.locator("#sw-examples .thumbnail-item").nth(1).click()
    until(desk, lambda: painted(desk).shape != before.shape)
    bad = tmp_path / "holiday.png"
    bad.write_bytes(b"not a picture")
    kept = painted(desk)
    upload(desk, "sw-open", bad)
    assert "holiday.png can't be read as an image" in say(desk, "problem")
    assert "Traceback" not in desk.content()
    assert np.array_equal(painted(desk), kept)


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
    desk.wait_for_function("() => window.spadework.hasUnder('desk')")
    pick(desk, "tree")
    stroke(desk, (0.45, 0.45), (0.55, 0.55))
    labels = painted(desk)
    assert labels.shape == (240, 320)
    quality(desk, "Draft")
    desk.click("#sw-repaint")
    until_saved(desk)
    result = read_photo(download(desk, lambda: desk.click("#sw-save")).read_bytes())
    outside = labels == ADE.unlabelled
    assert 0 < (~outside).sum() < outside.sum()
    assert np.array_equal(result[outside], photo[outside])
    assert not np.array_equal(result[~outside], photo[~outside])
    desk.click("#sw-close")
    desk.wait_for_selector("#sw-generate:visible")
    desk.wait_for_function("() => !window.spadework.hasUnder('desk')")


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

    fresh = open_page(address, accept_downloads=True)
    fresh.set_default_timeout(PATIENCE)
    fresh.wait_for_selector("html[data-wired]", state="attached")
    upload(fresh, "sw-open", first)
    assert "back on the desk" in say(fresh, "done")
    assert fresh.locator("#sw-quality input:checked").input_value() == "custom"
    fresh.click("#sw-generate")
    fresh.wait_for_function(
        "() => document.querySelector('.sw-say').textContent.includes('Saved as')", timeout=PATIENCE
    )
    again = save_picture(fresh, tmp_path / "again.png")
    assert read_request(again) == read_request(first)
    assert np.array_equal(read_photo(again), read_photo(first))


def test_several_at_once_and_a_click_brings_one_back(desk, tmp_path):
    quality(desk, "Draft")
    set_number(desk, "sw-count", 3)
    desk.locator("#sw-lock input").check()
    set_number(desk, "sw-seed", 7)
    desk.click("#sw-generate")
    assert "3 pictures in" in say(desk, "done")
    thumbnails = desk.locator("#sw-results .thumbnail-item")
    thumbnails.nth(2).wait_for()
    assert thumbnails.count() == 3
    thumbnails.nth(2).click()
    until(desk, lambda: desk.locator("#sw-seed input").input_value() == "9")
    request = read_request(save_picture(desk, tmp_path / "third.png"))
    assert request["sampling"]["seeds"] == [9]


def test_the_model_says_what_it_is(desk):
    assert re.match(r"scenes: ADE20K, \d+ px, .* parameters, .* MB", desk.locator("#sw-model input").input_value())
    desk.locator("#sw-about button").first.click()
    desk.wait_for_function("() => document.querySelector('#sw-card')?.textContent.includes('ADE20K')")
    desk.wait_for_function("() => document.querySelector('#sw-card img')?.naturalWidth > 0")
    assert desk.locator("#sw-card script").count() == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(open_page, address, width, height, scheme):
    page = open_page(address, viewport={"width": width, "height": height}, color_scheme=scheme)
    page.wait_for_selector("[data-ready]", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(BEYOND, width)
    assert wide == []


def test_a_page_elsewhere_is_refused(address):
    request = urllib.request.Request(address, headers={"Origin": "https://elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=20)
