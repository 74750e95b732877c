"""The photo's side of the desk: open, find its map, accept, the list of edits, save; its widgets and their events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.canvas import Painted
from app.feed import address, said_once
from app.handlers import Desk, Update
from app.opening import Opened
from app.panel import EditSettings
from app.photos import Laid
from app.stack_view import StackView, message
from app.statusline import done, problem
from engine.palette import Palette
from engine.resizing import Fit
from engine.segmentation import find_segmenter
from engine.types import UserError
from engine.writing import photo_suffix

FORMATS = {".jpg": "JPEG", ".webp": "WebP", ".tif": "TIFF"}
DOWNLOAD = "link => link && window.spadework.download(link)"


@dataclass(frozen=True)
class FitQuestion:
    """A map of other proportions than the open photo, which waits for an answer."""

    opened: Opened
    version: str
    first: bool


class PhotoPanel:
    """Built in parts where they stand: `accept_button` beside Repaint, the rest under it; `wire` connects them."""

    def __init__(self, desk: Desk, palette_of: Callable[[str], Palette], canvas_id: str) -> None:
        self.desk, self.palette_of, self.canvas_id = desk, palette_of, canvas_id
        self.shown = gr.JSON(visible=False)  # the result in front, as the page tells of it
        self.link = gr.JSON(visible=False)
        self.question = gr.State(None)

    def build_accept(self) -> None:
        self.accept = gr.Button("Accept", elem_id="sw-accept", min_width=70, visible=False)

    def build(self) -> None:
        with gr.Column(visible=False, elem_id="sw-fit") as self.fit:
            self.fit_text = gr.Markdown(elem_id="sw-fit-text")
            with gr.Row(elem_classes="sw-numbers"):
                self.stretch = gr.Button("Stretch", size="sm", elem_id="sw-fit-stretch", min_width=70)
                self.crop = gr.Button("Crop", size="sm", elem_id="sw-fit-crop", min_width=70)
                self.not_now = gr.Button("Not now", size="sm", elem_id="sw-fit-no", min_width=70)
        with gr.Column(visible=False, elem_id="sw-photo-side") as self.side:
            self.edit = EditSettings()
            with gr.Row(elem_classes="sw-numbers"):
                self.find = gr.Button("Find the map", size="sm", elem_id="sw-find-map", min_width=110)
                self.save_png = gr.Button("Save photo", size="sm", elem_id="sw-save-photo", min_width=90)
                self.save_own = gr.Button("As JPEG", size="sm", elem_id="sw-save-own", min_width=80, visible=False)
            self.no_finder = gr.HTML(visible=False, padding=False, elem_id="sw-no-finder")
        self.stack = StackView(self.canvas_id, elem_id="sw-stack")

    @property
    def outputs(self) -> list[Any]:
        """The widgets that `laid` may give values to, besides those of the page."""
        return [self.accept, self.side, self.stack, self.find, self.no_finder, self.save_own]

    def wire(
        self,
        page_laid: Callable[[Laid], dict],
        shown: Callable[[Update], dict],
        widgets: dict[str, Any],
        outputs: list[Any],
        scripts: dict[str, str],
    ) -> None:
        """page_laid: all widgets' values for a photo as it is laid; shown: those for an update of a job.

        widgets: canvas, status, model and photo of the page. outputs: what page_laid may set. scripts: “photo” puts the
        newest map and version in the first two places, “shown” the result in front after them too.
        """
        self.page_laid, self.update_shown, self.status = page_laid, shown, widgets["status"]
        canvas, photo, model = (widgets[name] for name in ("canvas", "photo", "model"))
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        with_photo = {"js": scripts["photo"], **quiet}
        fitted = [*outputs, self.fit, self.question]
        self.accept.click(self.on_accept, [canvas, photo, self.shown], outputs, js=scripts["shown"], **quiet)
        finding = {"concurrency_limit": None, "trigger_mode": "multiple", **with_photo}
        self.find.click(said_once(self.on_find), [canvas, photo, model], outputs, **finding)
        self.stack.input(self.on_stack, self.stack, outputs, trigger_mode="multiple", **quiet)
        for button, fit in ((self.stretch, "stretch"), (self.crop, "crop"), (self.not_now, None)):
            button.click(self.answering(fit), [canvas, photo, self.question], fitted, **with_photo)
        for button, own in ((self.save_png, False), (self.save_own, True)):
            saved = button.click(self.saving(own), [canvas, photo], [self.link, self.status], **with_photo)
            saved.success(None, self.link, None, js=DOWNLOAD)

    # --- What is shown ---

    def laid(self, laid: Laid) -> dict:
        """The widgets' values for a photo as it is laid; a question about a map for the former one is put away."""
        own = FORMATS.get(photo_suffix(laid.file)) if laid.file else None
        named = {} if own is None else {"value": f"As {own}"}
        return {
            self.stack: message(laid),
            self.fit: gr.update(visible=False),
            self.question: None,
            self.save_own: gr.update(visible=own is not None, **named),
            **self.is_open(laid.version != ""),
        }

    def is_open(self, so: bool) -> dict:
        return {self.side: gr.update(visible=so), self.accept: gr.update(visible=so)}

    def finder(self, palette: Palette) -> dict:
        """Whether the map of a photo can be found in those classes, and else why not."""
        can = find_segmenter(palette) is not None
        text = "" if can else f'<p class="sw-note">No map can be found in the classes of {palette.title}: paint it.</p>'
        return {self.find: gr.update(interactive=can), self.no_finder: gr.update(visible=not can, value=text)}

    def asked(self, opened: Opened, version: str, text: str, first: bool) -> dict:
        """How shall a map fit? What is open stays until that is answered."""
        return {
            self.fit: gr.update(visible=True),
            self.fit_text: text,
            self.question: FitQuestion(opened, version, first),
            self.status: done("The map waits for an answer: Stretch, Crop or Not now."),
        }

    def said(self, work: Callable[[], Laid]) -> dict:
        """What a work lays, or its problem as text."""
        try:
            return self.page_laid(work())
        except UserError as error:
            return {self.status: problem(error)}

    # --- Events ---

    def on_accept(self, painted: Painted | None, version: str | None, shown: Any) -> dict:
        def work() -> Laid:
            entry = self.desk.result(front(shown))
            return self.desk.photos.accept(version, painted, entry.path)

        return self.said(work)

    def on_find(self, request: gr.Request, painted: Painted | None, version: str | None, model: str) -> Iterator[dict]:
        owner = request.session_hash or ""
        for update in self.desk.find_map(painted, version, self.palette_of(model), owner):
            laid = {} if update.laid is None else self.page_laid(replace(update.laid, message=""))
            yield {**laid, **self.update_shown(update)}

    def on_stack(self, asked: dict | None) -> dict:
        """What was pressed in the list of edits, or undone on the canvas."""
        if asked is None:
            return {self.status: gr.skip()}
        photos, at, version = self.desk.photos, asked["at"], asked["version"]
        deeds: dict[str, Callable[[], Laid]] = {
            "hide": lambda: photos.hide(version, at, True),
            "show": lambda: photos.hide(version, at, False),
            "remove": lambda: photos.remove(version, at),
            "reopen": lambda: photos.reopen(version, at),
            "version": lambda: gone_to(photos.at(version)),
        }
        return self.said(deeds[asked["action"]])

    def answering(self, fit: Fit | None) -> Callable[..., dict]:
        """The answer to the question how a map shall fit; None: not at all."""

        def answer(painted: Painted | None, version: str | None, question: FitQuestion | None) -> dict:
            closed = {self.fit: gr.update(visible=False), self.question: None}
            if fit is None or question is None:
                return {**closed, self.status: done("The map was not opened. All is as it was.")}
            photos = self.desk.photos
            return {
                **self.said(lambda: photos.laid_map(version, painted, question.opened, fit, question.first)),
                **closed,
            }

        return answer

    def saving(self, own_format: bool) -> Callable[..., dict]:
        def save(painted: Painted | None, version: str | None) -> dict:
            try:
                path, said = self.desk.photos.save(version, own_format)
            except UserError as error:
                return {self.link: None, self.status: problem(error)}
            return {self.link: {"url": address(path), "name": path.name}, self.status: done(said)}

        return save


def gone_to(laid: Laid) -> Laid:
    """What undo or redo led to, in words: else the status would go on telling of what was undone."""
    if not laid.version:
        return replace(laid, message="No photo is open now. Undo and Redo go back and forth.")
    count = len(laid.stack.edits)
    return replace(laid, message=f"The photo as it is with {count or 'no'} edit{'s' * (count != 1)}.")


def front(shown: Any) -> str:
    """The result in front by its id or its draft's key. Raises UserError where it is not finished."""
    if not isinstance(shown, dict):
        return ""
    if not shown.get("final"):
        raise UserError("The result in front is not finished. Wait until it is, or press Repaint.")
    return str(shown.get("id") or shown.get("draft") or "")
