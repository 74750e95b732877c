"""One evaluation: makes what pictures are missing, looks at them, and writes the figures, setting by setting."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.checkpoint import find_checkpoint
from engine.evaluation import report
from engine.evaluation.cases import read_cases, read_photos, remarks
from engine.evaluation.features import Extractor, InceptionFeatures, Pictures, SegmenterFeatures
from engine.evaluation.judges import Judge, open_judge
from engine.evaluation.likeness import Likeness, ScriptLikeness, SegmenterLikeness
from engine.evaluation.measure import Figures, Instruments, Seen, correspondence, fidelity, figures
from engine.evaluation.nearest import save_nearest
from engine.evaluation.remembered import Remembered, remembered
from engine.evaluation.report import Evaluation, Measured
from engine.evaluation.request import EvaluationRequest, Setting
from engine.evaluation.samples import PICTURES, Gallery, Samples, file_sha256
from engine.library import load_model
from engine.palette import Palette
from engine.segmentation.files import find_segmenter
from engine.segmentation.segmenter import Segmenter, segmenter_for
from engine.training.crops import picture_size
from engine.training.sheet import SHOWN
from engine.types import Photo, UserError


@dataclass(frozen=True)
class Progress:
    """done of all pictures are looked at, `made` of them are new. text: what is done now. measured: a setting whose
    figures are known now, or None.
    """

    done: int
    pictures: int
    made: int
    text: str
    measured: Measured | None = None


def run(request: EvaluationRequest) -> Generator[Progress]:
    """Tells after every map, and writes the figures after every setting. Whatever ends it, the same request goes on
    from the pictures that are there. Raises UserError.
    """
    yield from Evaluating(request).settings()


class Evaluating:
    """What is loaded for an evaluation, and what it has found so far."""

    def __init__(self, request: EvaluationRequest) -> None:
        self.request = request
        path = find_checkpoint(request.model)
        self.model = load_model(request.model, request.device, request.precision)
        self.file = file_sha256(path)
        self.folder = request.out / PICTURES / f"{path.stem}-{self.file[:8]}"
        size, palette = picture_size(self.model.network.config), self.model.palette
        self.instruments = instruments_for(request, palette, self.model.device)
        self.cases = read_cases(request.data, palette, size, request.fit, request.maps)
        self.trained = read_photos(request.train, size, request.fit) if request.train else []
        self.measured: list[Measured] = []
        self.shown: dict[int, list[Photo]] = {i: [] for i in report.spread(len(self.cases), SHOWN)}
        self.progress = Progress(0, len(request.settings) * len(self.cases) * request.samples, 0, "")

    def settings(self) -> Generator[Progress]:
        """First the photos, then every setting's pictures; the first setting's are held against the training's."""
        photos = []
        for case in self.cases:
            yield self._told(f"Looking at photo {len(photos) + 1} of {len(self.cases)}")
            photos.append(self.instruments.look(case.photo[None]))
        floor = training_floor(self.instruments, photos, self.trained, len(self.cases) * self.request.samples)
        found: tuple[Remembered, ...] = ()
        for setting in self.request.settings:
            made, seconds, pictures = [], [], []
            for each in self._samples(setting):
                made.append(self.instruments.look(each.pictures))
                seconds.append(each.seconds)
                if self.trained and not found:
                    pictures.append(each.pictures)
                yield self._told(setting.name, each)
            if pictures:
                yield self._told("Looking for the nearest training photos")
                found = self._remembered(pictures)
            measured = figures(self.instruments, self.cases, made, photos)
            self.measured.append(Measured(setting, measured, float(np.median(seconds))))
            self._write(photos, floor, found)
            yield self._told(setting.name, measured=self.measured[-1])

    def _samples(self, setting: Setting) -> Iterator[Samples]:
        """Of each map in turn; of some maps they are kept for the sheet: of one setting all, of several the first of
        each."""
        gallery = Gallery(self.model, self.file, setting.sampling, self.request.samples, self.folder / setting.folder)
        kept = 1 if len(self.request.settings) > 1 else self.request.samples
        for i, case in enumerate(self.cases):
            samples = gallery.of(case)
            if i in self.shown:
                self.shown[i] += list(samples.pictures[:kept])
            yield samples

    def _told(self, text: str, samples: Samples | None = None, measured: Measured | None = None) -> Progress:
        p, count = self.progress, 0 if samples is None else len(samples.pictures)
        made = 0 if samples is None else samples.made
        self.progress = Progress(p.done + count, p.pictures, p.made + made, text, measured)
        return self.progress

    def _remembered(self, pictures: list[Pictures]) -> tuple[Remembered, ...]:
        photos = [case.photo for case in self.cases]
        extractor = next(iter(self.instruments.extractors), None)
        found = tuple(remembered(self.trained, pictures, photos, extractor))
        save_nearest(self.request.out, found, np.concatenate(pictures), self.trained)
        return found

    def _write(self, photos: list[Seen], floor: Figures, found: tuple[Remembered, ...]) -> None:
        request, own = self.request, correspondence(self.instruments, self.cases, photos)
        evaluation = Evaluation(self._about(), tuple(self.measured), own, floor, found)
        report.write(request.out, evaluation)
        if request.card and len(self.measured) == len(request.settings):
            report.into_card(request.card, request.out, evaluation)
        report.save_sheet(self.request.out, self.cases, self.shown, self.model.palette)

    def _about(self) -> dict[str, Any]:
        request = self.request
        return {
            "model": self.model.name,
            "model_sha256": self.file,
            "data": request.data.resolve().name,
            "maps": len(self.cases),
            "samples": request.samples,
            "fit": request.fit,
            "device": str(self.model.device),
            "precision": self.model.precision,
            "training photos looked at": len(self.trained),
            "remarks": remarks(self.cases, self.trained),
            "instruments": {
                name: None if path is None else {"file": path.name, "sha256": path.is_file() and file_sha256(path)}
                for name, path in used_files(request, self.model.palette).items()
            },
        }


