"""The pairs of a listing, read when they are asked for; as many as a limit of bytes allows stay in memory."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import overload

import numpy as np

from engine.palette import Palette
from engine.training.layouts import Listing
from engine.training.pairs import Pair, Reading, read_pair, read_weights, shrunk


class Store(Sequence[Pair]):
    """Pairs at most `short_side` pixels on the short side (None: as they are).

    Training draws pairs at random, so none is worth more than another: those that came first stay, none makes room.
    Safe to be used by several threads.
    """

    def __init__(self, listing: Listing, palette: Palette, short_side: int | None, limit: int) -> None:
        self.listing, self.palette, self.short_side, self.limit = listing, palette, short_side, limit
        weights = read_weights(listing.folder)
        self.weights = np.array([weights.get(entry.name, 0.0) for entry in listing.entries])
        self.held: dict[int, Pair] = {}
        self.bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.listing.entries)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        found = self.held.get(index)
        return self._kept(index, self.read(index)) if found is None else found

    def read(self, index: int) -> Reading:
        """The pair anew from its files, at its own size. Raises UserError."""
        entry = self.listing.entries[index]
        return read_pair(entry, self.palette, self.listing.scaled, float(self.weights[index]))

    def first(self, index: int) -> Reading:
        """The same, and the pair is kept in memory while there is room."""
        reading = self.read(index)
        self._kept(index, reading)
        return reading

    def _kept(self, index: int, reading: Reading) -> Pair:
        pair = shrunk(reading.pair, self.short_side)
        with self._lock:
            if index not in self.held and self.bytes + pair.bytes <= self.limit:
                self.held[index] = pair
                self.bytes += pair.bytes
        return pair
