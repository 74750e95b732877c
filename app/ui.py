"""The page: its layout and its wiring. What happens is in `handlers`; this turns widgets into calls and back."""

from __future__ import annotations

import functools
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: it is read there

import gradio as gr

from app import choosing, scripts
from app.bundle import SUFFIX
from app.canvas import LabelCanvas, Painted
from app.catalogue import Offer, about, offers
from app.choosing import Questions
from app.endpoints import Endpoints
from app.exchange import ExchangeTab
from app.feed import message, paced, said_once
from app.handlers import Desk, Status, Update
from app.modules import STATIC
from app.opening import Opened, first_map, open_map, open_result, switch_palette
from app.panel import RESTORE, SettingsPanel, locked, of_photo, settings_of
from app.photo_panel import PhotoPanel, front
from app.photos import Laid
from app.pictures import lossless_url
from app.results import Results
from app.settings import Settings
from app.statusline import done, problem, status_html
from engine.images import read_request
from engine.label_colours import Choices
from engine.label_files import NO_CHOICES
from engine.palette import Palette
from engine.record import unpack
from engine.types import MAX_SEED, Reroll, UserError

EXAMPLES = STATIC / "examples"
READY = Status("Paint, then press Generate (Ctrl+Enter).")
ON_PHOTO = Status("Paint on the photo what should be there, then press Repaint (Ctrl+Enter).")

