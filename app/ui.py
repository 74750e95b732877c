"""The page: its layout and its wiring. What happens is in `handlers`; this turns widgets into calls and back."""

from __future__ import annotations

import contextlib
import functools
import html
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: it is read there

import gradio as gr
from starlette.middleware import Middleware

from app.canvas import STATIC, LabelCanvas, Painted
from app.guard import LOOPBACK, SameOrigin
from app.handlers import Desk, Settings, Status, Update, first_map, open_map, switch_palette
from app.project import OUTPUTS
from engine import pipeline
from engine.palette import load_palette, palette_names
from engine.types import MAX_SEED, MAX_STEPS, Sampling, UserError

MAX_UPLOAD = "64mb"
EXAMPLES = STATIC / "examples"
CANVAS = "desk"
DEFAULTS, DEFAULT_STRENGTH = Sampling(), 0.8
SAMPLERS = [("DDIM", "ddim"), ("DDPM", "ddpm")]
GUIDANCE = (1.0, 5.0)  # what the slider offers; the command line goes further
READY = Status("Paint, then press Generate (Ctrl+Enter).")

# The newest map travels with the click itself: the canvas value could lag one stroke behind.
WITH_MAP = f"async (map, ...rest) => [await window.spadework.payload('{CANVAS}') ?? map, ...rest]"
UNCOVER = f"() => window.spadework.under('{CANVAS}', '')"
ROLL = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
PAGE_MODULE = f"gradio_api/file={(STATIC / 'page.js').as_posix()}?v={(STATIC / 'page.js').stat().st_mtime_ns}"
WIRE = f"() => import(new URL({json.dumps(PAGE_MODULE)}, document.baseURI)).then(page => page.wire())"


