"""The map concatenated to the input of a plain U-Net: what SPADE is measured against, of the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks import ResBlock, double
from engine.model.config import NetworkConfig
from engine.model.spade import Modulation, Time
from engine.model.unet import Features, UNet


@dataclass(frozen=True)
class AddedMap:
    """A map's share of the first convolution. shift: (N or 1, c, h, w), or (1, c, 1, 1) of an empty one."""

    shift: Tensor

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        """x (N, c, h, w), the picture's share -> the whole convolution's output. No timestep acts on it."""
        return x + self.shift

    @property
    def bytes(self) -> int:
        return self.shift.nbytes


class MapInput(nn.Module):
    """The columns of the first convolution that see the map; it has the interface of the one SPADE norm there is.

    Every pixel of the map is folded into channels exactly as the picture's are: SPADE sees one pixel of each cell, this
    sees them all. A convolution is a sum over its input channels, so these can be convolved apart, once a map.
    """

    stride = 1  # it wants the map whole

    def __init__(self, channels: int, condition_channels: int, patch: int) -> None:
        super().__init__()
        self.channels, self.patch = channels, patch
        self.conv = nn.Conv2d(condition_channels * patch**2, channels, 3, padding=1, bias=False)
        # Of a pixel's channels one is 1: by the number that act, not by all there are, the map counts as much as x.
        bound = (9 * patch**2) ** -0.5
        nn.init.uniform_(self.conv.weight, -bound, bound)

    @property
    def numbers(self) -> float:
        """That a modulation holds for every pixel of the map."""
        return self.channels / self.patch**2

    def modulation(self, maps: Tensor, channels: Tensor | None) -> AddedMap:
        """maps: (N, K, H, W), whole -> its share, (N, c, H / patch, W / patch)."""
        weight = self.conv.weight
        if channels is not None:
            weight = weight.unflatten(1, (-1, self.patch**2)).index_select(1, channels).flatten(1, 2)
        folded = functional.pixel_unshuffle(maps.to(weight.dtype), self.patch)
        return AddedMap(functional.conv2d(folded, weight, padding=1))

    def null_modulation(self, height: int, width: int, whole: bool = False) -> AddedMap:
        """Of an empty map: zeros add nothing, whatever its size."""
        return AddedMap(self.conv.weight.new_zeros(1, self.channels, 1, 1))


class InputUNet(UNet):
    """ADM's own U-Net, GroupNorm in the decoder too, with picture and map as its input.

    Of UNet's three parts `modulate` is the map's share of the first convolution, `encode` hands x on, and `decode` runs
    the network: everything after the first convolution depends on the map, so nothing is shared between branches.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.map_input = MapInput(config.widths[0], config.condition_channels, config.patch)

    def _decoder_block(self, channels: int, out_channels: int, stride: int, up: bool = False) -> ResBlock:
        return ResBlock(self.config, channels, out_channels, double if up else None)

    @property
    def spades(self) -> list[MapInput]:
        return [self.map_input]

    @property
    def dtype(self) -> torch.dtype:
        return self.map_input.conv.weight.dtype

    def decoder_times(self, timesteps: Tensor) -> tuple[Time, ...]:
        """Of every residual block, since `decode` runs them all."""
        return self.times(timesteps, nn.ModuleList([self.input_blocks, self.middle_block, self.output_blocks]))

    def encode(self, x: Tensor, timesteps: Tensor) -> Features:
        return Features(x, self.decoder_times(timesteps), ())

    def decode(self, features: Features, modulations: Sequence[Modulation]) -> Tensor:
        times = iter(features.times)
        (added_map,) = modulations
        skips = self.descended(added_map(self.first(features.x)), times)
        return self.ascended(features.x, skips, times, None)
