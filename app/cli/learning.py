"""The options of what learns, and of what measures how well: train, train-segmenter, evaluate."""

from __future__ import annotations

from app.cli.parser import Parser
from app.cli.shared import add_device, add_quality
from app.cli.values import card, file, fraction, name, positive_float, positive_int


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
        "--card",
        type=card,
        metavar="FILE.md",
        help="put the figures, and with --train the nearest training photos, into this model's card",
    )
    parser.add_argument(
        "--segmenter",
        type=file,
        metavar="FILE|DIR",
        help="who says what pictures show: ours, TorchScript or transformers' (default: ours for the palette)",
    )
    parser.add_argument("--inception", type=file, metavar="FILE", help="TorchScript network whose features FID uses")
    parser.add_argument("--lpips", type=file, metavar="FILE", help="TorchScript network that gives LPIPS")
    add_device(parser)
