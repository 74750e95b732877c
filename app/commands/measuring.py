"""What a model, the program and its speed are worth: evaluate, test, bench."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.asked import first_model, precision_for, told_of
from app.progress import ProgressLine, clock

if TYPE_CHECKING:
    from engine.evaluation.run import Progress as Looked

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_TESTING = 4  # processes that run tests side by side; those in a browser run by themselves, after them


def evaluate(args: argparse.Namespace) -> None:
    from engine.evaluation.report import TABLES
    from engine.evaluation.request import EvaluationRequest, settings_of
    from engine.evaluation.run import run

    settings = settings_of(args.preset, told_of(args), args.sweep)
    precisions = {precision_for(args, setting.sampling) for setting in settings}
    request = EvaluationRequest(
        model=args.model or first_model(),
        data=args.data,
        out=args.out,
        settings=settings,
        samples=args.samples,
        maps=args.maps,
        fit=args.fit,
        train=args.train,
        segmenter=args.segmenter,
        inception=args.inception,
        lpips=args.lpips,
        card=args.card,
        device=args.device,
        precision=precisions.pop() if len(precisions) == 1 else "float32",  # compared alike
    )
    show_evaluation(run(request))
    print((args.out / TABLES).read_text(encoding="utf-8"), end="")
    print(f"Figures, sheets and pictures are in {args.out}{f', the figures in {args.card} too' if args.card else ''}")


def show_evaluation(events: Generator[Looked]) -> None:
    """Run `events` to their end behind a progress line, with a line for each setting that is measured."""
    worked, spent, before = 0, 0.0, time.monotonic()
    with contextlib.closing(events), ProgressLine() as line:
        for p in events:
            now = time.monotonic()
            if p.made > worked:  # what was there before costs next to nothing
                spent += now - before
            before, worked = now, p.made
            left = f", at most {clock(spent / p.made * (p.pictures - p.done))} left" if p.made else ""
            line.show(f"{p.text}: picture {p.done}/{p.pictures}{left}")
            if p.measured:
                line.tell(p.measured.text())


def test(args: argparse.Namespace) -> int:
    import pytest

    os.chdir(ROOT)  # where pyproject.toml says what to test and how
    if args.pytest:
        return int(pytest.main(args.pytest))
    processes = str(min(MOST_TESTING, os.cpu_count() or 1))
    side_by_side = int(pytest.main(["-m", "not browser", "-n", processes, "--dist", "loadfile"]))
    return int(pytest.main(["-m", "browser"])) or side_by_side


def bench(args: argparse.Namespace) -> None:
    from bench import suite
    from engine.types import UserError

    print(suite.machine())
    print(f"{'':16} {'plain s':>8} {'ours s':>8} {'ratio':>6}", flush=True)
    rows = []
    for row in suite.run(args.only, args.rounds):
        print(row.text(), flush=True)
        rows.append(row.to_dict())
    if args.json is not None:
        try:
            args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{args.json} can't be written ({error.strerror}). Choose another place.") from error
