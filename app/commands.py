"""What each command does. The engine and the page are imported inside, so that a command loads what it needs alone."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import DEFAULT_PORT

if TYPE_CHECKING:
    from engine.images import PhotoFile
    from engine.palette import Palette
    from engine.pipeline import Frame
    from engine.training.recipe import Recipe
    from engine.types import EditRequest, LabelMap, RenderRequest, Sampling

ROOT = Path(__file__).resolve().parent.parent


def run(args: argparse.Namespace) -> int:
    """Run the command of parsed arguments; the exit status: 0, or 2 with one line on standard error for bad input."""
    if args.command == "test":
        return test(args)
    from engine.types import UserError

    try:
        HANDLERS[args.command](args)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def app(args: argparse.Namespace) -> None:
    from app import ui

    port = open_port(args.host, [args.port] if args.port else range(DEFAULT_PORT, DEFAULT_PORT + 100))
    ui.serve(host=args.host, port=port, password=args.password, open_browser=not args.no_browser)


def render(args: argparse.Namespace) -> None:
    from engine import pipeline
    from engine.images import resize_labels
    from engine.types import RenderRequest

    sampling = sampling_of(args)
    model = pipeline.load_model(args.model or first_model())
    labels = read_map(args, model.palette)
    if args.native:
        config = model.network.config
        labels = resize_labels(labels, *pipeline.model_size(*labels.shape, config.image_size, config.stride))
    request = RenderRequest(model.name, labels, sampling)
    save(args.out, last(pipeline.generate(model, request)), request, model.palette)


def edit(args: argparse.Namespace) -> None:
    from engine import pipeline
    from engine.images import read_photo_file, read_region
    from engine.types import EditRequest

    sampling = sampling_of(args)
    photo, region = read_photo_file(args.photo), read_region(args.region)
    model = pipeline.load_model(args.model or first_model())
    request = EditRequest(model.name, read_map(args, model.palette), photo.pixels, region, args.strength, sampling)
    save(args.out, last(pipeline.edit(model, request)), request, model.palette, like=photo)


def train(args: argparse.Namespace) -> None:
    from engine.palette import load_palette
    from engine.training.run import CHECKPOINT, Run, TrainRequest

    palette = load_palette(args.palette)
    request = TrainRequest(
        data=args.data,
        palette=palette,
        recipe=recipe_of(args, palette),
        out=args.out,
        minutes=args.minutes,
        validation=args.val,
        title=args.title,
        licence=args.licence,
        compiled=args.compile,
    )
    run = Run(request)
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
    print(f"The model is {args.out / CHECKPOINT}. The same command goes on with an unfinished run.")


def test(args: argparse.Namespace) -> int:
    import pytest

    os.chdir(ROOT)  # where pyproject.toml says what to test and how
    return int(pytest.main(args.pytest))


HANDLERS = {"app": app, "render": render, "edit": edit, "train": train}  # `test` has pytest's exit status instead


# --- What goes in ---


def sampling_of(args: argparse.Namespace) -> Sampling:
    from engine.types import Sampling

    return Sampling(args.sampler, args.steps, args.guidance, seeds=(args.seed,))


def recipe_of(args: argparse.Namespace, palette: Palette) -> Recipe:
    """The small recipe, changed by the file of --config, and that by the single options. Raises UserError.

    What the palette decides is the palette's: a file that says otherwise is refused.
    """
    from engine.training.recipe import Recipe, small_recipe

    told = config_of(args.config, palette) if args.config else {}
    recipe = small_recipe(palette.name, palette.size, palette.has_edges).to_dict()
    options = {"images": args.images, "batch": args.batch, "learning_rate": args.lr, "seed": args.seed}
    shape = {"image_size": args.image_size, "model_channels": args.channels}
    network = {**recipe["network"], **told.get("network", {}), **given(shape)}
    return Recipe.from_dict({**recipe, **told, **given(options), "network": network})


def config_of(file: Path, palette: Palette) -> dict[str, Any]:
    """The recipe values that a JSON file names. Raises UserError, also where one contradicts `palette`."""
    from engine.types import UserError

    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is not a recipe: {error}. Give a JSON file such as a run's own.") from error
    if not (isinstance(told, dict) and isinstance(told.get("network", {}), dict)):
        raise UserError(f"{file} is not a recipe: it is no JSON object, or its network is none. Give one like a run's.")
    decided = {"palette": palette.name}
    decided_network = {"num_classes": palette.size, "instance_edges": palette.has_edges}
    for values, fixed in ((told, decided), (told.get("network", {}), decided_network)):
        for name, value in fixed.items():
            if values.get(name, value) != value:
                raise UserError(
                    f"{file} has {name} = {values[name]}, but the palette {palette.name} has {value}. "
                    "Take it out of the file, or choose its own palette with --palette."
                )
            values.pop(name, None)
    return told


def given(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def first_model() -> str:
    """The name of the first shipped model that can be used. Raises UserError."""
    from engine.pipeline import available_models
    from engine.types import UserError

    for model in available_models():
        if not model.problem:
            return model.name
    raise UserError("There is no model in checkpoints/. Train one, or name a file with --model.")


def read_map(args: argparse.Namespace, wanted: Palette) -> LabelMap:
    """The map of --map in the classes of `wanted`: of --palette, else of the one the file names, else `wanted` itself.

    What was guessed in reading it, and what its conversion lost, is told in a line on standard error each.
    """
    from engine.label_files import palette_named_in, read_label_map
    from engine.palette import load_palette, palette_names
    from engine.translate import translate
    from engine.types import UserError

    named = palette_named_in(args.map)  # text from a file: only ever looked up among the names
    name = args.palette or (named if named in palette_names() else wanted.name)
    given = wanted if name == wanted.name else load_palette(name)
    read = read_label_map(args.map, given)
    if not read.exact:
        print(f"{args.map.name}: {read.message}", file=sys.stderr)
    if given.name == wanted.name:
        return read.labels
    labels, missing = translate(read.labels, given, wanted)
    if missing and (labels == wanted.unlabelled).all():
        raise UserError(
            f"Of the classes in {args.map.name}, a map of {given.title}, {wanted.title} has none. "
            "Choose a model for them with --model, or the map's own palette with --palette."
        )
    if missing:
        print(f"Not in {wanted.title}, so left unlabelled: {', '.join(missing)}.", file=sys.stderr)
    return labels


def open_port(host: str, ports: range | list[int]) -> int:
    """The first of `ports` that can be served on. Raises UserError where none can."""
    from engine.types import UserError

    problem = ""
    for port in ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name == "posix":  # there a port just left still counts as taken without this; on Windows never
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError as error:
                problem = error.strerror
    raise UserError(f"{host} port {ports[0]} can't be served on: {problem}. Choose another with --port.")


# --- What comes out ---


def save(
    out: Path, frame: Frame, request: RenderRequest | EditRequest, palette: Palette, like: PhotoFile | None = None
) -> None:
    """Save the frame's one picture with its request inside, and the opacity and profile of `like`, and say so."""
    from engine.images import save_png
    from engine.record import record

    save_png(out, frame.pictures[0], record(request, palette.name, request.sampling.seeds[0]), like)
    print(f"Saved {out}")


def last(frames: Generator[Frame]) -> Frame:
    """Run `frames` to their end behind a progress bar. Ctrl+C closes them, which cancels."""
    started = time.monotonic()
    with contextlib.closing(frames), ProgressLine() as line:
        for frame in frames:
            seconds = time.monotonic() - started
            left = seconds / frame.step * (frame.steps - frame.step)
            line.show(bar(frame.step, frame.steps, seconds, left))
    return frame


def bar(step: int, steps: int, seconds: float, left: float) -> str:
    done = "#" * (24 * step // steps)
    return f"[{done:-<24}] step {step}/{steps}, {clock(seconds)} elapsed, {clock(left)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class ProgressLine:
    """A line on standard error that renews itself; whatever ends it, what follows starts on a line of its own."""

    def __enter__(self) -> ProgressLine:
        self.width = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self.width))
        sys.stderr.flush()
        self.width = len(text)

    def end(self) -> None:
        """Leave the line as it is, if there is one."""
        if self.width:
            sys.stderr.write("\n")
        self.width = 0
