"""What the page asks for, as requests to the engine; what comes back, as updates. Knows nothing of widgets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.canvas import MIN_SIDE, Painted
from app.jobs import Cancelled, Waiting, Worker
from app.opening import to_palette
from app.pictures import data_url, sheet
from app.project import is_key, keep, keep_photo, photo_path
from app.settings import Settings, precision_of
from engine import pipeline
from engine.device import PrecisionName
from engine.images import PhotoFile, read_photo, read_photo_file, resize_labels, resize_photo
from engine.memory import is_out_of_memory, release
from engine.palette import Palette
from engine.plan import Plan
from engine.record import record
from engine.types import EditRequest, Photo, RenderRequest, UserError

PHOTO_MAP_SIDE = 1024  # a photo is painted over at up to this many pixels on its long side
WORTH_TELLING = 0.25  # of the free memory: what takes less is not announced

Load = Callable[[str, str, PrecisionName], pipeline.Model]  # name, device, precision


@dataclass(frozen=True)
class Status:
    """What the page says while it works and after. share: 0 to 1 while busy, else None."""

    text: str
    kind: str = "idle"  # idle | busy | done | stopped | problem
    share: float | None = None


@dataclass(frozen=True)
class Kept:
    """A finished picture, in its file."""

    path: Path
    seed: int


@dataclass(frozen=True)
class Update:
    """One moment of a job. picture: a preview, or the finished file; None leaves what is shown.

    kept: the pictures of the job that are finished so far.
    """

    status: Status
    picture: Photo | Path | None = None
    seed: int | None = None
    kept: tuple[Kept, ...] = ()

    @property
    def finished(self) -> Path | None:
        return self.picture if isinstance(self.picture, Path) else None


@dataclass(frozen=True)
class OpenPhoto:
    """A photo to paint over. key: what the desk knows it by; painted: an empty map of its shape, the photo under it."""

    key: str
    painted: Painted
    message: str


class Desk:
    """What one running app holds: the loaded model, the worker, and where results go.

    precision: “auto” leaves it to the device and to what is asked for; any other holds for all.
    """

    def __init__(
        self,
        outputs: Path | None = None,
        load: Load = pipeline.load_model,
        device: str = "auto",
        precision: PrecisionName = "auto",
    ) -> None:
        self.outputs, self._load, self.device, self.precision = outputs, load, device, precision
        self.worker = Worker()
        self._loading = threading.Lock()
        self._model: pipeline.Model | None = None
        self._asked: PrecisionName = precision

    def model(self, name: str, precision: PrecisionName = "auto") -> pipeline.Model:
        """The model of that name; loading another, or in another precision, frees the former. Raises UserError."""
        asked = precision if self.precision == "auto" else self.precision
        with self._loading:
            held = self._model
            if held is None or held.name != name or asked not in (self._asked, held.precision):
                del held
                self._free()
                self._model, self._asked = self._load(name, self.device, asked), asked
            return self._model

    def _free(self) -> None:
        """Lets go of the loaded model, and of its memory."""
        if self._model is not None:
            device, self._model = self._model.device, None
            release(device)

    def cancel(self, owner: str) -> Status:
        return Status("Stopping …", "busy") if self.worker.cancel(owner) else Status("Nothing is running.")

    def open_photo(self, path: Path, palette: Palette) -> OpenPhoto:
        """Takes in a photo, upright, to be painted over. Raises UserError."""
        file, shown = read_photo_file(path), read_photo(path)
        height, width = file.pixels.shape[:2]
        scale = min(1.0, PHOTO_MAP_SIDE / max(height, width))
        size = tuple(max(MIN_SIDE, round(side * scale)) for side in (height, width))
        labels = np.full(size, palette.unlabelled, np.uint8)
        painted = Painted(labels, palette.name, data_url(resize_photo(shown, *size)))
        message = f"Photo of {width} x {height} px. Paint on it what should be there, then press Repaint."
        return OpenPhoto(keep_photo(file, self.outputs), painted, message)

    def has_photo(self, key: object) -> bool:
        """Whether a key, as the browser kept it, still leads to a photo."""
        return isinstance(key, str) and is_key(key) and photo_path(key, self.outputs).is_file()

    def generate(self, painted: Painted | None, settings: Settings, owner: str) -> Iterator[Update]:
        """Renders the map on the desk."""
        yield from self._run(owner, settings, lambda chosen: self._render(painted, chosen))

    def repaint(self, painted: Painted | None, key: str | None, settings: Settings, owner: str) -> Iterator[Update]:
        """Regenerates what is painted on the open photo."""
        yield from self._run(owner, settings, lambda chosen: self._edit(painted, key, chosen))

    def _run(self, owner: str, settings: Settings, work: Callable[[Settings], Generator[Update]]) -> Iterator[Update]:
        """Turns waiting, cancelling and problems into text; a traceback never reaches the page."""
        kept: tuple[Kept, ...] = ()
        chosen, ran_out = settings.drawn(), False
        try:
            for update in self.worker.run(owner, lambda: work(chosen)):
                if isinstance(update, Waiting):
                    update = Update(Status("Waiting for the picture before this one …", "busy", 0.0))
                kept = update.kept or kept
                yield update
        except Cancelled:
            yield Update(Status(sentences("Stopped. The map is as you left it", saved(kept)), "stopped"), kept=kept)
        except UserError as error:
            yield Update(Status(sentences(str(error), saved(kept)), "problem"), kept=kept)
        except Exception as error:  # a driver's fault, say: the page must not wait for ever
            logging.exception("A job failed")
            ran_out = is_out_of_memory(error)
            text = "Memory ran out. Close other programs, or choose a smaller model or map"
            text = text if ran_out else f"This went wrong inside ({error})"
            text = sentences(text, "The map is as you left it", saved(kept))
            yield Update(Status(text, "problem"), kept=kept)
        if ran_out:  # not before: until here the error's traceback holds on to what filled the memory
            with self._loading:
                self._free()

    def _render(self, painted: Painted | None, settings: Settings) -> Generator[Update]:
        if painted is None:
            raise UserError("There is no map yet. Paint something, or open an example.")
        yield Update(Status("Loading the model …", "busy", 0.0), seed=settings.seed)
        model = self.model(settings.model, precision_of(settings.sampling))
        labels, remark = to_palette(painted, model.palette)
        request = RenderRequest(model.name, labels, settings.seeded(), settings.side)
        yield from self._frames(pipeline.generate(model, request), request, model, remark)

    def _edit(self, painted: Painted | None, key: str | None, settings: Settings) -> Generator[Update]:
        if not self.has_photo(key):
            raise UserError("No photo is open. Open one first.")
        if painted is None:
            raise UserError("Nothing is painted yet. Paint on the photo what should be there.")
        yield Update(Status("Loading the model …", "busy", 0.0), seed=settings.seed)
        model = self.model(settings.model, precision_of(settings.sampling))
        labels, remark = to_palette(painted, model.palette)
        file = read_photo_file(photo_path(key, self.outputs))
        labels = resize_labels(labels, *file.pixels.shape[:2])
        region = labels != model.palette.unlabelled
        if not region.any():
            raise UserError("Nothing is painted on the photo. Paint, on the photo, what should be there instead.")
        chosen = settings.strength, settings.seeded(), settings.side
        request = EditRequest(model.name, labels, file.pixels, region, *chosen)
        yield from self._frames(pipeline.edit(model, request), request, model, remark, file)

    def _frames(
        self,
        frames: Generator[pipeline.Frame],
        request: RenderRequest | EditRequest,
        model: pipeline.Model,
        remark: str,
        like: PhotoFile | None = None,
    ) -> Generator[Update]:
        """Frames as updates with the time left; what is finished is saved first, so that none of it is lost."""
        started, note = time.monotonic(), ""
        seeds, kept = request.sampling.seeds, ()
        if announced := announcement(pipeline.plan_of(model, request)):
            yield Update(Status(announced, "busy", 0.0), seed=seeds[0])
        with closing(frames):
            for frame in frames:
                seconds, share, note = time.monotonic() - started, frame.step / frame.steps, frame.note
                shown = sheet(frame.pictures)
                try:
                    if frame.finished:
                        kept += tuple(self._keep(frame, request, model, like))
                except UserError as error:
                    yield Update(Status(f"Finished, but not saved. {error}", "problem"), shown, seeds[0], kept)
                    return
                left = f"{readable(seconds / share * (1 - share))} left"
                text = sentences(f"{progress(frame, seeds)}, {left}", note, remark)
                if len(kept) < len(seeds):
                    yield Update(Status(text, "busy", share), shown, seeds[0], kept)
        done = f"{results(kept)} {readable(seconds)}, {place(model)}"
        yield Update(Status(sentences(done, where(kept), note, remark), "done"), kept[0].path, kept[0].seed, kept)

    def _keep(
        self, frame: pipeline.Frame, request: RenderRequest | EditRequest, model: pipeline.Model, like: PhotoFile | None
    ) -> Iterator[Kept]:
        """Saves the pictures of a finished frame. Raises UserError where one can't be written."""
        for picture, seed in zip(frame.pictures, frame.seeds, strict=True):
            yield Kept(keep(picture, record(request, model.palette.name, seed), self.outputs, like), seed)


