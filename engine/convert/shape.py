"""A network's configuration, told from the names and shapes of its weights (Wang 2022's U-Net, on Dhariwal 2021)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine.checkpoint import difference
from engine.model.config import PUBLISHED_MULTIPLIERS, NetworkConfig
from engine.model.unet import UNet
from engine.palette import Palette, load_palette, palette_names
from engine.types import UserError

Shapes = Mapping[str, tuple[int, ...]]

PUBLISHED_SIZE = 256  # px, for each of the datasets the method was published with
PUBLISHED_DATASETS = ("ade20k", "celebamask_hq", "cityscapes", "coco_stuff")
PUBLISHED_HEAD = 64  # channels an attention head
NOT_SDM = "Give a checkpoint of the Semantic Diffusion Model, such as ema_*.pt."


@dataclass(frozen=True)
class Unstated:
    """What no weight tells. None stands for what was published with the dataset.

    heads: a fixed number of attention heads, instead of a fixed number of channels each.
    """

    image_size: int | None = None
    head_channels: int | None = None
    heads: int | None = None
    new_attention_order: bool = False


PUBLISHED = Unstated()
PUBLISHED_ASPECT = {"cityscapes": 2.0}  # the research code keeps its pictures whole: 256 x 512


def network_of(shapes: Shapes, palette: Palette, unstated: Unstated) -> tuple[NetworkConfig, tuple[str, ...]]:
    """The network whose weights have these names and shapes, and remarks on what they did not tell. Or UserError."""
    if not any(".mlp_shared." in name for name in shapes):
        raise UserError(f"Its network has no SPADE norms, so it knows no label maps. {NOT_SDM}")
    model_channels = _shape(shapes, "time_embed.0.weight", 2)[1]
    levels, blocks, updown = _levels(shapes)
    first = [f"input_blocks.{1 + level * (blocks + 1)}.0.out_layers.3.weight" for level in range(levels)]
    multipliers = tuple(_multiplier(_shape(shapes, name, 4)[0], model_channels) for name in first)
    strides = [2**level for level in range(levels) if _attends(shapes, level, blocks)]
    image_size, size_remark = _image_size(multipliers, palette, unstated)
    spade_hidden, condition_channels = _shape(shapes, "middle_block.0.in_norm.mlp_shared.0.weight", 4)[:2]
    edges, edge_remarks = _edges(condition_channels, palette)
    heads, head_channels, head_remarks = _heads(shapes, unstated)
    config = NetworkConfig(
        image_size=image_size,
        num_classes=palette.size,
        model_channels=model_channels,
        channel_mult=multipliers,
        num_res_blocks=blocks,
        attention_resolutions=tuple(image_size // stride for stride in strides),
        aspect=PUBLISHED_ASPECT.get(palette.name, 1.0),
        num_heads=heads,
        num_head_channels=head_channels,
        use_scale_shift_norm=_scale_shift(shapes),
        resblock_updown=updown,
        use_new_attention_order=unstated.new_attention_order,
        learn_sigma=_learns_variance(shapes),
        instance_edges=edges,
        spade_hidden=spade_hidden,
    )
    _compare(shapes, config)
    return config, (size_remark, *head_remarks, *edge_remarks)


# --- What the weights tell ---


def _shape(shapes: Shapes, name: str, dimensions: int) -> tuple[int, ...]:
    if name not in shapes:
        raise UserError(f"Its weight {name} is missing, so the network is not whole. {NOT_SDM}")
    if len(shapes[name]) != dimensions:
        raise UserError(f"Its weight {name} has shape {shapes[name]}, not {dimensions} dimensions. {NOT_SDM}")
    return shapes[name]


def _levels(shapes: Shapes) -> tuple[int, int, bool]:
    """Levels, residual blocks a level, and whether those also resample.

    The last output block of every level but the finest ends in what doubles the grid; a level has one output block
    more than it has residual blocks.
    """
    output = 1 + max((int(m[1]) for m in map(re.compile(r"output_blocks\.(\d{1,4})\.").match, shapes) if m), default=-1)
    convolutions, residual = (
        sum(1 for name in shapes if re.fullmatch(rf"output_blocks\.\d+\.[12]\.{ending}", name))
        for ending in (r"conv\.weight", r"in_norm\.mlp_shared\.0\.weight")
    )
    levels = 1 + convolutions + residual
    if output % levels or output < 2 * levels:
        raise UserError(f"Its {output} output blocks do not divide into {levels} levels: some are missing. {NOT_SDM}")
    return levels, output // levels - 1, not convolutions


def _multiplier(width: int, model_channels: int) -> float:
    """The factor that gives `width` when the product is cut to a whole number, whole itself where it can be."""
    if model_channels < 1 or width < 1:
        raise UserError(f"Its network has levels of {width} channels for a width of {model_channels}. {NOT_SDM}")
    if width % model_channels == 0:
        return width // model_channels
    factor = width / model_channels
    return factor if int(factor * model_channels) == width else math.nextafter(factor, math.inf)


def _attends(shapes: Shapes, level: int, blocks: int) -> bool:
    first = 1 + level * (blocks + 1)
    return any(f"input_blocks.{first + i}.1.qkv.weight" in shapes for i in range(blocks))


def _scale_shift(shapes: Shapes) -> bool:
    width = _shape(shapes, "middle_block.0.out_layers.2.weight", 4)[0]
    return _shape(shapes, "middle_block.0.emb_layers.1.weight", 2)[0] != width


def _learns_variance(shapes: Shapes) -> bool:
    if (channels := _shape(shapes, "input_blocks.0.0.weight", 4)[1]) != 3:
        raise UserError(f"Its network takes pictures of {channels} channels, not 3. {NOT_SDM}")
    return _shape(shapes, "out.2.weight", 4)[0] != 3


def _edges(channels: int, palette: Palette) -> tuple[bool, tuple[str, ...]]:
    """Whether the condition has a channel more than the palette has classes. Any other number raises UserError."""
    edges = channels == palette.size + 1
    if not edges and channels != palette.size:
        others = [name for name in palette_names() if _condition_channels(load_palette(name)) == channels]
        remedy = f"Convert it with --palette {' or '.join(others)}." if others else "Give its own palette, as JSON."
        raise UserError(
            f"Its label maps have {channels} channels, those of {palette.title} {_condition_channels(palette)} "
            f"({palette.size} classes{', and the instance edges' if palette.has_edges else ''}). {remedy}"
        )
    if edges == palette.has_edges:
        return edges, ()
    return edges, (f"It was trained {'with' if edges else 'without'} instance edges, unlike the published models.",)


def _condition_channels(palette: Palette) -> int:
    return palette.size + int(palette.has_edges)


def _compare(shapes: Shapes, config: NetworkConfig) -> None:
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in UNet(config).state_dict().items()}
    if expected != dict(shapes):
        found = difference(expected, dict(shapes))
        raise UserError(f"{found} The file is damaged, or of another kind of model. {NOT_SDM}")


# --- What they don't ---


def _image_size(multipliers: tuple[float, ...], palette: Palette, unstated: Unstated) -> tuple[int, str]:
    """As given; else the size at which the research code uses these multipliers; else the dataset's published one."""
    if unstated.image_size:
        return unstated.image_size, f"Image size {unstated.image_size} px as given."
    if size := next((size for size, published in PUBLISHED_MULTIPLIERS.items() if published == multipliers), None):
        return size, f"Image size {size} px, the one that these multipliers were published for."
    if palette.name in PUBLISHED_DATASETS:
        return PUBLISHED_SIZE, f"Image size {PUBLISHED_SIZE} px as published; where it is another, give --image-size."
    raise UserError("The weights do not tell for which image size they were trained. Give it with --image-size.")


def _heads(shapes: Shapes, unstated: Unstated) -> tuple[int, int, tuple[str, ...]]:
    """Number of heads and channels a head, one of which decides (the channels where they aren't -1)."""
    if unstated.heads:
        return unstated.heads, -1, ()
    channels = unstated.head_channels or PUBLISHED_HEAD
    for name, shape in shapes.items():
        if name.endswith(".proj_out.weight") and shape and shape[0] % channels:
            raise UserError(
                f"Its attention is {shape[0]} channels wide, which heads of {channels} channels do not share out "
                "evenly. Give the number it was trained with: --head-channels."
            )
    if unstated.head_channels:
        return 1, channels, ()
    return 1, channels, (f"Attention heads of {channels} channels as published; otherwise give --head-channels.",)
