"""Training a painting model or a segmenter, and looking at the pairs before."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from app.commands.recipes import recipe_of, segmenter_recipe_of
from app.progress import ProgressLine, bar

if TYPE_CHECKING:
    from engine.segmentation.run import SegmenterRun
    from engine.training.run import Run


def train(args: argparse.Namespace) -> None:
    from engine.checkpoint import find_checkpoint
    from engine.palette import load_palette
    from engine.training.check import census_table
    from engine.training.group import joined
    from engine.training.run import CHECKPOINT, Run, TrainRequest
    from engine.training.trainer import Means

    if args.check:
        show_check(args)
        return
    palette = load_palette(args.palette)
    request = TrainRequest(
        data=args.data,
        palette=palette,
        recipe=recipe_of(args, palette),
        out=args.out,
        minutes=args.minutes,
        validation=args.val,
        validate_minutes=args.validate_every,
        save_seconds=args.save_every,
        log_every=args.log_every,
        memory=None if args.cache is None else int(args.cache * 1e9),
        tensorboard=args.tensorboard,
        base=None if args.base is None else find_checkpoint(args.base),
        means=Means(args.compile, args.checkpointing, args.micro_batch),
        title=args.title,
        licence=args.licence,
    )
    group = joined()
    with looking_at_pairs() as shown:
        run = Run(request, group, shown)
    if not group.leads:
        for _ in run.reports():  # what they are about is the leader's to tell
            pass
        group.leave()
        return
    if not run.resumes:
        print(census_table(run.data.checked, palette))
        if run.begun:
            print(run.begun)
    show_training(run)
    group.leave()
    print(f"The model is {args.out / CHECKPOINT}. The same command goes on with an unfinished run.")


def show_check(args: argparse.Namespace) -> None:
    """What the training pairs of --data hold. Raises UserError where some can't be used."""
    from engine.palette import load_palette
    from engine.training.check import census_table, check
    from engine.training.layouts import find_held_out, find_pairs
    from engine.training.store import Store
    from engine.types import UserError

    palette = load_palette(args.palette)
    listings = [find_pairs(args.data, "train"), find_pairs(args.val, "val") if args.val else find_held_out(args.data)]
    problems = []
    for listing in filter(None, listings):
        try:
            with looking_at_pairs() as shown:
                found = check(Store(listing, palette, None, 0), shown)
        except UserError as error:
            problems.append(str(error))
            continue
        print(f"{listing.place} ({listing.layout}): {found.pairs:,} pairs, the smallest {found.smallest} px.")
        for warning in found.warnings:
            print(warning)
        print(census_table(found, palette))
    if problems:
        raise UserError(" ".join(problems))


@contextlib.contextmanager
def looking_at_pairs() -> Generator[Callable[[int, int], None]]:
    """What tells how many pairs are looked at, of how many. What can't be used is told in full, a line a file, before
    UserError is raised with the counts.
    """
    from engine.training.check import UnusableError
    from engine.types import UserError

    with ProgressLine() as line:
        try:
            yield lambda done, pairs: line.show(f"Looking at pair {done}/{pairs} ")
        except UnusableError as error:
            for each in error.lines:
                line.tell(each)
            raise UserError(error.summary) from error


def train_segmenter(args: argparse.Namespace) -> None:
    from engine.palette import load_palette
    from engine.segmentation.run import SEGMENTER, SegmenterRun
    from engine.training.check import census_table
    from engine.training.course import TrainRequest
    from engine.training.state import STATE

    palette = load_palette(args.palette)
    request = TrainRequest(
        data=args.data,
        palette=palette,
        recipe=segmenter_recipe_of(args, palette),
        out=args.out,
        minutes=args.minutes,
        validation=args.val,
        title=args.title,
        licence=args.licence,
    )
    with looking_at_pairs() as shown:
        run = SegmenterRun(request, shown)
    if not (request.out / STATE).exists():
        print(census_table(run.data.checked, palette))
    show_training(run)
    print(f"The segmenter is {args.out / SEGMENTER}. The same command goes on with an unfinished run.")


def show_training(run: Run | SegmenterRun) -> None:
    """Train behind a progress line; a line for each validation stays. Ctrl+C saves what was learnt."""
    for warning in run.warnings:
        print(" ".join(warning.split()), file=sys.stderr)
    started = time.monotonic()
    with contextlib.closing(run.reports()) as reports, ProgressLine() as line:
        for report in reports:
            p = report.progress
            so_far = bar(p.step, p.steps, time.monotonic() - started, report.seconds_left)
            speed = "finished before" if p.loss is None else f"{p.images_per_second:.1f} images/s, loss {p.loss:.3f}"
            line.show(f"{so_far}, {speed} ")
            if report.errors:
                line.end()
                print(f"step {p.step}: {report.errors}, samples in {report.sheet}", flush=True)
