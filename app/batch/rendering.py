"""One process's share of a folder, map by map: what is there is kept, what is missing is made."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from app.batch import store
from app.batch.index import Line, Part, Renewal, lines, write
from app.batch.job import Job, plan_text
from app.batch.sources import Source, find_sources
from engine import pipeline
from engine.device import PrecisionName, choose_device, choose_precision
from engine.label_files import colour_map
from engine.maps import read_map
from engine.record import record
from engine.resizing import resize_labels
from engine.types import LabelMap, Photo, UserError

REMARKS = 5  # on how maps were read, that are told; the index has all
SMALL = 160  # pixels on the long side of a small map
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # no further map would fare better


@dataclass(frozen=True)
class Progress:
    """How far a share is.

    done: maps that are through, failed ones among them; worked: those of them that took work. current: how far the one
    in work is, 0 to 1. made, kept: pictures that are new, and that were there. text: something to tell now. problem:
    what went wrong with a map.
    """

    done: int
    maps: int
    worked: int = 0
    current: float = 0.0
    made: int = 0
    kept: int = 0
    text: str = ""
    problem: str = ""


def run(job: Job) -> Generator[Progress]:
    """Renders a share, telling after every step; closing it stops within one and keeps what is finished.

    A map that goes wrong is told, put into the index, and passed over. Raises UserError where nothing can go on.
    """
    wanted = job.settings.to_dict()
    store.begin(job.out, wanted, job.again)
    sources = find_sources(job.maps, job.out).sources
    share = Share(job, wanted, sources[job.rank :: job.processes])
    try:
        if job.rank == 0:
            share.forget_all_but(sources)
        for source in share.sources:
            yield from share.through(source)
    finally:
        share.part.close()
        write(job.out)


class Share:
    """The maps of one process, its model, and how far it is."""

    def __init__(self, job: Job, wanted: dict[str, Any], sources: Sequence[Source]) -> None:
        """wanted: `job.settings.to_dict()`. Raises UserError where the model can't be loaded."""
        self.job, self.wanted, self.sources = job, wanted, sources
        self.model = pipeline.load_model(job.settings.model, job.device, agreed_precision(job))
        self.by = f"{self.model.device}, {self.model.precision}"
        self.part = Part(job.out, job.rank)
        self.renew_index = Renewal(job.out)
        told = lines(job.out, store.fingerprint(wanted))
        self.listed = {line["file"] for line in told}
        self.wrong = {line["map"] for line in told if line["error"]}
        self.progress = Progress(0, len(sources))
        self.remarks = 0

    def forget_all_but(self, sources: Sequence[Source]) -> None:
        """Takes back the errors of maps that are not in the folder any more."""
        here = {source.name for source in sources}
        for name in self.wrong - here:
            self.part.add(Line(name))

    def through(self, source: Source) -> Generator[Progress]:
        """One map, whatever comes of it."""
        before = self.progress
        problem = ""
        try:
            yield from self.render(source)
        except UserError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM:
                raise
            problem = str(error)
        except Exception as error:  # a driver's fault, or ours: the other maps must not wait for its remedy
            problem = f"This went wrong inside ({type(error).__name__}: {error})."
        finally:
            self.model.cache.clear()  # the next map is another
        if problem:
            self.part.add(Line(source.name, by=self.by, error=problem))
        worked = before.worked + (self.progress.made > before.made)
        self.progress = replace(self.progress, done=before.done + 1, worked=worked)
        yield replace(self.progress, problem=problem and f"{source.name}: {problem}")
        if self.job.rank == 0:
            self.renew_index()

    def render(self, source: Source) -> Generator[Progress]:
        """Makes the pictures of a map that are not there. Raises UserError."""
        made_from = self.made_from(source)
        seeds = tuple(seed for seed in self.job.settings.sampling.seeds if not self.keep(source, seed, made_from[seed]))
        if not seeds:
            return
        model, settings = self.model, self.job.settings
        read = read_map(self.job.maps / source.name, model.palette, settings.palette)
        request = settings.request(model, read.labels, seeds)
        store.save_small_map(self.job.out, source.picture(0), self.small(read.labels))
        for remark in read.remarks if self.remarks < REMARKS else ():
            self.remarks += 1
            more = " (Further remarks are in the index alone.)" if self.remarks == REMARKS else ""
            yield replace(self.progress, text=f"{source.name}: {remark}{more}")
        if not self.progress.worked:
            yield replace(self.progress, text=plan_text(model, request))
        started, note = time.monotonic(), ""
        with closing(pipeline.generate(model, request)) as frames:
            for frame in frames:
                if frame.finished:
                    seconds = (time.monotonic() - started) / len(frame.seeds)
                    for seed, picture in zip(frame.seeds, frame.pictures, strict=True):
                        name, about = source.picture(seed), record(request, model.palette.name, seed)
                        store.save_picture(self.job.out, name, picture, about, made_from[seed])
                        size = picture.shape[1], picture.shape[0]
                        self.part.add(Line(source.name, seed, name, size, round(seconds, 3), self.by, read.remarks))
                    self.progress = replace(self.progress, made=self.progress.made + len(frame.seeds))
                    started = time.monotonic()
                told = f"{source.name}: {frame.note}" if frame.note != note else ""
                note = frame.note
                yield replace(self.progress, current=frame.step / frame.steps, text=told)

    def made_from(self, source: Source) -> dict[int, str]:
        """For each seed what tells its picture apart: the map's content, the settings, the seed. Raises UserError."""
        path = self.job.maps / source.name
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"It can't be opened: {error.strerror}. Check that you may read it.") from None
        both = json.dumps([self.wanted, content], sort_keys=True)
        seeds = self.job.settings.sampling.seeds
        return {seed: hashlib.sha256(f"{seed} {both}".encode()).hexdigest()[:32] for seed in seeds}

    def keep(self, source: Source, seed: int, made_from: str) -> bool:
        """Whether a picture is there and as it would be made. Raises UserError where another's file is in its place."""
        name = source.picture(seed)
        if store.made_from(self.job.out / name) != made_from:
            return False
        if name not in self.listed:  # its process was killed before it could tell
            size = store.size_of(self.job.out / name)
            self.part.add(Line(source.name, seed, name, size, notes=None))
        self.progress = replace(self.progress, kept=self.progress.kept + 1)
        return True

    def small(self, labels: LabelMap) -> Photo:
        """A map in display colours, at most SMALL pixels long."""
        height, width = labels.shape
        scale = min(1.0, SMALL / max(height, width))
        small = resize_labels(labels, max(1, round(height * scale)), max(1, round(width * scale)))
        return colour_map(small, self.model.palette)


def agreed_precision(job: Job) -> PrecisionName:
    """auto: what the first process to begin with this folder measured as the fastest on such a device.

    Measured again, a close call could fall the other way, and half of the pictures would be rounded otherwise.
    """
    if job.precision != "auto":
        return job.precision
    device = choose_device(job.device)
    measured = str(choose_precision("auto", device)).removeprefix("torch.")
    return store.first_said(job.out, f"precision-{device.type}.txt", measured)
