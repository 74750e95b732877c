"""What the page asks for, as jobs of the engine; what comes back, as updates. Knows nothing of widgets."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.canvas import Painted
from app.drafts import Draft, Drafts, key_of
from app.history import Entry, History
from app.jobs import Cancelled, Waiting, Worker
from app.orders import NothingWantedError, Order, again_order, edit_order, render_order
from app.photos import Laid, Photos, first_map, map_size
from app.pictures import as_seen
from app.project import OUTPUTS, keep
from app.settings import Settings, precision_of
from app.shelf import Load, Shelf
from app.sight import drawn, told
from app.words import announcement, place, progress, readable, results, saved, sentences, where
from engine import pipeline
from engine.device import PrecisionName
from engine.images import MAX_KEPT_BYTES, read_photo_file, read_request
from engine.memory import is_out_of_memory
from engine.palette import Palette, load_palette
from engine.record import render_request
from engine.seen import seen
from engine.segmentation import segmenter_for
from engine.types import Photo, Region, UserError

State = Literal["waiting", "forming", "done", "stopped"]
MakeOrder = Callable[[Palette], Order]


@dataclass(frozen=True)
class Status:
    """What the page says while it works and after. share: 0 to 1 while busy, else None."""

    text: str
    kind: str = "idle"  # idle | busy | done | stopped | problem
    share: float | None = None


@dataclass(frozen=True)
class Cell:
    """One picture of a run: a preview while it forms; kept, with its entry; or done as a draft, with its key."""

    seed: int
    state: State = "waiting"
    picture: Photo | None = None
    entry: Entry | None = None
    draft: str = ""


@dataclass(frozen=True)
class Update:
    """One moment of a job: what to say, and all pictures of its run in order. Without a run those shown stay.

    shape: height and width of the pictures, 0 where not known yet. quiet: of a job that nobody pressed for (Live).
    laid: what became of the open photo, where the job changed that.
    """

    status: Status
    run: str = ""
    cells: tuple[Cell, ...] = ()
    shape: tuple[int, int] = (0, 0)
    quiet: bool = False
    laid: Laid | None = None

    @property
    def seed(self) -> int | None:
        return self.cells[0].seed if self.cells else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The pictures that are finished and kept so far."""
        return tuple(cell.entry for cell in self.cells if cell.entry)


