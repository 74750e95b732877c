"""The page's way to other programs: projects, exports, swatches, other palettes, and a file that is watched."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from app.bundle import SUFFIX, write_project
from app.canvas import Painted
from app.exports import EXPORTS, export_map
from app.feed import address, said_once
from app.handlers import Desk, Status
from app.opening import project_of, within_sides
from app.panel import locked, settings_of
from app.project import make_folder
from app.remap import Table, apply, propose
from app.statusline import done, problem, status_html
from app.watching import watch
from engine.palette import Palette, load_palette, palette_names
from engine.swatches import SWATCHES
from engine.types import UserError

EXPORTED = "exports"  # the folder inside `outputs/`
NOTHING = "There is no map yet. Paint something, or open an example."
DOWNLOAD = "link => link && window.spadework.download(link)"
HEADS = ["Class of the map", "Becomes", "Because", "Share"]


class ExchangeTab:
    """The widgets, built where they stand; `wire` connects them to the rest of the page."""

    def __init__(self, desk: Desk, palette_of: Callable[[str], Palette]) -> None:
        self.desk, self.palette_of = desk, palette_of
        self._watches: dict[str, threading.Event] = {}  # by page
        self._changing = threading.Lock()  # of the watches
        self.link = gr.JSON(visible=False)
        with gr.Row(elem_classes="sw-cards"):
            self._build_save()
            self._build_watch()
        self._build_remap()

    def _build_save(self) -> None:
        with gr.Column(min_width=300):
            gr.Markdown("**Take the map along**", elem_classes="sw-card-title")
            kinds = [(each.title, name) for name, each in EXPORTS.items()]
            swatches = [(f"Swatches for painting programs ({suffix})", suffix) for suffix in SWATCHES]
            self.kind = gr.Dropdown([*kinds, *swatches], value="index", label="Export as", elem_id="sw-export-kind")
            with gr.Row(elem_classes="sw-numbers"):
                self.export = gr.Button("Export", size="sm", elem_id="sw-export", min_width=90)
                self.save = gr.Button("Save project", size="sm", elem_id="sw-save-project", min_width=120)
            gr.HTML(
                '<p class="sw-note">A project holds the map, the photo, the settings and the last results. '
                "Open it with Open, or drop it on the page.</p>",
                padding=False,
            )

    def _build_watch(self) -> None:
        with gr.Column(min_width=300):
            gr.Markdown("**Paint the map in another program**", elem_classes="sw-card-title")
            self.path = gr.Textbox(
                label="File to watch",
                placeholder="/home/me/map.png",
                info="Its path on this machine. The map here follows it; with Live on, the result too.",
                elem_id="sw-watch-path",
                max_lines=1,
            )
            with gr.Row(elem_classes="sw-numbers"):
                self.watch = gr.Button("Watch", size="sm", elem_id="sw-watch", min_width=90)
                self.unwatch = gr.Button("Stop watching", size="sm", elem_id="sw-unwatch", min_width=120)

    def _build_remap(self) -> None:
        with gr.Accordion("Turn the map into another palette", open=False, elem_id="sw-remap"):
            titles = [(load_palette(name).title, name) for name in palette_names()]
            with gr.Row(elem_classes="sw-numbers"):
                self.target = gr.Dropdown(titles, label="Palette to turn it into", elem_id="sw-remap-to", min_width=200)
                self.propose = gr.Button("Propose", size="sm", elem_id="sw-remap-propose", min_width=90)
                self.apply = gr.Button("Apply", size="sm", elem_id="sw-remap-apply", min_width=90, interactive=False)
            self.table = gr.Dataframe(
                headers=HEADS,
                datatype="str",
                type="array",
                interactive=True,
                static_columns=[0, 2, 3],
                label="Edit the second column; what is empty there is lost",
                elem_id="sw-remap-table",
                max_height=280,
                visible=False,
            )

    def wire(
        self,
        widgets: dict[str, Any],
        fields: list[Any],
        lay: Callable[[Painted, Any, str], dict],
        outputs: list[Any],
        with_photo: str,
    ) -> None:
        """widgets: canvas, status, model and photo of the page. lay: a map in place of the one on the desk, on the
        photo's version if one is open, and what to say, as values of `outputs`. with_photo: the script that puts the
        newest map and version in the first two places.
        """
        canvas, status, model, photo = (widgets[name] for name in ("canvas", "status", "model", "photo"))
        self.lay, self.status = lay, status
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        linked = [self.link, status]
        newest = {"js": with_photo, **quiet}
        export = self.export.click(self.on_export, [canvas, photo, self.kind, model], linked, **newest)
        save = self.save.click(self.on_save, [canvas, photo, *fields], linked, **newest)
        for pressed in (export, save):
            pressed.success(None, self.link, None, js=DOWNLOAD)
        proposed = [self.table, self.apply, status]
        self.propose.click(self.on_propose, [canvas, photo, self.target], proposed, **newest)
        self.apply.click(self.on_apply, [canvas, photo, self.target, self.table], outputs, **newest)
        self.watch.click(said_once(self.on_watch), [self.path, model, photo], outputs, concurrency_limit=None, **quiet)
        self.unwatch.click(self.on_unwatch, None, status, **quiet)

    def on_export(self, painted: Painted | None, photo: str | None, kind: str, model: str) -> dict:
        return self._linked(lambda: self._export(painted, kind, model))

    def on_save(self, painted: Painted | None, photo: str | None, *values: Any) -> dict:
        return self._linked(lambda: self._save(painted, photo, values))

    def _linked(self, write: Callable[[], Path]) -> dict:
        """A file of `outputs/` for the browser to download, and what to say."""
        try:
            path = write()
        except UserError as error:
            return {self.link: None, self.status: problem(error)}
        return {self.link: {"url": address(path), "name": path.name}, self.status: done(f"Saved as {path.name}.")}

    def _export(self, painted: Painted | None, kind: str, model: str) -> Path:
        """Raises UserError."""
        if kind in SWATCHES:
            palette = load_palette(painted.palette) if painted else self.palette_of(model)
            path = self._path(palette.name, kind)
            path.write_bytes(SWATCHES[kind](palette))
            return path
        if painted is None:
            raise UserError(NOTHING)
        path = self._path(f"{painted.palette}-{kind}", EXPORTS[kind].suffix)
        export_map(kind, path, painted.labels, load_palette(painted.palette), painted.instances)
        return path

    def _save(self, painted: Painted | None, photo: str | None, values: tuple[Any, ...]) -> Path:
        """The desk as a project: with the pictures of the last run that were not rejected. Raises UserError."""
        if painted is None:
            raise UserError(NOTHING)
        photos = self.desk.photos
        shot, stack, layers = photos.project_parts(photo) if photos.stacks.has(photo) else (None, {}, ())
        results = tuple(entry.path for entry in self.desk.history.last_run() if not entry.rejected)
        path = self._path("project", SUFFIX)
        write_project(path, project_of(painted, settings_of(*locked(values)), shot, results, stack, layers))
        return path

    def _path(self, name: str, suffix: str) -> Path:
        folder = self.desk.outputs / EXPORTED
        make_folder(folder)
        return folder / f"{datetime.datetime.now():%Y%m%d-%H%M%S-%f}-{name}{suffix}"

    # --- Another palette ---

    def on_propose(self, painted: Painted | None, photo: str | None, target: str | None) -> dict:
        """A table of what each class of the map would become."""
        try:
            source, wanted = palettes_of(painted, target)
        except UserError as error:
            return {self.status: problem(error)}
        table = propose(source, wanted)
        counts = np.bincount(painted.labels.reshape(-1), minlength=source.size)
        rows = [
            [
                source.classes[row.source].name,
                named(wanted, row.target),
                row.how,
                f"{counts[row.source] / counts.sum():.1%}",
            ]
            for row in sorted(table.rows, key=lambda row: -counts[row.source])
            if counts[row.source]
        ]
        lost = [name for name, target, *_ in rows if not target]
        said = f"Nothing is lost from {source.title} to {wanted.title}." if not lost else f"Lost: {', '.join(lost)}."
        return {
            self.table: gr.update(value=rows, visible=True),
            self.apply: gr.update(interactive=True),
            self.status: done(f"{said} Edit the table where you know better, then press Apply."),
        }

    def on_apply(
        self, painted: Painted | None, photo: str | None, target: str | None, rows: list[list[str | None]] | None
    ) -> dict:
        """The map in the other palette, by the table as it was edited."""
        try:
            source, wanted = palettes_of(painted, target)
            table = edited(propose(source, wanted), rows or [], source, wanted)
            labels, lost = apply(painted.labels, table, source, wanted)
        except UserError as error:
            return {self.status: problem(error)}
        said = "".join(f" {each.pixels:,} pixels of {each.name} are unlabelled now." for each in lost)
        said = f"The map is in {wanted.title} now; Undo brings the former one back.{said}"
        return self.lay(Painted(labels, wanted.name, instances=painted.instances), photo, said)

    # --- A file that is watched ---

    def on_watch(self, request: gr.Request, path: str | None, model: str, photo: str | None) -> Iterator[dict]:
        """The map of a file, each time it is saved; ends when Stop watching is pressed, or another file watched."""
        path = (path or "").strip()
        if not path:
            self.end_watch(request)
            yield {self.status: problem(UserError("No file was named. Give the path of a map on this machine."))}
            return
        palette, stop = self.palette_of(model), threading.Event()
        self._replace_watch(request, stop)
        for change in watch(Path(path).expanduser(), palette, stop=stop):
            if change.read is None:
                yield {self.status: problem(UserError(change.problem))}
                continue
            labels, note = within_sides(change.read.labels)
            remarks = " ".join(change.read.remarks)
            said = f"Watching {Path(path).name}: read at {datetime.datetime.now():%H:%M:%S}. {remarks}{note}"
            yield self.lay(Painted(labels, palette.name), photo, said.strip())

    def on_unwatch(self, request: gr.Request) -> str:
        ended = self.end_watch(request)
        return status_html(Status("No longer watched." if ended else "Nothing is watched."))

    def end_watch(self, request: gr.Request) -> bool:
        """Of a page, also when it is closed; whether there was one."""
        return self._replace_watch(request, None)

    def _replace_watch(self, request: gr.Request, new: threading.Event | None) -> bool:
        """Ends a page's watch, whether there was one, and notes the new one in one go: none is ever forgotten."""
        page = request.session_hash or ""
        with self._changing:
            former = self._watches.pop(page, None)
            if former is not None:
                former.set()
            if new is not None:
                self._watches[page] = new
        return former is not None


def palettes_of(painted: Painted | None, target: str | None) -> tuple[Palette, Palette]:
    """Of the map, and the one it is to be turned into. Raises UserError."""
    if painted is None:
        raise UserError(NOTHING)
    if not target:
        raise UserError("No palette was chosen. Choose the one that the map is to be turned into.")
    return load_palette(painted.palette), load_palette(target)


def edited(table: Table, rows: list[list[str | None]], source: Palette, target: Palette) -> Table:
    """The table with the page's rows, (class, what it becomes, ...): the last one of a class counts, one without a
    class doesn't. Raises UserError for a name that is none."""
    for row in rows:
        name, becomes = (str(cell or "").strip() for cell in (*row, "", "")[:2])
        if name:
            table = table.changed(source.index_of(name), target.index_of(becomes) if becomes else None)
    return table


def named(palette: Palette, index: int | None) -> str:
    return "" if index is None else palette.classes[index].name
