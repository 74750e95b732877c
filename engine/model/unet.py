"""The U-Net: an encoder that never sees the label map, and a decoder that sees it in every norm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks import (
    AttentionBlock,
    Downsample,
    ResBlock,
    Upsample,
    affine_norm,
    double,
    group_norm,
    halve,
    silu,
    timestep_embedding,
    zeroed,
)
from engine.model.config import NetworkConfig
from engine.model.detail import Detail
from engine.model.spade import Condition, MapModulation, Modulation, Spade, Time


@dataclass(frozen=True)
class Features:
    """What the encoder hands over: x itself, the decoder's share of the timestep, and one feature map per input block,
    finest first."""

    x: Tensor
    times: tuple[Time, ...]
    maps: tuple[Tensor, ...]

    def repeated(self, times: int) -> Features:
        """As if a batch of one had held its picture so many times."""
        x, *maps = (each.expand(times, -1, -1, -1) for each in (self.x, *self.maps))
        return Features(x, self.times, tuple(maps))


class Block(nn.Sequential):
    """A residual block with what follows it; passes the timestep and the modulations to those who want them."""

    def forward(self, x: Tensor, times: Iterator[Time], modulations: Iterator[Modulation] | None = None) -> Tensor:
        for layer in self:
            x = layer(x, times, modulations) if isinstance(layer, ResBlock) else layer(x)
        return x


class UNet(nn.Module):
    """Parameter names and shapes are those of the published checkpoints.

    `forward` is the plain path. A sampler calls its three parts instead: `modulate` once per label map, `encode` once
    per step and `decode` once per branch; their composition is `forward`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = 4 * config.model_channels
        self.time_embed = nn.Sequential(nn.Linear(config.model_channels, width), nn.SiLU(), nn.Linear(width, width))
        self.input_blocks, channels = self._encoder()
        deepest = channels[-1]
        stride = 2 ** (len(config.channel_mult) - 1)
        self.middle_block = Block(
            self._decoder_block(deepest, deepest, stride),
            AttentionBlock(config, deepest, stride),
            self._decoder_block(deepest, deepest, stride),
        )
        self.output_blocks = self._decoder(channels)
        finest = int(config.channel_mult[0] * config.model_channels)
        self.out = nn.Sequential(
            group_norm(finest), nn.SiLU(), zeroed(nn.Conv2d(finest, config.out_channels, 3, padding=1))
        )
        if config.detail:
            self.detail = Detail(finest, config.out_channels // config.patch**2, config.detail, config.patch)

    def _encoder(self) -> tuple[nn.ModuleList, list[int]]:
        """The input blocks, and the channels that each of them leaves."""
        config = self.config
        ch = int(config.channel_mult[0] * config.model_channels)
        blocks = [Block(nn.Conv2d(config.in_channels, ch, 3, padding=1))]
        channels = [ch]
        for level, multiplier in enumerate(config.channel_mult):
            width = int(multiplier * config.model_channels)
            for _ in range(config.num_res_blocks):
                layers: list[nn.Module] = [ResBlock(config, ch, width)]
                ch = width
                if 2**level in config.attention_strides:
                    layers.append(AttentionBlock(config, ch, 2**level))
                blocks.append(Block(*layers))
                channels.append(ch)
            if level < len(config.channel_mult) - 1:
                blocks.append(Block(ResBlock(config, ch, ch, halve) if config.resblock_updown else Downsample(ch)))
                channels.append(ch)
        return nn.ModuleList(blocks), channels

    def _decoder(self, skips: list[int]) -> nn.ModuleList:
        config = self.config
        skips = list(skips)
        ch = skips[-1]
        blocks = []
        for level in reversed(range(len(config.channel_mult))):
            width = int(config.channel_mult[level] * config.model_channels)
            for i in range(config.num_res_blocks + 1):
                layers: list[nn.Module] = [self._decoder_block(ch + skips.pop(), width, 2**level)]
                ch = width
                if 2**level in config.attention_strides:
                    layers.append(AttentionBlock(config, ch, 2**level))
                if level and i == config.num_res_blocks:
                    layers.append(
                        self._decoder_block(ch, ch, 2**level, up=True) if config.resblock_updown else Upsample(ch)
                    )
                blocks.append(Block(*layers))
        return nn.ModuleList(blocks)

    def _decoder_block(self, channels: int, out_channels: int, stride: int, up: bool = False) -> ResBlock:
        before = stride * self.config.patch
        strides = (before, before // 2 if up else before)
        return ResBlock(self.config, channels, out_channels, double if up else None, strides)

    @property
    def spades(self) -> list[Spade]:
        """Every SPADE norm, in the order in which `decode` meets them."""
        return [m for part in (self.middle_block, self.output_blocks) for m in part.modules() if isinstance(m, Spade)]

    @property
    def dtype(self) -> torch.dtype:
        """What features are computed in; the timestep and the last convolution stay in float32."""
        return self.middle_block[0].in_norm.mlp_gamma.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.time_embed[0].weight.device

    def modulate(self, condition: Condition) -> list[MapModulation]:
        """Label maps (N, K, H, W) -> gamma, beta for every SPADE norm. Depends on neither x nor the timestep."""
        maps = {spade.stride: shrunk(condition.maps, spade.stride) for spade in self.spades}
        return [spade.modulation(maps[spade.stride], condition.channels) for spade in self.spades]

    def modulate_null(self, height: int, width: int, whole: bool = False) -> list[Modulation]:
        """The same of an empty map of (height, width) pixels, almost for nothing; `whole` as MapModulations."""
        return [spade.null_modulation(height // spade.stride, width // spade.stride, whole) for spade in self.spades]

    def times(self, timesteps: Tensor, blocks: nn.Module) -> tuple[Time, ...]:
        """timesteps: (N,) -> what each residual block of `blocks` takes of them, in order."""
        emb = self.time_embed(timestep_embedding(timesteps, self.config.model_channels))
        return tuple(block.time(emb) for block in blocks.modules() if isinstance(block, ResBlock))

    def encode(self, x: Tensor, timesteps: Tensor) -> Features:
        """x: (N, 3, H, W), timesteps: (N,) or (1,) -> features, the same for every label map."""
        times = iter(self.times(timesteps, self.input_blocks))
        return Features(x, self.decoder_times(timesteps), self.descended(self.first(x), times))

    def first(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W) -> folded, through the first convolution."""
        h = functional.pixel_unshuffle(x, self.config.patch) if self.config.patch > 1 else x
        return self.input_blocks[0](h.to(self.dtype), iter(()))

    def descended(self, h: Tensor, times: Iterator[Time]) -> tuple[Tensor, ...]:
        """What the first convolution left -> that, and what every other input block leaves, finest first."""
        maps = [h]
        for block in list(self.input_blocks)[1:]:
            maps.append(block(maps[-1], times))
        return tuple(maps)

    def decoder_times(self, timesteps: Tensor) -> tuple[Time, ...]:
        """The decoder's share of `timesteps`, (N,) or (1,)."""
        return self.times(timesteps, nn.ModuleList([self.middle_block, self.output_blocks]))

    def decode(self, features: Features, modulations: Sequence[Modulation]) -> Tensor:
        """-> (N, 3, H, W) float32, or (N, 6, H, W) with a learned variance: eps | v."""
        return self.ascended(features.x, features.maps, iter(features.times), iter(modulations))

    def ascended(
        self, x: Tensor, maps: Sequence[Tensor], times: Iterator[Time], modulations: Iterator[Modulation] | None
    ) -> Tensor:
        """The input blocks' features, finest first -> what `decode` returns. x: the picture itself, (N, 3, H, W)."""
        skips = list(maps)
        h = self.middle_block(skips[-1], times, modulations)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), times, modulations)
        last = self.out[2]
        h = silu(affine_norm(h, self.out[0]))
        picture = functional.pixel_shuffle(last(h.to(last.weight.dtype)), self.config.patch)
        return picture + self.detail(x, h) if self.config.detail else picture

    def forward(self, x: Tensor, timesteps: Tensor, condition: Condition) -> Tensor:
        return self.decode(self.encode(x, timesteps), self.modulate(condition))


def shrunk(maps: Tensor, stride: int) -> Tensor:
    """One-hot maps (N, K, H, W), at every stride-th pixel."""
    if stride == 1:
        return maps
    height, width = maps.shape[-2:]
    return functional.interpolate(maps, (height // stride, width // stride), mode="nearest")