class Page:
    """The widgets of one page over a desk, and their events."""

    def __init__(self, desk: Desk, models: list[pipeline.ModelInfo]) -> None:
        """`models`: the first usable one is open. Raises UserError where there is none."""
        self.desk = desk
        problems = {info.name: problem_with(info) for info in models}
        self.models = {info.name: info.description for info in models if not problems[info.name]}
        for text in filter(None, problems.values()):
            print(text, flush=True)
        if not self.models:
            problems = " ".join(problems.values())
            raise UserError(f"checkpoints/ holds no model that can be used. {problems}".strip())
        self.first = next(iter(self.models))
        title = "Spadework: paint a label map, get a photograph"
        with gr.Blocks(
            title=title, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)
        ) as self.blocks:
            # In the browser, so that an open photo outlives a reload and a restart of the app.
            self.photo = gr.BrowserState(None, storage_key="spadework-photo", secret="spadework")
            self._head()
            with gr.Row(elem_id="sw-desk", equal_height=False):
                with gr.Column(scale=3, min_width=340):
                    self._painting()
                with gr.Column(scale=2, min_width=320):
                    self._result()
            self._events()

    # --- Layout ---

    def _head(self) -> None:
        with gr.Row(elem_id="sw-head", equal_height=True):
            gr.HTML(
                "<h1>Spadework</h1><p>Paint what should be where. Get a photograph.</p>",
                elem_id="sw-title",
                padding=False,
            )
            choices = [(description.title, name) for name, description in self.models.items()]
            self.model = gr.Dropdown(
                choices, value=self.first, label="Model", container=False, elem_id="sw-model", scale=0, min_width=260
            )

    def _painting(self) -> None:
        palette = self.models[self.first].palette
        start = first_map(EXAMPLES, palette)
        self.canvas = LabelCanvas(start, palette=palette.name, canvas_id=CANVAS, elem_id="sw-canvas")
        with gr.Row(elem_id="sw-files"):
            self.open = gr.UploadButton("Open map or result", elem_id="sw-open", size="sm", min_width=120)
            self.open_photo = gr.UploadButton("Edit a photo", elem_id="sw-photo", size="sm", min_width=120)
            self.close_photo = gr.Button("Close photo", elem_id="sw-close", size="sm", min_width=120, visible=False)
        self.examples = gr.Gallery(
            example_files(palette.name),
            label="Examples: the layouts of real photos",
            columns=3,
            height=150,
            allow_preview=False,
            object_fit="cover",
            elem_id="sw-examples",
            buttons=[],
        )

    def _result(self) -> None:
        self.picture = gr.Image(
            label="Picture", format="jpeg", interactive=False, height=330, elem_id="sw-picture", buttons=["fullscreen"]
        )
        self.status = gr.HTML(status_html(READY), elem_id="sw-status", padding=False)
        with gr.Row(elem_id="sw-actions"):
            self.go = gr.Button("Generate", variant="primary", elem_id="sw-generate", min_width=110)
            self.repaint = gr.Button("Repaint", variant="primary", elem_id="sw-repaint", min_width=110, visible=False)
            self.stop = gr.Button("Cancel", elem_id="sw-cancel", min_width=90)
            self.save = gr.DownloadButton("Save picture", elem_id="sw-save", min_width=110, interactive=False)
        self.strength = gr.Slider(
            0.05, 1, DEFAULT_STRENGTH, step=0.05, label="Strength (low keeps the photo, 1 reinvents)",
            elem_id="sw-strength", visible=False,
        )  # fmt: skip
        self.guidance = gr.Slider(
            *GUIDANCE,
            DEFAULTS.guidance,
            step=0.1,
            label="Guidance (higher follows the map more)",
            elem_id="sw-guidance",
        )
        with gr.Row(elem_classes="sw-numbers"):
            self.seed = gr.Number(
                1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="sw-seed", min_width=110
            )
            self.dice = gr.Button("Roll", elem_id="sw-dice", scale=0, min_width=64)
            self.lock = gr.Checkbox(False, label="Keep seed", elem_id="sw-lock", min_width=110)
        with gr.Row(elem_classes="sw-numbers"):
            self.steps = gr.Number(
                DEFAULTS.steps,
                label="Steps",
                precision=0,
                minimum=1,
                maximum=MAX_STEPS,
                elem_id="sw-steps",
                min_width=90,
            )
            self.sampler = gr.Dropdown(
                SAMPLERS, value=DEFAULTS.sampler, label="Sampler", elem_id="sw-sampler", min_width=90
            )

    # --- Events ---

    def _events(self) -> None:
        settings = [self.model, self.seed, self.lock, self.steps, self.guidance, self.sampler, self.strength]
        shown = [self.picture, self.status, self.seed, self.save]
        opened = [self.canvas, self.status, *settings, self.examples]
        photo = [self.canvas, self.status, self.photo, self.go, self.repaint, self.strength, self.close_photo]
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        job = {**quiet, "js": WITH_MAP, "concurrency_limit": None, "trigger_mode": "multiple"}

        self.go.click(self.on_generate, [self.canvas, *settings], shown, **job)
        self.repaint.click(self.on_repaint, [self.canvas, self.photo, *settings], shown, **job)
        self.stop.click(self.on_cancel, None, self.status, queue=False, **quiet)
        self.dice.click(None, None, self.seed, js=ROLL)
        chosen = [self.canvas, self.model, self.photo]
        self.model.input(self.on_model, chosen, [self.canvas, self.examples], js=WITH_MAP, **quiet)
        self.open.upload(self.on_open, [self.open, self.model], opened, **quiet)
        self.examples.select(self.on_example, self.model, photo, **quiet)
        self.open_photo.upload(self.on_photo, [self.open_photo, self.model], photo, **quiet)
        self.close_photo.click(self.on_close_photo, None, photo, js=UNCOVER, **quiet)
        self.blocks.load(self.on_load, self.photo, photo, **quiet)
        self.blocks.load(None, None, None, js=WIRE)

    def on_generate(self, request: gr.Request, painted: Painted | None, *values: Any) -> Iterator[dict]:
        updates = self.desk.generate(painted, settings_of(*values), request.session_hash or "")
        yield from map(self.shown, updates)

    def on_repaint(
        self, request: gr.Request, painted: Painted | None, photo: str | None, *values: Any
    ) -> Iterator[dict]:
        updates = self.desk.repaint(painted, photo, settings_of(*values), request.session_hash or "")
        yield from map(self.shown, updates)

    def on_cancel(self, request: gr.Request) -> str:
        return status_html(self.desk.cancel(request.session_hash or ""))

    def shown(self, update: Update) -> dict:
        """An update as values of the widgets that it changes."""
        values: dict[Any, Any] = {self.status: status_html(update.status)}
        if update.picture is not None:
            values[self.picture] = str(update.picture) if update.finished else update.picture
        if update.seed is not None:
            values[self.seed] = update.seed
        if update.finished:
            values[self.save] = gr.DownloadButton(value=str(update.finished), interactive=True)
        return values

    def on_model(self, painted: Painted | None, name: str, photo: str | None) -> dict:
        palette = self.models[name].palette
        values: dict[Any, Any] = {self.examples: example_files(palette.name)}
        switched = switch_palette(painted, palette, EXAMPLES, on_photo=self.desk.has_photo(photo))
        return values if switched is None else {**values, self.canvas: switched}

    def on_open(self, path: str, model: str) -> dict:
        try:
            opened = open_map(Path(path), self.models[model].palette)
        except UserError as error:
            return {self.status: problem(error)}
        values = {self.canvas: opened.painted, self.status: status_html(Status(opened.message, "done"))}
        if opened.settings is not None:
            found = opened.settings
            values |= {self.seed: found.seed, self.lock: True, self.steps: found.steps, self.sampler: found.sampler}
            values[self.guidance] = min(max(found.guidance, GUIDANCE[0]), GUIDANCE[1])
            if values[self.guidance] != found.guidance:
                message = f"{opened.message} Its guidance of {found.guidance:g} is beyond the slider."
                values[self.status] = status_html(Status(message, "done"))
            if found.model in self.models:
                values[self.model] = found.model
                values[self.examples] = example_files(self.models[found.model].palette.name)
        return values

    def on_example(self, model: str, chosen: gr.SelectData) -> dict:
        palette = self.models[model].palette
        opened = open_map(Path(example_files(palette.name)[chosen.index][0]), palette)
        painted = replace(opened.painted, under="")  # an example is a fresh start: the photo is put away
        return {self.canvas: painted, self.status: status_html(READY), self.photo: None, **self._photo_open(False)}

    def on_photo(self, path: str, model: str) -> dict:
        try:
            opened = self.desk.open_photo(Path(path), self.models[model].palette)
        except UserError as error:
            return {self.status: problem(error)}
        status = status_html(Status(opened.message, "done"))
        return {self.canvas: opened.painted, self.status: status, self.photo: opened.key, **self._photo_open(True)}

    def on_load(self, key: str | None) -> dict:
        """A photo that was open before a reload is open again, if it is still there."""
        return self._photo_open(self.desk.has_photo(key))

    def on_close_photo(self) -> dict:
        return {self.photo: None, self.status: status_html(READY), **self._photo_open(False)}

    def _photo_open(self, is_open: bool) -> dict:
        editing, painting = gr.update(visible=is_open), gr.update(visible=not is_open)
        return {self.repaint: editing, self.strength: editing, self.close_photo: editing, self.go: painting}


