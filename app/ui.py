"""The page: its layout and its wiring. What happens is in `handlers`; this turns widgets into calls and back."""

from __future__ import annotations

import contextlib
import functools
import html
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: it is read there

import gradio as gr
from starlette.middleware import Middleware

from app.canvas import STATIC, LabelCanvas, Painted
from app.catalogue import Offer, about, offers
from app.guard import LOOPBACK, SameOrigin
from app.handlers import Desk, Kept, Status, Update
from app.opening import first_map, open_map, switch_palette
from app.project import OUTPUTS
from app.settings import CUSTOM, DEFAULT_STRENGTH, Settings, precision_of, quality_of
from engine.device import PrecisionName, choose_device, choose_precision
from engine.palette import Palette
from engine.presets import DEFAULT, PRESETS, preset
from engine.types import MAX_SEED, Sampling, UserError

MAX_UPLOAD = "64mb"
EXAMPLES = STATIC / "examples"
CANVAS = "desk"
SAMPLERS = [
    ("DPM-Solver++ 2M", "dpmpp_2m"),
    ("DPM-Solver++ 2M SDE", "dpmpp_2m_sde"),
    ("DDIM", "ddim"),
    ("DDPM, ancestral", "ddpm"),
]
SPACINGS = [
    ("Even in signal to noise", "lambda"),
    ("Even in time", "trailing"),
    ("Rounded (published)", "even"),
    ("Whole stride (published)", "stride"),
]
GUIDANCE = (1.0, 5.0)  # what the slider offers, unless an opened picture has more
READY = Status("Paint, then press Generate (Ctrl+Enter).")

SHOWN = ("guidance", "steps", "sampler", "spacing")  # the fields of Sampling that have a widget
HIDDEN = tuple(field.name for field in fields(Sampling) if field.name not in (*SHOWN, "seeds"))


def values_of(sampling: Sampling) -> list[Any]:
    """A sampling as the values of its widgets: the SHOWN ones, then the HIDDEN ones in one."""
    told = asdict(sampling)
    return [*(told[name] for name in SHOWN), {name: told[name] for name in HIDDEN}]


# Quality and the fields under it follow each other in the browser, so that a click right after finds both as they are.
QUALITIES = json.dumps({name: values_of(preset(name)) for name in PRESETS})
OWN = "Settings of your own, or of the picture that was opened."
SENTENCES = {**{name: each.sentence for name, each in PRESETS.items()}, CUSTOM: OWN}
SAY = json.dumps(SENTENCES)
FILL = f"(name, ...now) => [{{__type__: 'update', info: {SAY}[name]}}, ...({QUALITIES}[name] ?? now)]"
NAME = f"""(...now) => {{
    const same = ([, values]) => JSON.stringify(values) === JSON.stringify(now);
    const name = Object.entries({QUALITIES}).find(same)?.[0] ?? '{CUSTOM}';
    return [{{__type__: 'update', value: name, info: {SAY}[name]}}];
}}"""

# The newest map travels with the click itself: the canvas value could lag one stroke behind.
WITH_MAP = f"async (map, ...rest) => [await window.spadework.payload('{CANVAS}') ?? map, ...rest]"
UNCOVER = f"() => window.spadework.under('{CANVAS}', '')"
ROLL = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
PAGE_MODULE = f"gradio_api/file={(STATIC / 'page.js').as_posix()}?v={(STATIC / 'page.js').stat().st_mtime_ns}"
WIRE = f"() => import(new URL({json.dumps(PAGE_MODULE)}, document.baseURI)).then(page => page.wire())"


