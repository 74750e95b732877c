"""What a run over a folder is asked for, and which part of that decides how a picture looks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from app.settings import ClassScales, scales_in
from engine import pipeline
from engine.checkpoint import find_checkpoint
from engine.device import PrecisionName
from engine.palette import load_palette
from engine.record import UNSAID
from engine.resizing import resize_labels
from engine.types import EditRequest, Instances, LabelMap, RenderRequest, Sampling, check_side

Size: TypeAlias = int | Literal["map"] | None
END = 2**20  # bytes of a model file that are looked at from each end


@dataclass(frozen=True)
class Settings:
    """What holds for every map. size: the computed short side, "map" for each map's own, None for the model's.

    sampling: its seeds are the variations of each map. class_guidance: scales of single classes, by name.
    """

    model: str
    palette: str | None
    size: Size
    native: bool
    sampling: Sampling
    class_guidance: ClassScales = ()

    def __post_init__(self) -> None:
        """Raises UserError, so that what is wrong for every map is said before the first."""
        if isinstance(self.size, int):
            check_side(self.size)
        if self.palette is not None:
            load_palette(self.palette)

    def request(
        self,
        model: pipeline.Model,
        labels: LabelMap,
        seeds: tuple[int, ...] | None = None,
        instances: Instances | None = None,
    ) -> RenderRequest:
        """Of one map (H, W) with its objects, for some of the seeds or all. Raises UserError."""
        sampling = replace(self.sampling, seeds=seeds or self.sampling.seeds)
        scales = scales_in(model.palette, self.class_guidance)
        request = RenderRequest(model.name, labels, sampling, side_of(labels, self.size), instances, scales)
        if not self.native:
            return request
        grid = pipeline.computed_grid(model, request)
        small = [None if each is None else resize_labels(each, grid.height, grid.width) for each in (labels, instances)]
        return replace(request, labels=small[0], instances=small[1])

    def to_dict(self) -> dict[str, Any]:
        """What decides how a picture of a given map and seed looks, as JSON knows it."""
        path = find_checkpoint(self.model)
        sampling = asdict(self.sampling)
        del sampling["seeds"]
        if sampling["noise"] == UNSAID["noise"]:
            del sampling["noise"]  # what folders were begun with that don't say
        if self.class_guidance:
            sampling["class_guidance"] = dict(self.class_guidance)
        told = {"model": path.stem, "model file": file_fingerprint(path), "palette": self.palette, "size": self.size}
        return json.loads(json.dumps({**told, "native": self.native, **sampling}))


@dataclass(frozen=True)
class Job:
    """One process's share: of the maps in their order, those whose place divided by `processes` leaves `rank`.

    again: settings may differ from those that the folder `out` was begun with.
    """

    maps: Path
    out: Path
    settings: Settings
    device: str = "auto"
    precision: PrecisionName = "auto"
    again: bool = False
    rank: int = 0
    processes: int = 1

    def share(self, rank: int, processes: int, device: str) -> Job:
        return replace(self, rank=rank, processes=processes, device=device)


def side_of(labels: LabelMap, size: Size) -> int | None:
    """The short side in pixels at which a map (H, W) is computed; None is the model's."""
    return min(labels.shape) if size == "map" else size


def plan_text(model: pipeline.Model, request: RenderRequest | EditRequest) -> str:
    """Where a request will be computed, and what it will take."""
    return f"{model.name} on {model.device}, {model.precision}: {pipeline.plan_of(model, request).text()}"


def file_fingerprint(model: Path) -> str:
    """Tells model files apart without reading gigabytes: by length, beginning and end: training changes all."""
    size = model.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with model.open("rb") as file:
        digest.update(file.read(END))
        file.seek(max(0, size - END))
        digest.update(file.read(END))
    return digest.hexdigest()[:16]
