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
    from engine.evaluation.run import Progress as Looked
    from engine.images import PhotoFile
    from engine.palette import Palette
    from engine.pipeline import Frame, Model
    from engine.segmentation.config import SegmenterRecipe
    from engine.segmentation.run import SegmenterRun
    from engine.training.recipe import Recipe
    from engine.training.run import Run
    from engine.types import EditRequest, LabelMap, RenderRequest, Sampling

ROOT = Path(__file__).resolve().parent.parent
MOST_TESTING = 4  # processes that run tests side by side; those in a browser run by themselves, after them


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
    from engine import pipeline
    from engine.images import check_photo_path, read_photo_file

    photo = read_photo_file(args.photo)
    if photo.remark:
        print(f"{args.photo.name}: {photo.remark}", file=sys.stderr)
    check_photo_path(args.out, photo)
    model, request = edit_again(args, photo) if args.again else new_edit(args, photo)
    save(args.out, pipeline.edit(model, request), request, model, like=photo)


def new_edit(args: argparse.Namespace, photo: PhotoFile) -> tuple[Model, EditRequest]:
    """The model, and what the options and files ask of it. Raises UserError."""
    from app.batch.job import side_of
    from app.edit_files import EditFiles, read_parts
    from app.settings import class_scales, scales_in
    from engine import pipeline
    from engine.types import EditRequest, Resampling

    sampling, resampling = sampling_of(args), Resampling(*args.resample or (1, 1), args.resample_band)
    files = EditFiles(
        args.photo, args.map, args.base_map, args.region, args.instances, tuple(args.then), args.palette, args.fit
    )
    model = pipeline.load_model(args.model or first_model(), args.device, precision_for(args, sampling))
    parts = read_parts(files, photo, model.palette)
    for remark in parts.remarks:
        print(remark, file=sys.stderr)
    return model, EditRequest(
        model=model.name,
        labels=parts.labels,
        photo=photo.pixels,
        region=parts.region,
        strength=args.strength,
        sampling=sampling,
        side=side_of(parts.labels, args.size),
        instances=parts.instances,
        class_guidance=scales_in(model.palette, class_scales(args.class_guidance)),
        growth=parts.growth if args.grow is None else args.grow,
        feather=args.feather,
        blend=args.blend,
        extent="whole" if args.whole else "windows",
        resampling=resampling,
        rerolls=parts.rerolls,
    )


def edit_again(args: argparse.Namespace, photo: PhotoFile) -> tuple[Model, EditRequest]:
    """The model, and the request inside an earlier result of this photo. Raises UserError."""
    from engine import pipeline
    from engine.images import read_request
    from engine.record import edit_request
    from engine.types import UserError

    stored = read_request(args.again)
    if not stored:
        raise UserError(f"{args.again.name} does not say what made it. Give a PNG that Spadework saved.")
    request = edit_request(stored, photo.pixels)
    model = pipeline.load_model(args.model or request.model, args.device, precision_for(args, request.sampling))
    return model, replace(request, model=model.name)


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
    with ProgressLine() as line:
        run = Run(request, group, lambda done, pairs: line.show(f"Looking at pair {done}/{pairs} "))
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

    palette = load_palette(args.palette)
    listings = [find_pairs(args.data, "train"), find_pairs(args.val, "val") if args.val else find_held_out(args.data)]
    for listing in filter(None, listings):
        with ProgressLine() as line:
            found = check(
                Store(listing, palette, None, 0), lambda done, pairs: line.show(f"Looking at pair {done}/{pairs} ")
            )
        print(f"{listing.folder} ({listing.layout}): {found.pairs:,} pairs, the smallest {found.smallest} px.")
        for warning in found.warnings:
            print(warning)
        print(census_table(found, palette))


def train_segmenter(args: argparse.Namespace) -> None:
    from engine.palette import load_palette
    from engine.segmentation.run import SEGMENTER, SegmenterRun
    from engine.training.course import TrainRequest

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
    show_training(SegmenterRun(request))
    print(f"The segmenter is {args.out / SEGMENTER}. The same command goes on with an unfinished run.")


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
        device=args.device,
        precision=precisions.pop() if len(precisions) == 1 else "float32",  # compared alike
    )
    show_evaluation(run(request))
    print((args.out / TABLES).read_text(encoding="utf-8"), end="")
    print(f"Figures, sheets and pictures are in {args.out}")


