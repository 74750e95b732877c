"""The command line: its commands, their options, and what each may be. Standard library only, so help is instant."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

DEFAULT_PORT = 7860
PASSWORD_VARIABLE = "SPADEWORK_PASSWORD"
PRESETS = ("exact", "fast", "draft")
SAMPLERS = ("ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde")
SPACINGS = ("lambda", "trailing", "even", "stride")
NOISES = ("path", "steps")
EXPORTS = ("index", "colour", "standard", "shapes", "objects")
BLENDS = ("plain", "matched", "gradient")
FITS = ("stretch", "crop")
PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MAX_VARIATIONS = 10_000
BESIDE_AGAIN = {"--again", "--photo", "--model", "--device", "--precision", "--out", "--no-venv"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in one line, and ends with status 2."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}. See {self.prog} --help\n")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """What `argv` asks for: `.command`, `.no_venv` and that command's options. `app` is meant where none is named.

    Wrong arguments end the program with one line on standard error and status 2.
    """
    parser = build_parser()
    args, rest = parser.parse_known_args(with_command(argv))
    if args.command == "test":
        args.pytest = rest
    elif rest:
        parser.error(f"{args.command} does not know {' '.join(rest)}")
    if args.command == "app":
        check_address(args, parser)
    if args.command == "render":
        check_render(args, parser)
    if args.command == "train" and not (args.check or args.out):
        parser.error("the following arguments are required: --out, the folder of the run (or --check)")
    if args.command == "edit":
        check_edit(args, argv, parser)
    if args.command == "watch" and args.map.is_dir():
        parser.error(f"argument --map: {args.map} is a folder: name the file that is saved anew")
    return args


def with_command(argv: Sequence[str]) -> list[str]:
    """`argv` with the default command put first where it names none and does not ask for help."""
    first = next((word for word in argv if word != "--no-venv"), None)
    named = first is not None and (not first.startswith("-") or first in ("-h", "--help"))
    return list(argv) if named else ["app", *argv]


def build_parser() -> Parser:
    parser = Parser(
        prog="python3 launch.py" if sys.platform != "win32" else "python launch.py",
        description="Spadework: paint a label map, get a photograph. Without a command, the app opens in your browser.",
        allow_abbrev=False,
    )
    add_no_venv(parser, default=False)
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands", required=True)
    for name, text, add_options in COMMANDS:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_options(command)
        add_no_venv(command, default=argparse.SUPPRESS)  # a default of its own would undo the one given before it
    return parser


def add_no_venv(parser: Parser, default: object) -> None:
    parser.add_argument(
        "--no-venv", action="store_true", default=default, help="use this Python as it is, and install nothing"
    )


# --- The commands' options ---


def add_app(parser: Parser) -> None:
    parser.add_argument(
        "--port",
        type=port,
        metavar="N",
        help=f"where the page is served (default {DEFAULT_PORT}, or the next free one)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to serve on (default %(default)s: this computer alone)"
    )
    parser.add_argument("--password", help=f"what visitors sign in with; better given as {PASSWORD_VARIABLE}")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in the browser")
    add_device(parser)


def add_render(parser: Parser) -> None:
    add_map(parser, "FILE|FOLDER", "the label map, or a folder with maps (and folders) in it")
    add_instances(parser)
    parser.add_argument("--native", action="store_true", help="keep the model's own resolution instead of the map's")
    add_sampling(parser)
    add_device(parser)
    parser.add_argument(
        "--out",
        type=file,
        required=True,
        metavar="FILE.png|FOLDER",
        help="where to save the picture; for a folder of maps a folder, where the same command goes on after a stop",
    )
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N|auto",
        help="for a folder: so many processes, one a GPU (auto: all of them; default 1), or sharing the CPU",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="for a folder: make anew what is there from other settings; without this, those are refused",
    )


def add_watch(parser: Parser) -> None:
    add_map(parser, "FILE", "the label map that another program saves")
    parser.add_argument("--native", action="store_true", help="keep the model's own resolution instead of the map's")
    add_sampling(parser)
    add_device(parser)
    parser.add_argument("--out", type=png, required=True, metavar="FILE.png", help="where to save the newest picture")


def add_export(parser: Parser) -> None:
    parser.add_argument("--map", type=file, required=True, metavar="FILE", help="a label map, a result or a project")
    parser.add_argument(
        "--palette", type=name, metavar="NAME|FILE", help="the classes of the map, where the file itself names none"
    )
    parser.add_argument(
        "--as",
        dest="kind",
        choices=EXPORTS,
        required=True,
        help="the dataset's class values, display colours, the dataset's own colours, shapes (SVG), object numbers",
    )
    parser.add_argument("--out", type=file, required=True, metavar="FILE", help="a .png, for shapes an .svg")


def add_swatches(parser: Parser) -> None:
    parser.add_argument(
        "--palette", type=name, metavar="NAME|FILE", help="of these classes alone (default: every palette)"
    )
    parser.add_argument("--out", type=file, required=True, metavar="FOLDER", help="where to save the swatch files")


def add_edit(parser: Parser) -> None:
    parser.add_argument("--photo", type=file, required=True, metavar="FILE", help="the photo to change a part of")
    parser.add_argument("--map", type=file, metavar="FILE", help="what shall be there (default: what the photo shows)")
    parser.add_argument(
        "--base-map",
        type=file,
        metavar="FILE",
        help="the photo's first map: without --region, what differs from it changes (default: found in the photo)",
    )
    parser.add_argument("--region", type=file, metavar="FILE", help="picture that is white where the photo may change")
    parser.add_argument(
        "--fit", choices=FITS, help="maps and regions of another size: stretch them, or crop them to its proportions"
    )
    add_model(parser)
    add_instances(parser)
    add_edit_settings(parser)
    add_sampling(parser)
    add_device(parser)
    parser.add_argument(
        "--again",
        type=file,
        metavar="RESULT.png",
        help="make an earlier result of this photo again, with everything that stands inside it",
    )
    parser.add_argument(
        "--out",
        type=picture,
        required=True,
        metavar="FILE",
        help="where to save the picture. A .png keeps the request inside; it, .webp and .tif leave every pixel outside "
        "the region as it was; a .jpg is compressed anew, everywhere",
    )


def add_edit_settings(parser: Parser) -> None:
    """Those of an edit alone."""
    parser.add_argument(
        "--strength",
        type=strength,
        default=0.8,
        metavar="X",
        help="how far to depart from the photo, up to 1 (default %(default)s)",
    )
    parser.add_argument(
        "--grow",
        type=whole,
        metavar="PX",
        help="pixels by which the region is grown (default: 0, of a map's changes 4)",
    )
    parser.add_argument(
        "--feather",
        type=whole,
        metavar="PX",
        help="width of the region's soft edge, inwards (default: the photo's short side / 64)",
    )
    parser.add_argument(
        "--blend",
        choices=BLENDS,
        default="matched",
        help="how it is laid over the photo: plain, as it is; matched, with the photo's colour at the border and its "
        "grain; gradient, with the photo's gradients there (default %(default)s)",
    )
    parser.add_argument("--whole", action="store_true", help="compute the whole photo, not windows around the region")
    parser.add_argument(
        "--resample",
        type=resampling,
        metavar="J,R",
        help="walk every J steps R times, so that the new and the old get to fit (about R times as slow)",
    )
    parser.add_argument(
        "--resample-band",
        type=interval,
        default=(0.0, 1.0),
        metavar="A,B",
        help="only where the noise is between these shares of its levels; 0.3,1 did as well for less (default: all)",
    )
    parser.add_argument(
        "--then",
        type=region_and_seed,
        action="append",
        default=[],
        metavar="REGION,SEED",
        help="afterwards make this part once more from another seed; may be given several times",
    )


def add_segment(parser: Parser) -> None:
    parser.add_argument("--photo", type=file, required=True, metavar="FILE", help="the photo to find a first map for")
    by = parser.add_mutually_exclusive_group()
    by.add_argument(
        "--palette", type=name, metavar="NAME", help="the classes to find (default: those of the first model shipped)"
    )
    by.add_argument(
        "--segmenter", type=file, metavar="FILE", help="one of your own (default: the one shipped for the palette)"
    )
    parser.add_argument(
        "--out", type=map_target, required=True, metavar="FILE.png", help="where to save the map, of the photo's size"
    )


def add_train(parser: Parser) -> None:
    add_learning(parser, out_needed=False)
    parser.add_argument("--check", action="store_true", help="only look at the pairs, and count their classes")
    add_recipe(parser)
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network: minutes at the start, faster steps (needs a C++ compiler)",
    )
    parser.add_argument(
        "--checkpointing", action="store_true", help="hold less in memory: features are computed again for gradients"
    )
    parser.add_argument("--micro-batch", type=positive_int, metavar="N", help="pictures at a time, less memory at once")
    parser.add_argument(
        "--cache", type=positive_float, metavar="GB", help="memory for pairs (default: 40 %% of what is free)"
    )
    parser.add_argument(
        "--validate-every", type=positive_float, default=5, metavar="MIN", help="minutes (default %(default)s)"
    )
    parser.add_argument(
        "--save-every", type=positive_float, default=120, metavar="S", help="seconds (default %(default)s)"
    )
    parser.add_argument(
        "--log-every", type=positive_int, default=1, metavar="N", help="steps a row of steps.csv (default %(default)s)"
    )
    parser.add_argument("--tensorboard", action="store_true", help="curves for TensorBoard too, where it is installed")


def add_recipe(parser: Parser) -> None:
    """What the recipe of a painting model is changed by. Options left out are None: the recipe's own value holds."""
    parser.add_argument(
        "--recipe",
        choices=("small", "paper"),
        default="small",
        help="small: for a CPU or an hour of a GPU; paper: as the published models were trained (default %(default)s)",
    )
    parser.add_argument(
        "--from", dest="base", type=name, metavar="NAME|FILE", help="a model to begin with, of this palette or another"
    )
    parser.add_argument("--channels", type=positive_int, metavar="N", help="width of the network")
    parser.add_argument("--crop", choices=("ours", "paper"), help="how photos are resized and cropped")
    parser.add_argument("--drop", type=fraction, metavar="X", help="probability that a picture's map is left out")
    parser.add_argument(
        "--precision", choices=("bfloat16", "float16", "float32"), help="of the arithmetic (weights stay in float32)"
    )
    parser.add_argument(
        "--ema", type=fraction, nargs="+", metavar="X", help="decays of the averaged weights; the first is the model's"
    )
    parser.add_argument(
        "--min-snr", type=positive_float, metavar="G", help="min-SNR weighting with this gamma (often 5)"
    )


