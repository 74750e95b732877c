"""What the page asks for, as requests to the engine; what comes back, as updates. Knows nothing of widgets."""

from __future__ import annotations

import base64
import logging
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from app.canvas import MAX_SIDE, MIN_SIDE, Painted
from app.jobs import Cancelled, Waiting, Worker
from app.project import is_key, keep, keep_photo, photo_path
from engine import pipeline
from engine.images import PhotoFile, read_photo, read_photo_file, read_request, resize_labels, resize_photo
from engine.label_files import palette_named_in, read_label_map
from engine.palette import Palette, load_palette, palette_names
from engine.record import record, render_request
from engine.translate import translate
from engine.types import MAX_SEED, EditRequest, Photo, RenderRequest, SamplerName, Sampling, UserError

PHOTO_MAP_SIDE = 1024  # a photo is painted over at up to this many pixels on its long side


@dataclass(frozen=True)
class Settings:
    """The right-hand side of the desk. seed None: draw one."""

    model: str
    seed: int | None
    steps: int
    guidance: float
    sampler: SamplerName = "ddim"
    strength: float = 0.8


@dataclass(frozen=True)
class Status:
    """What the page says while it works and after. share: 0 to 1 while busy, else None."""

    text: str
    kind: str = "idle"  # idle | busy | done | stopped | problem
    share: float | None = None


@dataclass(frozen=True)
class Update:
    """One moment of a job. picture: a preview, or the finished file; None leaves what is shown."""

    status: Status
    picture: Photo | Path | None = None
    seed: int | None = None

    @property
    def finished(self) -> Path | None:
        return self.picture if isinstance(self.picture, Path) else None


@dataclass(frozen=True)
class Opened:
    """A file that was opened onto the desk: a map, or a result with the settings that made it."""

    painted: Painted
    message: str
    settings: Settings | None = None


@dataclass(frozen=True)
class OpenPhoto:
    """A photo to paint over. key: what the desk knows it by; painted: an empty map of its shape, the photo under it."""

    key: str
    painted: Painted
    message: str


class Desk:
    """What one running app holds: the loaded model, the worker, and where results go."""

    def __init__(
        self, outputs: Path | None = None, load: Callable[[str], pipeline.Model] = pipeline.load_model
    ) -> None:
        self.outputs, self._load = outputs, load
        self.worker = Worker()
        self._loading = threading.Lock()
        self._model: pipeline.Model | None = None

    def model(self, name: str) -> pipeline.Model:
        """The model of that name; loading another frees the former. Raises UserError."""
        with self._loading:
            if self._model is None or self._model.name != name:
                self._model = None
                self._model = self._load(name)
            return self._model

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
        try:
            seed = secrets.randbelow(MAX_SEED + 1) if settings.seed is None else settings.seed
            for update in self.worker.run(owner, lambda: work(replace(settings, seed=seed))):
                waiting = isinstance(update, Waiting)
                yield Update(Status("Waiting for the picture before this one …", "busy", 0.0)) if waiting else update
        except Cancelled:
            yield Update(Status("Stopped. The map is as you left it.", "stopped"))
        except UserError as error:
            yield Update(Status(str(error), "problem"))
        except Exception as error:  # out of memory, a driver's fault: the page must not wait for ever
            logging.exception("A job failed")
            yield Update(Status(f"This went wrong inside ({error}). The map is as you left it.", "problem"))

    def _render(self, painted: Painted | None, settings: Settings) -> Generator[Update]:
        if painted is None:
            raise UserError("There is no map yet. Paint something, or open an example.")
        yield Update(Status("Loading the model …", "busy", 0.0), seed=settings.seed)
        model = self.model(settings.model)
        labels, note = to_palette(painted, model.palette)
        request = RenderRequest(model.name, labels, sampling_of(settings))
        yield from self._frames(pipeline.generate(model, request), request, model, note)

    def _edit(self, painted: Painted | None, key: str | None, settings: Settings) -> Generator[Update]:
        if not self.has_photo(key):
            raise UserError("No photo is open. Open one first.")
        if painted is None:
            raise UserError("Nothing is painted yet. Paint on the photo what should be there.")
        yield Update(Status("Loading the model …", "busy", 0.0), seed=settings.seed)
        model = self.model(settings.model)
        labels, note = to_palette(painted, model.palette)
        file = read_photo_file(photo_path(key, self.outputs))
        labels = resize_labels(labels, *file.pixels.shape[:2])
        region = labels != model.palette.unlabelled
        if not region.any():
            raise UserError("Nothing is painted on the photo. Paint, on the photo, what should be there instead.")
        request = EditRequest(model.name, labels, file.pixels, region, settings.strength, sampling_of(settings))
        yield from self._frames(pipeline.edit(model, request), request, model, note, file)

    def _frames(
        self,
        frames: Iterator[pipeline.Frame],
        request: RenderRequest | EditRequest,
        model: pipeline.Model,
        note: str,
        like: PhotoFile | None = None,
    ) -> Generator[Update]:
        """Frames as updates with the time left; the last one is saved first, so that nothing finished is lost."""
        started = time.monotonic()
        seed = request.sampling.seeds[0]
        for frame in frames:
            seconds = time.monotonic() - started
            if frame.step < frame.steps:
                left = seconds / frame.step * (frame.steps - frame.step)
                text = f"Step {frame.step} of {frame.steps}, {readable(left)} left{note}"
                yield Update(Status(text, "busy", frame.step / frame.steps), frame.pictures[0], seed)
        try:
            path = keep(frame.pictures[0], record(request, model.palette.name, seed), self.outputs, like)
        except UserError as error:
            yield Update(Status(f"Finished, but not saved. {error}", "problem"), frame.pictures[0], seed)
            return
        yield Update(Status(f"Done in {readable(seconds)}. Saved as {path.name}{note}", "done"), path, seed)


