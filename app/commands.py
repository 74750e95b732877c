"""What each command does. The engine and the page are imported inside, so that a command loads what it needs alone."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import DEFAULT_PORT

if TYPE_CHECKING:
    from app.batch.job import Settings
    from app.batch.rendering import Progress
    from engine.device import PrecisionName
    from engine.images import PhotoFile
    from engine.palette import Palette
    from engine.pipeline import Frame, Model
    from engine.training.recipe import Recipe
    from engine.types import EditRequest, Instances, LabelMap, RenderRequest, Sampling

ROOT = Path(__file__).resolve().parent.parent


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


def app(args: argparse.Namespace) -> None:
    from app import serving

    port = open_port(args.host, [args.port] if args.port else range(DEFAULT_PORT, DEFAULT_PORT + 100))
    serving.serve(args.host, port, args.password, not args.no_browser, args.device, args.precision)


def render(args: argparse.Namespace) -> int:
    from app.batch.job import Settings
    from app.settings import class_scales
    from engine import pipeline

    sampling = sampling_of(args)
    scales = class_scales(args.class_guidance)
    settings = Settings(args.model or first_model(), args.palette, args.size, args.native, sampling, scales)
    args.precision = precision_for(args, sampling)
    if args.map.is_dir():
        return render_folder(args, settings)
    model = pipeline.load_model(settings.model, args.device, args.precision)
    request = settings.request(model, read_map(args, model.palette), instances=read_objects(args))
    save(args.out, pipeline.generate(model, request), request, model)
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


def export(args: argparse.Namespace) -> None:
    from app.exports import export_map, read_exportable

    source = read_exportable(args.map, args.palette)
    if source.remark:
        print(f"{args.map.name}: {source.remark}", file=sys.stderr)
    export_map(args.kind, args.out, source.labels, source.palette, source.instances)
    print(f"Saved {args.out}")


def swatches(args: argparse.Namespace) -> None:
    from app.exports import export_swatches
    from app.project import make_folder
    from engine.palette import load_palette, palette_names

    make_folder(args.out)
    for name in [args.palette] if args.palette else palette_names():
        for path in export_swatches(args.out, load_palette(name)):
            print(f"Saved {path}")


def edit(args: argparse.Namespace) -> None:
    from app.batch.job import side_of
    from app.settings import class_scales, scales_in
    from engine import pipeline
    from engine.images import read_photo_file, read_region
    from engine.types import EditRequest

    sampling = sampling_of(args)
    photo, region = read_photo_file(args.photo), read_region(args.region)
    model = pipeline.load_model(args.model or first_model(), args.device, precision_for(args, sampling))
    labels = read_map(args, model.palette)
    side = side_of(labels, args.size)
    scales = scales_in(model.palette, class_scales(args.class_guidance))
    request = EditRequest(
        model.name, labels, photo.pixels, region, args.strength, sampling, side, read_objects(args), scales
    )
    save(args.out, pipeline.edit(model, request), request, model, like=photo)


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


def convert(args: argparse.Namespace) -> None:
    from app import converting
    from engine.convert import conversion
    from engine.convert.shape import Unstated
    from engine.palette import load_palette

    conversion.check_target(args.out, args.checkpoint, args.force)
    unstated = Unstated(args.image_size, args.head_channels, args.heads, args.new_attention_order)
    found = conversion.examine(args.checkpoint, load_palette(args.palette), unstated, args.schedule, args.half)
    with contextlib.closing(conversion.convert(found, args.out, args.force)) as progress, ProgressLine() as line:
        for percent in progress:
            line.show(f"Converting {args.checkpoint.name}: {percent} %")
    print(converting.report(found, args.out))


def test(args: argparse.Namespace) -> int:
    import pytest

    os.chdir(ROOT)  # where pyproject.toml says what to test and how
    return int(pytest.main(args.pytest))


# `test` is not among them: it has pytest's exit status instead.
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


HANDLERS = {
    "app": app,
    "render": render,
    "watch": watch,
    "edit": edit,
    "export": export,
    "swatches": swatches,
    "train": train,
    "convert": convert,
    "bench": bench,
}


# --- What goes in ---


def precision_for(args: argparse.Namespace, sampling: Sampling) -> PrecisionName:
    """As asked for; left to us, what the sampling calls for: the reference is computed in float32."""
    from app.settings import precision_of

    return precision_of(sampling) if args.precision == "auto" else args.precision


def sampling_of(args: argparse.Namespace) -> Sampling:
    """The settings of --preset, changed by the single options. Raises UserError."""
    from engine.presets import preset

    names = ("sampler", "steps", "guidance", "spacing", "guidance_interval", "noise")
    told = given({name: getattr(args, name) for name in names})
    return replace(preset(args.preset), seeds=tuple(range(args.seed, args.seed + args.variations)), **told)


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
    """The map of --map in the classes of `wanted`; what was guessed or lost is told on standard error, a line each."""
    from engine import maps

    read = maps.read_map(args.map, wanted, args.palette)
    for remark in read.remarks:
        print(f"{args.map.name}: {remark}", file=sys.stderr)
    return read.labels


def read_objects(args: argparse.Namespace) -> Instances | None:
    """The numbers of objects of --instances, if it is given. Raises UserError."""
    from engine.label_files import read_instances
    from engine.types import MAX_INSTANCE, UserError

    if args.instances is None:
        return None
    numbers = read_instances(args.instances)
    if not 0 <= numbers.min() <= numbers.max() <= MAX_INSTANCE:
        raise UserError(
            f"{args.instances.name} holds {numbers.min()} to {numbers.max()}, outside 0 to {MAX_INSTANCE}. "
            "Number the objects within that."
        )
    return numbers.astype("uint16")


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
    out: Path,
    frames: Generator[Frame],
    request: RenderRequest | EditRequest,
    model: Model,
    like: PhotoFile | None = None,
) -> None:
    """Run `frames` behind a progress bar, and save each picture, with its request inside, once it is finished.

    like: the photo whose opacity and profile it keeps. Ctrl+C closes the frames, which cancels; what is saved stays.
    """
    from app.batch.job import plan_text
    from engine.images import save_png
    from engine.record import record

    print(plan_text(model, request), file=sys.stderr)
    saved: list[Path] = []
    started, note = time.monotonic(), ""
    try:
        with contextlib.closing(frames), ProgressLine() as line:
            for frame in frames:
                if frame.note != note:
                    line.tell(note := frame.note)
                seconds = time.monotonic() - started
                left = seconds / frame.step * (frame.steps - frame.step)
                line.show(bar(frame.step, frame.steps, seconds, left))
                for seed, picture in zip(frame.seeds, frame.pictures, strict=True) if frame.finished else ():
                    file = out if len(request.sampling.seeds) == 1 else out.with_stem(f"{out.stem}-{seed}")
                    save_png(file, picture, record(request, model.palette.name, seed), like)
                    saved.append(file)
    finally:
        for file in saved:
            print(f"Saved {file}")


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

    def tell(self, text: str) -> None:
        """A line of its own, which stays."""
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line as it is, if there is one."""
        if self.width:
            sys.stderr.write("\n")
        self.width = 0