def add_learning(parser: Parser, out_needed: bool = True) -> None:
    """Of whatever learns from pairs. Options left out are None: the recipe's own value holds."""
    parser.add_argument("--data", type=file, required=True, metavar="DIR", help="folder holding images/ and labels/")
    parser.add_argument(
        "--palette", type=name, required=True, metavar="NAME|FILE", help="the classes of the label files"
    )
    parser.add_argument(
        "--out", type=file, required=out_needed, metavar="RUN", help="folder of the run; an unfinished one goes on"
    )
    parser.add_argument("--val", type=file, metavar="DIR", help="pairs to validate on (default: val beside train)")
    parser.add_argument("--config", type=file, metavar="FILE", help="JSON file with recipe values, such as a run's own")
    parser.add_argument("--minutes", type=positive_float, metavar="X", help="stop after this long")
    parser.add_argument("--images", type=positive_int, metavar="N", help="stop after this many images seen")
    parser.add_argument("--image-size", type=positive_int, metavar="N", help="side of the training pictures in pixels")
    parser.add_argument("--batch", type=positive_int, metavar="N", help="pictures a step")
    parser.add_argument("--lr", type=positive_float, metavar="X", help="learning rate")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the run")
    parser.add_argument("--title", default="", metavar="TEXT", help="what the list of models calls it (default: RUN)")
    parser.add_argument("--licence", default="", metavar="TEXT", help="the terms, stored inside the model")


