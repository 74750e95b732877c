"""How often a segmenter is right: IoU of each class, their mean, and the share of right pixels, on pairs it never saw.

    python3 bench/segmenter_scores.py --palette ade20k --data DIR      (a folder with images/ and labels/)
    python3 bench/segmenter_scores.py --palette ade20k --data DIR --looks      (what looking more than once is worth)

The maps are those that the page and the commands give, of each photo's own size; what the truth leaves unlabelled is
ignored, and the mean is over the classes that occur in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.palette import load_palette
from engine.segmentation import Segmenter, load_segmenter, segmenter_for
from engine.segmentation.run import validation_scores
from engine.segmentation.scores import Scores
from engine.segmentation.segmenter import LOOKS
from engine.training.data import Pair
from engine.training.pairs import load_pairs

FULL_SIZE = 16_384  # px: the photos are looked at as they are
TRIED = (((1.0, False),), ((1.5, False),), ((1.0, False), (1.0, True)), ((1.5, False), (1.5, True)), LOOKS)


def table(scores: Scores, segmenter: Segmenter) -> str:
    """Markdown: a row a class, the commonest first."""
    names = [each.name for each in segmenter.palette.classes]
    rows = sorted(scores.shares.items(), key=lambda row: -row[1])
    lines = [f"| {names[c]} | {100 * share:.1f} % | {100 * scores.iou[c]:.1f} % |" for c, share in rows]
    return "\n".join(["| class | of the labelled pixels | IoU |", "|---|---|---|", *lines])


def compare_looks(segmenter: Segmenter, pairs: list[Pair]) -> None:
    for looks in TRIED:
        started = time.monotonic()
        scores = validation_scores(Segmenter(segmenter.network, segmenter.description, looks), pairs)
        words = ", ".join(f"{scale:g}{' mirrored' if mirrored else ''}" for scale, mirrored in looks)
        print(f"{words}: {scores}, {(time.monotonic() - started) / len(pairs):.2f} s a photo", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--palette", help="the shipped segmenter of this palette")
    which.add_argument("--segmenter", type=Path, help="a file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--looks", action="store_true", help="compare ways of looking")
    args = parser.parse_args()
    segmenter = load_segmenter(args.segmenter) if args.segmenter else segmenter_for(load_palette(args.palette))
    pairs = load_pairs(args.data, segmenter.palette, FULL_SIZE)
    if args.looks:
        compare_looks(segmenter, pairs)
        return
    scores = validation_scores(segmenter, pairs)
    print(table(scores, segmenter))
    print(f"\n{len(pairs)} photos: {scores}")


if __name__ == "__main__":
    main()