def settings_of(
    model: str, seed: float | None, lock: bool, steps: float | None, guidance: float, sampler: str, strength: float
) -> Settings:
    kept = int(seed) if lock and seed is not None else None
    return Settings(model, kept, int(steps or DEFAULTS.steps), float(guidance), sampler, float(strength))


def problem_with(info: pipeline.ModelInfo) -> str:
    """Why a model can't be offered on the page; empty where it can."""
    if info.description is None:
        return info.problem
    palette = info.description.palette
    if palette.name in palette_names() and palette == load_palette(palette.name):
        return ""
    return (
        f"{info.name} has a palette of its own ({palette.title}), which the page can't paint with. "
        f"Put the palette's JSON into palettes/ as {palette.name}.json, or use the render command."
    )


@functools.cache
def example_files(palette: str) -> list[tuple[str, str]]:
    """(file, title) of the maps in `static/examples/<palette>`; `01-a-street.png` is titled “A street”."""
    files = sorted((EXAMPLES / palette).glob("*.png"))
    return [(str(file), file.stem.partition("-")[2].replace("-", " ").capitalize()) for file in files]


def problem(error: UserError) -> str:
    return status_html(Status(str(error), "problem"))


def status_html(status: Status) -> str:
    """A line that screen readers speak, over a bar while something runs."""
    bar = "" if status.share is None else f'<progress max="1" value="{status.share:.3f}"></progress>'
    role = "alert" if status.kind == "problem" else "status"
    return f'<div class="sw-say" data-kind="{status.kind}" role="{role}">{html.escape(status.text)}{bar}</div>'


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched; the earth and leaf of the name."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    base = gr.themes.Base(
        primary_hue="emerald",
        neutral_hue="stone",
        radius_size="sm",
        font=fonts,
        font_mono=["ui-monospace", "monospace"],
    )
    return base.set(  # white on emerald 500 would be too pale to read
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def warm_up(desk: Desk, model: str) -> None:
    """Loads the model while the page opens. A problem with it is told when a picture is asked for."""
    with contextlib.suppress(UserError):
        desk.model(model)


def serve(host: str, port: int, password: str | None, open_browser: bool) -> None:
    """Opens the app and blocks until it is stopped. Raises UserError where there is no model."""
    desk = Desk()
    page = Page(desk, pipeline.available_models())
    threading.Thread(target=warm_up, args=(desk, page.first), daemon=True).start()
    page.blocks.queue().launch(
        server_name=host,
        server_port=port,
        auth=("artist", password) if password else None,
        inbrowser=open_browser,
        theme=theme(),
        css_paths=[STATIC / "page.css"],
        allowed_paths=[str(OUTPUTS)],
        max_file_size=MAX_UPLOAD,
        share=False,
        show_error=True,
        quiet=True,
        run_history=False,
        app_kwargs={"middleware": [Middleware(SameOrigin, loopback=host in LOOPBACK)]},
        prevent_thread_lock=True,
    )
    print(f"Spadework is open at {page.blocks.local_url}  (Ctrl+C ends it)", flush=True)
    page.blocks.block_thread()
