"""Residual and attention blocks of ADM, with the norm of a block left open: GroupNorm or SPADE."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.config import NetworkConfig
from engine.model.spade import Modulation, Spade


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels)


def zeroed(module: nn.Module) -> nn.Module:
    """A residual branch starts as nothing, so that a fresh block is the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def timestep_embedding(timesteps: Tensor, width: int, max_period: float = 10_000.0) -> Tensor:
    """(N,) original timesteps -> (N, width): cosines first, then sines."""
    half = width // 2
    frequencies = torch.exp(
        -math.log(max_period) * torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    )
    angles = timesteps.float()[:, None] * frequencies
    embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
    return functional.pad(embedding, (0, width % 2))


def halve(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 2)


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(double(x))


class ResBlock(nn.Module):
    """Dhariwal 2021's residual block. In the decoder `spade_strides` names the image pixels per cell before and after
    resampling, and both norms become SPADE; in the encoder it is None.

    The published checkpoints keep a GroupNorm inside `in_layers`/`out_layers`, but a SPADE beside them (`in_norm`,
    `out_norm`); the parameter names follow that.
    """

    def __init__(
        self,
        config: NetworkConfig,
        channels: int,
        out_channels: int,
        resample: Callable[[Tensor], Tensor] | None = None,
        spade_strides: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.scale_shift = config.use_scale_shift_norm
        conv_in = nn.Conv2d(channels, out_channels, 3, padding=1)
        conv_out = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        tail = [nn.SiLU(), nn.Dropout(config.dropout), conv_out]
        if spade_strides is None:
            self.in_layers = nn.Sequential(group_norm(channels), nn.SiLU(), conv_in)
            self.out_layers = nn.Sequential(group_norm(out_channels), *tail)
        else:
            self.in_norm = Spade(channels, config.condition_channels, config.spade_hidden, spade_strides[0])
            self.in_layers = nn.Sequential(nn.SiLU(), conv_in)
            self.out_norm = Spade(out_channels, config.condition_channels, config.spade_hidden, spade_strides[1])
            self.out_layers = nn.Sequential(*tail)
        self.has_spade = spade_strides is not None
        self.emb_layers = nn.Sequential(
            nn.SiLU(), nn.Linear(4 * config.model_channels, out_channels * (2 if self.scale_shift else 1))
        )
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Tensor, modulations: Iterator[Modulation] | None = None) -> Tensor:
        """x: (N, c, h, w), emb: (N, 4 * model_channels) -> (N, c', h', w')."""
        if self.has_spade:
            h, in_rest = self.in_norm(x, modulations), self.in_layers
        else:
            h, in_rest = self.in_layers[0](x), self.in_layers[1:]
        h = in_rest[0](h)
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = in_rest[1](h)

        time = self.emb_layers(emb)[:, :, None, None].to(h.dtype)
        out_rest = self.out_layers if self.has_spade else self.out_layers[1:]

        def out_norm(h: Tensor) -> Tensor:
            return self.out_norm(h, modulations) if self.has_spade else self.out_layers[0](h)

        if self.scale_shift:
            scale, shift = time.chunk(2, dim=1)
            h = torch.addcmul(shift, out_norm(h), 1 + scale)
        else:
            h = out_norm(h + time)
        return self.skip_connection(x) + out_rest(h)


class AttentionBlock(nn.Module):
    """Self-attention over all cells. Two orders of the packed q, k, v exist: per head (published), or all q first."""

    def __init__(self, config: NetworkConfig, channels: int) -> None:
        super().__init__()
        head_channels = config.num_head_channels
        self.heads = config.num_heads if head_channels == -1 else channels // head_channels
        self.qkv_first = config.use_new_attention_order
        self.norm = group_norm(channels)
        self.qkv = nn.Conv1d(channels, channels * 3, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        cells = x.reshape(n, c, height * width)
        packed = self.qkv(self.norm(cells))  # (N, 3c, cells)
        if self.qkv_first:
            q, k, v = packed.reshape(n, 3, self.heads, c // self.heads, -1).unbind(1)
        else:
            q, k, v = packed.reshape(n, self.heads, 3, c // self.heads, -1).unbind(2)
        q, k, v = (part.transpose(-1, -2).contiguous() for part in (q, k, v))  # (N, heads, cells, c / heads)
        h = functional.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(n, c, -1)
        return x + self.proj_out(h).reshape(n, c, height, width)
