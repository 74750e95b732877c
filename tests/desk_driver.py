"""The whole app as a newcomer starts it: `launch.py app` in its own process, and what an artist does on its page.

Use with `pytest_plugins = ["browser", "desk_driver"]` in a test module.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.canvas import decode

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120_000  # ms: a picture on a slow, busy machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
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
    return ready(open_page(address))


def ready(page):
    """The same page, once it can be painted on."""
    page.set_default_timeout(PATIENCE)
    page.wait_for_selector(".sw-root[data-ready]")
    page.wait_for_selector("html[data-wired]", state="attached")
    return page


def pick(page, name: str) -> None:
    """Chooses a class by the keys of the search."""
    page.locator(".sw-search").fill(name)
    page.locator(".sw-search").press("Enter")


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
    return page.locator(f".sw-say[data-kind={kind}]:visible").inner_text(timeout=PATIENCE)


def said(page) -> str:
    """All that the status says now."""
    return "\n".join(page.locator(".sw-say:visible").all_inner_texts())


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
    until_said(page, "Saved as")


def until_said(page, text: str) -> None:
    """Waits for a status that holds the text, where another one of its kind may stand already."""
    try:
        page.locator(".sw-say:visible", has_text=text).first.wait_for()
    except playwright.TimeoutError:
        pytest.fail(f"“{text}” was not said, but: {said(page)}")


def save_picture(page, to: Path) -> Path:
    to.write_bytes(download(page, lambda: page.click("#sw-save")).read_bytes())
    return to


def result_url(page) -> str:
    """Of the result that is in front: a file's, once it is finished; empty where there is none."""
    return page.evaluate("() => document.querySelector('.sw-result-image:not(.sw-before)')?.getAttribute('src') ?? ''")


def until_new_result(page, former: str) -> None:
    """Waits until another result than that of `former`, its URL, is in front, and finished."""
    until(page, lambda: "file=" in result_url(page) != former)


def presses(page, button: str) -> Callable[[], int]:
    """Counts from now on how often a button is pressed, by hand or by the page."""
    page.evaluate(
        """id => {
            const count = (window.presses ??= {});
            count[id] = 0;
            document.getElementById(id).addEventListener("click", () => count[id]++);
        }""",
        button,
    )
    return lambda: page.evaluate("id => window.presses[id]", button)


def frames(page) -> None:
    """Two of them: what was to be done in the next one is done, and is seen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def until(page, condition: Callable[[], bool]) -> None:
    """Waits for what only Python can see."""
    for _ in range(PATIENCE // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail(f"waited in vain; the status says: {said(page)}")


def download(page, press) -> Path:
    with page.expect_download() as info:
        press()
    return Path(info.value.path())


def keep_seed(desk, seed: int) -> None:
    set_number(desk, "sw-seed", seed)
    desk.locator("#sw-lock input").check()
