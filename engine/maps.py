"""A label map from a file in the classes of a model, whatever palette it was made with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.images import Source, printable
from engine.label_files import palette_named_in, read_label_map
from engine.palette import Palette, load_palette, palette_names
from engine.translate import translate
from engine.types import LabelMap, UserError


@dataclass(frozen=True)
class MapRead:
    """labels: (H, W) uint8, indices of the palette asked for. remarks: what was guessed or lost in reading it."""

    labels: LabelMap
    remarks: tuple[str, ...] = ()


def read_map(source: Source, wanted: Palette, palette: str | Path | None = None) -> MapRead:
    """The map of a file in the classes of `wanted`.

    It is read with `palette` (a name, or a JSON file), else with the one that the file itself names, else with
    `wanted`. Raises UserError, also where `wanted` has none of its classes.
    """
    named = palette_named_in(source)  # text from a file: only ever looked up among the names
    name = palette or (named if named in palette_names() else wanted.name)
    given = wanted if name == wanted.name else load_palette(name)
    read = read_label_map(source, given)
    remarks = () if read.exact else (read.message,)
    if given.name == wanted.name:
        return MapRead(read.labels, remarks)
    labels, missing = translate(read.labels, given, wanted)
    if not missing:
        return MapRead(labels, remarks)
    if (labels == wanted.unlabelled).all():
        what = "the image" if isinstance(source, bytes) else printable(Path(source).name)
        raise UserError(
            f"Of the classes in {what}, a map of {given.title}, {wanted.title} has none. "
            "Choose a model for them, or the map's own palette (--model, --palette)."
        )
    return MapRead(labels, (*remarks, f"Not in {wanted.title}, so left unlabelled: {', '.join(missing)}."))
