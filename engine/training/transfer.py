"""Fine-tuning: the weights of one model as the beginning of another, with classes of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.checkpoint import Description, load_checkpoint
from engine.model.config import NetworkConfig
from engine.model.networks import new_network
from engine.palette import Palette
from engine.translate import counterpart
from engine.types import UserError

MOST_FRESH = 0.9  # of all numbers: where more start at random, it is no fine-tuning
# Of every SPADE norm, (hidden, condition channels, 3, 3), or of an input with the map: with patch^2 channels for each.
INPUT = ("mlp_shared.0.weight", "map_input.conv.weight")


@dataclass(frozen=True)
class Begun:
    """Weights to begin with, under the names and in the shapes of the new network, and what was taken over.

    known: names of the classes that the old model has too. new: those that it lacks. fresh: how many of the network's
    weights the old one has none for, of `weights` in all.
    """

    weights: dict[str, Tensor]
    known: tuple[str, ...]
    new: tuple[str, ...]
    fresh: int
    source: dict[str, Any]

    def __str__(self) -> str:
        words = f"Begins with {self.source['title']}: {len(self.known)} of its classes are known"
        if self.new:
            words += f", {len(self.new)} new ({', '.join(self.new[:8])}{', …' if len(self.new) > 8 else ''})"
        if self.fresh:
            words += f"; {self.fresh} of {len(self.weights)} weights fit nowhere and start at random"
        return words + "."


def network_like(source: Description, palette: Palette) -> NetworkConfig:
    """The old model's network for the classes of `palette`."""
    return replace(source.network, num_classes=palette.size, instance_edges=palette.has_edges)


def begun(path: Path, config: NetworkConfig, palette: Palette) -> Begun:
    """The file's weights where a network of `config` has one of the same name and shape; its SPADE norms' input layers
    class by class, by name or synonym. A class that the old model lacks starts as the mean of those that it was taught.

    Raises UserError for a file that is no model, or has nothing that fits.
    """
    old, description = load_checkpoint(path)
    columns = Columns(description, palette, config.instance_edges)
    weights, given, fresh = new_network(config).state_dict(), old.state_dict(), []
    for name, value in weights.items():
        found = given.get(name)
        if found is not None and name.endswith(INPUT) and found.shape[0] == value.shape[0]:
            found = columns.of(found)
        if found is not None and found.shape == value.shape:
            weights[name] = found
        else:
            fresh.append(name)
    if sum(weights[name].numel() for name in fresh) > MOST_FRESH * sum(value.numel() for value in weights.values()):
        raise UserError(
            f"Next to nothing in {path.name} fits this network. "
            "Leave its shape to the model: no network in --config, no --channels."
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    source = {"title": description.title, "file": path.name, "sha256": digest}
    return Begun(weights, columns.known, columns.new, len(fresh), source)


class Columns:
    """Which condition channel of an old model each of a new palette's classes takes over."""

    def __init__(self, source: Description, palette: Palette, edges: bool) -> None:
        old = source.palette
        self.found = [self._counterpart(each.index, palette, old) for each in palette.classes]
        self.known = tuple(c.name for c, at in zip(palette.classes, self.found, strict=True) if at is not None)
        self.new = tuple(c.name for c, at in zip(palette.classes, self.found, strict=True) if at is None)
        taught = source.facts.get("class_share") or {}
        self.taught = [each.index for each in old.classes if each.name in taught] or list(range(old.size))
        self.edges, self.old_edges = edges, old.size if source.network.instance_edges else None
        self.old_channels = source.network.condition_channels

    @staticmethod
    def _counterpart(index: int, palette: Palette, old: Palette) -> int | None:
        if index == palette.unlabelled:
            return old.unlabelled
        found = counterpart(palette.classes[index], old)
        return None if found == old.unlabelled else found

    def of(self, weight: Tensor) -> Tensor:
        """(hidden, old channels, 3, 3) -> (hidden, new channels, 3, 3); or n times as many of both."""
        weight = weight.unflatten(1, (self.old_channels, -1))
        mean = weight[:, self.taught].mean(1)
        made = [mean if at is None else weight[:, at] for at in self.found]
        if self.edges:
            made.append(torch.zeros_like(mean) if self.old_edges is None else weight[:, self.old_edges])
        return torch.stack(made, 1).flatten(1, 2).contiguous()
