"""The page: its layout and its wiring. What happens is in `handlers`; this turns widgets into calls and back."""

from __future__ import annotations

import functools
import html
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: it is read there

import gradio as gr
from starlette.middleware import Middleware

from app.canvas import STATIC, LabelCanvas, Painted
from app.guard import LOOPBACK, SameOrigin
from app.handlers import Desk, Settings, Status, Update, first_map, open_map, open_photo, switch_palette
from app.project import OUTPUTS
from engine import pipeline
from engine.types import MAX_SEED, MAX_STEPS, UserError

MAX_UPLOAD = "64mb"
EXAMPLES = STATIC / "examples"
CANVAS = "desk"
DEFAULT_STEPS, DEFAULT_GUIDANCE, DEFAULT_STRENGTH = 25, 1.5, 0.85
READY = Status("Paint, then press Generate (Ctrl+Enter).")

# The newest map travels with the click itself: the canvas value could lag one stroke behind.
WITH_MAP = f"async (map, ...rest) => [await window.spadework.payload('{CANVAS}') ?? map, ...rest]"
ROLL = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
WIRE = f"() => import(new URL('gradio_api/file={STATIC / 'page.js'}', document.baseURI)).then(page => page.wire())"


class Page:
    """The widgets of one page over a desk, and their events."""

    def __init__(self, desk: Desk, models: list[pipeline.ModelInfo]) -> None:
        """`models`: the first usable one is open. Raises UserError where there is none."""
        self.desk = desk
        self.models = {info.name: info.description for info in models if info.description is not None}
        if not self.models:
            problems = " ".join(info.problem for info in models)
            raise UserError(f"checkpoints/ holds no model that can be used. {problems}".strip())
        self.first = next(iter(self.models))
        title = "Spadework: paint a label map, get a photograph"
        with gr.Blocks(
            title=title, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)
        ) as self.blocks:
            self.photo = gr.State(None)
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
            gr.HTML("<h1>Spadework</h1><p>Paint what should be where. Get a photograph.</p>", elem_id="sw-title")
            choices = [(description.title, name) for name, description in self.models.items()]
            self.model = gr.Dropdown(
                choices, value=self.first, label="Model", elem_id="sw-model", scale=0, min_width=260
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
            label="Picture", format="jpeg", interactive=False, height=380, elem_id="sw-picture", buttons=["fullscreen"]
        )
        self.status = gr.HTML(status_html(READY), elem_id="sw-status")
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
            1, 5, DEFAULT_GUIDANCE, step=0.1, label="Guidance (higher follows the map more)", elem_id="sw-guidance"
        )
        with gr.Row(elem_id="sw-numbers", equal_height=True):
            self.seed = gr.Number(
                1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="sw-seed", min_width=130
            )
            self.dice = gr.Button("Roll", elem_id="sw-dice", scale=0, min_width=64)
            self.lock = gr.Checkbox(False, label="Keep this seed", elem_id="sw-lock", min_width=130)
            self.steps = gr.Number(
                DEFAULT_STEPS, label="Steps", precision=0, minimum=1, maximum=MAX_STEPS, elem_id="sw-steps",
                min_width=90,
            )  # fmt: skip

    # --- Events ---

    def _events(self) -> None:
        settings = [self.model, self.seed, self.lock, self.steps, self.guidance, self.strength]
        shown = [self.picture, self.status, self.seed, self.save]
        opened = [self.canvas, self.status, *settings, self.examples]
        photo = [self.canvas, self.status, self.photo, self.go, self.repaint, self.strength, self.close_photo]
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        job = {**quiet, "js": WITH_MAP, "concurrency_limit": None, "trigger_mode": "multiple"}

        self.go.click(self.on_generate, [self.canvas, *settings], shown, **job)
        self.repaint.click(self.on_repaint, [self.canvas, self.photo, *settings], shown, **job)
        self.stop.click(self.on_cancel, None, self.status, queue=False, **quiet)
        self.dice.click(None, None, self.seed, js=ROLL)
        self.model.input(self.on_model, [self.canvas, self.model], [self.canvas, self.examples], js=WITH_MAP, **quiet)
        self.open.upload(self.on_open, [self.open, self.model], opened, **quiet)
        self.examples.select(self.on_example, self.model, [self.canvas, self.status], **quiet)
        self.open_photo.upload(self.on_photo, [self.open_photo, self.model], photo, **quiet)
        self.close_photo.click(self.on_close_photo, None, photo, **quiet)
        self.blocks.load(None, None, None, js=WIRE)

    def on_generate(self, painted: Painted | None, *values: Any, request: gr.Request) -> Iterator[dict]:
        updates = self.desk.generate(painted, settings_of(*values), request.session_hash or "")
        yield from map(self.shown, updates)

    def on_repaint(self, painted: Painted | None, photo: Any, *values: Any, request: gr.Request) -> Iterator[dict]:
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

    def on_model(self, painted: Painted | None, name: str) -> dict:
        palette = self.models[name].palette
        values: dict[Any, Any] = {self.examples: example_files(palette.name)}
        switched = switch_palette(painted, palette, EXAMPLES)
        return values if switched is None else {**values, self.canvas: switched}

    def on_open(self, path: str, model: str) -> dict:
        try:
            opened = open_map(Path(path), self.models[model].palette)
        except UserError as error:
            return {self.status: problem(error)}
        values = {self.canvas: opened.painted, self.status: status_html(Status(opened.message, "done"))}
        if opened.settings is not None:
            found = opened.settings
            values |= {self.seed: found.seed, self.lock: True, self.steps: found.steps, self.guidance: found.guidance}
            if found.model in self.models:
                values[self.model] = found.model
                values[self.examples] = example_files(self.models[found.model].palette.name)
        return values

    def on_example(self, model: str, chosen: gr.SelectData) -> dict:
        palette = self.models[model].palette
        opened = open_map(Path(example_files(palette.name)[chosen.index][0]), palette)
        return {self.canvas: opened.painted, self.status: status_html(READY)}

    def on_photo(self, path: str, model: str) -> dict:
        try:
            opened = open_photo(Path(path), self.models[model].palette)
        except UserError as error:
            return {self.status: problem(error)}
        status = status_html(Status(opened.message, "done"))
        return {self.canvas: opened.painted, self.status: status, self.photo: opened.photo, **self._photo_open(True)}

    def on_close_photo(self) -> dict:
        return {self.photo: None, self.status: status_html(READY), **self._photo_open(False)}

    def _photo_open(self, is_open: bool) -> dict:
        editing, painting = gr.update(visible=is_open), gr.update(visible=not is_open)
        return {self.repaint: editing, self.strength: editing, self.close_photo: editing, self.go: painting}


def settings_of(
    model: str, seed: float | None, lock: bool, steps: float | None, guidance: float, strength: float
) -> Settings:
    kept = int(seed) if lock and seed is not None else None
    return Settings(model, kept, int(steps or DEFAULT_STEPS), float(guidance), float(strength))


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
    return gr.themes.Base(
        primary_hue="emerald",
        neutral_hue="stone",
        font=fonts,
        font_mono=["ui-monospace", "monospace"],
        radius_size="sm",
    )


def serve(
    host: str, port: int, password: str | None, open_browser: bool, ready: Callable[[], None] | None = None
) -> None:
    """Opens the app and blocks until it is stopped. Raises UserError where there is no model."""
    desk = Desk()
    page = Page(desk, pipeline.available_models())
    threading.Thread(target=desk.model, args=(page.first,), daemon=True).start()  # loaded while the page opens
    OUTPUTS.mkdir(exist_ok=True)
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
