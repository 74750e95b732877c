"""What a training run is asked for: the recipe, changed by a model, a file and options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.asked import given

if TYPE_CHECKING:
    from engine.palette import Palette
    from engine.segmentation.config import SegmenterRecipe
    from engine.training.recipe import Recipe


def recipe_of(args: argparse.Namespace, palette: Palette) -> Recipe:
    """The recipe of --recipe, changed by what the model of --from is, by the file of --config, and by the single
    options, in this order. Raises UserError.

    What the palette decides is the palette's: a file that says otherwise is refused.
    """
    from engine.training.recipe import RECIPES, Recipe

    decided = {"num_classes": palette.size, "instance_edges": palette.has_edges}
    told = config_of(args.config, palette, decided) if args.config else {}
    recipe = RECIPES[args.recipe](palette.name, palette.size, palette.has_edges).to_dict()
    if args.base is not None:
        recipe |= like_model(args.base, palette)
    options = {"images": args.images, "batch": args.batch, "learning_rate": args.lr, "seed": args.seed}
    options |= {"cropping": args.crop, "drop_map": args.drop, "precision": args.precision, "min_snr": args.min_snr}
    if args.ema:
        options |= {"ema": args.ema[0], "more_emas": tuple(args.ema[1:])}
    shape = {"image_size": args.image_size, "model_channels": args.channels}
    network = {**recipe["network"], **told.get("network", {}), **given(shape)}
    if args.base is not None and "attention_resolutions" not in told.get("network", {}):
        network["attention_resolutions"] = attention_moved(recipe["network"], network["image_size"])
    return Recipe.from_dict({**recipe, **told, **given(options), "network": network})


def like_model(base: str, palette: Palette) -> dict[str, Any]:
    """The recipe values that a model to begin with decides. Raises UserError."""
    from engine.checkpoint import find_checkpoint, read_description
    from engine.training.transfer import network_like

    description = read_description(find_checkpoint(base))
    network = network_like(description, palette).to_dict()
    return {"network": network, "schedule": description.schedule, "diffusion_steps": description.diffusion_steps}


def attention_moved(network: dict[str, Any], image_size: object) -> tuple[int, ...]:
    """The grid sides at which a network that learns at another size attends where it did: they grow with the grid, or
    its attention's weights would fit nowhere.
    """
    sides = network["attention_resolutions"]
    whole = type(image_size) is int  # what else a file may hold is refused when the recipe is read
    return tuple(max(1, side * image_size // network["image_size"]) for side in sides) if whole else sides


def segmenter_recipe_of(args: argparse.Namespace, palette: Palette) -> SegmenterRecipe:
    """The default recipe, changed by the file of --config, and that by the single options. Raises UserError.

    Which classes are learnt is for the pairs to say: a file that names others is not obeyed in that.
    """
    from engine.segmentation.config import SegmenterRecipe

    told = config_of(args.config, palette, {}) if args.config else {}
    options = {"images": args.images, "batch": args.batch, "learning_rate": args.lr, "seed": args.seed}
    network = {**told.get("network", {}), **given({"side": args.image_size}), "labels": []}
    return SegmenterRecipe.from_dict({**told, **given(options), "palette": palette.name, "network": network})


def config_of(file: Path, palette: Palette, decided_network: dict[str, object]) -> dict[str, Any]:
    """The recipe values that a JSON file names. Raises UserError, also where one contradicts what the palette decides.

    decided_network: what it decides of the network.
    """
    from engine.json_file import read_json
    from engine.types import UserError

    try:
        told = read_json(file)
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}. Check the path of --config.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not a recipe: {error}. Give a JSON file such as a run's own.") from error
    if not (isinstance(told, dict) and isinstance(told.get("network", {}), dict)):
        raise UserError(f"{file} is not a recipe: it is no JSON object, or its network is none. Give one like a run's.")
    decided = {"palette": palette.name}
    for values, fixed in ((told, decided), (told.get("network", {}), decided_network)):
        for name, value in fixed.items():
            if values.get(name, value) != value:
                raise UserError(
                    f"{file} has {name} = {values[name]}, but the palette {palette.name} has {value}. "
                    "Take it out of the file, or choose its own palette with --palette."
                )
            values.pop(name, None)
    return told
