"""The models there are, and one of them loaded, ready to sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.checkpoint import Description, find_checkpoint, load_checkpoint, read_description, shipped_models
from engine.device import PrecisionName, choose_device, choose_precision
from engine.memory import CACHE_SHARE, free_memory
from engine.model.inference import prepare
from engine.model.unet import UNet
from engine.modulation import ModulationCache
from engine.palette import Palette
from engine.types import UserError

FIRST = "scenes"  # the model that the page opens with, and the default of every command


@dataclass(frozen=True)
class Model:
    """A loaded network with what its checkpoint says of it, and the modulations of the maps it was asked for last."""

    name: str
    network: UNet
    description: Description
    device: torch.device
    cache: ModulationCache

    @property
    def palette(self) -> Palette:
        return self.description.palette

    @property
    def precision(self) -> str:
        """float32, bfloat16 or float16."""
        return str(self.network.dtype).removeprefix("torch.")


@dataclass(frozen=True)
class ModelInfo:
    """A line in the list of models. `problem` says why a file can't be used, and is empty for good ones."""

    name: str
    path: Path
    description: Description | None
    problem: str = ""

    @property
    def card(self) -> Path | None:
        """The text beside the file that tells what the model learnt and what it can't do."""
        path = self.path.with_suffix(".md")
        return path if path.is_file() else None


def available_models() -> list[ModelInfo]:
    """Every file in `checkpoints/`, FIRST first; a broken one is listed with its reason."""
    found = [_info(name, path) for name, path in shipped_models().items()]
    return sorted(found, key=lambda info: (info.name != FIRST, info.name))


def _info(name: str, path: Path) -> ModelInfo:
    try:
        return ModelInfo(name, path, read_description(path))
    except UserError as error:
        return ModelInfo(name, path, None, str(error))


def load_model(name_or_path: str | Path, device: str = "auto", precision: PrecisionName = "auto") -> Model:
    """A model by its name in `checkpoints/` or by a file's path, on a device in a precision (engine.device).

    Raises UserError.
    """
    where = choose_device(device)
    path = find_checkpoint(name_or_path)
    dtype = choose_precision(precision, where)
    network, description = load_checkpoint(path)
    return ready(path.stem, prepare(network, where, dtype), description)


def ready(name: str, network: UNet, description: Description) -> Model:
    """A network that is where it shall run, with an empty cache of a share of the memory that is free there now."""
    device = network.device
    return Model(name, network, description, device, ModulationCache(network, int(CACHE_SHARE * free_memory(device))))