def add_evaluate(parser: Parser) -> None:
    parser.add_argument("--model", type=name, metavar="NAME|FILE", help="the model (default: the first one shipped)")
    parser.add_argument(
        "--data",
        type=file,
        required=True,
        metavar="DIR",
        help="images/ and labels/ that it has not learnt from, or val/",
    )
    parser.add_argument(
        "--out",
        type=file,
        required=True,
        metavar="DIR",
        help="figures, sheets and pictures; a stopped run goes on there",
    )
    parser.add_argument(
        "--samples", type=positive_int, default=2, metavar="N", help="pictures of each map (default %(default)s)"
    )
    parser.add_argument(
        "--maps", type=positive_int, metavar="N", help="so many of the maps, spread evenly (default: all)"
    )
    parser.add_argument(
        "--fit",
        choices=("crop", "stretch"),
        default="crop",
        help="how pairs become squares: their middle, or all of it out of proportion (default %(default)s)",
    )
    add_quality(parser)
    parser.add_argument(
        "--sweep",
        nargs="+",
        default=(),
        metavar="AXIS=A,B",
        help="every combination of these, as in guidance=1,1.5,2.5 steps=4,8,12 or preset=fast,draft",
    )
    parser.add_argument("--train", type=file, metavar="DIR", help="what it has learnt from, for the memorisation check")
    parser.add_argument(
        "--segmenter",
        type=file,
        metavar="FILE|DIR",
        help="who says what pictures show: ours, TorchScript or transformers' (default: ours for the palette)",
    )
    parser.add_argument("--inception", type=file, metavar="FILE", help="TorchScript network whose features FID uses")
    parser.add_argument("--lpips", type=file, metavar="FILE", help="TorchScript network that gives LPIPS")
    add_device(parser)


