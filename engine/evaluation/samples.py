"""A setting's pictures on disk: each is there whole or not at all, says what it was made from, and is found again."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.cases import Case
from engine.images import read_photo, read_request, save_png
from engine.library import Model
from engine.pipeline import generate, pictures_of
from engine.record import record
from engine.types import RenderRequest, Sampling, UserError

PICTURES = "pictures"  # the folder within the run's
BETWEEN = 1_000_000  # from a map's seed to its next: no two maps share one, and asking for more samples changes none
ABOUT = "evaluation"  # the entry of a picture's record: the model's file, and how long the picture took


@dataclass(frozen=True)
class Samples:
    """The pictures (N, H, W, 3) of one map; seconds: what one of them took; made: how many were made just now."""

    pictures: NDArray[np.uint8]
    seconds: float
    made: int


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
        missing = tuple(seed for seed in seeds if self._found(case, seed) is None)
        if missing:
            self._make(case, missing)
        found = [self._found(case, seed) for seed in seeds]
        if any(each is None for each in found):
            raise UserError(f"A picture of {case.name} can't be read back from {self.folder}. Is the disk full?")
        return Samples(np.stack([p for p, _ in found]), float(np.median([s for _, s in found])), len(missing))

    def _make(self, case: Case, seeds: tuple[int, ...]) -> None:
        request = self._request(case, seeds)
        started = time.perf_counter()
        pictures = pictures_of(generate(self.model, request))
        seconds = (time.perf_counter() - started) / len(seeds)
        self.model.cache.clear()  # the next map is another
        for seed, picture in zip(seeds, pictures, strict=True):
            about = {**self._about(), "seconds": round(seconds, 4)}
            save_png(self._path(case, seed), picture, {**record(request, self.model.palette.name, seed), ABOUT: about})

    def _found(self, case: Case, seed: int) -> tuple[NDArray[np.uint8], float] | None:
        """The picture that is there, if it is whole and made from just this, with the seconds it took."""
        path = self._path(case, seed)
        if not path.exists():
            return None
        try:
            stored, picture = read_request(path), read_photo(path)
        except UserError:  # cut short, as after a power cut
            return None
        told = (stored or {}).pop(ABOUT, None)
        seconds = told.pop("seconds", None) if isinstance(told, dict) else None
        wanted = as_json(record(self._request(case, (seed,)), self.model.palette.name, seed))
        if stored != wanted or told != self._about() or picture.shape != case.photo.shape:
            return None
        return picture, float(seconds or 0)

    def _request(self, case: Case, seeds: tuple[int, ...]) -> RenderRequest:
        sampling = replace(self.sampling, seeds=seeds)
        return RenderRequest(self.model.name, case.labels, sampling, instances=case.instances)

    def _about(self) -> dict[str, str]:
        return {"model_sha256": self.model_file, "precision": self.model.precision}

    def _path(self, case: Case, seed: int) -> Path:
        return self.folder / f"{case.name.replace('/', '_')}-{seed}.png"


def as_json(value: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(value))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
