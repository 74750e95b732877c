"""Gradient checkpointing: features inside a block are computed again for its gradient instead of being held.

What is learnt stays the same; a step takes about a third longer and holds a fraction of the memory (Chen 2016, arXiv
1604.06174). Modulations, which otherwise lie ready for all blocks at once, are made inside the block as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.model.blocks import ResBlock
from engine.model.spade import Condition, Modulation, Spade, Time
from engine.model.unet import Block, UNet, shrunk


@dataclass(frozen=True)
class Deferred:
    """gamma and beta of one SPADE norm, made when they are wanted. maps: already at this norm's size."""

    spade: Spade
    maps: Tensor
    channels: Tensor | None

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        return self.spade.modulation(self.maps, self.channels)(x, time)

    @property
    def bytes(self) -> int:
        return 0


def deferred(network: UNet, condition: Condition) -> list[Modulation]:
    """As `network.modulate`, nothing of it computed yet."""
    maps = {stride: shrunk(condition.maps, stride) for stride in {spade.stride for spade in network.spades}}
    return [Deferred(spade, maps[spade.stride], condition.channels) for spade in network.spades]


def forward(network: UNet, x: Tensor, timesteps: Tensor, condition: Condition) -> Tensor:
    """As `network(...)`, of a network that was made thrifty."""
    return network.decode(network.encode(x, timesteps), deferred(network, condition))


def make_thrifty(network: UNet) -> None:
    """From now on every block of the network keeps only what goes into it. Names and weights stay."""
    for block in (*network.input_blocks, network.middle_block, *network.output_blocks):
        block.forward = _thrifty(block)


def _thrifty(block: Block):
    plain, inner = block.forward, sum(isinstance(layer, ResBlock) for layer in block)

    def run(x: Tensor, times: list[Time], modulations: list[Modulation] | None) -> Tensor:
        return plain(x, iter(times), None if modulations is None else iter(modulations))

    def held(x: Tensor, times: Iterator[Time], modulations: Iterator[Modulation] | None = None) -> Tensor:
        """A block that is run twice needs its shares of the iterators twice."""
        mine = list(islice(times, inner))
        own = None if modulations is None else list(islice(modulations, 2 * inner))
        return checkpoint(run, x, mine, own, use_reentrant=False)

    return held
