"""Label maps into photographs: one, a folder of them, or one that another program keeps saving."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.asked import first_model, precision_for, read_map, sampling_of
from app.commands.saving import save
from app.progress import ProgressLine, clock

if TYPE_CHECKING:
    from app.batch.job import Settings
    from app.batch.rendering import Progress


def render(args: argparse.Namespace) -> int:
    from app.batch.job import Settings
    from app.settings import class_scales
    from engine import pipeline
    from engine.label_files import read_objects

    sampling = sampling_of(args)
    scales = class_scales(args.class_guidance)
    settings = Settings(args.model or first_model(), args.palette, args.size, args.native, sampling, scales)
    args.precision = precision_for(args, sampling)
    if args.map.is_dir():
        return render_folder(args, settings)
    model = pipeline.load_model(settings.model, args.device, args.precision)
    instances = read_objects(args.instances) if args.instances else None
    request = settings.request(model, read_map(args, model.palette), instances=instances)
    save(args.out, pipeline.generate(model, request), request, model, check_layout=args.check_layout)
    return 0


def render_folder(args: argparse.Namespace, settings: Settings) -> int:
    """1 where a map went wrong or a worker ended early: what could be done is done.

    Not inside torchrun, which ends all processes where one has a status: there the index alone tells.
    """
    from app.batch.job import Job
    from app.batch.rendering import run
    from app.batch.sources import find_sources
    from app.batch.workers import devices_for, run_on, torchrun_share
    from engine.types import UserError

    given = Job(args.map, args.out, settings, args.device, args.precision, args.again)
    job = torchrun_share(os.environ, given)
    if job is not given and args.workers != 1:
        raise UserError(f"--workers {args.workers} inside torchrun is one division too many. Leave it out.")
    devices = devices_for(None if args.workers == "auto" else args.workers, args.device)
    ignored = find_sources(args.map, args.out).ignored
    if ignored and job.rank == 0:
        print(f"Not maps, so left alone: {few(ignored)}", file=sys.stderr)
    status = show_folder(run(job) if len(devices) == 1 else run_on(devices, job), args.out, quiet=job.rank > 0)
    return status if job is given else 0


def watch(args: argparse.Namespace) -> None:
    """Until Ctrl+C. What goes wrong with one state of the file is told, and the next is awaited."""
    from app import watching
    from app.batch.job import Settings
    from app.settings import class_scales
    from engine import pipeline
    from engine.types import UserError

    sampling = sampling_of(args)
    scales = class_scales(args.class_guidance)
    settings = Settings(args.model or first_model(), args.palette, args.size, args.native, sampling, scales)
    model = pipeline.load_model(settings.model, args.device, precision_for(args, sampling))
    print(f"Watching {args.map}. Ctrl+C ends it.", file=sys.stderr, flush=True)
    with contextlib.closing(watching.watch(args.map, model.palette, args.palette)) as changes:
        for change in changes:
            remarks = (change.problem,) if change.read is None else change.read.remarks
            for remark in remarks:
                print(f"{args.map.name}: {remark}", file=sys.stderr, flush=True)
            if change.read is None:
                continue
            try:
                request = settings.request(model, change.read.labels)
                frames = watching.while_same(args.map, change.mark, pipeline.generate(model, request))
                save(args.out, frames, request, model)
            except UserError as error:
                print(error, file=sys.stderr, flush=True)


def show_folder(events: Generator[Progress], out: Path, quiet: bool) -> int:
    """Run `events` to their end behind a progress line, or without one; 1 where something went wrong."""
    problems: list[str] = []
    p, started = None, time.monotonic()
    try:
        with contextlib.closing(events), ProgressLine() as line:
            for p in events:
                started = started if p.worked or p.current else time.monotonic()
                if p.text:
                    line.tell(p.text)
                if p.problem:
                    problems.append(p.problem)
                if not quiet:
                    line.show(folder_line(p, time.monotonic() - started))
    except KeyboardInterrupt:
        if p:
            print(f"{p.done} of {p.maps} maps are done. The same command goes on with the rest.", file=sys.stderr)
        raise
    if problems:
        print(few(problems, 20, "\n"), file=sys.stderr)
    if p:
        print(f"Pictures made: {p.made}, there before: {p.kept}. They are shown in {out / 'index.html'}")
    return 1 if problems else 0


def folder_line(p: Progress, seconds: float) -> str:
    worked = p.worked + p.current
    left = f", {clock(seconds / worked * (p.maps - p.done - p.current))} left" if worked else ""
    return f"map {min(p.done + 1, p.maps)}/{p.maps}, pictures made: {p.made}, {clock(seconds)} elapsed{left}"


def few(texts: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """The first of many, and how many more there are."""
    more = len(texts) - most
    return between.join([*texts[:most], *([f"and {more} more"] if more > 0 else [])])
