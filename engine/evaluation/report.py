"""What an evaluation leaves behind: figures as JSON, tables in Markdown, a plot of a sweep, sheets to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.evaluation import nearest
from engine.evaluation.card import write_card
from engine.evaluation.cases import Case
from engine.evaluation.intervals import Figure
from engine.evaluation.measure import Figures
from engine.evaluation.plot import Panel, Point, svg
from engine.evaluation.remembered import Remembered
from engine.evaluation.request import Setting, shown
from engine.label_files import colour_map
from engine.palette import Palette
from engine.training.sheet import sheet
from engine.types import Photo
from engine.writing import save_png, whole_file

VERSION = 1
JSON, TABLES, PLOT, SHEET = "evaluation.json", "report.md", "sweep.svg", "sheet.png"
ACROSS = 6  # pictures of a map in a sheet, at most
SECONDS = "s a picture"
SHARES = ("mIoU", "accuracy", "precision", "recall", "judged")  # what the names of shares of 1 begin with
PLOTTED = ("frechet inception", "frechet ours", "mIoU", "diversity lpips", "diversity ours")
COLUMNS = 3  # settings beside each other in a table, at most


@dataclass(frozen=True)
class Measured:
    """One setting's figures. seconds: what a picture took, the median over the maps."""

    setting: Setting
    figures: Figures
    seconds: float

    def text(self) -> str:
        """A line for the user, with the figures that a sweep is judged by."""
        known = {name: text for name in PLOTTED if (text := text_of(name, self.figures.get(name)))}
        told = [f"{name} {text}" for name, text in known.items()]
        return f"{self.setting.name}: {', '.join(told)}, {self.seconds:.2f} {SECONDS}"


@dataclass(frozen=True)
class Evaluation:
    """about: the model, the data and the instruments, as JSON. photos: the figures of the real photos in the pictures'
    place: what the judge makes of them. floor: the distances between those photos and the training's.
    """

    about: dict[str, Any]
    measured: tuple[Measured, ...]
    photos: Figures
    floor: Figures
    remembered: tuple[Remembered, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "spadework_evaluation": VERSION,
            **self.about,
            "settings": [
                {
                    "name": each.setting.name,
                    "sampling": {k: v for k, v in asdict(each.setting.sampling).items() if k != "seeds"},
                    "seconds": each.seconds,
                    "figures": as_dicts(each.figures),
                }
                for each in self.measured
            ],
            "photos": as_dicts(self.photos),
            "training photos": as_dicts(self.floor),
            "remembered": [
                {
                    "by": each.name,
                    "near": asdict(each.near),
                    "pictures": quartiles(each.pictures),
                    "photos": quartiles(each.photos),
                }
                for each in self.remembered
            ],
        }


def as_dicts(figures: Figures) -> dict[str, Any]:
    return {name: asdict(each) for name, each in figures.items()}


def quartiles(distances: np.ndarray) -> dict[str, float]:
    names = ("least", "quarter", "median", "three quarters", "most")
    return dict(zip(names, map(float, np.percentile(distances, (0, 25, 50, 75, 100))), strict=True))


