"""The index of a folder of results: every process adds lines to its own part, anyone makes the whole of the parts."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.batch import sheet, store

VERSION = 1
PARTS = "part-*.jsonl"
SELDOM = 30  # an index is renewed while a run goes on, but takes no more than a thirtieth of its time,
SOONEST = 10.0  # and no sooner than after so many seconds


@dataclass(frozen=True)
class Line:
    """A finished picture, or a map that went wrong: error says why, and seed and file are None."""

    map: str
    seed: int | None = None
    file: str | None = None
    size: tuple[int, int] | None = None  # width, height
    seconds: float | None = None  # None: made by a run that was killed before it could tell
    by: str = ""  # device and precision
    notes: tuple[str, ...] | None = ()  # None: as they were
    error: str = ""


class Part:
    """The lines of one process. A line is added in one write, so that killing the process leaves the others whole."""

    def __init__(self, out: Path, rank: int) -> None:
        self._out, self._settings = out, store.fingerprint(store.read_settings(out))
        path = out / store.FILES / PARTS.replace("*", str(rank))
        with store.usable(out):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0))
            if _cut_short(path):
                os.write(self._file, b"\n")

    def add(self, line: Line) -> None:
        """Raises UserError where it can't be written."""
        about = {"at": time.time(), "settings": self._settings, **asdict(line)}
        with store.usable(self._out):
            os.write(self._file, json.dumps(about).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def _cut_short(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
        return file.read(1) not in (b"", b"\n")


def lines(out: Path, settings: str) -> list[dict[str, Any]]:
    """What all parts hold of runs with these settings, in the order of time."""
    found = []
    for path in sorted((out / store.FILES).glob(PARTS)):
        for text in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):  # cut short by a kill
                found.append(json.loads(text))
    found = [line for line in found if line["settings"] == settings]
    return sorted(found, key=lambda line: line["at"])


def write(out: Path) -> None:
    """Makes index.json and index.html of all parts. Raises UserError.

    Where others add lines meanwhile, it is done again: so whoever writes last has seen the lines of all.
    """
    while True:
        seen = _lengths(out)
        whole = merged(out)
        with store.usable(out):
            with store.written(out, "index.json") as file:
                file.write(json.dumps(whole, indent=1).encode())
            with store.written(out, "index.html") as file:
                file.writelines(text.encode("utf-8", "replace") for text in sheet.page(whole))
        if _lengths(out) == seen:
            return


def _lengths(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (out / store.FILES).glob(PARTS)}


def merged(out: Path) -> dict[str, Any]:
    """The index: the settings, and for each map its pictures of these settings that are there, and its last error."""
    settings = store.read_settings(out)
    maps: dict[str, dict[str, Any]] = {}
    for line in lines(out, store.fingerprint(settings)):
        about = maps.setdefault(line["map"], {"map": line["map"], "error": "", "notes": [], "pictures": {}})
        about["error"] = line["error"]
        about["notes"] = about["notes"] if line["notes"] is None else line["notes"]
        if line["file"]:
            picture = {name: line[name] for name in ("seed", "file", "size", "seconds", "by")}
            about["pictures"][line["seed"]] = picture
    for about in maps.values():
        there = [each for _, each in sorted(about["pictures"].items()) if (out / each["file"]).is_file()]
        small = store.small_map(there[0]["file"]) if there else ""
        about["small_map"] = small if (out / small).is_file() else ""
        about["pictures"] = there
    kept = [about for _, about in sorted(maps.items()) if about["pictures"] or about["error"]]
    return {"spadework_index": VERSION, "settings": settings, "maps": kept}


class Renewal:
    """Says when an index may be written again while a run goes on: seldom enough to cost next to nothing."""

    def __init__(self, out: Path) -> None:
        self._out, self._due = out, time.monotonic() + SOONEST

    def __call__(self) -> None:
        """Writes it if it is time."""
        started = time.monotonic()
        if started >= self._due:
            write(self._out)
            took = time.monotonic() - started
            self._due = started + max(SOONEST, SELDOM * took)
