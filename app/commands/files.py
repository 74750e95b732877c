"""One file into another: maps for other programs, swatches, a first map, a checkpoint of the research code."""

from __future__ import annotations

import argparse
import contextlib
import sys

from app.commands.asked import palette_asked_for
from app.progress import ProgressLine


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
