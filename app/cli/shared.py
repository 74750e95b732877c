"""Options that several commands share."""

from __future__ import annotations

import argparse
import os

from app.cli.choices import NOISES, PRECISIONS, PRESETS, SAMPLERS, SPACINGS
from app.cli.parser import Parser
from app.cli.values import file, interval, name, size, variations


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


def add_check(parser: Parser) -> None:
    parser.add_argument(
        "--check-layout",
        action="store_true",
        help="say how much of the picture a segmenter takes for what the map asks; for palettes that have one",
    )


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
    parser.add_argument(
        "--guidance-rescale",
        type=float,
        metavar="X",
        help="0 to 1: how far the contrast that guidance adds is taken back; 0.7 where colours go black and white",
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


def check_not_given(args: argparse.Namespace, parser: Parser) -> None:
    """What is made must not take the place of a file that it is made from: no artist gets the original back."""
    out, seeds = args.out, range(getattr(args, "variations", 1))
    made = [out] if len(seeds) == 1 else [out.with_stem(f"{out.stem}-{args.seed + seed}") for seed in seeds]
    there = [each for each in made if os.path.exists(each)]  # of a name that is too long it says no
    for given in ("photo", "map", "base_map", "region", "instances"):
        path = getattr(args, given, None)
        if path and os.path.exists(path) and any(each.samefile(path) for each in there):
            option = f"--{given.replace('_', '-')}"
            parser.error(f"argument --out: {path} is the file of {option}, which would be lost: choose another name")
