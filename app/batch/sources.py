"""Which files of a folder are label maps, and what their pictures are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from engine.types import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")  # of engine.images.FORMATS
INSTANCES = ("instanceids", "instances", "instancetrainids")  # end of a name: numbers of things, not classes
BESIDE_LABELS = ("color", "labeltrainids")  # the same map once more, where a *_labelIds lies beside (Cityscapes)


@dataclass(frozen=True)
class Source:
    """A map: its file relative to the folder, and what the files made of it begin with, relative to theirs."""

    name: str
    stem: str

    def picture(self, seed: int) -> str:
        return f"{self.stem}-{seed}.png"


@dataclass(frozen=True)
class Found:
    """sources: in the order of their names. ignored: the other files."""

    sources: tuple[Source, ...]
    ignored: tuple[str, ...]


def find_sources(folder: Path, leave_out: Path) -> Found:
    """The maps in a folder and the folders in it, but for hidden files and the folder `leave_out`. Raises UserError."""
    names = sorted(files_in(folder, leave_out.resolve()))
    everything = frozenset(names)
    maps = [name for name in names if is_map(name, everything)]
    if not maps:
        raise UserError(f"{folder} holds no label maps ({', '.join(SUFFIXES)}). Name a folder that does.")
    chosen = frozenset(maps)
    return Found(tuple(named(maps)), tuple(name for name in names if name not in chosen))


def files_in(folder: Path, leave_out: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be read: {error.strerror}. Choose a folder that you may read.")

    for here, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [each for each in folders if each[0] != "." and (Path(here) / each).resolve() != leave_out]
        yield from ((Path(here) / file).relative_to(folder).as_posix() for file in files if file[0] != ".")


def is_map(name: str, everything: frozenset[str]) -> bool:
    """Whether a file is a map of its own, by its name and those beside it."""
    path = Path(name)
    if path.suffix.lower() not in SUFFIXES:
        return False
    start, _, end = path.stem.rpartition("_")
    if end.lower() in INSTANCES:
        return False
    return end.lower() not in BESIDE_LABELS or (path.parent / f"{start}_labelIds.png").as_posix() not in everything


def named(names: list[str]) -> Iterator[Source]:
    """A stem for each: the name without its extension, or with it where that is taken."""
    taken: set[str] = set()
    for name in names:
        bare = name[: -len(Path(name).suffix)]
        choices = chain([bare, name], (f"{name}~{number}" for number in count(2)))
        stem = next(each for each in choices if each.casefold() not in taken)  # to some disks a and A are one name
        taken.add(stem.casefold())
        yield Source(name, stem)
