"""The command line: its commands, their options, and what each may be. Standard library only, so help is instant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from app.cli.files import add_convert, add_export, add_segment, add_swatches
from app.cli.learning import add_evaluate, add_learning, add_train
from app.cli.parser import Parser
from app.cli.pictures import add_edit, add_render, add_watch, check_edit, check_render
from app.cli.program import add_app, add_bench, add_test, check_address
from app.cli.shared import check_not_given

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
    if args.command in ("render", "watch", "edit", "export", "segment"):
        check_not_given(args, parser)
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
