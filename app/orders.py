"""From what is on the desk to a request of the engine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.canvas import Painted
from app.opening import to_palette
from app.settings import Settings, scales_in
from engine import pipeline
from engine.images import PhotoFile, resize_labels
from engine.palette import Palette
from engine.record import record
from engine.types import EditRequest, RenderRequest, UserError


@dataclass(frozen=True)
class Order:
    """A request with what surrounds it. remark: what the model's palette lacks of the map; like: an edit's photo."""

    request: RenderRequest | EditRequest
    palette: Palette
    remark: str = ""
    like: PhotoFile | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.request.labels.shape

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.request.sampling.seeds

    def frames(self, model: pipeline.Model) -> Generator[pipeline.Frame]:
        return (pipeline.edit if isinstance(self.request, EditRequest) else pipeline.generate)(model, self.request)

    @cached_property
    def first_record(self) -> dict:
        """That of the first picture; packing a large map takes a while, and Live asks several times."""
        return self.record(0)

    def record(self, index: int) -> dict:
        """What made one picture of the run."""
        return record(self.request, self.palette.name, self.seeds[index], index)


def render_order(painted: Painted | None, settings: Settings, palette: Palette) -> Order:
    """Of the map on the desk, in the model's palette. Re-rolled areas of another map's size are left out.

    Raises UserError.
    """
    if painted is None:
        raise UserError("There is no map yet. Paint something, or open an example.")
    labels, remark = to_palette(painted, palette)
    request = RenderRequest(
        settings.model,
        labels,
        settings.seeded(),
        settings.side,
        instances=painted.instances,
        class_guidance=scales_in(palette, settings.class_guidance),
        rerolls=tuple(each for each in settings.rerolls if each.region.shape == labels.shape),
    )
    return Order(request, palette, remark)


def edit_order(painted: Painted | None, file: PhotoFile, settings: Settings, palette: Palette) -> Order:
    """Of what is painted on a photo: the region is where a class was painted. Raises UserError."""
    if painted is None:
        raise UserError("Nothing is painted yet. Paint on the photo what should be there.")
    labels, remark = to_palette(painted, palette)
    size = file.pixels.shape[:2]
    labels = resize_labels(labels, *size)
    region: np.ndarray = labels != palette.unlabelled
    if not region.any():
        raise UserError("Nothing is painted on the photo. Paint, on the photo, what should be there instead.")
    request = EditRequest(
        settings.model,
        labels,
        file.pixels,
        region,
        settings.strength,
        settings.seeded(),
        settings.side,
        instances=None if painted.instances is None else resize_labels(painted.instances, *size),
        class_guidance=scales_in(palette, settings.class_guidance),
    )
    return Order(request, palette, remark, file)