def add_convert(parser: Parser) -> None:
    """Options left out are None: the published value holds."""
    parser.add_argument("checkpoint", type=file, metavar="FILE.pt", help="the weights, best the training's ema_*.pt")
    parser.add_argument(
        "--palette", type=name, required=True, metavar="NAME|FILE", help="the classes that the model was trained with"
    )
    parser.add_argument(
        "--out", type=model, required=True, metavar="FILE.safetensors", help="the model; in checkpoints/ it is listed"
    )
    parser.add_argument("--force", action="store_true", help="replace the file of --out if it exists")
    parser.add_argument(
        "--half", action="store_true", help="store the weights in half precision: half the size, rounded to 3 digits"
    )
    parser.add_argument(
        "--image-size",
        type=positive_int,
        metavar="N",
        help="side of the training pictures in pixels, if not as published",
    )
    heads = parser.add_mutually_exclusive_group()
    heads.add_argument(
        "--head-channels", type=positive_int, metavar="N", help="channels an attention head, if not as published (64)"
    )
    heads.add_argument("--heads", type=positive_int, metavar="N", help="attention heads, if their number was fixed")
    parser.add_argument(
        "--new-attention-order", action="store_true", help="it was trained with use_new_attention_order"
    )
    parser.add_argument(
        "--schedule", choices=("linear", "cosine"), default="linear", help="its noise schedule (default %(default)s)"
    )


def add_bench(parser: Parser) -> None:
    parser.add_argument("--json", type=file, metavar="FILE", help="write the rows here too")
    parser.add_argument("--only", type=name, metavar="NAME", help="one benchmark, such as step-ours")
    parser.add_argument(
        "--rounds", type=positive_int, default=5, metavar="N", help="medians are over so many (default %(default)s)"
    )


def add_test(parser: Parser) -> None:
    parser.usage = "%(prog)s [pytest's own arguments]"


COMMANDS = (
    ("app", "open the app in the browser (the default)", add_app),
    ("render", "turn a label map into a photograph", add_render),
    ("watch", "render a label map anew whenever another program saves it", add_watch),
    ("edit", "regenerate a region of a photo", add_edit),
    ("export", "write a label map for other programs", add_export),
    ("swatches", "write the palettes' colours for painting programs", add_swatches),
    ("segment", "find a first label map for a photo", add_segment),
    ("train", "train a model on your own images and label maps", add_train),
    ("train-segmenter", "train what finds a photo's label map, on the same data", add_learning),
    ("evaluate", "measure a model's pictures on maps it has not learnt from", add_evaluate),
    ("convert", "turn a checkpoint of the research code into a model", add_convert),
    ("bench", "measure speed on this machine, beside the plain way", add_bench),
    ("test", "run Spadework's tests; further arguments go to pytest", add_test),
)