def sampling_of(settings: Settings) -> Sampling:
    return Sampling(settings.sampler, settings.steps, settings.guidance, seeds=(settings.seed or 0,))


def readable(seconds: float) -> str:
    """4 s, 2 min, 1 h 5 min."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def to_palette(painted: Painted, palette: Palette) -> tuple[np.ndarray, str]:
    """The map in a model's classes, and a remark on what it lacks (empty where nothing was lost)."""
    if painted.palette == palette.name:
        return painted.labels, ""
    labels, missing = translate(painted.labels, load_palette(painted.palette), palette)
    return labels, f". Unknown to this model, left open: {', '.join(missing)}" if missing else ""


def switch_palette(painted: Painted | None, palette: Palette, examples: Path, on_photo: bool) -> Painted | None:
    """The map on the desk in another model's classes; None where it already is in them.

    Where nothing of a painted map would be left, the new model's first example takes its place, but never over a photo.
    """
    if painted is None:
        return first_map(examples, palette)
    if painted.palette == palette.name:
        return None
    former = load_palette(painted.palette)
    labels, _ = translate(painted.labels, former, palette)
    lost = (painted.labels != former.unlabelled).any() and not (labels != palette.unlabelled).any()
    example = first_map(examples, palette) if lost and not on_photo else None
    return example or Painted(labels, palette.name)


def first_map(examples: Path, palette: Palette) -> Painted | None:
    """The first example map of a palette, so that a first Generate has something to work on; None without examples."""
    files = sorted((examples / palette.name).glob("*.png"))
    return Painted(read_label_map(files[0], palette).labels, palette.name) if files else None


def open_map(path: Path, palette: Palette) -> Opened:
    """A label map in any form we read, or a result of ours, which brings its map and its settings. Raises UserError."""
    stored = read_request(path)
    if stored is not None:
        return open_result(stored)
    named = palette_named_in(path)  # one of ours, or None
    read = read_label_map(path, load_palette(named) if named else palette)
    labels, note = within_sides(read.labels)
    return Opened(Painted(labels, named or palette.name), read.message + note)


def open_result(stored: dict) -> Opened:
    """What a picture's record holds. Raises UserError where it is damaged or in classes that the page doesn't know."""
    request = render_request(stored)
    name = stored.get("palette")
    if name not in palette_names():
        raise UserError(f"The picture was made with the palette {name!r}. The page knows {', '.join(palette_names())}.")
    load_palette(name).check(request.labels)
    sampling = request.sampling
    settings = Settings(request.model, sampling.seeds[0], sampling.steps, sampling.guidance, sampling.sampler)
    labels, note = within_sides(request.labels)
    message = f"The map and the settings of this picture are back on the desk (seed {settings.seed}).{note}"
    return Opened(Painted(labels, name), message, settings)


def within_sides(labels: np.ndarray) -> tuple[np.ndarray, str]:
    """The map at a size that the canvas takes, and a remark where it had to be scaled."""
    height, width = labels.shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = tuple(max(MIN_SIDE, round(side * scale)) for side in (height, width))
    if size == labels.shape:
        return labels, ""
    return resize_labels(labels, *size), f" Scaled from {width} x {height} to {size[1]} x {size[0]} px for the canvas."


def data_url(picture: Photo) -> str:
    """A JPEG inside a URL: it reaches the page without a file that somebody would have to clean up."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
