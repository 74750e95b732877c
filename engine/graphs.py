"""CUDA graphs: a step's kernels recorded once and replayed as one launch, which small networks mostly wait for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.model.config import NetworkConfig
from engine.model.spade import Modulation, Time
from engine.model.unet import Features, UNet

WARM_UP = 2  # runs before recording: they choose kernels and fill the allocator


class CapturedNetwork:
    """Stands in for a UNet during one run. Records each of its parts when it is first asked for with that shape.

    Where recording fails (a driver's limit, memory), it says so in the log, once, and goes on plainly.
    """

    def __init__(self, network: UNet, record: Callable[..., Any] | None = None) -> None:
        self.network = network
        self.record = record or recorded
        self.plain = False
        self._encoders: dict[tuple[torch.Size, torch.Size], tuple[Tensor, Tensor, Callable[[], Features]]] = {}
        # By the identity of what a graph reads; it is kept beside the graph, so that nothing else can take its place.
        self._decoders: dict[tuple[int, int], tuple[Features, Sequence[Modulation], Callable[[], Tensor]]] = {}

    @property
    def config(self) -> NetworkConfig:
        return self.network.config

    def decoder_times(self, timesteps: Tensor) -> tuple[Time, ...]:
        return self.network.decoder_times(timesteps)

    def encode(self, x: Tensor, timesteps: Tensor) -> Features:
        """Like UNet.encode; what it returns is overwritten by the next call."""
        key = (x.shape, timesteps.shape)
        if not self.plain and key not in self._encoders:
            self._try(lambda: self._record_encoder(x, timesteps))
        if self.plain:
            return self.network.encode(x, timesteps)
        held_x, held_t, replay = self._encoders[key]
        held_x.copy_(x)
        held_t.copy_(timesteps)
        return replay()

    def decode(self, features: Features, modulations: Sequence[Modulation]) -> Tensor:
        """Like UNet.decode, of features that `encode` returned."""
        key = (id(features), id(modulations))
        if not self.plain and key not in self._decoders:
            self._try(lambda: self._record_decoder(key, features, modulations))
        if self.plain:
            return self.network.decode(features, modulations)
        *_, replay = self._decoders[key]
        return replay().clone()

    def _record_encoder(self, x: Tensor, timesteps: Tensor) -> None:
        held_x, held_t = x.clone(), timesteps.clone()
        replay = self.record(lambda: self.network.encode(held_x, held_t))
        self._encoders[x.shape, timesteps.shape] = held_x, held_t, replay

    def _record_decoder(self, key: tuple[int, int], features: Features, modulations: Sequence[Modulation]) -> None:
        replay = self.record(lambda: self.network.decode(features, modulations))
        self._decoders[key] = features, modulations, replay

    def _try(self, recording: Callable[[], None]) -> None:
        try:
            recording()
        except torch.OutOfMemoryError:
            raise  # whoever runs this steps down
        except RuntimeError as error:
            logging.warning("CUDA graphs are off for this picture: %s", error)
            self._encoders.clear()
            self._decoders.clear()
            self.plain = True


def recorded(run: Callable[[], Any]) -> Callable[[], Any]:
    """run() on fixed memory, as a graph: calling it replays the kernels into the same result."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = run()

    def replay() -> Any:
        graph.replay()
        return result

    return replay