class Desk:
    """What one running app holds: the loaded model, the worker, where results go, and what was only looked at."""

    def __init__(
        self,
        outputs: Path | None = None,
        load: Load = pipeline.load_model,
        device: str = "auto",
        precision: PrecisionName = "auto",
    ) -> None:
        """precision: “auto” leaves it to the device and to what is asked for; any other holds for all."""
        self.outputs, self.shelf = outputs or OUTPUTS, Shelf(load, device, precision)
        self.history = History(self.outputs)
        self.worker, self.drafts, self.photos = Worker(), Drafts(), Photos(self.outputs)

    def cancel(self, owner: str) -> Status:
        return Status("Stopping …", "busy") if self.worker.cancel(owner) else Status("Nothing is running.")

    def take_in(self, results: tuple[bytes, ...]) -> Update:
        """Pictures of a project, kept with those made here; its status says what is left out, and why.

        Raises UserError where the history can't be read.
        """
        run = "project-" + hashlib.sha256(b"".join(results)).hexdigest()[:16]  # opened again, it is not kept twice
        entries, problems = self.history.of_run(run), []
        for content in results if not entries else ():
            try:
                entries += self._taken(content, run)
            except UserError as error:
                problems.append(str(error))
        cells = tuple(Cell(entry.seed, "done", entry=entry) for entry in entries)
        shape = (entries[0].height, entries[0].width) if entries else (0, 0)
        said = f"Of {len(results)} results {len(problems)} can't be kept. {problems[0]}" if problems else ""
        return Update(Status(said), run, cells, shape)

    def _taken(self, content: bytes, run: str) -> list[Entry]:
        """A picture that came from elsewhere, its opacity and profile too; none where nothing says what made it.

        Raises UserError.
        """
        stored = read_request(content)
        if not stored:
            return []
        render_request(stored)  # looked at as a whole, before anything of it names a file
        file = read_photo_file(content, MAX_KEPT_BYTES)
        return [self.history.add(keep(file.pixels, stored, self.outputs, file), stored, run)]

    # --- What can be asked for ---

    def generate(self, painted: Painted | None, settings: Settings, owner: str) -> Generator[Update]:
        """Renders the map on the desk; each picture is saved as soon as it is finished."""
        chosen = settings.drawn()
        shape = shape_of(painted)
        yield from self._run(owner, lambda: self._made(chosen, shape, lambda p: render_order(painted, chosen, p)))

    def repaint(self, painted: Painted | None, version: object, settings: Settings, owner: str) -> Generator[Update]:
        """Regenerates what is wanted of the open photo: what is selected, else what was painted."""
        chosen = settings.drawn()

        def order(palette: Palette) -> Order:
            return self._edit_order(painted, version, chosen, palette)

        yield from self._run(owner, lambda: self._made(chosen, shape_of(painted), order))

    def reroll(
        self, area: Region, seed: int, version: object, shown: str, settings: Settings, owner: str
    ) -> Iterator[Update]:
        """The edit that made the result in front once more, with new noise in an area of it.

        shown: the result's id in the history, or a draft's key. As many variations are made as the settings say.
        """

        def work() -> Generator[Update]:
            stored = read_request(self.result(shown).path) or {}
            former = render_request(stored)
            chosen = replace(
                settings, model=former.model, sampling=former.sampling, seed=former.sampling.seeds[0], one_seed=True
            )
            file = self.photos.stacks.picture(version)
            yield from self._made(
                chosen, former.labels.shape, lambda palette: again_order(stored, file, area, seed, chosen, palette)
            )

        yield from self._run(owner, work)

    def result(self, shown: str) -> Entry:
        """The result in front, by its id or a draft's key; a draft is kept first. Raises UserError."""
        if not shown:
            raise UserError("No result is in front. Press Repaint, or choose one of the results.")
        return self.keep_draft(shown) if self.drafts.get(shown) else self.history.get(shown)

    def find_map(self, painted: Painted | None, version: object, palette: Palette, owner: str) -> Iterator[Update]:
        """What the photo shows becomes its first map."""

        def work() -> Generator[Update]:
            yield Update(Status("Finding the map: loading what finds it …", "busy", 0.0))
            laid = self.photos.at(version)
            segmenter = segmenter_for(palette)
            size = map_size(laid.file)
            yield Update(Status("Finding the map: looking at the photo …", "busy", 0.3))
            labels = segmenter.segment(as_seen(laid.file, *size))
            yield Update(Status("Finding the map …", "busy", 0.9))  # a Cancel that came meanwhile counts here
            found = Painted(labels, palette.name)
            message = "This is what the photo shows, as far as we can tell. Mend it where it is wrong, or paint."
            laid = self.photos.with_first_map(version, painted, found, message)
            yield Update(Status(laid.message, "done"), laid=laid)

        yield from self._run(owner, work)

    def live(self, painted: Painted | None, settings: Settings, owner: str, version: object = None) -> Iterator[Update]:
        """One picture of what is on the desk, at once and roughly, then as it is set; kept only on request.

        version: of the open photo, if there is one. It gives way to a run that the artist pressed for: then nothing is
        yielded. While nothing is wanted of the photo, it waits.
        """

        def order(chosen: Settings, palette: Palette) -> Order:
            if not self.photos.stacks.has(version):
                return render_order(painted, chosen, palette)
            return self._edit_order(painted, version, chosen, palette)

        def work() -> Generator[Update]:
            try:
                yield from self._drafted(chosen, order)
            except NothingWantedError:
                yield Update(Status("Paint or select on the photo what should be made anew."))

        chosen = replace(settings, seed=settings.seed or 0, count=1)
        yield from self._run(owner, work, pressed=False)

    def _edit_order(self, painted: Painted | None, version: object, chosen: Settings, palette: Palette) -> Order:
        """Raises UserError."""
        stacks = self.photos.stacks
        stack, file, base = stacks.load(version), stacks.picture(version), None
        if painted is not None:
            base = first_map(stack, load_palette(painted.palette), painted.labels.shape)
        order = edit_order(painted, file, chosen, palette, base)
        stacks.note(order.first_record, str(version))
        return order

    def sight(self, painted: Painted | None, settings: Settings) -> tuple[Photo, str]:
        """The map as the model sees it, and that in words. Raises UserError."""
        model = self.shelf.model(settings.model, precision_of(settings.sampling))
        found = seen(model, render_order(painted, settings, model.palette).request)
        return drawn(found, model.palette), told(found, model.palette)

    def keep_draft(self, key: str) -> Entry:
        """Saves a picture that was only looked at, once however often. Raises UserError where it is no longer held."""
        draft = self.drafts.get(key)
        if draft is None:
            raise UserError("That draft is no longer held. Press Generate with Keep seed ticked: it comes again.")
        run = f"draft-{key}"
        with suppress(UserError):  # where the history can't be read it is saved all the same
            for kept in self.history.of_run(run):
                return kept
        stored = draft.order.first_record
        return self.history.add(keep(draft.picture, stored, self.outputs, draft.order.like), stored, run)

    # --- How it is done ---

    def _run(self, owner: str, work: Callable[[], Generator[Update]], pressed: bool = True) -> Iterator[Update]:
        """Turns waiting, cancelling and problems into text; a traceback never reaches the page."""
        last, ran_out = Update(Status("")), False
        try:
            for update in self.worker.run(owner, work, pressed):
                if isinstance(update, Waiting):
                    update = Update(Status("Waiting for the result before this one …", "busy", 0.0))
                last = update if update.run else last
                yield replace(update, quiet=not pressed)
        except Cancelled:
            if pressed or not self.worker.has_job(owner):  # else the stroke that took its place speaks
                yield replace(ended(last, "stopped", "Stopped. The map is as you left it"), quiet=not pressed)
        except UserError as error:
            yield ended(last, "problem", str(error))
        except Exception as error:  # a driver's fault, say: the page must not wait for ever
            logging.exception("A job failed")
            ran_out = is_out_of_memory(error)
            text = "Memory ran out. Close other programs, or choose a smaller model or map"
            yield ended(last, "problem", text if ran_out else f"This went wrong inside ({error})", UNTOUCHED)
        if ran_out:  # not before: until here the error's traceback holds on to what filled the memory
            self.shelf.clear()

    def _made(self, settings: Settings, shape: tuple[int, int], make: MakeOrder) -> Generator[Update]:
        """The pictures of one run, saved as they are finished."""
        run = new_run()
        waiting = tuple(Cell(seed) for seed in settings.seeded().seeds)
        yield Update(Status("Loading the model …", "busy", 0.0), run, waiting, shape)
        model = self.shelf.model(settings.model, precision_of(settings.sampling))
        order = make(model.palette)
        if announced := announcement(pipeline.plan_of(model, order.request)):
            yield Update(Status(announced, "busy", 0.0), run, waiting, order.shape)
        yield from self._frames(order, model, run)

    def _drafted(self, settings: Settings, make: Callable[[Settings, Palette], Order]) -> Generator[Update]:
        """A quick picture, then the one that is asked for; one that was made before comes at once."""
        run = new_run()
        model = self.shelf.model(settings.model, precision_of(settings.sampling))
        wanted = make(settings, model.palette)
        if held := self.drafts.get(key_of(wanted, model.precision)):
            yield Update(seen_before(held), run, (drafted(held),), wanted.shape)
            return
        first = settings.quick()
        stages = [wanted] if first is settings else [make(first, model.palette), wanted]
        for order in stages:
            yield from self._frames(order, model, run, keep_it=False, last=order is wanted)

    def _frames(
        self, order: Order, model: pipeline.Model, run: str, keep_it: bool = True, last: bool = True
    ) -> Generator[Update]:
        """Frames as updates with the time left; what is finished is saved first, so that none of it is lost."""
        started, note, made = time.monotonic(), "", 0
        cells = [Cell(seed) for seed in order.seeds]
        finish = self._keep if keep_it else self._hold
        with closing(order.frames(model)) as frames:
            for frame in frames:
                seconds, share, note = time.monotonic() - started, frame.step / frame.steps, frame.note
                now = range(made, made + len(frame.seeds))
                for i, picture in zip(now, frame.pictures, strict=True):
                    cells[i] = Cell(order.seeds[i], "forming", picture)
                text = progress(share, now, len(cells)) if len(cells) > 1 else f"Step {frame.step} of {frame.steps}"
                if frame.finished:
                    made = now.stop
                    try:
                        for i in now:
                            cells[i] = finish(order, model, run, i, cells[i])
                    except UserError as error:
                        yield Update(Status(f"Finished, but not saved. {error}", "problem"), run, *shown(cells, order))
                        return
                if made < len(cells) or not last:
                    text = sentences(f"{text}, {readable(seconds / share * (1 - share))} left", note, order.remark)
                    yield Update(Status(text, "busy", share), run, *shown(cells, order))
        if last:
            done = f"{results(made)} {readable(seconds)}, {place(model)}"
            paths = [cell.entry.path for cell in cells if cell.entry]
            text = sentences(done, where(paths) if paths else "Not saved yet", note, order.remark)
            yield Update(Status(text, "done"), run, *shown(cells, order))

    def _keep(self, order: Order, model: pipeline.Model, run: str, index: int, cell: Cell) -> Cell:
        """Saves a finished picture. Raises UserError where it can't be written."""
        stored = order.record(index)
        path = keep(cell.picture, stored, self.outputs, order.like)
        return replace(cell, state="done", entry=self.history.add(path, stored, run))

    def _hold(self, order: Order, model: pipeline.Model, run: str, index: int, cell: Cell) -> Cell:
        """Keeps a finished picture in memory only."""
        draft = Draft(key_of(order, model.precision), order, cell.picture)
        self.drafts.put(draft)
        return drafted(draft)


UNTOUCHED = "The map is as you left it"


def shape_of(painted: Painted | None) -> tuple[int, int]:
    return (0, 0) if painted is None else painted.labels.shape


def new_run() -> str:
    """The id of a run."""
    return secrets.token_hex(8)


def drafted(draft: Draft) -> Cell:
    return Cell(draft.seed, "done", draft.picture, draft=draft.key)


def seen_before(draft: Draft) -> Status:
    return Status(f"Guidance {draft.order.request.sampling.guidance:g}, as it was made before. Not saved yet.", "done")


def ended(last: Update, kind: str, *texts: str) -> Update:
    """How a run ends before its time: what is finished stays, what was forming stops."""
    cells = tuple(cell if cell.state == "done" else replace(cell, state="stopped") for cell in last.cells)
    return replace(last, status=Status(sentences(*texts, saved(len(last.entries))), kind), cells=cells)


def shown(cells: list[Cell], order: Order) -> tuple[tuple[Cell, ...], tuple[int, int]]:
    return tuple(cells), order.shape
