"""The options of what turns one file into another: export, swatches, segment, convert."""

from __future__ import annotations

from app.cli.choices import EXPORTS
from app.cli.parser import Parser
from app.cli.values import file, map_target, model, name, positive_int


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
