"""What each command does. The engine and the page are imported inside, so that a command loads what it needs alone."""

from __future__ import annotations

import argparse
import sys

from app.commands.editing import edit
from app.commands.files import convert, export, segment, swatches
from app.commands.measuring import bench, evaluate, test
from app.commands.page import app
from app.commands.rendering import render, watch
from app.commands.training import train, train_segmenter

# `test` is not among them: it has pytest's exit status instead.
HANDLERS = {
    "app": app,
    "render": render,
    "watch": watch,
    "edit": edit,
    "export": export,
    "swatches": swatches,
    "segment": segment,
    "train": train,
    "train-segmenter": train_segmenter,
    "evaluate": evaluate,
    "convert": convert,
    "bench": bench,
}


def run(args: argparse.Namespace) -> int:
    """Run the command of parsed arguments; its exit status, or 2 with one line on standard error for bad input."""
    if args.command == "test":
        return test(args)
    from engine.types import UserError

    try:
        return HANDLERS[args.command](args) or 0
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
