"""Palettes: which classes a label map can hold, what they are called, their colours and their values in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.json_file import read_json
from engine.types import LabelMap, UserError

FOLDER = Path(__file__).resolve().parent.parent / "palettes"
MAX_CLASSES = 256  # label maps are 8-bit

Colour: TypeAlias = tuple[int, int, int]  # RGB, 0 to 255


@dataclass(frozen=True)
class PaletteClass:
    """One class. `index` is its channel in a model, `file_value` its value in the dataset's 8-bit label files.

    Several classes may share a `standard` colour (the dataset's own); `colour` is the one we show and paint with.
    `mirror` is the class this one becomes when the picture is flipped left to right, most often itself. The last four
    are facts of the datasets that have them: None elsewhere.
    """

    index: int
    file_value: int
    name: str
    group: str
    synonyms: tuple[str, ...]
    standard: Colour
    colour: Colour
    mirror: int
    stuff: bool | None = None  # material without countable things, such as sky
    has_instances: bool | None = None
    category: str | None = None
    train_id: int | None = None  # 0 to 18 among the classes that are evaluated, 255 or -1 outside


@dataclass(frozen=True)
class Palette:
    """The classes of one dataset in order of their index; `unlabelled` is the index that stands for no class at all.

    `has_edges`: models of this dataset take one more channel, with instance edges. The arrays are read-only.
    """

    name: str
    title: str
    classes: tuple[PaletteClass, ...]
    unlabelled: int
    has_edges: bool
    note: str = ""

    @property
    def size(self) -> int:
        return len(self.classes)

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """(size, 3): the display colour of every index."""
        return _fixed([each.colour for each in self.classes])

    @cached_property
    def standard_colours(self) -> NDArray[np.uint8]:
        """(size, 3): the dataset's own colour of every index; several classes may share one."""
        return _fixed([each.standard for each in self.classes])

    @cached_property
    def file_values(self) -> NDArray[np.uint8]:
        """(size,): the value in label files of every index."""
        return _fixed([each.file_value for each in self.classes])

    @cached_property
    def mirrored(self) -> NDArray[np.uint8]:
        """(size,): what every index becomes when the picture is flipped left to right."""
        return _fixed([each.mirror for each in self.classes])

    def index_of(self, name: str) -> int:
        """The index of the class called `name`; a name counts before a synonym, case doesn't. Raises UserError."""
        wanted = name.strip().casefold()
        for names in (lambda each: (each.name,), lambda each: each.synonyms):
            for each in self.classes:
                if wanted in (candidate.casefold() for candidate in names(each)):
                    return each.index
        raise UserError(f"{self.title} has no class called “{name}”. Choose one of its {self.size} classes by name.")

    def indices_by_file_value(self) -> NDArray[np.int16]:
        """(256,): the index of every value an 8-bit label file can hold, -1 for those that are no class's."""
        indices = np.full(256, -1, np.int16)
        indices[self.file_values] = np.arange(self.size)
        return indices

    def check(self, labels: LabelMap) -> None:
        """Raises UserError where a label (H, W) is outside the palette."""
        if labels.size and labels.max() >= self.size:
            raise UserError(
                f"Label {labels.max()} is outside {self.title} (0 to {self.size - 1}). "
                "Open the map with the palette it was painted with."
            )

    def labels_to_file(self, labels: LabelMap) -> NDArray[np.uint8]:
        """Indices (H, W) -> the dataset's file values (H, W). Raises UserError for an index outside the palette."""
        self.check(labels)
        return self.file_values[labels]


def palette_names() -> list[str]:
    """The names of the palettes that come with the program, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load_palette(name_or_path: str | Path) -> Palette:
    """The palette of that name, or the one in that JSON file. Raises UserError where there is none or it is faulty."""
    if str(name_or_path) in palette_names():
        file = FOLDER / f"{name_or_path}.json"
    else:
        file = Path(name_or_path)
        if file.suffix != ".json":
            raise UserError(
                f"There is no palette “{name_or_path}”. Choose {', '.join(palette_names())}, or give a .json file."
            )
    try:
        document = read_json(file)
    except OSError as error:
        raise UserError(f"Palette {file} can't be read: {error.strerror}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"Palette {file.name} is not valid JSON: {error}. Correct it in a text editor.") from error
    return palette_from(document, file.name)


def palette_from(document: Any, source: str) -> Palette:
    """The palette that a JSON document describes; `source` names it in errors. Raises UserError where it is faulty.

    Needed: `name`, `unlabelled` and `classes`, and `index`, `name` and `colour` of every class. By default
    the title is the name, `file_value` and `mirror` are the index, `standard` is the colour.
    """
    _need(isinstance(document, dict), source, "is not a JSON object", "Start it with { and a name")
    name = _text(document, "name", source)
    rows = _value(document, "classes", source)
    _need(isinstance(rows, list) and rows, source, "has no list of classes", "Give at least one class")
    _need(len(rows) <= MAX_CLASSES, source, f"has {len(rows)} classes, more than {MAX_CLASSES}", "Merge some")
    classes = tuple(sorted((_class(row, position, source) for position, row in enumerate(rows)), key=lambda c: c.index))
    _check_together(classes, source)
    return Palette(
        name=name,
        title=_text(document, "title", source, default=name),
        classes=classes,
        unlabelled=_whole(document, "unlabelled", len(classes) - 1, source),
        has_edges=_flag(document, "has_edges", source) or False,
        note=_text(document, "note", source, default=""),
    )


def palette_to_json(palette: Palette) -> str:
    """The document that `palette_from` reads, one class a line, what is not known or by default left out."""
    head = {"name": palette.name, "title": palette.title, "note": palette.note}
    head |= {"unlabelled": palette.unlabelled, "has_edges": palette.has_edges}
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in head.items()]
    rows = []
    for each in palette.classes:
        known = {key: value for key, value in vars(each).items() if value is not None}
        if each.mirror == each.index:
            del known["mirror"]
        rows.append(json.dumps(known, ensure_ascii=False))
    return "\n".join(["{", *lines, '"classes": [', ",\n".join(rows), "]", "}", ""])


def _fixed(rows: list) -> NDArray[np.uint8]:
    table = np.array(rows, np.uint8)
    table.flags.writeable = False
    return table


# --- Validation: palettes are also written by hand, for a dataset of one's own ---


def _class(row: Any, position: int, source: str) -> PaletteClass:
    where = f"{source}, class number {position + 1} of the list,"
    _need(isinstance(row, dict), where, "is not a JSON object", "Give it an index, a name and a colour")
    index = _whole(row, "index", MAX_CLASSES - 1, where)
    name = _text(row, "name", where)
    synonyms = row.get("synonyms", [])
    _need(
        isinstance(synonyms, list) and all(isinstance(each, str) for each in synonyms),
        where,
        f"has synonyms {synonyms!r}",
        "Give a list of words",
    )
    colour = _colour(row, "colour", where)
    return PaletteClass(
        index=index,
        file_value=_whole(row, "file_value", 255, where, default=index),
        name=name,
        group=_text(row, "group", where, default="objects"),
        synonyms=tuple(synonyms),
        standard=_colour(row, "standard", where, default=colour),
        colour=colour,
        mirror=_whole(row, "mirror", MAX_CLASSES - 1, where, default=index),
        stuff=_flag(row, "stuff", where),
        has_instances=_flag(row, "has_instances", where),
        category=_text(row, "category", where, default="") or None,
        train_id=None if "train_id" not in row else _whole(row, "train_id", 255, where, lowest=-1),
    )


def _check_together(classes: tuple[PaletteClass, ...], source: str) -> None:
    """Raises UserError where single classes are right, but not beside each other."""
    for what, values in (
        ("index", [each.index for each in classes]),
        ("name", [each.name.casefold() for each in classes]),
        ("file_value", [each.file_value for each in classes]),
    ):
        twice = next((value for value in values if values.count(value) > 1), None)
        _need(twice is None, source, f"has two classes with the {what} {twice!r}", "Give each its own")
    last = len(classes) - 1
    _need(
        classes[-1].index == last,
        source,
        f"has {last + 1} classes, but one with the index {classes[-1].index}",
        f"Number them 0 to {last} without a gap",
    )
    for each in classes:
        _need(
            each.mirror <= last and classes[each.mirror].mirror == each.index,
            source,
            f"says that {each.name} mirrors class {each.mirror}, which doesn't mirror it",
            "Name each of the two in the other",
        )


def _need(condition: Any, source: str, problem: str, remedy: str) -> None:
    if not condition:
        raise UserError(f"Palette {source} {problem}. {remedy}.")


_REQUIRED = object()


def _value(table: dict, key: str, source: str, default: Any = _REQUIRED) -> Any:
    value = table.get(key, default)
    _need(value is not _REQUIRED, source, f"has no “{key}”", "Add it")
    return value


def _text(table: dict, key: str, source: str, default: Any = _REQUIRED) -> str:
    value = _value(table, key, source, default)
    fits = isinstance(value, str) and (value.strip() or default is not _REQUIRED)
    _need(fits, source, f"has the {key} {value!r}", "Give a text in quotes")
    return value


def _whole(table: dict, key: str, highest: int, source: str, default: Any = _REQUIRED, lowest: int = 0) -> int:
    value = _value(table, key, source, default)
    fits = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    _need(fits, source, f"has the {key} {value!r}", f"Give a whole number from {lowest} to {highest}")
    return value


def _flag(table: dict, key: str, source: str) -> bool | None:
    value = table.get(key)
    _need(value is None or isinstance(value, bool), source, f"has {key} {value!r}", "Give true or false")
    return value


def _colour(table: dict, key: str, source: str, default: Any = _REQUIRED) -> Colour:
    value = _value(table, key, source, default)
    fits = isinstance(value, list | tuple) and len(value) == 3 and all(type(v) is int and 0 <= v <= 255 for v in value)
    _need(fits, source, f"has the {key} {value!r}", "Give [red, green, blue], each a whole number from 0 to 255")
    return tuple(value)
