"""A map for other programs: as values, as colours, as shapes, as numbered objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label as connected

from app.bundle import is_project, read_project
from engine.images import printable, read_request
from engine.label_files import colour_map, palette_named_in, read_label_map, save_label_map
from engine.palette import Palette, load_palette, palette_names
from engine.record import render_request
from engine.swatches import SWATCHES
from engine.types import LabelMap, UserError
from engine.vector import svg
from engine.writing import whole_file, write_png

MAX_OBJECTS = 65_535  # what 16 bits can number
Instances = NDArray[np.uint16]  # (H, W), 0 = the connected areas are the objects


@dataclass(frozen=True)
class Export:
    """One way to write a map: what it is called, how its files end, and write(path, labels, palette, instances)."""

    title: str
    suffix: str
    write: Callable[[Path, LabelMap, Palette, Instances | None], None]


@dataclass(frozen=True)
class Exportable:
    """What a file holds that can be exported: labels (H, W) of a palette, objects if it has any; remark: guesses."""

    labels: LabelMap
    palette: Palette
    instances: Instances | None = None
    remark: str = ""


def read_exportable(path: Path, palette: str | Path | None = None) -> Exportable:
    """The map of a project, of a result, or of any label file. palette: where the file itself names none.

    Raises UserError.
    """
    if is_project(path):
        project = read_project(path)
        return Exportable(project.labels, project.palette, project.instances, " ".join(project.remarks))
    stored = read_request(path)
    if stored is not None:
        request = render_request(stored)
        return Exportable(request.labels, load_palette(_named(stored.get("palette"), palette, path)), request.instances)
    given = load_palette(_named(palette_named_in(path), palette, path))
    read = read_label_map(path, given)
    return Exportable(read.labels, given, remark="" if read.exact else read.message)


def _named(told: object, given: str | Path | None, path: Path) -> str | Path:
    """The palette that a file tells of itself, if there is one of that name, else the given one. Raises UserError."""
    name = told if told in palette_names() else given
    if name is None:
        raise UserError(f"{printable(path.name)} does not say what its classes are. Name them with --palette.")
    return name


def export_map(kind: str, path: Path, labels: LabelMap, palette: Palette, instances: Instances | None = None) -> None:
    """Writes labels (H, W) to `path`, whole or not at all. kind: one of EXPORTS. Raises UserError."""
    if kind not in EXPORTS:
        raise UserError(f"There is no export “{printable(kind)}”. Choose {', '.join(EXPORTS)}.")
    wanted = EXPORTS[kind]
    if path.suffix.lower() != wanted.suffix:
        raise UserError(f"{printable(path.name)} does not end in {wanted.suffix}. {wanted.title} needs that.")
    wanted.write(path, labels, palette, instances)


def export_swatches(folder: Path, palette: Palette) -> list[Path]:
    """Writes the palette's swatches in every format; their paths. Raises UserError."""
    written = []
    for suffix, make in SWATCHES.items():
        path = folder / f"{palette.name}{suffix}"
        _write_bytes(path, make(palette))
        written.append(path)
    return written


def numbered(labels: LabelMap, instances: Instances | None) -> Instances:
    """(H, W): a number for every object from 1 on. Painted numbers stay; each other connected area gets the next free.

    Raises UserError where there are more than MAX_OBJECTS.
    """
    painted = np.zeros(labels.shape, np.int64) if instances is None else instances.astype(np.int64)
    areas = connected(np.where(painted > 0, 0, labels.astype(np.int64) + 1), background=0, connectivity=1)
    highest = int(painted.max()) + int(areas.max())
    if highest > MAX_OBJECTS:
        raise UserError(
            f"The map has {highest:,} objects and areas, more than {MAX_OBJECTS:,}. Remove specks or smooth it first."
        )
    return np.where(painted > 0, painted, areas + painted.max()).astype(np.uint16)


def _index(path: Path, labels: LabelMap, palette: Palette, _: Instances | None) -> None:
    save_label_map(path, labels, palette)


def _colour(path: Path, labels: LabelMap, palette: Palette, _: Instances | None) -> None:
    write_png(path, Image.fromarray(colour_map(labels, palette)), {})


def _standard(path: Path, labels: LabelMap, palette: Palette, _: Instances | None) -> None:
    palette.check(labels)
    write_png(path, Image.fromarray(palette.standard_colours[labels]), {})


def _shapes(path: Path, labels: LabelMap, palette: Palette, _: Instances | None) -> None:
    _write_bytes(path, svg(labels, palette).encode())


def _objects(path: Path, labels: LabelMap, palette: Palette, instances: Instances | None) -> None:
    palette.check(labels)
    write_png(path, Image.fromarray(numbered(labels, instances)), {})


EXPORTS = {
    "index": Export("The dataset's class values", ".png", _index),
    "colour": Export("Display colours", ".png", _colour),
    "standard": Export("The dataset's own colours", ".png", _standard),
    "shapes": Export("Shapes (SVG)", ".svg", _shapes),
    "objects": Export("Object numbers (16 bits)", ".png", _objects),
}


def _write_bytes(path: Path, content: bytes) -> None:
    with whole_file(path) as file:
        file.write(content)