# --- In words ---


def announcement(plan: Plan) -> str:
    """What a run will take, where that is much of what there is; else empty."""
    return f"This {plan.text()}." if plan.needs > WORTH_TELLING * plan.free else ""


def progress(frame: pipeline.Frame, seeds: tuple[int, ...]) -> str:
    """Step 3 of 20; of several pictures, which of them are being made and how far all are."""
    if len(seeds) == 1:
        return f"Step {frame.step} of {frame.steps}"
    first = seeds.index(frame.seeds[0]) + 1
    last = first + len(frame.seeds) - 1
    which = f"Picture {first}" if first == last else f"Pictures {first} to {last}"
    return f"{which} of {len(seeds)}, {frame.step / frame.steps:.0%} done"


def results(kept: tuple[Kept, ...]) -> str:
    return "Done in" if len(kept) == 1 else f"{len(kept)} pictures in"


def where(kept: tuple[Kept, ...]) -> str:
    day = kept[0].path.parent
    return f"Saved as {kept[0].path.name}" if len(kept) == 1 else f"Saved in {day.parent.name}/{day.name}"


def saved(kept: tuple[Kept, ...]) -> str:
    """What a run that ended early leaves; empty where that is nothing."""
    return {0: "", 1: "One picture was finished and is saved"}.get(
        len(kept), f"{len(kept)} pictures were finished and are saved"
    )


def place(model: pipeline.Model) -> str:
    """On what a model runs, in what precision."""
    kinds = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the Mac's GPU"}
    return f"on {kinds.get(model.device.type, model.device)} in {model.precision}"


def sentences(*parts: str) -> str:
    """The parts that are not empty, one after the other, each with one full stop."""
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def readable(seconds: float) -> str:
    """4 s, 2 min, 1 h 5 min."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
