"""A table that carries a map from one palette to another, class by class: proposed, edited, applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.json_file import read_json
from engine.palette import Palette, PaletteClass
from engine.translate import counterpart
from engine.types import LabelMap, UserError

FOLDER = Path(__file__).resolve().parent.parent / "palettes" / "remap"  # of meanings: FROM-TO.json, name -> name

How = Literal["same name", "nearest meaning", "synonym", "chosen", "none"]


@dataclass(frozen=True)
class Row:
    """What becomes of one class: index in the one palette, in the other (None: nothing like it), and why."""

    source: int
    target: int | None
    how: How


@dataclass(frozen=True)
class Table:
    """A row for every class of `source` in order of the index, into `target`; both are palettes' names."""

    source: str
    target: str
    rows: tuple[Row, ...]

    def changed(self, source: int, target: int | None) -> Table:
        """The same with one class sent elsewhere, or nowhere, by the artist."""
        rows = (Row(source, target, "chosen") if row.source == source else row for row in self.rows)
        return Table(self.source, self.target, tuple(rows))


@dataclass(frozen=True)
class Loss:
    """A class of the map that the table sends nowhere, and how many pixels are unlabelled for it."""

    name: str
    pixels: int


def propose(source: Palette, target: Palette) -> Table:
    """For every class the one of the same name, else what we hold to be its nearest meaning, else a synonym's."""
    meanings = _meanings(source, target)
    rows = (_proposed(each, source, target, meanings) for each in source.classes)
    return Table(source.name, target.name, tuple(rows))


def apply(labels: LabelMap, table: Table, source: Palette, target: Palette) -> tuple[LabelMap, tuple[Loss, ...]]:
    """labels (H, W) in `target`'s indices, and what was lost, the largest first. Raises UserError for another table."""
    _check(table, source, target)
    source.check(labels)
    lookup = np.full(source.size, target.unlabelled, np.uint8)
    for row in table.rows:
        lookup[row.source] = target.unlabelled if row.target is None else row.target
    counts = np.bincount(labels.reshape(-1), minlength=source.size)
    nowhere = (row.source for row in table.rows if row.target is None and row.source != source.unlabelled)
    lost = [Loss(source.classes[index].name, int(counts[index])) for index in nowhere if counts[index]]
    return lookup[labels], tuple(sorted(lost, key=lambda each: -each.pixels))


def _proposed(each: PaletteClass, source: Palette, target: Palette, meanings: dict[str, str | None]) -> Row:
    same = next((other.index for other in target.classes if other.name.casefold() == each.name.casefold()), None)
    if same is not None:
        return Row(each.index, same, "same name")
    if each.index == source.unlabelled:
        return Row(each.index, target.unlabelled, "nearest meaning")
    if each.name in meanings:
        meant = meanings[each.name]
        return (
            Row(each.index, None, "none")
            if meant is None
            else Row(each.index, target.index_of(meant), "nearest meaning")
        )
    found = counterpart(each, target)
    return Row(each.index, found, "none" if found is None else "synonym")


def _meanings(source: Palette, target: Palette) -> dict[str, str | None]:
    """Our own table of names for these two palettes; null where a synonym would mislead. Empty where there is none."""
    try:
        return read_json(FOLDER / f"{source.name}-{target.name}.json")
    except OSError:
        return {}


def _check(table: Table, source: Palette, target: Palette) -> None:
    if (table.source, table.target) != (source.name, target.name):
        raise UserError(
            f"The remap table leads from {table.source} to {table.target}, not from {source.name} to {target.name}. "
            "Choose the one for these palettes."
        )
    indices = [row.source for row in table.rows]
    if sorted(indices) != list(range(source.size)):
        raise UserError(f"The remap table has {len(indices)} rows, {source.title} has {source.size}. Propose it anew.")
    for row in table.rows:
        if row.target is not None and not 0 <= row.target < target.size:
            raise UserError(f"Class {row.target} is outside {target.title} (0 to {target.size - 1}). Choose another.")
