"""One safetensors file a model: its weights and, in the metadata, everything needed to use them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.model.config import NetworkConfig
from engine.model.networks import new_network
from engine.model.unet import UNet
from engine.palette import Palette, palette_from, palette_to_json
from engine.schedule import ScheduleName
from engine.types import UserError

FORMAT = 1
PIECE = 2**20  # numbers that are converted at a time
STORED = {torch.float16: ("F16", "<f2"), torch.float32: ("F32", "<f4")}  # as safetensors and numpy call them
FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself. `facts` is free: data, terms, training, validation figures."""

    title: str
    network: NetworkConfig
    palette: Palette
    schedule: ScheduleName = "linear"
    diffusion_steps: int = 1000
    licence: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, weights: dict[str, Tensor], description: Description) -> None:
    """Writes the file, in half precision, whole or not at all."""
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    for _ in write_checkpoint(path, shapes, weights.items(), description):
        pass


def write_checkpoint(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    weights: Iterable[tuple[str, Tensor]],
    description: Description,
    dtype: torch.dtype = torch.float16,
) -> Iterator[str]:
    """Writes the file whole or not at all, one weight after the other, as float16 or float32; yields each name when it
    is written.

    `weights` come in the order of `shapes`, which the file's head has to tell before the first of them is there. So a
    model is written without ever being held in memory whole. Closing the iterator removes what was written so far.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(_head(shapes, description, dtype))
            for name, value in weights:
                for piece in _pieces(value, dtype):
                    file.write(piece.numpy().astype(STORED[dtype][1], copy=False))
                yield name
        os.replace(part, path)
    except BaseException:  # Ctrl+C and a closed iterator too
        part.unlink(missing_ok=True)
        raise


def _head(shapes: Mapping[str, tuple[int, ...]], description: Description, dtype: torch.dtype) -> bytes:
    """What stands before the numbers: its length in 8 bytes, then JSON (github.com/huggingface/safetensors, Format)."""
    about = {
        "format": FORMAT,
        "title": description.title,
        "network": description.network.to_dict(),
        "palette": json.loads(palette_to_json(description.palette)),
        "schedule": description.schedule,
        "diffusion_steps": description.diffusion_steps,
        "licence": description.licence,
        "facts": description.facts,
    }
    table: dict[str, Any] = {"__metadata__": {"spadework": json.dumps(about)}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + dtype.itemsize * prod(shape)
        table[name] = {"dtype": STORED[dtype][0], "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers start at a multiple of 8
    return len(text).to_bytes(8, "little") + text


def _pieces(value: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
    """The rows of a weight as `dtype` on the CPU, about PIECE numbers at a time."""
    value = torch.atleast_1d(value.detach())
    rows = max(1, PIECE * len(value) // max(1, value.numel()))
    for part in value.split(rows):
        yield part.cpu().to(dtype).contiguous()


def read_description(path: Path) -> Description:
    """Reads the metadata alone, in milliseconds. Raises UserError for anything that is no Spadework model."""
    try:
        return _parse(path, json.loads(_metadata(path)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path.name}: its description is damaged ({error!r}). Get the file again.") from error


def load_checkpoint(path: Path) -> tuple[UNet, Description]:
    """The network in float32, in evaluation mode, with every weight in its place; or UserError."""
    description = read_description(path)
    with safe_open(path, "pt") as file:
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    with torch.device("meta"):  # the weights come from the file: initialising them first would take longer than reading
        network = new_network(description.network)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != found:
        raise UserError(f"{path.name}: {difference(expected, found)} Get the file again, or convert it again.")
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval(), description


def difference(expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> str:
    """The first thing that doesn't fit, by name."""
    if missing := sorted(set(expected) - set(found)):
        return f"{len(missing)} weights of its network are missing, first {missing[0]}."
    if extra := sorted(set(found) - set(expected)):
        return f"{len(extra)} weights don't belong to its network, first {extra[0]}."
    name = next(name for name in sorted(expected) if expected[name] != found[name])
    return f"weight {name} has shape {found[name]}, its network needs {expected[name]}."


def _metadata(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"There is no model file {path}. Models in {FOLDER.name}/ are chosen by name, others by path.")
    try:
        with safe_open(path, "pt") as file:
            stored = (file.metadata() or {}).get("spadework")
    except (SafetensorError, OSError) as error:
        if path.suffix in (".pt", ".pth", ".ckpt"):
            raise UserError(
                f"{path.name} is not a Spadework model yet. Convert it first: python3 launch.py convert {path.name}"
            ) from None
        raise UserError(
            f"{path.name} can't be read as safetensors ({error}). It may be truncated; get it again."
        ) from None
    if stored is None:
        raise UserError(f"{path.name} is a safetensors file without a Spadework description. Convert it first.")
    return stored


def _parse(path: Path, about: dict[str, Any]) -> Description:
    if about.get("format") != FORMAT:
        raise UserError(
            f"{path.name} has format {about.get('format')}, this version reads format {FORMAT}. Update Spadework."
        )
    network = NetworkConfig.from_dict(about["network"])
    palette = palette_from(about["palette"], path.name)
    if palette.size != network.num_classes:
        raise UserError(
            f"{path.name}: its palette has {palette.size} classes, its network {network.num_classes}. Convert it again."
        )
    return Description(
        title=about["title"],
        network=network,
        palette=palette,
        schedule=about["schedule"],
        diffusion_steps=about["diffusion_steps"],
        licence=about["licence"],
        facts=about["facts"],
    )


def shipped_models() -> dict[str, Path]:
    """Name -> file, for every safetensors file in `checkpoints/`."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def find_checkpoint(name_or_path: str | Path) -> Path:
    """A name from `checkpoints/`, or a path."""
    shipped = shipped_models()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise UserError(f"There is no model “{name_or_path}”. Choose one of {', '.join(shipped) or 'none yet'}, or a file.")
