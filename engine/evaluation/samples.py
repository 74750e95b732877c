"""A setting's pictures on disk: each is there whole or not at all, says what it was made from, and is found again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.cases import Case
from engine.images import read_photo, read_request
from engine.library import Model
from engine.pipeline import generate, pictures_of
from engine.record import record
from engine.types import RenderRequest, Sampling, UserError
from engine.writing import save_png

PICTURES = "pictures"  # the folder within the run's
BETWEEN = 1_000_000  # from a map's seed to its next: no two maps share one, and asking for more samples changes none
ABOUT = "evaluation"  # the entry of a picture's record: the model's file, and how long the picture took


@dataclass(frozen=True)
class Samples:
    """The pictures (N, H, W, 3) of one map; seconds: what one of them took; made: how many were made just now."""

    pictures: NDArray[np.uint8]
    seconds: float
    made: int


@dataclass(frozen=True)
class Found:
    """A picture (H, W, 3) that is there. together: the seeds that were made in one batch, its own among them."""

    picture: NDArray[np.uint8]
    seconds: float
    together: tuple[int, ...]


class Gallery:
    """Makes the pictures of one setting in `folder`, map by map, and keeps what is there."""

    def __init__(self, model: Model, model_file: str, sampling: Sampling, count: int, folder: Path) -> None:
        """model_file: the fingerprint of the model's file. Raises UserError where the folder can't be made."""
        self.model, self.model_file, self.sampling, self.count, self.folder = model, model_file, sampling, count, folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} can't be made: {error.strerror}. Choose another --out.") from error

    def of(self, case: Case) -> Samples:
        """All pictures of a map; those that are missing or were made from something else are made. Raises UserError."""
        seeds = [case.number + BETWEEN * i for i in range(self.count)]
        there = {seed: self._found(case, seed) for seed in seeds}
        missing = {seed for seed, found in there.items() if found is None}
        for batch in batches(there):
            self._make(case, batch, missing & {*batch})
        found = [there[seed] or self._found(case, seed) for seed in seeds]
        if any(each is None for each in found):
            raise UserError(f"A picture of {case.name} can't be read back from {self.folder}. Is the disk full?")
        seconds = float(np.median([each.seconds for each in found]))
        return Samples(np.stack([each.picture for each in found]), seconds, len(missing))

    def _make(self, case: Case, seeds: tuple[int, ...], wanted: set[int]) -> None:
        """Makes the pictures of `seeds` in one batch and keeps those that are wanted."""
        request = self._request(case, seeds)
        started = time.perf_counter()
        pictures = pictures_of(generate(self.model, request))
        seconds = (time.perf_counter() - started) / len(seeds)
        self.model.cache.clear()  # the next map is another
        about = {**self._about(), "seconds": round(seconds, 4), "together": seeds}
        for seed, picture in zip(seeds, pictures, strict=True):
            if seed in wanted:
                told = {**record(request, self.model.palette.name, seed), ABOUT: about}
                save_png(self._path(case, seed), picture, told)

    def _found(self, case: Case, seed: int) -> Found | None:
        """The picture that is there, if it is whole and made from just this."""
        path = self._path(case, seed)
        if not path.exists():
            return None
        try:
            stored, picture = read_request(path), read_photo(path)
        except UserError:  # cut short, as after a power cut
            return None
        told = (stored or {}).pop(ABOUT, None)
        told = told if isinstance(told, dict) else {}
        seconds, together = told.pop("seconds", None), told.pop("together", None)
        wanted = as_json(record(self._request(case, (seed,)), self.model.palette.name, seed))
        if stored != wanted or told != self._about() or picture.shape != case.photo.shape:
            return None
        return Found(picture, float(seconds or 0), tuple(together or (seed,)))

    def _request(self, case: Case, seeds: tuple[int, ...]) -> RenderRequest:
        sampling = replace(self.sampling, seeds=seeds)
        return RenderRequest(self.model.name, case.labels, sampling, instances=case.instances)

    def _about(self) -> dict[str, str]:
        return {"model_sha256": self.model_file, "precision": self.model.precision}

    def _path(self, case: Case, seed: int) -> Path:
        return self.folder / f"{case.name.replace('/', '_')}-{seed}.png"


def batches(there: Mapping[int, Found | None]) -> Iterator[tuple[int, ...]]:
    """The batches in which the missing of some seeds are to be made.

    Those whose batch was cut short by a kill in it again: alone they could come out a rounding apart. The rest in one.
    """
    missing = {seed for seed, found in there.items() if found is None}
    begun = {found.together for found in there.values() if found and missing & {*found.together}}
    yield from sorted(begun)
    if rest := tuple(sorted(missing.difference(*begun))):
        yield rest


def as_json(value: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(value))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
