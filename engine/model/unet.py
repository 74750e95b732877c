"""The U-Net: an encoder that never sees the label map, and a decoder that sees it in every norm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks import (
    AttentionBlock,
    Downsample,
    ResBlock,
    Upsample,
    double,
    group_norm,
    halve,
    timestep_embedding,
    zeroed,
)
from engine.model.config import NetworkConfig
from engine.model.spade import Condition, Modulation, Spade


@dataclass(frozen=True)
class Features:
    """What the encoder hands over: `emb` (N, 4 * model_channels) and one feature map per input block, finest first."""

    emb: Tensor
    maps: tuple[Tensor, ...]


class Block(nn.Sequential):
    """A residual block with what follows it; passes the timestep and the modulations to those who want them."""

    def forward(self, x: Tensor, emb: Tensor, modulations: Iterator[Modulation] | None = None) -> Tensor:
        for layer in self:
            x = layer(x, emb, modulations) if isinstance(layer, ResBlock) else layer(x)
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
            self._spade_block(deepest, deepest, stride),
            AttentionBlock(config, deepest),
            self._spade_block(deepest, deepest, stride),
        )
        self.output_blocks = self._decoder(channels)
        finest = int(config.channel_mult[0] * config.model_channels)
        self.out = nn.Sequential(
            group_norm(finest), nn.SiLU(), zeroed(nn.Conv2d(finest, config.out_channels, 3, padding=1))
        )

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
                    layers.append(AttentionBlock(config, ch))
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
                layers: list[nn.Module] = [self._spade_block(ch + skips.pop(), width, 2**level)]
                ch = width
                if 2**level in config.attention_strides:
                    layers.append(AttentionBlock(config, ch))
                if level and i == config.num_res_blocks:
                    layers.append(
                        self._spade_block(ch, ch, 2**level, up=True) if config.resblock_updown else Upsample(ch)
                    )
                blocks.append(Block(*layers))
        return nn.ModuleList(blocks)

    def _spade_block(self, channels: int, out_channels: int, stride: int, up: bool = False) -> ResBlock:
        before = stride * self.config.patch
        strides = (before, before // 2 if up else before)
        return ResBlock(self.config, channels, out_channels, double if up else None, strides)

    @property
    def spades(self) -> list[Spade]:
        """Every SPADE norm, in the order in which `decode` meets them."""
        return [m for part in (self.middle_block, self.output_blocks) for m in part.modules() if isinstance(m, Spade)]

    def modulate(self, condition: Condition) -> list[Modulation]:
        """Label maps (N, K, H, W) -> gamma, beta for every SPADE norm. Depends on neither x nor the timestep."""
        height, width = condition.maps.shape[-2:]
        sizes: dict[int, Tensor] = {}
        for stride in {spade.stride for spade in self.spades}:
            size = (height // stride, width // stride)
            sizes[stride] = functional.interpolate(condition.maps, size, mode="nearest")
        return [spade.modulation(sizes[spade.stride], condition.channels) for spade in self.spades]

    def encode(self, x: Tensor, timesteps: Tensor) -> Features:
        """x: (N, 3, H, W), timesteps: (N,) -> features, the same for every label map."""
        emb = self.time_embed(timestep_embedding(timesteps, self.config.model_channels))
        h = functional.pixel_unshuffle(x, self.config.patch) if self.config.patch > 1 else x
        maps = []
        for block in self.input_blocks:
            h = block(h, emb)
            maps.append(h)
        return Features(emb, tuple(maps))

    def decode(self, features: Features, modulations: list[Modulation]) -> Tensor:
        """-> (N, 3, H, W), or (N, 6, H, W) with a learned variance: eps | v."""
        remaining = iter(modulations)
        skips = list(features.maps)
        h = self.middle_block(skips[-1], features.emb, remaining)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), features.emb, remaining)
        h = self.out(h)
        return functional.pixel_shuffle(h, self.config.patch) if self.config.patch > 1 else h

    def forward(self, x: Tensor, timesteps: Tensor, condition: Condition) -> Tensor:
        return self.decode(self.encode(x, timesteps), self.modulate(condition))