def segment(args: argparse.Namespace) -> None:
    from engine.images import read_photo
    from engine.label_files import save_label_map
    from engine.segmentation.segmenter import load_segmenter, segmenter_for

    photo = read_photo(args.photo)
    segmenter = load_segmenter(args.segmenter) if args.segmenter else segmenter_for(palette_asked_for(args))
    save_label_map(args.out, segmenter.segment(photo), segmenter.palette)
    print(f"Saved {args.out}")


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
    if args.pytest:
        return int(pytest.main(args.pytest))
    processes = str(min(MOST_TESTING, os.cpu_count() or 1))
    side_by_side = int(pytest.main(["-m", "not browser", "-n", processes, "--dist", "loadfile"]))
    return int(pytest.main(["-m", "browser"])) or side_by_side


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
    "segment": segment,
    "train": train,
    "train-segmenter": train_segmenter,
    "evaluate": evaluate,
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

    seeds = tuple(range(args.seed, args.seed + args.variations))
    return replace(preset(args.preset), seeds=seeds, **told_of(args))


def told_of(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of Sampling that single options name."""
    names = ("sampler", "steps", "guidance", "spacing", "guidance_interval", "noise")
    return given({name: getattr(args, name) for name in names})


def recipe_of(args: argparse.Namespace, palette: Palette) -> Recipe:
    """The recipe of --recipe, changed by what the model of --from is, by the file of --config, and by the single
    options, in this order. Raises UserError.

    What the palette decides is the palette's: a file that says otherwise is refused.
    """
    from engine.training.recipe import RECIPES, Recipe

    decided = {"num_classes": palette.size, "instance_edges": palette.has_edges}
    told = config_of(args.config, palette, decided) if args.config else {}
    recipe = RECIPES[args.recipe](palette.name, palette.size, palette.has_edges).to_dict()
    if args.base is not None:
        recipe |= like_model(args.base, palette)
    options = {"images": args.images, "batch": args.batch, "learning_rate": args.lr, "seed": args.seed}
    options |= {"cropping": args.crop, "drop_map": args.drop, "precision": args.precision, "min_snr": args.min_snr}
    if args.ema:
        options |= {"ema": args.ema[0], "more_emas": tuple(args.ema[1:])}
    shape = {"image_size": args.image_size, "model_channels": args.channels}
    network = {**recipe["network"], **told.get("network", {}), **given(shape)}
    return Recipe.from_dict({**recipe, **told, **given(options), "network": network})


def like_model(base: str, palette: Palette) -> dict[str, Any]:
    """The recipe values that a model to begin with decides. Raises UserError."""
    from engine.checkpoint import find_checkpoint, read_description
    from engine.training.transfer import network_like

    description = read_description(find_checkpoint(base))
    network = network_like(description, palette).to_dict()
    return {"network": network, "schedule": description.schedule, "diffusion_steps": description.diffusion_steps}


def segmenter_recipe_of(args: argparse.Namespace, palette: Palette) -> SegmenterRecipe:
    """The default recipe, changed by the file of --config, and that by the single options. Raises UserError.

    Which classes are learnt is for the pairs to say: a file that names others is not obeyed in that.
    """
    from engine.segmentation.config import SegmenterRecipe

    told = config_of(args.config, palette, {}) if args.config else {}
    options = {"images": args.images, "batch": args.batch, "learning_rate": args.lr, "seed": args.seed}
    network = {**told.get("network", {}), **given({"side": args.image_size}), "labels": []}
    return SegmenterRecipe.from_dict({**told, **given(options), "palette": palette.name, "network": network})


def config_of(file: Path, palette: Palette, decided_network: dict[str, object]) -> dict[str, Any]:
    """The recipe values that a JSON file names. Raises UserError, also where one contradicts what the palette decides.

    decided_network: what it decides of the network.
    """
    from engine.types import UserError

    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is not a recipe: {error}. Give a JSON file such as a run's own.") from error
    if not (isinstance(told, dict) and isinstance(told.get("network", {}), dict)):
        raise UserError(f"{file} is not a recipe: it is no JSON object, or its network is none. Give one like a run's.")
    decided = {"palette": palette.name}
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


def palette_asked_for(args: argparse.Namespace) -> Palette:
    """That of --palette, or of the first model. Raises UserError."""
    from engine.checkpoint import find_checkpoint, read_description
    from engine.palette import load_palette

    return load_palette(args.palette) if args.palette else read_description(find_checkpoint(first_model())).palette


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

    like: the photo that it is an edit of, whose opacity, profile and EXIF it keeps, in the format that `out` names.
    Ctrl+C closes the frames, which cancels; what is saved stays.
    """
    from app.batch.job import plan_text
    from engine.images import save_photo, save_png
    from engine.record import record

    print(plan_text(model, request), file=sys.stderr)
    if out.suffix.lower() != ".png":
        print(f"A {out.suffix} keeps no request inside: the picture can't say later what made it.", file=sys.stderr)
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
                    told = record(request, model.palette.name, seed)
                    save_photo(file, picture, like, told) if like else save_png(file, picture, told)
                    saved.append(file)
    finally:
        for file in saved:
            print(f"Saved {file}")


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