# --- Options that several commands share ---


def add_map(parser: Parser, metavar: str, text: str) -> None:
    parser.add_argument("--map", type=file, required=True, metavar=metavar, help=text)
    add_model(parser)


def add_model(parser: Parser) -> None:
    """The model, the classes of the maps, and the size at which it computes."""
    parser.add_argument(
        "--model", type=name, metavar="NAME|FILE", help="the model to use (default: the first one shipped)"
    )
    parser.add_argument(
        "--palette", type=name, metavar="NAME", help="the classes of the map (default: those of the model)"
    )
    parser.add_argument(
        "--size",
        type=size,
        metavar="N|map",
        help="short side in pixels at which it is computed; map: the map's own (default: the model's, its best one)",
    )


def add_instances(parser: Parser) -> None:
    parser.add_argument(
        "--instances",
        type=file,
        metavar="FILE",
        help="grey picture of the map's size with a number for each object, for models that see edges between objects",
    )


def add_sampling(parser: Parser) -> None:
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="same seed, same picture (default %(default)s)"
    )
    parser.add_argument(
        "--variations",
        type=variations,
        default=1,
        metavar="N",
        help="so many pictures, from this seed and those after it; they are saved as FILE-SEED.png",
    )
    parser.add_argument(
        "--class-guidance",
        metavar="CLASS=X,...",
        help="guidance of single classes, as in sky=4,tree=1.5; the others have --guidance",
    )
    add_quality(parser)


def add_quality(parser: Parser) -> None:
    parser.add_argument(
        "--preset", choices=PRESETS, default="fast", help="what holds where these are left out (default %(default)s)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="more is finer and slower")
    parser.add_argument("--guidance", type=float, metavar="X", help="how strictly to follow the map; 1 is none")
    parser.add_argument(
        "--guidance-interval",
        type=interval,
        metavar="LOW,HIGH",
        help="where guidance acts, as shares of the noise: 0,1 is everywhere",
    )
    parser.add_argument("--sampler", choices=SAMPLERS)
    parser.add_argument("--spacing", choices=SPACINGS, help="how the steps divide the way from noise to picture")
    parser.add_argument(
        "--noise",
        choices=NOISES,
        help="path: a seed gives much the same picture in any number of steps; steps: as in older pictures",
    )


def add_device(parser: Parser) -> None:
    parser.add_argument(
        "--device",
        type=name,
        default="auto",
        metavar="NAME",
        help="where to compute: cpu, cuda, cuda:1 (the second) or mps (default %(default)s: a GPU if there is one)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="how exactly to compute (default %(default)s: the fastest on this device, as measured)",
    )


# --- What single values may be ---


def port(text: str) -> int:
    return int(checked(text, int, lambda value: 1 <= value <= 65535, "a whole number from 1 to 65535"))


def strength(text: str) -> float:
    return checked(text, float, lambda value: 0 < value <= 1, "above 0 and at most 1")


def fraction(text: str) -> float:
    return checked(text, float, lambda value: 0 <= value < 1, "from 0 to below 1")


def interval(text: str) -> tuple[float, float]:
    """Two numbers with a comma between, as 0.2,0.9; what they may be is the engine's to say."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not two numbers with a comma between, such as 0.2,0.9") from None
    return low, high


def resampling(text: str) -> tuple[int, int]:
    """Two whole numbers with a comma between, as 2,3; what they may be is the engine's to say."""
    try:
        jump, repeats = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not two whole numbers with a comma, such as 2,3") from None
    return jump, repeats


def region_and_seed(text: str) -> tuple[Path, int]:
    """A file and a whole number with a comma between; the file's own name may hold commas."""
    region, _, seed = text.rpartition(",")
    try:
        return file(region), int(seed)
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text} is not a region's file and a seed with a comma between, such as part.png,5"
        ) from None


