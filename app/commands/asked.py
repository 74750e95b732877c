"""What the options of several commands ask for: settings, palette, model, map."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.device import PrecisionName
    from engine.palette import Palette
    from engine.types import LabelMap, Sampling


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
    names = ("sampler", "steps", "guidance", "spacing", "guidance_interval", "guidance_rescale", "noise")
    return given({name: getattr(args, name) for name in names})


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
