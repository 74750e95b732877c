"""How soon Live answers: python bench/live.py [--strokes 12]. Needs Chromium and playwright; starts the app itself.

For each stroke it prints the time from pen-up until the first picture, until the draft is finished, and until the
picture is as good as it is set, all as an artist sees them: when the result pane has been given them.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import ARGUMENTS, find_chromium  # noqa: E402 (tests are no package)

CLASSES = ("tree", "road")  # not in the map that the page opens with, so that every stroke changes something
WATCH = """() => {
    window.seen = [];
    document.addEventListener('pointerup', () => { window.up = performance.now(); window.seen = []; }, true);
    document.addEventListener('spadework:result', event =>
        window.seen.push([performance.now() - window.up, event.detail.final]));
}"""


def started(port: int) -> subprocess.Popen:
    """The app on a port, once it answers."""
    command = [sys.executable, "launch.py", "--no-venv", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            return process
        except OSError:
            time.sleep(0.25)
    process.terminate()
    raise SystemExit("The app did not answer within a minute.")


def stroke(page: Page, number: int) -> list[tuple[float, bool]]:
    """Paints one stroke, in another class than the one before.

    The times in ms at which pictures came after it, and whether each was finished.
    """
    box = page.locator(".sw-stage").bounding_box()
    y = box["y"] + box["height"] * (0.35 + 0.3 * (number % 7) / 7)
    page.locator(".sw-stage").focus()
    page.keyboard.press("x")
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], y + 12, steps=10)
    page.mouse.up()
    page.wait_for_function("() => window.seen.filter(([, final]) => final).length >= 2", timeout=120_000)
    return page.evaluate("() => window.seen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=12)
    args = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = started(port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("html[data-wired]", state="attached")
            page.wait_for_selector("[data-ready]")
            page.evaluate(WATCH)
            page.locator("#sw-live input").check()
            page.wait_for_function("() => window.seen.filter(([, final]) => final).length >= 2", timeout=120_000)
            for name in CLASSES:
                page.locator(".sw-search").fill(name)
                page.locator(".sw-search").press("Enter")
            report([stroke(page, number) for number in range(args.strokes)])
            browser.close()
    finally:
        process.terminate()
        process.wait(20)


def report(strokes: list[list[tuple[float, bool]]]) -> None:
    moments = {
        "first picture": [seen[0][0] for seen in strokes],
        "draft finished": [next(at for at, final in seen if final) for seen in strokes],
        "as it is set": [[at for at, final in seen if final][-1] for seen in strokes],
    }
    print(f"{len(strokes)} strokes; ms from pen-up    median    slowest")
    for name, times in moments.items():
        print(f"{name:28s} {statistics.median(times):9.0f} {max(times):10.0f}")


if __name__ == "__main__":
    main()