def instruments_for(request: EvaluationRequest, palette: Palette, device: torch.device) -> Instruments:
    """What was given, and our segmenter for the palette where there is one. Raises UserError where there is nothing."""
    judge: Judge | None = None
    if request.segmenter is not None:
        judge = open_judge(request.segmenter, palette, device)
    ours = judge if isinstance(judge, Segmenter) else None
    if ours is None and find_segmenter(palette) is not None:
        ours = segmenter_for(palette)
    extractors: list[Extractor] = []
    likenesses: list[Likeness] = []
    if ours is not None:
        here = on(ours, device)
        extractors, likenesses = [SegmenterFeatures(here)], [SegmenterLikeness(here)]
        judge = here if judge in (None, ours) else judge
    if request.inception is not None:
        extractors.append(InceptionFeatures(request.inception, device))
    if request.lpips is not None:
        likenesses.append(ScriptLikeness(request.lpips, device))
    if not (extractors or likenesses or judge):
        raise UserError(
            f"There is nothing to measure with: no segmenter for {palette.title} is here. Train one (launch.py "
            "train-segmenter) and give it with --segmenter, or give --inception."
        )
    return Instruments(palette, tuple(extractors), tuple(likenesses), judge)


def on(segmenter: Segmenter, device: torch.device) -> Segmenter:
    """The segmenter on a device; the one that others may use stays where it is."""
    if device.type == "cpu":
        return segmenter
    return Segmenter(copy.deepcopy(segmenter.network).to(device), segmenter.description)


def used_files(request: EvaluationRequest, palette: Palette) -> dict[str, Any]:
    segmenter = request.segmenter or find_segmenter(palette)
    return {"segmenter": segmenter, "inception": request.inception, "lpips": request.lpips}


def training_floor(instruments: Instruments, photos: Sequence[Seen], trained: Sequence[Photo], count: int) -> Figures:
    """The distances that as many training photos as there will be pictures have from the maps' photos: about what a
    model reaches that draws such photos. Empty where the training photos are fewer than the maps.
    """
    if len(trained) < len(photos):
        return {}
    count = min(count, len(trained))
    chosen = np.stack([trained[i * len(trained) // count] for i in range(count)])
    found: Figures = {}
    for extractor in instruments.extractors:
        real = [seen.features[extractor.name] for seen in photos]
        found |= fidelity(extractor, real, [extractor(some) for some in np.array_split(chosen, len(photos))])
    return found
