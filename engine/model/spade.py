"""SPADE: normalise, then modulate by the label map (Park 2019, arXiv 1903.07291, as placed by Wang 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 32
EPSILON = 1e-5
FEW_CELLS = 1024  # below, the CPU's half-precision GroupNorm is several times slower than the one in float32
MANY_CELLS = 4096  # beyond, the CPU's channels-last GroupNorm adds up too coarsely
SMALL = 2**17  # numbers; features of fewer are modulated sooner whole than by their ring

Time = tuple[Tensor, Tensor]  # 1 + scale and shift of a timestep: each (N or 1, c, 1, 1)


@dataclass(frozen=True)
class Condition:
    """A batch of one-hot label maps, of which only the channels that occur are held.

    maps: (N, K, H, W) float. channels: (K,) which of the network's condition channels they are, or None for all of
    them in order. The published network convolves every channel; leaving out those that are zero everywhere changes
    nothing but the order of the sum, and a painted map holds a handful of the 151 classes.
    """

    maps: Tensor
    channels: Tensor | None = None


def group_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """GroupNorm in 32 groups. weight, bias: (c,), in float32 beside half-precision features where the device can."""
    if weight is not None and x.device.type != "cpu":
        weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
    if x.device.type == "cpu" and x.dtype.itemsize < 4 and x.shape[-2] * x.shape[-1] < FEW_CELLS:
        return functional.group_norm(x.float(), GROUPS, weight, bias, EPSILON).to(x.dtype)
    if adds_up_coarsely(x):
        return normed_in_strips(x, weight, bias)[0]
    return functional.group_norm(x, GROUPS, weight, bias, EPSILON)


def adds_up_coarsely(x: Tensor) -> bool:
    """Whether the GroupNorm at hand would be one long float32 sum a group: the CPU's, of large channels-last features.

    Over 16,000 cells that costs more than 1e-5, where everything else keeps within 1e-6.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_grad_enabled():
        return False
    large = x.shape[-2] * x.shape[-1] > MANY_CELLS
    return large and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def normed_in_strips(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """GroupNorm of channels-last features, with every group's mean and 1 / standard deviation, (N, 32) each.

    Strips of rows are normed as if they were pictures of their own, then moved to the moments of the whole.
    """
    n, c, height, width = x.shape
    rows = next(each for each in range(max(1, MANY_CELLS // width), 0, -1) if height % each == 0)
    strips = x.permute(0, 2, 3, 1).view(-1, rows, width, c).permute(0, 3, 1, 2)
    y, *moments = torch.native_group_norm(strips, None, None, len(strips), c, rows * width, GROUPS, EPSILON)
    means, rstds = (each.view(n, -1, GROUPS) for each in moments)  # (N, strips, 32)
    mean = means.mean(1, keepdim=True)
    rstd = ((rstds**-2 - EPSILON + (means - mean) ** 2).mean(1, keepdim=True) + EPSILON).rsqrt()
    scale, shift = (each.repeat_interleave(c // GROUPS, 2) for each in (rstd / rstds, (means - mean) * rstd))
    if weight is not None:
        scale, shift = scale * weight, torch.addcmul(bias, shift, weight)
    y = torch.addcmul(shift.view(-1, c, 1, 1), y, scale.view(-1, c, 1, 1), out=y)
    return y.permute(0, 2, 3, 1).view(n, height, width, c).permute(0, 3, 1, 2), mean[:, 0], rstd[:, 0]


def scaled(h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """h * scale + shift; in h's own memory where no gradient needs it."""
    return torch.addcmul(shift, h, scale, out=None if torch.is_grad_enabled() else h)


def timed(h: Tensor, time: Time | None) -> Tensor:
    """h under the scale and shift of a timestep."""
    return h if time is None else scaled(h, *(part.to(h.dtype) for part in time))


class Modulation(Protocol):
    """gamma and beta of one SPADE norm."""

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        """x (N, c, h, w) -> GroupNorm32(x) * (1 + gamma) + beta, then under the timestep's scale and shift."""
        ...

    @property
    def bytes(self) -> int:
        """Memory that it holds on to."""
        ...


@dataclass(frozen=True)
class MapModulation:
    """Of a label map. scale: 1 + gamma, shift: beta; each (N or 1, c, h, w)."""

    scale: Tensor
    shift: Tensor

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        return timed(scaled(group_norm(x), self.scale, self.shift), time)

    @property
    def bytes(self) -> int:
        return self.scale.nbytes + self.shift.nbytes


@dataclass(frozen=True)
class NullModulation:
    """Of no map at all, on a grid of (h, w) cells: all cells are alike but for the outermost ring, which zero padding
    makes different. No tensor of the features' size is held or made: the inside is the affine part of the GroupNorm
    itself, then the ring is done again.

    scale, shift: (c,) float32. ring: (R,) flat indices of the ring's cells. ring_scale, ring_shift: (R, c) float32.
    """

    scale: Tensor
    shift: Tensor
    ring: Tensor
    ring_scale: Tensor
    ring_shift: Tensor

    @classmethod
    def from_table(cls, scale: Tensor, shift: Tensor, height: int, width: int) -> NullModulation:
        """scale, shift: (c, 3, 3); rows are top, inside, bottom, columns left, inside, right. Sides: 3 at least."""
        kinds = torch.stack(torch.meshgrid(places(height), places(width), indexing="ij")).flatten(1).to(scale.device)
        ring = ((kinds != 1).any(0)).nonzero()[:, 0]
        rows, columns = kinds[:, ring]
        lines = (table[:, rows, columns].T.contiguous() for table in (scale, shift))
        return cls(scale[:, 1, 1].contiguous(), shift[:, 1, 1].contiguous(), ring, *lines)

    def __call__(self, x: Tensor, time: Time | None = None) -> Tensor:
        scale, shift, ring_scale, ring_shift = self.scale, self.shift, self.ring_scale, self.ring_shift
        if time is not None:
            if len(time[0]) > 1:  # samples at different timesteps: it can't be folded in
                return timed(self(x), time)
            factor, offset = (part.flatten() for part in time)
            scale, shift = scale * factor, torch.addcmul(offset, shift, factor)
            ring_scale, ring_shift = ring_scale * factor, torch.addcmul(offset, ring_shift, factor)
        n, c, height, width = x.shape
        held = (scale, shift) if x.device.type == "cpu" else (scale.to(x.dtype), shift.to(x.dtype))
        if adds_up_coarsely(x):
            y, mean, rstd = normed_in_strips(x, *held)
        else:
            y, mean, rstd = torch.native_group_norm(x, *held, n, c, height * width, GROUPS, EPSILON)
        mean, rstd = (part.float().repeat_interleave(c // GROUPS, 1)[:, None] for part in (mean, rstd))  # (N, 1, c)
        cells, into = (part.permute(0, 2, 3, 1).reshape(n, height * width, c) for part in (x, y))
        redone = (cells.index_select(1, self.ring) - mean) * (rstd * ring_scale) + ring_shift
        into.index_copy_(1, self.ring, redone.to(x.dtype))
        return y if into.data_ptr() == y.data_ptr() else into.reshape(n, height, width, c).permute(0, 3, 1, 2)

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for part in vars(self).values())


def places(side: int) -> Tensor:
    """(side,) which of the three rows or columns of an empty map's table each cell takes; side: 3 at least."""
    found = torch.ones(side, dtype=torch.long)
    found[0], found[-1] = 0, 2
    return found


class Spade(nn.Module):
    """x -> GroupNorm32(x) * (1 + gamma) + beta, with gamma and beta from the label map alone."""

    def __init__(self, channels: int, condition_channels: int, hidden: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride  # image pixels per cell of the features that this norm sees
        self.mlp_shared = nn.Sequential(nn.Conv2d(condition_channels, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    @property
    def numbers(self) -> float:
        """That a modulation holds for every cell of the map: gamma and beta."""
        return 2 * self.channels

    def modulation(self, maps: Tensor, channels: Tensor | None) -> MapModulation:
        """maps: (N, K, h, w), already at this norm's size -> gamma, beta (N, c, h, w)."""
        conv = self.mlp_shared[0]
        weight = conv.weight if channels is None else conv.weight.index_select(1, channels)
        hidden = functional.conv2d(maps.to(weight.dtype), weight, conv.bias, padding=1)
        hidden = functional.relu(hidden, inplace=not torch.is_grad_enabled())
        gamma = self.mlp_gamma(hidden)
        scale = 1 + gamma if torch.is_grad_enabled() else gamma.add_(1)
        return MapModulation(scale, self.mlp_beta(hidden))

    def null_modulation(self, height: int, width: int, whole: bool = False) -> Modulation:
        """Of an empty map of (height, width) cells, read off a map of 3 x 3, which has every kind of cell.

        whole: as a MapModulation, whatever the size.
        """
        sides = [min(height, 3), min(width, 3)]
        hidden = self.mlp_shared[0].bias.relu()[None, :, None, None].expand(1, -1, *sides).contiguous()
        scale, shift = 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)
        if not whole and min(sides) == 3 and height * width * self.channels > SMALL:
            return NullModulation.from_table(scale[0].float(), shift[0].float(), height, width)
        rows, columns = (torch.arange(n) if n < 3 else places(n) for n in (height, width))
        whole = (table[:, :, rows][:, :, :, columns] for table in (scale, shift))
        return MapModulation(*(part.contiguous(memory_format=torch.channels_last) for part in whole))

    def forward(self, x: Tensor, modulations: Iterator[Modulation], time: Time | None = None) -> Tensor:
        return next(modulations)(x, time)
