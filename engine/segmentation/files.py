"""One safetensors file a segmenter: its weights and, in the metadata, everything needed to use them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from engine.checkpoint import FOLDER, difference
from engine.palette import Palette, palette_from, palette_to_json
from engine.segmentation.config import SegmenterConfig
from engine.segmentation.network import SegmenterNetwork
from engine.types import UserError
from engine.writing import whole_file

FORMAT = 1
KEY = "spadework-segmenter"  # the metadata entry; models that paint have another
SEGMENTERS = FOLDER / "segmenters"


@dataclass(frozen=True)
class SegmenterDescription:
    """What a segmenter's file says of itself. `facts` is free: data, training, scores."""

    title: str
    network: SegmenterConfig
    palette: Palette
    licence: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def find_segmenter(palette: Palette) -> Path | None:
    """The shipped file for the palette, or None where there is none."""
    path = SEGMENTERS / f"{palette.name}.safetensors"
    return path if path.is_file() else None


def save_segmenter(path: Path, network: SegmenterNetwork, description: SegmenterDescription) -> None:
    """Writes the file whole or not at all, convolutions in half precision. Raises UserError."""
    about = {
        "format": FORMAT,
        "title": description.title,
        "network": asdict(description.network),
        "palette": json.loads(palette_to_json(description.palette)),
        "licence": description.licence,
        "facts": description.facts,
    }
    weights = {name: _stored(value) for name, value in network.state_dict().items()}
    with whole_file(path) as file:
        file.write(save(weights, {KEY: json.dumps(about)}))


def _stored(value: torch.Tensor) -> torch.Tensor:
    value = value.cpu().contiguous()
    return value.half() if value.ndim > 1 else value


def read_segmenter(path: Path) -> tuple[SegmenterNetwork, SegmenterDescription]:
    """The network in float32 on the CPU, in evaluation mode, with every weight in its place; or UserError."""
    weights, stored = _contents(path)
    try:
        description = _parse(path, json.loads(stored))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{path.name}: its description is damaged ({error!r}). Get the file again.") from error
    with torch.device("meta"):  # the weights come from the file
        network = SegmenterNetwork(description.network)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != found:
        raise UserError(f"{path.name}: {difference(expected, found)} Get the file again, or train it again.")
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval().to(memory_format=torch.channels_last), description


def _contents(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The weights, in float32 where they are numbers with a point, and the description as JSON. Raises UserError."""
    if not path.is_file():
        raise UserError(f"There is no segmenter {path}. Train one: python3 launch.py train-segmenter.")
    try:
        with safe_open(path, "pt") as file:
            stored = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path.name} can't be read as safetensors ({error}). It may be truncated; get it again."
        ) from None
    if stored is None:
        raise UserError(f"{path.name} is no segmenter. Give a file that train-segmenter has written.")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}, stored


def _parse(path: Path, about: dict[str, Any]) -> SegmenterDescription:
    if about.get("format") != FORMAT:
        raise UserError(
            f"{path.name} has format {about.get('format')}, this version reads format {FORMAT}. Update Spadework."
        )
    network, palette = SegmenterConfig.from_dict(about["network"]), palette_from(about["palette"], path.name)
    if not network.labels or network.labels[-1] >= palette.size:
        raise UserError(
            f"{path.name}: its classes {network.labels} are not among the {palette.size} of its palette. "
            "Get the file again, or train it again."
        )
    return SegmenterDescription(about["title"], network, palette, about["licence"], about["facts"])
