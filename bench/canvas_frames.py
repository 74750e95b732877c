"""Frames of the painting canvas in Chromium: how evenly they come while a large brush paints, and what a pen-up costs.

    python -m bench.canvas_frames [--side 1024 2048] [--brush 100] [--palette coco_stuff]

Moves a real mouse over a real page and takes, from inside it, the time between animation frames, the longest task, and
how long the handlers of a pen-up hold the page: on the map alone, over a photo whose region follows, and with a brush
that selects. Needs Chromium and playwright, as the tests do.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import gradio as gr
import numpy as np
from playwright.sync_api import Page, sync_playwright

from app.canvas import LabelCanvas, Painted
from engine.palette import load_palette

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from browser import ARGUMENTS, find_chromium

WATCH = """() => {
    window.frames_ = []; window.tasks = []; window.ups = [];
    let last = performance.now();
    const tick = now => { window.frames_.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(e => e.duration)))
        .observe({entryTypes: ["longtask"]});
    new PerformanceObserver(list => window.ups.push(...list.getEntries()
        .filter(e => e.name === "pointerup").map(e => e.processingEnd - e.processingStart)))
        .observe({type: "event", durationThreshold: 16});
}"""
HELD = """() => {
    const stage = document.querySelector(".sw-stage");
    stage.setPointerCapture = () => {};
    const send = (type, x, y) => stage.dispatchEvent(new PointerEvent(type,
        {clientX: x, clientY: y, pointerId: 5, buttons: 1, bubbles: true, cancelable: true}));
    const {left, top, width, height} = stage.getBoundingClientRect();
    const held = [];
    for (let i = 0; i < 20; i++) {
        const [x, y] = [left + width * (0.35 + 0.015 * i), top + height * (0.3 + 0.02 * i)];
        send("pointerdown", x, y);
        send("pointermove", x + 30, y);
        const start = performance.now();
        send("pointerup", x + 30, y);
        held.push(performance.now() - start);
    }
    return held;
}"""


PHOTO = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 1024, height: 1024});
    const context = canvas.getContext("2d");
    for (let i = 0; i < 4000; i++) {
        context.fillStyle = `hsl(${i * 77 % 360} 60% 50%)`;
        context.fillRect(i * 137 % 1024, i * 71 % 1024, 40, 30);
    }
    const {w, h, z, palette} = await window.spadework.payload("canvas");
    const told = {id: "a", width: 6000, height: 6000, base: {w, h, z, palette}, url: canvas.toDataURL(), record: true};
    await window.spadework.photo("canvas", told);
}"""


def blocks(side: int, palette: str) -> np.ndarray:
    """A map of patches of many classes. Returns uint8 (side, side)."""
    size = load_palette(palette).size
    coarse = np.random.default_rng(0).integers(0, size, (16, 16), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, side // 16, 0), side // 16, 1)


def serve(side: int, palette: str) -> tuple[gr.Blocks, str]:
    with gr.Blocks() as page:
        LabelCanvas(Painted(blocks(side, palette), palette), palette=palette)
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    return page, url


def spread(values: list[float]) -> str:
    if not values:
        return "none"
    median, high = np.percentile(values, [50, 95])
    return f"median {median:.1f}, 95th percentile {high:.1f}, most {max(values):.1f} ms of {len(values)}"


def paint(page: Page, seconds: float) -> None:
    """Circles with the mouse held down, as fast as the browser takes them."""
    box = page.locator(".sw-stage").bounding_box()
    cx, cy, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 0.35 * min(box["width"], box["height"])
    page.mouse.move(cx + r, cy)
    page.mouse.down()
    start, turn = page.evaluate("performance.now()"), 0.0
    while page.evaluate("performance.now()") - start < 1000 * seconds:
        for _ in range(8):
            turn += 0.12
            page.mouse.move(cx + r * math.cos(turn), cy + 0.8 * r * math.sin(0.7 * turn))
    page.mouse.up()


def measure(page: Page, url: str, brush: int) -> None:
    page.goto(url)
    page.wait_for_selector("[data-ready]")
    page.locator(".sw-stage").hover()
    slider = page.locator(".sw-size input")
    slider.fill(_notch(brush))
    page.focus(".sw-stage")
    page.wait_for_timeout(500)
    page.evaluate(WATCH)
    size = page.locator(".sw-size-value").inner_text()
    watch(page, f"brush {size}")
    page.evaluate(PHOTO)
    watch(page, f"brush {size} over a photo")
    page.keyboard.press("Shift+B")
    watch(page, f"brush {size} that selects")


def watch(page: Page, name: str) -> None:
    page.wait_for_timeout(500)
    page.evaluate("[window.frames_, window.tasks] = [[], []]")
    paint(page, 4)
    frames, tasks = page.evaluate("[window.frames_, window.tasks]")
    print(f"  {name}: frames {spread(frames[5:])}; long tasks {spread(tasks)}")
    print(f"  pen-up holds the page: {spread(page.evaluate(HELD))}")


def _notch(brush: int) -> str:
    """The place on the size slider of a brush, to the slider's half notch."""
    return str(round(2 * 100 * math.sqrt((brush - 1) / 199)) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, nargs="+", default=[1024, 2048])
    parser.add_argument("--brush", type=int, default=100)
    parser.add_argument("--palette", default="coco_stuff")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for side in args.side:
            app, url = serve(side, args.palette)
            print(f"{side} × {side}, {args.palette}")
            measure(browser.new_page(viewport={"width": 1280, "height": 720}), url, args.brush)
            app.close()
        browser.close()


if __name__ == "__main__":
    main()