def size(text: str) -> int | str:
    return text if text == "map" else positive_int(text)


def variations(text: str) -> int:
    bound = f"a whole number from 1 to {MAX_VARIATIONS}"
    return int(checked(text, int, lambda value: 1 <= value <= MAX_VARIATIONS, bound))


def workers(text: str) -> int | str:
    return text if text == "auto" else positive_int(text)


def whole(text: str) -> int:
    return int(checked(text, int, lambda value: value >= 0, "a whole number from 0"))


def positive_int(text: str) -> int:
    return int(checked(text, int, lambda value: value > 0, "a whole number above 0"))


def positive_float(text: str) -> float:
    return checked(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def checked(text: str, kind: type, allowed, bound: str) -> float:
    """`text` read as `kind`, refused with its bound unless `allowed`."""
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not allowed(value):
        raise argparse.ArgumentTypeError(f"{text} is not {bound}")
    return value


def name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("nothing is named: give a name or a file, or leave the option out")
    return text


def file(text: str) -> Path:
    return Path(name(text))


def png(text: str) -> Path:
    return target(text, (".png",), "the one format that keeps the request inside")


def picture(text: str) -> Path:
    return target(text, PHOTO_SUFFIXES, "the formats that a photo is saved in")


def map_target(text: str) -> Path:
    return target(text, ".png", "the one format that class values survive in")


def model(text: str) -> Path:
    return target(text, (".safetensors",), "the one format of models")


def target(text: str, suffixes: tuple[str, ...], because: str) -> Path:
    """A path that can be saved to, so that a long run does not end with nowhere to save."""
    path = file(text)
    try:
        folder, parent = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise argparse.ArgumentTypeError(f"{text} can't be saved to: {error.strerror}") from error
    if folder:
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it that ends in {suffixes[0]}")
    if path.suffix.lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{text} does not end in {' or '.join(suffixes)}, {because}")
    if not parent:
        raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist: make it first")
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {path.parent} can't be written to: choose another")
    return path


def results_folder(text: str, maps: Path) -> Path:
    """A folder that results can be saved to; it need not exist."""
    path = file(text)
    try:
        if path.exists() and not path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a file, and --map is a folder: name a folder")
        if path.suffix.lower() == ".png":
            raise argparse.ArgumentTypeError(f"{text} would be one picture, and --map is a folder: name a folder")
        if path.resolve() == maps.resolve():
            raise argparse.ArgumentTypeError(f"{text} is where the maps are: name another folder")
        there = next(each for each in (path.resolve(), *path.resolve().parents) if each.exists())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be saved to: {error.strerror}") from error
    if not os.access(there, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {there} can't be written to: choose another")
    return path


def check_render(args: argparse.Namespace, parser: Parser) -> None:
    """What --out may be hangs on --map: a folder for a folder, a PNG for a file."""
    folder = args.map.is_dir()
    try:
        args.out = results_folder(str(args.out), args.map) if folder else png(str(args.out))
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument --out: {error}")
    if not folder and (args.workers or args.again):
        parser.error(f"--workers and --again are for folders of maps, and {args.map} is none")
    if folder and args.instances:
        parser.error(f"--instances belongs to one map, and {args.map} is a folder")
    args.workers = args.workers or 1


def check_edit(args: argparse.Namespace, argv: Sequence[str], parser: Parser) -> None:
    """What an earlier result says of itself, options must not say otherwise."""
    named = {word.partition("=")[0] for word in argv if word.startswith("--")}
    if args.again and (told := sorted(named - BESIDE_AGAIN)):
        parser.error(f"--again makes {args.again} as it was: leave out {', '.join(told)}")


def check_address(args: argparse.Namespace, parser: Parser) -> None:
    """Fill in the password from the environment; refuse to serve other computers without one."""
    args.password = args.password or os.environ.get(PASSWORD_VARIABLE)
    if not args.password and args.host not in LOOPBACK:
        parser.error(
            f"--host {args.host} lets other computers in, so it needs a password: --password or {PASSWORD_VARIABLE}"
        )
