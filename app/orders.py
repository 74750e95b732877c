"""From what is on the desk to a request of the engine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from app.canvas import Painted
from app.opening import to_palette
from app.settings import Settings, scales_in
from engine import pipeline
from engine.images import PhotoFile
from engine.label_change import auto_growth, changed
from engine.palette import Palette, load_palette
from engine.record import edit_request, record
from engine.resizing import resize_labels
from engine.types import EditRequest, LabelMap, Region, RenderRequest, Reroll, UserError


class NothingWantedError(UserError):
    """Nothing of the photo is to be made anew, as long as nothing is painted or selected."""


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


def edit_order(
    painted: Painted | None, file: PhotoFile, settings: Settings, palette: Palette, base: LabelMap | None = None
) -> Order:
    """Of what is wanted of a photo: the region is the selection, or else all that differs from the first map.

    base: that map, (H, W) of the painted map's size and classes; None: nothing is known, all is unlabelled. Raises
    UserError.
    """
    if painted is None:
        raise UserError("Nothing is painted yet. Paint on the photo what should be there.")
    size = file.pixels.shape[:2]
    region = at_size(region_of(painted, base), size)
    labels, remark = to_palette(painted, palette)
    request = EditRequest(
        settings.model,
        resize_labels(labels, *size),
        file.pixels,
        region,
        settings.strength,
        settings.seeded(),
        settings.side,
        instances=None if painted.instances is None else resize_labels(painted.instances, *size),
        class_guidance=scales_in(palette, settings.class_guidance),
        growth=auto_growth(*size) if settings.growth is None else settings.growth,
        feather=settings.feather,
        blend=settings.blend,
        extent=settings.extent,
        resampling=settings.resampling,
        rerolls=tuple(within(region, settings.rerolls, labels.shape)),
    )
    return Order(request, palette, remark, file)


def region_of(painted: Painted, base: LabelMap | None) -> Region:
    """(H, W) bool, of the map's size: the selection, else what differs from the first map.

    Raises NothingWantedError.
    """
    if painted.region is not None and painted.region.any():
        return painted.region
    first = np.full_like(painted.labels, load_palette(painted.palette).unlabelled) if base is None else base
    region = changed(first, painted.labels)
    if not region.any():
        raise NothingWantedError(
            "Nothing is painted on the photo, and nothing is selected. Paint what should be there instead."
        )
    return region


def at_size(region: Region, size: tuple[int, int]) -> Region:
    """A region at another height and width: each pixel as it is under its centre."""
    return resize_labels(region.astype(np.uint8), *size).astype(bool)


def within(region: Region, rerolls: tuple[Reroll, ...], shape: tuple[int, int]) -> Iterator[Reroll]:
    """What of the areas of a map of that shape lies in a region of the photo, at the photo's size."""
    for each in rerolls:
        if each.region.shape == shape and (inside := at_size(each.region, region.shape) & region).any():
            yield Reroll(inside, each.seed)


def again_order(stored: dict, file: PhotoFile, area: Region, seed: int, settings: Settings, palette: Palette) -> Order:
    """The edit of a record once more, all of it as it was but for an area, which is made anew from `seed`.

    area: of any size; what of it lies in the edit's region counts. As many are made as the settings say, all with the
    edit's own seed, the area's counting on. Raises UserError.
    """
    former = edit_request(stored, file.pixels)
    inside = at_size(area, former.region.shape) & former.region
    if not inside.any():
        raise UserError("That area was not repainted in this result. Choose one inside what was.")
    sampling = replace(former.sampling, seeds=former.sampling.seeds[:1] * settings.count)
    rerolls = (*former.rerolls, Reroll(inside, seed))
    return Order(replace(former, sampling=sampling, rerolls=rerolls), palette, "", file)
