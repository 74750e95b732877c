"""Residual and attention blocks of ADM, with the norm of a block left open: GroupNorm or SPADE."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model import spade
from engine.model.config import NetworkConfig
from engine.model.spade import EPSILON, GROUPS, Modulation, Spade, Time, timed


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, EPSILON)


def affine_norm(x: Tensor, norm: nn.GroupNorm, time: Time | None = None) -> Tensor:
    """GroupNorm with its own scale and shift, then the timestep's, folded into them where the batch shares it."""
    weight, bias = norm.weight, norm.bias
    if time is None or len(time[0]) > 1:
        return timed(spade.group_norm(x, weight, bias), time)
    factor, offset = (part.flatten() for part in time)
    return spade.group_norm(x, weight * factor, torch.addcmul(offset, bias, factor))


def silu(x: Tensor) -> Tensor:
    """SiLU of features that nobody else holds: in their own memory where no gradient needs them."""
    return functional.silu(x, inplace=not torch.is_grad_enabled())


def added(h: Tensor, x: Tensor) -> Tensor:
    """h + x, in h's own memory where no gradient needs it."""
    return h + x if torch.is_grad_enabled() else h.add_(x)


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

    def time(self, emb: Tensor) -> Time:
        """emb: (N, 4 * model_channels) -> what the timestep does to the features inside, (N, c, 1, 1) each."""
        rows = self.emb_layers(emb)[:, :, None, None]
        if self.scale_shift:
            scale, shift = rows.chunk(2, dim=1)
            return 1 + scale, shift
        return torch.ones_like(rows), rows

    def forward(self, x: Tensor, times: Iterator[Time], modulations: Iterator[Modulation] | None = None) -> Tensor:
        """x: (N, c, h, w) -> (N, c', h', w'). Takes one of `times`, and two of `modulations` where it has SPADE."""
        h = silu(self.in_norm(x, modulations) if self.has_spade else affine_norm(x, self.in_layers[0]))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = self.in_layers[-1](h)
        time = next(times)
        if not self.scale_shift:
            h, time = h + time[1].to(h.dtype), None
        h = self.out_norm(h, modulations, time) if self.has_spade else affine_norm(h, self.out_layers[0], time)
        dropout, convolution = self.out_layers[-2], self.out_layers[-1]
        return added(convolution(dropout(silu(h))), self.skip_connection(x))


class AttentionBlock(nn.Module):
    """Self-attention over all cells. Two orders of the packed q, k, v exist: per head (published), or all q first.

    trained_cells: how many cells there are at the training size; on more of them, with `entropy_scaled`, the scores
    are sharpened so that attention spreads over as many cells as it learnt to (Jin 2023, arXiv 2306.08645, eq. 7).
    """

    def __init__(self, config: NetworkConfig, channels: int, stride: int) -> None:
        super().__init__()
        head_channels = config.num_head_channels
        self.heads = config.num_heads if head_channels == -1 else channels // head_channels
        self.qkv_first = config.use_new_attention_order
        self.trained_cells = round((config.image_size // config.patch // stride) ** 2 * config.aspect)
        self.entropy_scaled = False
        self.norm = group_norm(channels)
        self.qkv = nn.Conv1d(channels, channels * 3, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        cells = affine_norm(x, self.norm).permute(0, 2, 3, 1).reshape(n, height * width, c)
        packed = functional.linear(cells, self.qkv.weight[:, :, 0], self.qkv.bias)  # (N, cells, 3c)
        if self.qkv_first:
            q, k, v = packed.reshape(n, -1, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        else:
            q, k, v = packed.reshape(n, -1, self.heads, 3, c // self.heads).permute(3, 0, 2, 1, 4)
        h = functional.scaled_dot_product_attention(q, k, v, scale=self.scale(height * width))  # (N, heads, cells, d)
        h = h.transpose(1, 2).reshape(n, height * width, c)
        h = functional.linear(h, self.proj_out.weight[:, :, 0], self.proj_out.bias)
        return added(h.reshape(n, height, width, c).permute(0, 3, 1, 2), x)

    def scale(self, cells: int) -> float:
        """What q . k is multiplied by."""
        plain = (self.qkv.in_channels // self.heads) ** -0.5
        if not self.entropy_scaled or cells <= self.trained_cells or self.trained_cells < 2:
            return plain
        return plain * math.sqrt(math.log(cells) / math.log(self.trained_cells))
