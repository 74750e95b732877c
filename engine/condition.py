"""Label maps -> what the network is conditioned on: one-hot channels, plus instance edges where a palette has them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.model.config import NetworkConfig
from engine.model.spade import Condition


def instance_edges(instances: Tensor) -> Tensor:
    """(N, H, W) instance ids -> (N, H, W) bool: differs from one of its four neighbours (Wang 2018, pix2pixHD)."""
    edges = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    edges[:, :, 1:] |= across
    edges[:, :, :-1] |= across
    down = instances[:, 1:, :] != instances[:, :-1, :]
    edges[:, 1:, :] |= down
    edges[:, :-1, :] |= down
    return edges


def condition_from(
    labels: Tensor, num_classes: int, edges: Tensor | None = None, channels: Tensor | None = None
) -> Condition:
    """labels: (N, H, W) int, edges: (N, H, W) bool or None -> the condition in float32.

    `channels` (K,) fixes which classes are held, in order (training: those of the data set); by default those that
    occur. A label outside `channels` becomes a column of zeros, which is the null condition at that pixel.
    """
    labels = labels.long()
    if channels is None:
        channels = labels.unique()
    maps = (labels[:, None] == channels[None, :, None, None]).float()
    if edges is not None:
        maps = torch.cat([maps, edges[:, None].float()], dim=1)
        channels = torch.cat([channels, channels.new_tensor([num_classes])])
    return Condition(maps, channels)


def map_edges(labels: Tensor, config: NetworkConfig, instances: Tensor | None = None) -> Tensor | None:
    """(N, H, W) -> the map's own edges (N, H, W) bool, for a network that wants edges.

    instances: the same shape, numbers of objects below 2**16: an edge is where the class or the object changes.
    """
    if not config.instance_edges:
        return None
    return instance_edges(labels if instances is None else labels.long() * 2**16 + instances.long())


def map_condition(labels: Tensor, config: NetworkConfig, channels: Tensor | None = None) -> Condition:
    """labels: (N, H, W) int -> the condition as a network takes it, with the map's own edges where it wants edges."""
    return condition_from(labels, config.num_classes, map_edges(labels, config), channels)


def null_condition(batch: int, height: int, width: int, device: torch.device | str = "cpu") -> Condition:
    """All zeros over every channel: no map at all. Holds a single channel, since the others add nothing."""
    return Condition(
        torch.zeros(batch, 1, height, width, device=device), torch.zeros(1, dtype=torch.long, device=device)
    )
