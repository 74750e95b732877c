"""The modulation cache: gamma and beta once per label map, for every step, variation and guidance scale."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from engine.condition import condition_from, map_edges
from engine.memory import modulation_bytes
from engine.model.spade import MapModulation, Modulation, Spade, Time
from engine.model.unet import UNet
from engine.types import Instances, LabelMap

Modulations = Sequence[Modulation]

PAIRED = 2**19  # numbers in a norm's features, up to which both branches run sooner as one batch


@dataclass(frozen=True)
class ShrunkMap:
    """A label map at the size of some norms. It takes a byte a cell, where its one-hot channels can take as much as a
    modulation. labels: (1, h, w) uint8, edges: the same as bool, or None, classes: (K,) those that occur."""

    labels: Tensor
    edges: Tensor | None
    classes: Tensor

    @classmethod
    def at(cls, labels: Tensor, edges: Tensor | None, stride: int) -> ShrunkMap:
        """At every stride-th pixel: nearest, as the network resizes."""
        small, small_edges = (
            None if whole is None else whole[:, ::stride, ::stride].contiguous() for whole in (labels, edges)
        )
        return cls(small, small_edges, small.unique().long())

    def modulation(self, spade: Spade, num_classes: int) -> MapModulation:
        condition = condition_from(self.labels, num_classes, self.edges, self.classes)
        return spade.modulation(condition.maps, condition.channels)


@dataclass(frozen=True)
class RecomputedModulation:
    """One that found no room: computed from the map, used and dropped again, at every step."""

    compute: Callable[[], MapModulation]

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        return self.compute()(x, time)

    @property
    def bytes(self) -> int:
        return 0  # of a modulation; the map's byte a cell is shared by all norms of its size


class ModulationCache:
    """Modulations of the label maps that were used last, by the maps' content, within `limit` bytes.

    An equal map finds what the first one left, a changed one doesn't. What exceeds the limit, maps used longest ago
    are dropped for; of a map too large for it alone, the norms that don't fit are computed anew at every step.
    """

    def __init__(self, network: UNet, limit: int) -> None:
        self.network, self.limit = network, limit
        self._maps: OrderedDict[bytes, list[Modulation]] = OrderedDict()
        self._nulls: OrderedDict[tuple[int, int], list[Modulation]] = OrderedDict()

    @property
    def bytes(self) -> int:
        """What the cache holds of label maps now. Empty ones take little, and only a few sizes are kept."""
        return sum(each.bytes for modulations in self._maps.values() for each in modulations)

    def of_map(self, labels: LabelMap, keep: bool = True, instances: Instances | None = None) -> Modulations:
        """labels: (H, W) at the size that is computed -> one modulation a SPADE norm, in the order of `decode`.

        Without `keep` every norm's is computed anew at every step: the least memory. instances: of the same size; a
        network without an edge channel does not see them.
        """
        if not self.network.config.instance_edges or (instances is not None and not instances.any()):
            instances = None
        if not keep:
            return self._computed(labels, instances, 0)
        key = content_key(labels, instances)
        found = self._maps.pop(key, None) or self._computed(labels, instances, self.limit)
        if any(each.bytes for each in found):
            self._maps[key] = found  # as the one used last
        return found

    def holds(self, height: int, width: int) -> int:
        """How many maps of (height, width) pixels it has room for."""
        network = self.network
        return self.limit // modulation_bytes(network.config, height, width, network.dtype.itemsize)

    def of_null(self, height: int, width: int) -> Modulations:
        """Of an empty map of (height, width) pixels."""
        if (height, width) not in self._nulls:
            self._nulls[height, width] = self.network.modulate_null(height, width)
            if len(self._nulls) > 8:  # they are small, and sizes are few
                self._nulls.popitem(last=False)
        return self._nulls[height, width]

    def of_pair(self, labels: LabelMap, instances: Instances | None = None) -> Modulations | None:
        """A small map's and the empty one's as one batch of two, (2, c, h, w) each; None where they are not small.

        Made anew for every run, for less than a step costs; the map's own half comes from the cache.
        """
        with_map = self.of_map(labels, instances=instances)
        if not all(isinstance(each, MapModulation) and each.scale[0].numel() <= PAIRED for each in with_map):
            return None
        return [
            MapModulation(torch.cat([a.scale, b.scale]), torch.cat([a.shift, b.shift]))
            for a, b in zip(with_map, self.network.modulate_null(*labels.shape, whole=True), strict=True)
        ]

    def clear(self) -> None:
        self._maps.clear()
        self._nulls.clear()

    def _computed(self, labels: LabelMap, instances: Instances | None, limit: int) -> list[Modulation]:
        network, config = self.network, self.network.config
        whole = torch.from_numpy(labels).to(network.device)[None]
        numbers = None if instances is None else torch.from_numpy(instances.astype(np.int32)).to(network.device)[None]
        edges = map_edges(whole, config, numbers)
        maps = {stride: ShrunkMap.at(whole, edges, stride) for stride in {spade.stride for spade in network.spades}}
        found: list[Modulation] = []
        for spade in network.spades:
            small = maps[spade.stride]
            compute = partial(small.modulation, spade, config.num_classes)
            size = int(spade.numbers * small.labels.numel()) * network.dtype.itemsize
            fits = self._has_room(size + sum(each.bytes for each in found), limit)
            found.append(compute() if fits else RecomputedModulation(compute))
        return found

    def _has_room(self, size: int, limit: int) -> bool:
        """Whether `size` bytes fit beside what is held, after dropping maps used longest ago for them."""
        if size > limit:
            return False
        while self._maps and self.bytes + size > limit:
            self._maps.popitem(last=False)
        return True


def content_key(labels: LabelMap, instances: Instances | None) -> bytes:
    """Equal for equal maps with equal objects."""
    digest = hashlib.blake2b(repr(labels.shape).encode() + labels.tobytes(), digest_size=16)
    if instances is not None:
        digest.update(instances.tobytes())
    return digest.digest()