# Said by the page itself: the server's answer to Cancel could come after the job's own last word.
STOPPING = f"() => {json.dumps(status_html(Status('Stopping …', 'busy')))}"
OPENING = f"() => {json.dumps(status_html(Status('Opening …', 'busy')))}"  # a large photo takes seconds


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
            self.area = gr.JSON(visible=False)
            self.questions = gr.State(None)
            self.knowledge = gr.JSON(visible=False)
            self.photo_panel = PhotoPanel(desk, self.palette_of, scripts.CANVAS)
            self._head()
            with gr.Row(elem_id="sw-desk", equal_height=False):
                with gr.Column(scale=1, min_width=340, elem_id="sw-paint"):
                    start = first_map(EXAMPLES, self.palette)
                    self.canvas = LabelCanvas(
                        start, palette=self.palette.name, canvas_id=scripts.CANVAS, results=True, elem_id="sw-canvas"
                    )
                    self._below()
                with gr.Column(scale=0, min_width=300, elem_id="sw-side") as self.side:
                    self._actions()
                    self.photo_panel.build()
                    self.panel = SettingsPanel(self.model, self.photo_panel.edit)
                    with gr.Accordion("About this model", open=False, elem_id="sw-about") as self.about:
                        self.card = gr.Markdown(elem_id="sw-card", latex_delimiters=[])
            Endpoints(self.desk, lambda: self.models).publish()
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
            self.open = gr.UploadButton("Open", elem_id="sw-open", size="sm", scale=0, min_width=80)
            self.open_photo = gr.UploadButton("Edit a photo", elem_id="sw-photo", size="sm", scale=0, min_width=110)
            self.close_photo = gr.Button(
                "Close photo", elem_id="sw-close", size="sm", scale=0, min_width=110, visible=False
            )
            self.model = gr.Dropdown(
                self.choices,
                value=self.first,
                label="Model",
                container=False,
                elem_id="sw-model",
                scale=0,
                min_width=380,
            )

    def _actions(self) -> None:
        with gr.Row(elem_id="sw-actions"):
            self.go = gr.Button("Generate", variant="primary", elem_id="sw-generate", min_width=110)
            self.repaint = gr.Button("Repaint", variant="primary", elem_id="sw-repaint", min_width=90, visible=False)
            self.photo_panel.build_accept()
            self.stop = gr.Button("Cancel", elem_id="sw-cancel", min_width=80)
        with gr.Column(elem_id="sw-said"):  # which of the two shows is said.js's
            self.status = gr.HTML(status_html(READY), elem_id="sw-status", padding=False)
            self.running = gr.HTML("", elem_id="sw-running", padding=False)  # what a job says of itself
        with gr.Row(elem_id="sw-quick", elem_classes="sw-numbers"):
            self.live = gr.Checkbox(False, label="Live", elem_id="sw-live", scale=1, min_width=90)
            self.save = gr.DownloadButton(
                "Save result", elem_id="sw-save", size="sm", scale=1, min_width=110, interactive=False
            )
        # Pressed by the page's own code at each pen-up while Live is on.
        self.draft = gr.Button("Draft", elem_id="sw-draft", visible="hidden")
        self.look = gr.Button("What the model sees", elem_id="sw-look", visible="hidden")
        self.sight = gr.JSON(visible=False)

    def _below(self) -> None:
        with gr.Tabs(elem_id="sw-below"):
            with gr.Tab("Results", id="results"):
                self.results = Results(self.desk.history, self.desk.keep_draft, elem_id="sw-results")
            with gr.Tab("Examples", id="examples"):
                self.examples = gr.Gallery(
                    example_files(self.palette.name),
                    label="Layouts of real photos to begin with",
                    columns=6,
                    height=150,
                    allow_preview=False,
                    object_fit="cover",
                    elem_id="sw-examples",
                    buttons=[],
                )
            with gr.Tab("Exchange", id="exchange"):
                self.exchange = ExchangeTab(self.desk, self.palette_of)

    # --- Events ---

    def _events(self) -> None:
        fields, panel, side = self.panel.fields, self.panel, self.photo_panel
        shown = [self.status, self.running, self.results, panel.seed, self.save]
        opened = [self.status, self.photo, self.go, self.repaint, self.close_photo, *panel.on_photo(True)]
        asking = [side.fit, side.fit_text, side.question, self.questions]
        laid = [self.canvas, *opened, *side.outputs, *asking, *panel.shown, self.examples, self.card]
        # What is laid on the desk may set all of these.
        laid = list(dict.fromkeys([*laid, self.running, self.results, self.save]))
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        job = {**quiet, "concurrency_limit": None, "trigger_mode": "multiple"}

        self.go.click(said_once(self.on_generate), [self.canvas, *fields], shown, js=scripts.WITH_MAP, **job)
        photo_job = {"js": scripts.WITH_PHOTO, **job}
        self.repaint.click(said_once(self.on_repaint), [self.canvas, self.photo, *fields], shown, **photo_job)
        self.draft.click(said_once(self.on_live), [self.canvas, self.photo, *fields], shown, **photo_job)
        looked = self.look.click(
            self.on_look, [self.canvas, *fields], [self.status, self.sight], js=scripts.WITH_MAP, **quiet
        )
        looked.then(None, self.sight, None, js=scripts.SEE)
        scrubbed = [self.canvas, self.photo, self.live, *fields]
        panel.guidance.input(said_once(self.on_scrub), scrubbed, shown, **photo_job)
        for button, which in ((panel.reroll_class, "class"), (panel.reroll_selection, "selection")):
            button.click(
                said_once(self.on_reroll),
                [self.canvas, self.photo, side.shown, self.area, *fields],
                [*shown, panel.rerolls, panel.reroll_note, panel.lock],
                js=scripts.with_area(which),
                **job,
            )
        panel.reroll_clear.click(lambda: panel.with_rerolls(()), None, [panel.rerolls, panel.reroll_note], **quiet)
        self.stop.click(None, None, self.running, js=STOPPING, **quiet)
        self.stop.click(self.on_cancel, None, self.running, queue=False, **quiet)
        # “multiple”: what is asked while an answer is on its way is asked all the same
        self.results.input(
            self.on_action,
            [self.results, self.model, self.canvas, self.photo],
            [each for each in laid if each is not self.results],
            js=scripts.AND_PHOTO,
            trigger_mode="multiple",
            **quiet,
        )
        self.model.input(self.on_model, [self.canvas, self.photo, self.model], laid, js=scripts.WITH_PHOTO, **quiet)
        self.about.expand(self.on_about, self.model, self.card, **quiet)
        for button in (self.open, self.open_photo):
            button.upload(None, None, self.status, js=OPENING, **quiet)
        self.open.upload(
            self.on_open, [self.open, self.model, self.canvas, self.photo], laid, js=scripts.AND_PHOTO, **quiet
        )
        with self.side:
            choosing.build(self.questions, self.on_answers, [self.canvas, self.photo], laid, scripts.WITH_PHOTO)
        self.examples.select(self.on_example, [self.model, self.photo], laid, **quiet)
        self.open_photo.upload(self.on_photo, [self.open_photo, self.model], laid, **quiet)
        self.close_photo.click(self.on_close_photo, None, laid, **quiet)
        loaded = self.blocks.load(self.on_load, [self.photo, self.model], [*opened, *side.outputs, self.model], **quiet)
        loaded.then(self.on_restored, self.photo, laid, js=scripts.KEPT_VERSION, **quiet)
        for follow in (loaded.then, self.model.change):
            follow(self.on_known, self.model, self.knowledge, **quiet).then(None, self.knowledge, None, js=scripts.KNOW)
        edge = [side.edit.growth, side.edit.feather]
        for follow in (loaded.then, *(field.change for field in edge)):
            follow(None, edge, None, js=scripts.EDGE)
        self.blocks.load(None, panel.kept, panel.kept, js=RESTORE)
        self.blocks.load(None, None, None, js=scripts.WIRE)
        self.blocks.unload(self.on_leave)
        widgets = {"canvas": self.canvas, "status": self.status, "model": self.model, "photo": self.photo}
        side.stack.input(None, [side.stack, *panel.noted], None, js=scripts.LEAVING)
        side.wire(self._laid, self.shown, widgets, laid, {"photo": scripts.WITH_PHOTO, "shown": scripts.WITH_SHOWN})
        self.exchange.wire(widgets, fields, self._lay, laid, scripts.WITH_PHOTO)

    # --- Jobs ---

    def on_generate(self, request: gr.Request, painted: Painted | None, *values: Any) -> Iterator[dict]:
        owner = request.session_hash or ""
        yield from self._job(values, lambda settings: self.desk.generate(painted, settings, owner))

    def on_repaint(
        self, request: gr.Request, painted: Painted | None, photo: str | None, *values: Any
    ) -> Iterator[dict]:
        owner = request.session_hash or ""
        yield from self._job(of_photo(values), lambda settings: self.desk.repaint(painted, photo, settings, owner))

    def on_live(self, request: gr.Request, painted: Painted | None, photo: str | None, *values: Any) -> Iterator[dict]:
        """A draft of what is on the desk, of the open photo too."""
        owner = request.session_hash or ""
        yield from self._job(locked(values), lambda settings: self.desk.live(painted, settings, owner, photo))

    def on_scrub(
        self, request: gr.Request, painted: Painted | None, photo: str | None, live: bool, *values: Any
    ) -> Iterator[dict]:
        """Guidance was moved: where the seed is kept, or Live is on, the result follows, with the same noise."""
        if live or values[2]:
            yield from self.on_live(request, painted, photo, *values)

    def on_look(self, painted: Painted | None, *values: Any) -> dict:
        """The map as the model sees it, for the result pane."""
        try:
            picture, said = self.desk.sight(painted, settings_of(*locked(values)))
        except UserError as error:
            return {self.status: problem(error), self.sight: None}
        return {
            self.status: done(said),
            self.sight: {"url": lossless_url(picture), "final": True, "name": "What the model sees"},
        }

    def on_reroll(
        self, request: gr.Request, painted: Painted | None, photo: str | None, shown: Any, area: Any, *values: Any
    ) -> Iterator[dict]:
        """New noise in an area, the seed and everything else as it is; kept like any other result.

        On a photo it is the result in front that is made again.
        """
        owner, on_photo = request.session_hash or "", self.desk.photos.stacks.has(photo)
        try:
            settings = settings_of(*(of_photo(values) if on_photo else locked(values)))
            again = Reroll(region_in(area, painted), secrets.randbelow(MAX_SEED + 1))
            front_id = front(shown) if on_photo else ""
        except UserError as error:
            yield {self.status: problem(error)}
            return
        if on_photo:
            run = self.desk.reroll(again.region, again.seed, photo, front_id, settings, owner)
            yield from map(self.shown, paced(run))
            return
        settings = replace(settings, seed=settings.seed or 0)  # an empty field must not draw another picture
        settings = replace(settings, one_seed=True, rerolls=(*fitting(settings.rerolls, again), again))
        yield {self.panel.lock: True, **self.panel.with_rerolls(settings.rerolls)}
        yield from map(self.shown, paced(self.desk.generate(painted, settings, owner)))

    def _job(self, values: tuple[Any, ...], run: Callable[[Settings], Iterator[Update]]) -> Iterator[dict]:
        try:
            settings = settings_of(*values)
        except UserError as error:
            yield {self.status: problem(error)}
            return
        yield from map(self.shown, paced(run(settings)))

    def on_cancel(self, request: gr.Request) -> Any:
        """What stops says so itself."""
        said = self.desk.cancel(request.session_hash or "")
        return gr.skip() if said.kind == "busy" else status_html(said)

    def shown(self, update: Update) -> dict:
        """An update as values of the widgets that it changes."""
        values: dict[Any, Any] = {self.running: status_html(update.status, update.run)}
        if update.run:
            values[self.results] = message(update)
        if update.run and not update.quiet:
            values[self.panel.seed] = update.seed
        if update.entries and update.status.kind != "busy":
            values[self.save] = gr.DownloadButton(value=str(update.entries[0].path), interactive=True)
        return values

    # --- What is done with a result ---

    def on_action(
        self, asked: dict | None, model: str, painted: Painted | None = None, photo: str | None = None
    ) -> dict:
        """What was pressed in the Results, one of app.results.ACTIONS."""
        try:
            return self._act(asked or {}, model, painted, photo)
        except UserError as error:
            return {self.status: problem(error)}

    def _act(self, asked: dict, model: str, painted: Painted | None, photo: str | None) -> dict:
        action, key = asked.get("action"), str(asked.get("id") or "")
        entry = self.desk.history.get(key)
        if action == "show":
            return {self.panel.seed: entry.seed, self.save: gr.DownloadButton(value=str(entry.path), interactive=True)}
        if action == "edit":
            return self._laid(self.desk.photos.open(entry.path, self.palette_of(model)))
        opened = open_result(read_request(entry.path) or {})
        if action == "settings":
            return {
                self.status: done("The settings of this result are set; the map is as it was."),
                **self._set(opened.settings),
            }
        if action == "map":
            said = "The map of this result is back on the desk."
            return self._lay(opened.painted, photo, said)
        return self._opened(opened, painted, photo)

    def _set(self, settings: Settings | None) -> dict:
        """The widgets' values for settings that were opened."""
        if settings is None:
            return {}
        values = self.panel.set_to(settings)
        if (offered := self.models.get(settings.model)) and not offered.problem:
            values |= {self.model: settings.model, self.card: self.on_about(settings.model)}
            values[self.examples] = example_files(offered.palette.name)
        return values

    # --- Opening ---

    def on_model(self, painted: Painted | None, photo: str | None, name: str) -> dict:
        """Takes the map over into the chosen model's classes, or says why the model can't be used."""
        on_photo = self.desk.photos.stacks.has(photo)
        values: dict[Any, Any] = {
            self.card: self.on_about(name),
            self.status: status_html(ON_PHOTO if on_photo else READY),
        }
        offered = self.models.get(name)
        if offered is None or offered.problem:
            return {**values, self.status: problem(UserError(offered.problem if offered else gone(name)))}
        values |= {self.examples: example_files(offered.palette.name), **self.photo_panel.finder(offered.palette)}
        if on_photo:
            return {**values, **self._in_palette(painted, photo, offered.palette)}
        switched = switch_palette(painted, offered.palette, EXAMPLES, on_photo=False)
        return values if switched is None else {**values, self.canvas: switched}

    def _in_palette(self, painted: Painted | None, photo: str | None, palette: Palette) -> dict:
        try:
            laid = self.desk.photos.in_palette(photo, painted, palette, EXAMPLES)
        except UserError as error:
            return {self.status: problem(error)}
        return {} if laid is None else self._laid(laid)

    def on_about(self, name: str) -> str:
        return about(self.models[name].info) if name in self.models else gone(name)

    def on_known(self, name: str) -> dict | None:
        """How much of each class a model has seen, where its file tells."""
        offered = self.models.get(name)
        if offered is None or offered.problem:
            return None
        shares = offered.info.description.facts.get("class_share")
        return {"palette": offered.palette.name, "shares": shares if isinstance(shares, dict) else None}

    def on_open(
        self,
        path: str,
        model: str,
        painted: Painted | None = None,
        photo: str | None = None,
        choices: Choices = NO_CHOICES,
        first: bool = False,
    ) -> dict:
        """A map, a result or a project. choices: which class a colour means, where that was asked before; first: the
        map is the photo's first one even where there is one."""
        try:
            opened = open_map(Path(path), self.palette_of(model), choices)
            known = self._has_first_map(photo)
            values = self._opened(opened, painted, photo, first)
            if opened.results:
                values |= self._taken_in(opened)
        except UserError as error:
            return {self.status: problem(error)}
        if not opened.choices or choices:
            return {**values, self.questions: None}
        return {**values, self.questions: Questions(path, opened.painted.palette, opened.choices, not known)}

    def _has_first_map(self, photo: str | None) -> bool:
        stacks = self.desk.photos.stacks
        return not stacks.has(photo) or stacks.load(photo).base is not None

    def _opened(self, opened: Opened, painted: Painted | None, photo: str | None, first: bool = False) -> dict:
        """What was opened, laid on the desk: a photo that belongs to it comes along, else it fits itself to the open
        one. Raises UserError."""
        photos = self.desk.photos
        if opened.photo is not None:
            return {**self._set(opened.settings), **self._laid(photos.lay_project(opened))}
        if opened.painted is None:
            version = photos.stacks.made_on(opened.stored)
            if version is None:
                raise UserError(
                    "The edits of this photo are not in outputs/. Open it with Edit a photo, to edit it on."
                )
            return self._laid(photos.brought_back(version, self.palette))
        if opened.stored.get("kind") == "edit" and (laid := photos.reopen_result(opened.stored)):
            return self._laid(laid)
        if photos.stacks.has(photo):
            if question := photos.needs_fit(photo, opened.painted):
                return self.photo_panel.asked(opened, photo, question, first)
            return self._laid(photos.laid_map(photo, painted, opened, None, first))
        return {self.canvas: opened.painted, self.status: done(opened.message), **self._set(opened.settings)}

    def _laid(self, laid: Laid) -> dict:
        """The widgets' values for a photo as it is laid; the canvas hears of it by the list of edits."""
        values = {
            self.photo: laid.version or None,
            **self.photo_panel.laid(laid),
            **self._photo_open(laid.version != ""),
        }
        if laid.message:
            values[self.status] = done(laid.message)
        return {**self._set(laid.settings), **values}  # which number of variations is shown depends on the photo

    def _lay(self, painted: Painted, photo: str | None, said: str) -> dict:
        """A map in place of the one on the desk, on the open photo too."""
        if not self.desk.photos.stacks.has(photo):
            return {self.canvas: painted, self.status: done(said)}
        try:
            return self._laid(self.desk.photos.painting(photo, painted, said))
        except UserError as error:
            return {self.status: problem(error)}

    def _taken_in(self, opened: Opened) -> dict:
        """A project's results; where they can't be kept the rest of it is on the desk all the same."""
        try:
            taken = self.desk.take_in(opened.results)
        except UserError as error:
            return {self.status: done(f"{opened.message} {error}")}
        return {self.status: done(f"{opened.message} {taken.status.text}".strip()), self.results: message(taken)}

    def on_answers(self, about: Questions, choices: Choices, painted: Painted | None, photo: str | None) -> dict:
        """The same file again, its colours as they were chosen."""
        model = next((name for name in self.models if self.palette_of(name).name == about.palette), "")
        return self.on_open(about.path, model, painted, photo, choices, about.first)

    def on_example(self, model: str, photo: str | None, chosen: gr.SelectData) -> dict:
        """A project of ours where there is one, else a map; the photo is put away: it is a fresh start."""
        file = Path(example_files(self.palette_of(model).name)[chosen.index][0])
        project = file.with_suffix(SUFFIX)
        values = self.on_open(str(project if project.is_file() else file), model)
        if self.canvas not in values or not self.desk.photos.stacks.has(photo):
            return values  # the file is gone or damaged, which the status says, or no photo is open
        example = values.pop(self.canvas)
        return {**self._laid(Laid(name="close", labels=example, clears=True)), **values}

    def on_photo(self, path: str, model: str) -> dict:
        palette = self.palette_of(model)
        opened = self.photo_panel.said(lambda: self.desk.photos.open(Path(path), palette))
        return {**opened, **self.photo_panel.finder(palette)}

    def on_load(self, photo: str | None, model: str) -> dict:
        """The models that are there now; and a photo that was open before a reload is open again, if it still is."""
        self.models = offers()
        chosen = model if model in self.models else self.first
        is_open = self.desk.photos.stacks.has(photo)
        said = {self.status: status_html(ON_PHOTO)} if is_open else {}
        values = {**said, **self._photo_open(is_open), **self.photo_panel.finder(self.palette_of(chosen))}
        return {self.model: gr.update(choices=self.choices, value=chosen), **values}

    def on_restored(self, photo: str | None) -> dict:
        """The canvas is told of the photo that it had before a reload."""
        if not photo:
            return {self.photo: None, **self._photo_open(False)}
        if not self.desk.photos.stacks.has(photo):
            return {
                **self._laid(Laid(record=False)),
                self.status: problem(UserError("The photo is gone. Open it again.")),
            }
        return self.photo_panel.said(lambda: self.desk.photos.at(photo))

    def on_leave(self, request: gr.Request) -> None:
        """The page was closed: nobody waits any more."""
        self.desk.cancel(request.session_hash or "")
        self.exchange.end_watch(request)

    def on_close_photo(self) -> dict:
        return {**self._laid(Laid(name="close")), self.status: status_html(READY)}

    def _photo_open(self, is_open: bool) -> dict:
        editing, painting = gr.update(visible=is_open), gr.update(visible=not is_open)
        shown = {self.repaint: editing, self.close_photo: editing, self.go: painting}
        return {**shown, **self.panel.on_photo(is_open), **self.photo_panel.is_open(is_open)}