def write(out: Path, evaluation: Evaluation) -> None:
    """JSON and tables, and for a sweep the plot. Raises UserError."""
    write_text(out / JSON, json.dumps(evaluation.to_dict(), indent=1) + "\n")
    write_text(out / TABLES, tables(evaluation))
    if evaluation.remembered:
        write_text(out / nearest.SECTION, nearest.section(evaluation.remembered, nearest.PICTURE))
    if len(evaluation.measured) > 1 and (panels := sweep_panels(evaluation.measured)):
        write_text(out / PLOT, svg(panels))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all. Raises UserError."""
    with whole_file(path) as file:
        file.write(text.encode())


# --- Tables ---


def tables(evaluation: Evaluation) -> str:
    """Markdown, ready for a model card or docs/performance.md: a row a figure, or for a sweep a row a setting."""
    about = evaluation.about
    lines = [figures_text(evaluation)]
    if evaluation.remembered:
        lines += [*nearest.rows(evaluation.remembered), ""]
    lines += [columns_of(evaluation.measured), *(f"\n{remark}" for remark in about["remarks"])]
    return "\n".join(lines) + "\n"


def figures_text(evaluation: Evaluation) -> str:
    """What was measured on what, and a table of it."""
    about = evaluation.about
    lines = [
        f"{about['model']} on {about['maps']} maps of {about['data']}, pictures of each: {about['samples']} "
        f"({about['precision']}, {about['device']}). In brackets: 95 % intervals over the maps.",
        "",
        *(by_figure(evaluation) if len(evaluation.measured) <= COLUMNS else by_setting(evaluation)),
    ]
    return "\n".join(lines) + "\n"


def by_figure(evaluation: Evaluation) -> Iterator[str]:
    columns = {each.setting.name: each.figures for each in evaluation.measured} | others(evaluation)
    yield "| | " + " | ".join(columns) + " |"
    yield "|" + "---|" * (len(columns) + 1)
    for name in names_in(columns):
        yield f"| {name} | " + " | ".join(text_of(name, figures.get(name)) for figures in columns.values()) + " |"
    seconds = [f"{each.seconds:.2f}" for each in evaluation.measured]
    yield f"| {SECONDS} | " + " | ".join(seconds + [""] * (len(columns) - len(seconds))) + " |"


def by_setting(evaluation: Evaluation) -> Iterator[str]:
    rows = {each.setting.name: each.figures for each in evaluation.measured} | others(evaluation)
    seconds = {each.setting.name: f"{each.seconds:.2f}" for each in evaluation.measured}
    names = names_in(rows)
    yield "| | " + " | ".join([*names, SECONDS]) + " |"
    yield "|" + "---|" * (len(names) + 2)
    for setting, figures in rows.items():
        cells = [text_of(name, figures.get(name)) for name in names]
        yield f"| {setting} | " + " | ".join([*cells, seconds.get(setting, "")]) + " |"


def others(evaluation: Evaluation) -> dict[str, Figures]:
    """What stands beside the settings, by its name."""
    found = {"the maps' photos": evaluation.photos, "training photos": evaluation.floor}
    return {name: figures for name, figures in found.items() if figures}


def names_in(columns: dict[str, Figures]) -> list[str]:
    return list(dict.fromkeys(name for figures in columns.values() for name in figures))


def text_of(name: str, figure: Figure | None) -> str:
    """In the unit of the figure; empty where there is none."""
    return "" if figure is None else figure.text(percent=name.startswith(SHARES))


def into_card(card: Path, out: Path, evaluation: Evaluation) -> None:
    """Puts the figures, and with `remembered` the nearest training photos, into a model's card. Raises UserError."""
    remarks = [f"\n{remark}\n" for remark in evaluation.about["remarks"]]
    sections = {"figures": "\n".join(["## Figures\n", figures_text(evaluation), *remarks])}
    pictures = {}
    if evaluation.remembered:
        picture = f"{card.stem}-{nearest.PICTURE}"
        sections["nearest"], pictures[picture] = nearest.section(evaluation.remembered, picture), out / nearest.PICTURE
    write_card(card, sections, pictures)


# --- Plot ---


def sweep_panels(measured: Sequence[Measured]) -> list[Panel]:
    """A panel a figure of PLOTTED that was measured: along the axis with the most numbers, a line for each place on the
    others. Empty where the sweep has no axis of numbers.
    """
    places = [each.setting.at for each in measured]
    counts = {axis: len({place[axis] for place in places}) for axis in places[0] if axis not in ("preset",)}
    counts = {axis: n for axis, n in counts.items() if n > 1 and not isinstance(places[0][axis], str)}
    if not counts:
        return []
    across = max(counts, key=lambda axis: (counts[axis], axis == "steps"))
    names = [name for name in PLOTTED if any(name in each.figures for each in measured)]
    panels = [Panel(titled(name), across, lines(measured, across, name)) for name in names]
    return [*(panel for panel in panels if panel.lines), Panel(SECONDS, across, lines(measured, across, SECONDS))]


def lines(measured: Sequence[Measured], across: str, name: str) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for each in measured:
        figure = Figure(each.seconds) if name == SECONDS else each.figures.get(name, Figure(None))
        if figure.value is not None:
            rest = {axis: value for axis, value in each.setting.at.items() if axis != across}
            line = " ".join(f"{axis} {shown(value)}" for axis, value in rest.items())
            point = (each.setting.at[across], figure.value, figure.low, figure.high)
            found.setdefault(line or each.setting.name.partition(" ")[0], []).append(point)
    return found


def titled(name: str) -> str:
    better = "higher" if name.startswith(SHARES) or name.startswith("diversity") else "lower"
    return f"{name} ({better} is better)"


# --- Sheets ---


def save_sheet(out: Path, cases: Sequence[Case], shown: Mapping[int, Sequence[Photo]], palette: Palette) -> None:
    """For some of the maps, by their number: map | ACROSS of their pictures at most | photo. Raises UserError."""
    strips = []
    for i, pictures in shown.items():
        chosen = [pictures[k] for k in spread(len(pictures), ACROSS)]
        strips.append([colour_map(cases[i].labels, palette), *chosen, cases[i].photo])
    save_png(out / SHEET, sheet(strips, cases[0].photo.shape[0]), {})


def columns_of(measured: Sequence[Measured]) -> str:
    """What the sheet shows, in words."""
    if len(measured) == 1:
        return f"{SHEET}: map, pictures, photo."
    names = [measured[i].setting.name for i in spread(len(measured), ACROSS)]
    return f"{SHEET}: map, {', '.join(names)}, photo."


def spread(count: int, most: int) -> list[int]:
    """The numbers of `most` of so many at most, evenly spread, always the same."""
    shown = min(count, most)
    return [i * count // shown for i in range(shown)]
