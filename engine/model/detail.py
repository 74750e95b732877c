"""The last word on detail, in whole pixels, where the network itself works on a grid of folded ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks import zeroed

FEED = 8  # channels a pixel that the grid's features are unfolded into


class Detail(nn.Module):
    """Three convolutions at full resolution that correct what was unfolded from a grid of patch x patch pixels.

    A cell's features are fewer than the numbers of its pixels, so fine detail of x does not fit through the grid, and
    nothing makes neighbouring cells agree at their borders: pictures show a weave of the grid's size. Here x itself
    meets the cell's features, pixel by pixel. A fresh one corrects nothing.
    """

    def __init__(self, channels: int, out_channels: int, hidden: int, patch: int) -> None:
        """channels: of the grid's finest features. out_channels: 3, or 6 with a learned variance."""
        super().__init__()
        self.patch = patch
        self.feed = nn.Conv2d(channels, FEED * patch**2, 1)
        self.layers = nn.Sequential(
            nn.Conv2d(3 + FEED, hidden, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.SiLU(),
            zeroed(nn.Conv2d(hidden, out_channels, 3, padding=1)),
        )

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """x: (N, 3, H, W); h: (N, c, H / patch, W / patch), the decoder's last features -> (N, 3 or 6, H, W)."""
        fed = functional.pixel_shuffle(self.feed(h), self.patch)
        return self.layers(torch.cat([x.to(fed.dtype), fed], dim=1))
