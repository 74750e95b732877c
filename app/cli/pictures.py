"""The options of what makes pictures: render, watch, edit."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from app.cli.choices import BESIDE_AGAIN, BLENDS, FITS
from app.cli.parser import Parser
from app.cli.shared import add_check, add_device, add_instances, add_map, add_model, add_sampling
from app.cli.values import (
    file,
    interval,
    picture,
    png,
    region_and_seed,
    resampling,
    results_folder,
    strength,
    whole,
    workers,
)


def add_render(parser: Parser) -> None:
    add_map(parser, "FILE|FOLDER", "the label map, or a folder with maps (and folders) in it")
    add_instances(parser)
    parser.add_argument("--native", action="store_true", help="keep the model's own resolution instead of the map's")
    add_sampling(parser)
    add_device(parser)
    add_check(parser)
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
    add_check(parser)
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
        help="pixels by which the region is grown (default: 0, a map's changes a 64th of the short side)",
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


def check_render(args: argparse.Namespace, parser: Parser) -> None:
    """What --out may be hangs on --map: a folder for a folder, a PNG for a file."""
    folder = args.map.is_dir()
    try:
        args.out = results_folder(str(args.out), args.map) if folder else png(str(args.out))
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument --out: {error}")
    if not folder and (args.workers or args.again):
        parser.error(f"--workers and --again are for folders of maps, and {args.map} is none")
    if folder and args.check_layout:
        parser.error(f"--check-layout looks at one map's pictures, and {args.map} is a folder: see `evaluate`")
    if folder and args.instances:
        parser.error(f"--instances belongs to one map, and {args.map} is a folder")
    args.workers = args.workers or 1


def check_edit(args: argparse.Namespace, argv: Sequence[str], parser: Parser) -> None:
    """What an earlier result says of itself, options must not say otherwise."""
    if args.resample_band and not args.resample:
        parser.error("--resample-band says where --resample J,R acts, which is not given: try --resample 2,3")
    named = {word.partition("=")[0] for word in argv if word.startswith("--")}
    if args.again and (told := sorted(named - BESIDE_AGAIN)):
        parser.error(f"--again makes {args.again} as it was: leave out {', '.join(told)}")
