"""From pictures to figures: what the instruments see of each map's pictures, and what all of it comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.cases import Case
from engine.evaluation.distances import KernelDistance, frechet_distance
from engine.evaluation.features import Extractor, Features, Pictures, joined
from engine.evaluation.intervals import DISTANCE, GROUPS, SHARE, Figure, figure, group_of, mean_figure
from engine.evaluation.judges import Judge
from engine.evaluation.likeness import Likeness
from engine.evaluation.manifold import inside
from engine.palette import Palette
from engine.segmentation.scores import Scores, no_scores, scored
from engine.types import LabelMap

MANY, FEW_GROUPS = 1000, 20  # pictures and features from which a Fréchet distance takes seconds, and groups then

Kind = Literal["pooled", "spatial"]
Figures = dict[str, Figure]  # “mIoU”, “frechet ours”, … -> its value; docs/evaluation.md says what each is


@dataclass(frozen=True)
class Instruments:
    """Whatever pictures are looked at with: only what was given, or is shipped for the palette."""

    palette: Palette
    extractors: tuple[Extractor, ...] = ()
    likenesses: tuple[Likeness, ...] = ()
    judge: Judge | None = None

    def look(self, pictures: Pictures) -> Seen:
        """At the pictures (N, H, W, 3) of one map."""
        return Seen(
            {each.name: each(pictures) for each in self.extractors},
            {each.name: each.spread(pictures) for each in self.likenesses},
            np.stack([self.judge.segment(picture) for picture in pictures]) if self.judge else None,
        )


@dataclass(frozen=True)
class Seen:
    """What the instruments say of one map's pictures, each by its name. shown: (N, H, W), what the judge sees there."""

    features: dict[str, Features]
    spreads: dict[str, float]
    shown: NDArray[np.uint8] | None


def figures(instruments: Instruments, cases: Sequence[Case], made: Sequence[Seen], photos: Sequence[Seen]) -> Figures:
    """Everything that can be said of the pictures `made` from the maps of `cases`, beside their `photos`."""
    found: Figures = {}
    for extractor in instruments.extractors:
        name = extractor.name
        found |= fidelity(extractor, *([seen.features[name] for seen in each] for each in (photos, made)))
    for likeness in instruments.likenesses:
        found[f"diversity {likeness.name}"] = mean_figure([seen.spreads[likeness.name] for seen in made])
    return found | correspondence(instruments, cases, made)


def fidelity(extractor: Extractor, photos: list[Features], made: list[Features]) -> Figures:
    """Distances and overlap of the features of photos and pictures, an entry a map."""
    name = extractor.name
    real, drawn = both(extractor, photos, made, "pooled")
    found = {
        f"frechet {name}": frechet(real, drawn),
        f"kid {name}": kid(real, drawn),
        f"precision {name}": mean_figure(drawn.means(inside(drawn.rows, real.rows))),
        f"recall {name}": mean_figure(real.means(inside(real.rows, drawn.rows))),
    }
    if joined(made).spatial is not None:
        found[f"spatial frechet {name}"] = frechet(*both(extractor, photos, made, "spatial"))
    return found


def both(extractor: Extractor, photos: list[Features], made: list[Features], kind: Kind) -> tuple[Rows, Rows]:
    """The features of photos and pictures in the extractor's scale."""
    size = rms(getattr(joined(photos), kind)) if extractor.scale == "photos" else 1.0
    return Rows(photos, kind, size), Rows(made, kind, size)


def rms(rows: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(rows).mean())) or 1.0


class Rows:
    """Features (N, D) of several pictures a map, in units of `size`, and whose they are."""

    def __init__(self, parts: list[Features], kind: Kind, size: float) -> None:
        self.rows: NDArray[np.float64] = getattr(joined(parts), kind) / size
        self.maps = len(parts)
        self.owner = np.repeat(np.arange(self.maps), [len(part.pooled) for part in parts])

    def of(self, maps: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.rows[np.isin(self.owner, maps)]

    def means(self, values: NDArray) -> NDArray[np.float64]:
        """(N,) -> (maps,)."""
        return np.bincount(self.owner, values) / np.bincount(self.owner)


def frechet(real: Rows, drawn: Rows) -> Figure:
    groups = GROUPS if min(drawn.rows.shape) < MANY else FEW_GROUPS
    return figure(lambda maps: frechet_distance(real.of(maps), drawn.of(maps)), real.maps, groups, DISTANCE)


def kid(real: Rows, drawn: Rows) -> Figure:
    group = group_of(real.maps)
    distance = KernelDistance(real.rows, drawn.rows, group[real.owner], group[drawn.owner])
    return figure(lambda maps: distance.of(np.unique(group[maps])), real.maps)


def correspondence(instruments: Instruments, cases: Sequence[Case], made: Sequence[Seen]) -> Figures:
    """How the judge's maps of the pictures agree with the maps they were made from, and, as what chance gives, with the
    next pair's.

    Counted over the classes that the judge can tell. judged: the share of the pixels that are of these.
    """
    judge = instruments.judge
    if judge is None:
        return {}
    maps = [known(case.labels, judge, instruments.palette) for case in cases]
    others = [*maps[1:], maps[0]]
    right, wrong = (Tally(instruments.palette, truths, made) for truths in (maps, others))
    return {
        "mIoU": right.figure(lambda scores: scores.mean_iou),
        "accuracy": right.figure(lambda scores: scores.accuracy),
        "mIoU, wrong map": wrong.figure(lambda scores: scores.mean_iou),
        "accuracy, wrong map": wrong.figure(lambda scores: scores.accuracy),
        "judged": mean_figure([float((labels != instruments.palette.unlabelled).mean()) for labels in maps]),
    }


def known(labels: LabelMap, judge: Judge, palette: Palette) -> LabelMap:
    """The map without the classes that the judge can't tell."""
    return np.where(np.isin(labels, judge.labels), labels, np.uint8(palette.unlabelled))


class Tally:
    """The confusion of maps with what is shown, in groups of maps: that of 2,000 maps one by one is a gigabyte."""

    def __init__(self, palette: Palette, truths: Sequence[LabelMap], made: Sequence[Seen]) -> None:
        self.empty = no_scores(palette.size)
        self.group = group_of(len(made))
        self.groups = [self.empty] * min(GROUPS, len(made))
        for group, truth, seen in zip(self.group, truths, made, strict=True):
            for shown in seen.shown:
                self.groups[group] += scored(truth, shown, palette.size, palette.unlabelled)

    def figure(self, of: Callable[[Scores], float]) -> Figure:
        def statistic(maps: NDArray[np.intp]) -> float:
            return of(sum((self.groups[g] for g in np.unique(self.group[maps])), self.empty))

        return figure(statistic, len(self.group), bounds=SHARE)