def region_in(area: Any, painted: Painted | None) -> Any:
    """(H, W) bool, of the map's size, from what the page sent. Raises UserError."""
    try:
        region = unpack(area).astype(bool)
    except (KeyError, TypeError):
        raise UserError("No area was given. Select one on the map, or choose a class that is on it.") from None
    if painted is None or region.shape != painted.labels.shape:
        raise UserError(f"The area is {region.shape[1]} x {region.shape[0]} px, not the map's. Select it again.")
    if not region.any():
        raise UserError("The area is empty. Select something on the map, or choose a class that is on it.")
    return region


def fitting(rerolls: tuple[Reroll, ...], new: Reroll) -> tuple[Reroll, ...]:
    """Those that a new one leaves something of."""
    kept = (each for each in rerolls if each.region.shape == new.region.shape)
    return tuple(each for each in kept if (each.region & ~new.region).any())


def gone(name: str) -> str:
    return f"The model {name} is no longer in checkpoints/. Reload the page and choose another."


@functools.cache
def example_files(palette: str) -> list[tuple[str, str]]:
    """(file, title) of the maps in `static/examples/<palette>`; `01-a-street.png` is titled “A street”."""
    files = sorted((EXAMPLES / palette).glob("*.png"))
    return [(str(file), file.stem.partition("-")[2].replace("-", " ").capitalize()) for file in files]