class Page:
    """The widgets of one page over a desk, and their events."""

    def __init__(self, desk: Desk, models: dict[str, Offer]) -> None:
        """`models`: the first usable one is open. Raises UserError where there is none."""
        self.desk, self.models = desk, models
        problems = [each.problem for each in models.values() if each.problem]
        for text in problems:
            print(text, flush=True)
        if self.first is None:
            raise UserError(f"checkpoints/ holds no model that can be used. {' '.join(problems)}".strip())
        self.palette = models[self.first].palette  # of a page whose model has none
        title = "Spadework: paint a label map, get a photograph"
        with gr.Blocks(
            title=title, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)
        ) as self.blocks:
            # In the browser, so that an open photo outlives a reload and a restart of the app.
            self.photo = gr.BrowserState(None, storage_key="spadework-photo", secret="spadework")
            self.kept = gr.State(())
            self._head()
            with gr.Row(elem_id="sw-desk", equal_height=False):
                with gr.Column(scale=3, min_width=340):
                    self._painting()
                with gr.Column(scale=2, min_width=320):
                    self._result()
                    self._settings()
            self._events()

    @property
    def first(self) -> str | None:
        """The first model that can be used."""
        return next((name for name, each in self.models.items() if not each.problem), None)

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(each.label, name) for name, each in self.models.items()]

    def palette_of(self, model: str) -> Palette:
        """That a map is opened with; a page's first one where the model can't be used."""
        found = self.models.get(model)
        return self.palette if found is None or found.problem else found.palette

    # --- Layout ---

    def _head(self) -> None:
        with gr.Row(elem_id="sw-head", equal_height=True):
            gr.HTML(
                "<h1>Spadework</h1><p>Paint what should be where. Get a photograph.</p>",
                elem_id="sw-title",
                padding=False,
            )
            self.model = gr.Dropdown(
                self.choices,
                value=self.first,
                label="Model",
                container=False,
                elem_id="sw-model",
                scale=0,
                min_width=440,
            )

    def _painting(self) -> None:
        start = first_map(EXAMPLES, self.palette)
        self.canvas = LabelCanvas(start, palette=self.palette.name, canvas_id=CANVAS, elem_id="sw-canvas")
        with gr.Row(elem_id="sw-files"):
            self.open = gr.UploadButton("Open map or result", elem_id="sw-open", size="sm", min_width=120)
            self.open_photo = gr.UploadButton("Edit a photo", elem_id="sw-photo", size="sm", min_width=120)
            self.close_photo = gr.Button("Close photo", elem_id="sw-close", size="sm", min_width=120, visible=False)
        self.examples = gr.Gallery(
            example_files(self.palette.name),
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
        self.results = gr.Gallery(
            label="Pictures of this run",
            show_label=False,
            columns=4,
            height=112,
            allow_preview=False,
            object_fit="cover",
            elem_id="sw-results",
            buttons=[],
            visible=False,
        )
        self.status = gr.HTML(status_html(READY), elem_id="sw-status", padding=False)
        with gr.Row(elem_id="sw-actions"):
            self.go = gr.Button("Generate", variant="primary", elem_id="sw-generate", min_width=110)
            self.repaint = gr.Button("Repaint", variant="primary", elem_id="sw-repaint", min_width=110, visible=False)
            self.stop = gr.Button("Cancel", elem_id="sw-cancel", min_width=90)
            self.save = gr.DownloadButton("Save picture", elem_id="sw-save", min_width=110, interactive=False)

    def _settings(self) -> None:
        start = preset(DEFAULT)
        self.strength = gr.Slider(
            0.05, 1, DEFAULT_STRENGTH, step=0.05, label="Strength (low keeps the photo, 1 reinvents)",
            elem_id="sw-strength", visible=False,
        )  # fmt: skip
        self.quality = gr.Radio(
            [*((each.title, name) for name, each in PRESETS.items()), ("Custom", CUSTOM)],  # CSS hides an unused Custom
            value=quality_of(start),
            label="Quality",
            info=SENTENCES[quality_of(start)],
            elem_id="sw-quality",
        )
        with gr.Row(elem_classes="sw-numbers"):  # no bounds here: beyond them the engine's own words say what to do
            self.count = gr.Number(1, label="How many", precision=0, elem_id="sw-count", scale=2, min_width=84)
            self.seed = gr.Number(1, label="Seed", precision=0, elem_id="sw-seed", scale=3, min_width=130)
            self.dice = gr.Button("Roll", elem_id="sw-dice", scale=0, min_width=64)
            self.lock = gr.Checkbox(False, label="Keep seed", elem_id="sw-lock", scale=2, min_width=130)
        with gr.Accordion("Advanced", open=False, elem_id="sw-advanced"):
            with gr.Row(elem_classes="sw-numbers"):
                self.guidance = gr.Slider(
                    *GUIDANCE,
                    start.guidance,
                    step=0.1,
                    label="Guidance",
                    info="Higher follows the map more.",
                    elem_id="sw-guidance",
                    scale=3,
                    min_width=200,
                    buttons=[],  # a reset would pass the quality by
                )
                self.steps = gr.Number(start.steps, label="Steps", precision=0, elem_id="sw-steps", min_width=84)
            with gr.Row(elem_classes="sw-numbers"):
                self.sampler = gr.Dropdown(
                    SAMPLERS, value=start.sampler, label="Sampler", elem_id="sw-sampler", min_width=200
                )
                self.spacing = gr.Dropdown(
                    SPACINGS, value=start.spacing, label="Steps are spaced", elem_id="sw-spacing", min_width=200
                )
            self.side = gr.Number(
                0,
                label="Computed at, short side in px",
                info="0 is the size the model learnt at, its best. Larger is slower.",
                precision=0,
                elem_id="sw-side",
            )
            self.hidden = gr.JSON(values_of(start)[-1], visible=False)
        with gr.Accordion("About this model", open=False, elem_id="sw-about") as self.about:
            self.card = gr.Markdown(elem_id="sw-card", latex_delimiters=[])

    # --- Events ---

    def _events(self) -> None:
        sampling = [self.guidance, self.steps, self.sampler, self.spacing, self.hidden]
        settings = [self.model, self.seed, self.lock, self.count, self.strength, self.side, *sampling]
        shown = [self.picture, self.status, self.seed, self.save, self.results, self.kept]
        opened = [self.canvas, self.status, self.quality, *settings, self.examples, self.card]
        photo = [self.canvas, self.status, self.photo, self.go, self.repaint, self.strength, self.close_photo]
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        job = {**quiet, "js": WITH_MAP, "concurrency_limit": None, "trigger_mode": "multiple"}

        self.go.click(self.on_generate, [self.canvas, *settings], shown, **job)
        self.repaint.click(self.on_repaint, [self.canvas, self.photo, *settings], shown, **job)
        self.stop.click(self.on_cancel, None, self.status, queue=False, **quiet)
        self.results.select(self.on_result, self.kept, [self.picture, self.seed, self.save], **quiet)
        self.dice.click(None, None, self.seed, js=ROLL)
        self.quality.input(None, [self.quality, *sampling], [self.quality, *sampling], js=FILL)
        for field in sampling[:-1]:
            field.input(None, sampling, self.quality, js=NAME)
        chosen = [self.canvas, self.model, self.photo]
        self.model.input(
            self.on_model, chosen, [self.canvas, self.status, self.examples, self.card], js=WITH_MAP, **quiet
        )
        self.about.expand(self.on_about, self.model, self.card, **quiet)
        self.open.upload(self.on_open, [self.open, self.model], opened, **quiet)
        self.examples.select(self.on_example, self.model, photo, **quiet)
        self.open_photo.upload(self.on_photo, [self.open_photo, self.model], photo, **quiet)
        self.close_photo.click(self.on_close_photo, None, photo, js=UNCOVER, **quiet)
        self.blocks.load(self.on_load, [self.photo, self.model], [*photo, self.model], **quiet)
        self.blocks.load(None, None, None, js=WIRE)

    def on_generate(self, request: gr.Request, painted: Painted | None, *values: Any) -> Iterator[dict]:
        owner = request.session_hash or ""
        yield from self._job(values, lambda settings: self.desk.generate(painted, settings, owner))

    def on_repaint(
        self, request: gr.Request, painted: Painted | None, photo: str | None, *values: Any
    ) -> Iterator[dict]:
        owner = request.session_hash or ""
        yield from self._job(values, lambda settings: self.desk.repaint(painted, photo, settings, owner))

    def _job(self, values: tuple[Any, ...], run: Callable[[Settings], Iterator[Update]]) -> Iterator[dict]:
        try:
            settings = settings_of(*values)
        except UserError as error:
            yield {self.status: problem(error)}
            return
        yield from map(self.shown, run(settings))

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
        if update.kept:
            captioned = [(str(each.path), f"Seed {each.seed}") for each in update.kept]
            values[self.results] = gr.update(value=captioned, visible=len(captioned) > 1)
            values[self.kept] = update.kept
        return values

    def on_result(self, kept: tuple[Kept, ...], chosen: gr.SelectData) -> tuple:
        """One of a run's pictures, large, to be saved, and its seed."""
        path, seed = str(kept[chosen.index].path), kept[chosen.index].seed
        return path, seed, gr.DownloadButton(value=path, interactive=True)

    def on_model(self, painted: Painted | None, name: str, photo: str | None) -> dict:
        """Takes the map over into the chosen model's classes, or says why the model can't be used."""
        values: dict[Any, Any] = {self.card: self.on_about(name), self.status: status_html(READY)}
        offered = self.models.get(name)
        if offered is None or offered.problem:
            return {**values, self.status: problem(UserError(offered.problem if offered else gone(name)))}
        values[self.examples] = example_files(offered.palette.name)
        switched = switch_palette(painted, offered.palette, EXAMPLES, on_photo=self.desk.has_photo(photo))
        return values if switched is None else {**values, self.canvas: switched}

    def on_about(self, name: str) -> str:
        return about(self.models[name].info) if name in self.models else gone(name)

    def on_open(self, path: str, model: str) -> dict:
        try:
            opened = open_map(Path(path), self.palette_of(model))
        except UserError as error:
            return {self.status: problem(error)}
        values = {self.canvas: opened.painted, self.status: status_html(Status(opened.message, "done"))}
        return values if opened.settings is None else {**values, **self._set_to(opened.settings)}

    def _set_to(self, settings: Settings) -> dict:
        """The widgets' values for settings with a seed."""
        guidance, steps, sampler, spacing, hidden = values_of(settings.sampling)
        quality = quality_of(settings.sampling)
        low, high = min(GUIDANCE[0], guidance), max(GUIDANCE[1], guidance)
        values = {
            self.seed: settings.seed,
            self.lock: True,
            self.count: settings.count,
            self.strength: settings.strength,
            self.side: settings.side or 0,
            self.quality: gr.update(value=quality, info=SENTENCES[quality]),
            self.guidance: gr.update(value=guidance, minimum=low, maximum=high),
            self.steps: steps,
            self.sampler: sampler,
            self.spacing: spacing,
            self.hidden: hidden,
        }
        if (offered := self.models.get(settings.model)) and not offered.problem:
            values |= {self.model: settings.model, self.card: self.on_about(settings.model)}
            values[self.examples] = example_files(offered.palette.name)
        return values

    def on_example(self, model: str, chosen: gr.SelectData) -> dict:
        palette = self.palette_of(model)
        opened = open_map(Path(example_files(palette.name)[chosen.index][0]), palette)
        painted = replace(opened.painted, under="")  # an example is a fresh start: the photo is put away
        return {self.canvas: painted, self.status: status_html(READY), self.photo: None, **self._photo_open(False)}

    def on_photo(self, path: str, model: str) -> dict:
        try:
            opened = self.desk.open_photo(Path(path), self.palette_of(model))
        except UserError as error:
            return {self.status: problem(error)}
        status = status_html(Status(opened.message, "done"))
        return {self.canvas: opened.painted, self.status: status, self.photo: opened.key, **self._photo_open(True)}

    def on_load(self, key: str | None, model: str) -> dict:
        """The models that are there now; and a photo that was open before a reload is open again, if it still is."""
        self.models = offers()
        chosen = model if model in self.models else self.first
        return {self.model: gr.update(choices=self.choices, value=chosen), **self._photo_open(self.desk.has_photo(key))}

    def on_close_photo(self) -> dict:
        return {self.photo: None, self.status: status_html(READY), **self._photo_open(False)}

    def _photo_open(self, is_open: bool) -> dict:
        editing, painting = gr.update(visible=is_open), gr.update(visible=not is_open)
        return {self.repaint: editing, self.strength: editing, self.close_photo: editing, self.go: painting}


def settings_of(
    model: str,
    seed: int | None,
    lock: bool,
    count: int | None,
    strength: float,
    side: int | None,
    guidance: float,
    steps: int | None,
    sampler: str,
    spacing: str,
    hidden: Any,
) -> Settings:
    """What the widgets say. Raises UserError."""
    told = {"guidance": guidance, "steps": steps, "sampler": sampler, "spacing": spacing}
    try:
        kept = {name: tuple(value) if isinstance(value, list) else value for name, value in hidden.items()}
        sampling = Sampling(**told, **kept)
    except (AttributeError, TypeError) as error:  # `hidden` comes from the browser
        raise UserError(f"The page sent settings that can't be read ({error}). Reload the page.") from None
    pictures = 1 if count is None else count
    return Settings(model, seed if lock else None, sampling, float(strength), pictures, side or None)


def gone(name: str) -> str:
    return f"The model {name} is no longer in checkpoints/. Reload the page and choose another."


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
    with contextlib.suppress(Exception):
        desk.model(model, precision_of(preset(DEFAULT)))


def serve(
    host: str,
    port: int,
    password: str | None,
    open_browser: bool,
    device: str = "auto",
    precision: PrecisionName = "auto",
) -> None:
    """Opens the app and blocks until it is stopped.

    Raises UserError where there is no model, or the device or precision (engine.device) can't be had.
    """
    choose_precision(precision, choose_device(device))
    desk = Desk(device=device, precision=precision)
    page = Page(desk, offers())
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
