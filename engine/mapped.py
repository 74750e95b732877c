"""A map on the grid that is computed, and the network under it as one denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.denoiser import Branches, Denoiser, NetworkDenoiser, PairedBranches, SharedEncoder, TwoBranches
from engine.graphs import CapturedNetwork
from engine.guidance import Guidance, guided, scale_over
from engine.library import Model
from engine.plan import Plan
from engine.sizes import Grid
from engine.types import ClassGuidance, EditRequest, Instances, LabelMap, RenderRequest, Sampling
from engine.windows import Window, Windowed, layout

WORTH_CAPTURING = 6  # steps, from which on recording CUDA graphs pays


@dataclass(frozen=True)
class GridMap:
    """What a network is told, on the grid that is computed: labels and instances (H, W), and guidance by class."""

    labels: LabelMap
    instances: Instances | None = None
    class_guidance: ClassGuidance = ()

    def part(self, area: tuple[slice, slice]) -> GridMap:
        """Of some rows and columns."""
        cut = (None if each is None else np.ascontiguousarray(each[area]) for each in (self.labels, self.instances))
        return GridMap(*cut, self.class_guidance)


def map_on(grid: Grid, request: RenderRequest | EditRequest) -> GridMap:
    """A request's map and objects, nearest-resized together, and padded."""
    instances = None if request.instances is None else grid.labels(request.instances)
    return GridMap(grid.labels(request.labels), instances, request.class_guidance)


def map_denoiser(model: Model, given: GridMap, sampling: Sampling, plan: Plan, pictures: int = 1) -> Denoiser:
    """The network under a map of the size that is computed, guided, for one run of so many `pictures`."""
    labels = given.labels
    windows = layout(*labels.shape, plan.window, model.network.config.stride)
    scale = scale_over(labels, sampling.guidance, given.class_guidance, model.device)
    guidance = Guidance(scale, sampling.guidance_interval, sampling.guidance_stop, sampling.guidance_rescale)
    if len(windows) == 1:
        capture = model.device.type == "cuda" and sampling.encoder_reuse == 1 and sampling.steps >= WORTH_CAPTURING
        network = CapturedNetwork(model.network) if capture else model.network
        encoder = SharedEncoder(network, sampling.encoder_reuse)
        pair = pictures == 1 and guidance.acts  # without guidance one branch runs
        return guided(_branches(model, given, plan.cached, encoder, pair), guidance)

    room = max(1, model.cache.holds(windows[0].height, windows[0].width))
    kept = windows[:room]  # the others would drive them out, one after the other, at every step

    def branches_of(window: Window) -> Branches:
        part = given.part(window.area)
        return _branches(model, part, plan.cached and window in kept, SharedEncoder(model.network))

    return guided(Windowed(windows, branches_of, *labels.shape), guidance)


def _branches(model: Model, given: GridMap, keep: bool, encoder: SharedEncoder, pair: bool = False) -> Branches:
    """keep: modulations in the cache. pair: both branches as one batch of two, where that is sooner done."""
    cache = model.cache
    labels, instances = given.labels, given.instances
    with_map = NetworkDenoiser(encoder, cache.of_map(labels, keep, instances))
    if pair and keep and model.device.type == "cpu" and (paired := cache.of_pair(labels, instances)):
        return PairedBranches(with_map, paired)
    return TwoBranches(with_map, NetworkDenoiser(encoder, cache.of_null(*labels.shape)))
