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
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MAX_VARIATIONS = 10_000
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
    add_map(parser, "FILE", "the label map")
    add_instances(parser)
    parser.add_argument(
        "--region", type=file, required=True, metavar="FILE", help="picture that is white where the photo may change"
    )
    parser.add_argument(
        "--strength",
        type=strength,
        default=0.8,
        metavar="X",
        help="how far to depart from the photo, up to 1 (default %(default)s)",
    )
    add_sampling(parser)
    add_device(parser)
    parser.add_argument("--out", type=png, required=True, metavar="FILE.png", help="where to save the picture")


def add_train(parser: Parser) -> None:
    """Options left out are None: the recipe's own value holds."""
    parser.add_argument("--data", type=file, required=True, metavar="DIR", help="folder holding images/ and labels/")
    parser.add_argument(
        "--palette", type=name, required=True, metavar="NAME|FILE", help="the classes of the label files"
    )
    parser.add_argument(
        "--out", type=file, required=True, metavar="RUN", help="folder of the run; an unfinished one goes on"
    )
    parser.add_argument("--val", type=file, metavar="DIR", help="pairs to validate on (default: val beside train)")
    parser.add_argument("--config", type=file, metavar="FILE", help="JSON file with recipe values, such as a run's own")
    parser.add_argument("--minutes", type=positive_float, metavar="X", help="stop after this long")
    parser.add_argument("--images", type=positive_int, metavar="N", help="stop after this many images seen")
    parser.add_argument("--image-size", type=positive_int, metavar="N", help="side of the training pictures in pixels")
    parser.add_argument("--channels", type=positive_int, metavar="N", help="width of the network")
    parser.add_argument("--batch", type=positive_int, metavar="N", help="pictures a step")
    parser.add_argument("--lr", type=positive_float, metavar="X", help="learning rate")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the run")
    parser.add_argument("--title", default="", metavar="TEXT", help="what the list of models calls it (default: RUN)")
    parser.add_argument("--licence", default="", metavar="TEXT", help="the terms, stored inside the model")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network: minutes at the start, faster steps (needs a C++ compiler)",
    )


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
    ("train", "train a model on your own images and label maps", add_train),
    ("convert", "turn a checkpoint of the research code into a model", add_convert),
    ("bench", "measure speed on this machine, beside the plain way", add_bench),
    ("test", "run Spadework's tests; further arguments go to pytest", add_test),
)


# --- Options that several commands share ---


def add_map(parser: Parser, metavar: str, text: str) -> None:
    parser.add_argument("--map", type=file, required=True, metavar=metavar, help=text)
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
        "--preset", choices=PRESETS, default="fast", help="what holds where these are left out (default %(default)s)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="more is finer and slower")
    parser.add_argument("--guidance", type=float, metavar="X", help="how strictly to follow the map; 1 is none")
    parser.add_argument(
        "--class-guidance",
        metavar="CLASS=X,...",
        help="guidance of single classes, as in sky=4,tree=1.5; the others have --guidance",
    )
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


def interval(text: str) -> tuple[float, float]:
    """Two numbers with a comma between, as 0.2,0.9; what they may be is the engine's to say."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not two numbers with a comma between, such as 0.2,0.9") from None
    return low, high


def size(text: str) -> int | str:
    return text if text == "map" else positive_int(text)


def variations(text: str) -> int:
    bound = f"a whole number from 1 to {MAX_VARIATIONS}"
    return int(checked(text, int, lambda value: 1 <= value <= MAX_VARIATIONS, bound))


def workers(text: str) -> int | str:
    return text if text == "auto" else positive_int(text)


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
    return target(text, ".png", "the one format that keeps the request inside")


def model(text: str) -> Path:
    return target(text, ".safetensors", "the one format of models")


def target(text: str, suffix: str, because: str) -> Path:
    """A path that can be saved to, so that a long run does not end with nowhere to save."""
    path = file(text)
    try:
        folder, parent = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise argparse.ArgumentTypeError(f"{text} can't be saved to: {error.strerror}") from error
    if folder:
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it that ends in {suffix}")
    if path.suffix.lower() != suffix:
        raise argparse.ArgumentTypeError(f"{text} does not end in {suffix}, {because}")
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


def check_address(args: argparse.Namespace, parser: Parser) -> None:
    """Fill in the password from the environment; refuse to serve other computers without one."""
    args.password = args.password or os.environ.get(PASSWORD_VARIABLE)
    if not args.password and args.host not in LOOPBACK:
        parser.error(
            f"--host {args.host} lets other computers in, so it needs a password: --password or {PASSWORD_VARIABLE}"
        )
