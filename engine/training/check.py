"""Looks at every pair before the first step: what can't be used, all of it at once, and what the maps hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.palette import Palette, palette_to_json
from engine.training.layouts import Listing
from engine.training.state import write_atomically
from engine.training.store import Store
from engine.types import UserError

EXAMPLES = 3
MOST = 200  # files that are named in full
Shown = Callable[[int, int], None]  # pairs looked at, pairs in all


@dataclass(frozen=True)
class Checked:
    """Of a listing whose every pair can be used. pixels: (C,) int64, pixels of each class at the maps' own sizes;
    maps: (C,) int64, in how many maps each class occurs. smallest: the shortest side of any photo in pixels.
    """

    pixels: NDArray[np.int64]
    maps: NDArray[np.int64]
    pairs: int
    smallest: int
    warnings: tuple[str, ...] = ()

    @property
    def shares(self) -> NDArray[np.float64]:
        """(C,) of all pixels."""
        return self.pixels / max(1, self.pixels.sum())

    def to_dict(self) -> dict:
        arrays = {"pixels": self.pixels.tolist(), "maps": self.maps.tolist()}
        return {**arrays, "pairs": self.pairs, "smallest": self.smallest, "warnings": list(self.warnings)}

    @classmethod
    def from_dict(cls, stored: dict) -> Checked:
        pixels, maps = (np.array(stored[name], np.int64) for name in ("pixels", "maps"))
        return cls(pixels, maps, int(stored["pairs"]), int(stored["smallest"]), tuple(stored["warnings"]))


@dataclass(frozen=True)
class Finding:
    """Of one pair: its pixels by class, its short side, what was guessed; or what is wrong with it."""

    pixels: NDArray[np.int64] | None = None
    side: int = 0
    guess: str = ""
    problem: str = ""


class UnusableError(UserError):
    """Of a folder that can't be learnt from: how much is wrong, and some of it.

    summary: how much alone. lines: all of it, a line a file, of MOST files at most.
    """

    def __init__(self, listing: Listing, unusable: Sequence[str]) -> None:
        alone = [f"{path.relative_to(listing.folder)} has no label map of the same name." for path in listing.alone]
        if alone and listing.unused:
            alone.append(f"Maps of other names are there: {_some(listing.unused)}. Name each as its photo.")
        self.summary = f"{listing.place} can't be learnt from: {_counted(listing, unusable)}."
        self.lines = _first([*alone, *unusable], MOST)
        super().__init__(" ".join([self.summary, *_first(alone, EXAMPLES), *_first(unusable, EXAMPLES)]))


def check(store: Store, shown: Shown | None = None) -> Checked:
    """Reads every pair once; what has room stays in the store. Raises UnusableError, which counts all that is wrong."""
    findings = []
    for finding in _findings(store):
        findings.append(finding)
        if shown:
            shown(len(findings), len(store))
    problems = [finding.problem for finding in findings if finding.problem]
    if problems or store.listing.alone or not findings:
        raise UnusableError(store.listing, problems)
    counts = np.array([finding.pixels for finding in findings], np.int64)
    return Checked(
        pixels=counts.sum(0),
        maps=(counts > 0).sum(0),
        pairs=len(findings),
        smallest=min(finding.side for finding in findings),
        warnings=(
            *_warnings(store.listing, [finding.guess for finding in findings if finding.guess]),
            *(_objects_missing(store.listing) if store.palette.has_edges else ()),
        ),
    )


def _findings(store: Store) -> Iterator[Finding]:
    """In the listing's order, several at once."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            yield from pool.map(lambda index: _finding(store, index), range(len(store)))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _finding(store: Store, index: int) -> Finding:
    try:
        reading = store.first(index)
    except UserError as error:
        folder, _, _ = store.listing.entries[index].name.rpartition("/")  # the error names the file alone
        return Finding(problem=f"{folder}/: {error}" if folder else str(error))
    labels = reading.pair.labels
    pixels = np.bincount(labels.ravel(), minlength=store.palette.size)
    return Finding(pixels, min(labels.shape), reading.guess)


def _counted(listing: Listing, unusable: Sequence[str]) -> str:
    """“2 photos have no label map, 8 of 64 pairs can't be used”."""
    counts = []
    if listing.alone:
        counts.append(f"{len(listing.alone)} {'photo has' if len(listing.alone) == 1 else 'photos have'} no label map")
    if unusable:
        counts.append(f"{len(unusable)} of {len(listing.entries)} pairs can't be used")
    return ", ".join(counts) or "it holds no photo with a label map of the same name"


def _first(texts: Sequence[str], most: int) -> list[str]:
    more = len(texts) - most
    return [*texts[:most], *([f"… and {more:,} more."] if more > 0 else [])]


def _warnings(listing: Listing, guesses: Sequence[str]) -> Iterator[str]:
    if guesses:
        yield (
            f"{len(guesses)} of {len(listing.entries)} label maps in {listing.place} had to be guessed in part, "
            f"first {guesses[0]}"
        )
    if listing.unused:
        have = "map has no photo and is" if len(listing.unused) == 1 else "maps have no photo and are"
        yield f"{len(listing.unused)} label {have} left out: {_some(listing.unused)}."
    if listing.doubles:
        share = "file shares its name with another and is" if len(listing.doubles) == 1 else "files share names and are"
        yield f"{len(listing.doubles)} {share} left out: {_some(listing.doubles)}."


def _objects_missing(listing: Listing) -> Iterator[str]:
    """Where some pairs have object numbers, those without most often were forgotten."""
    without = [entry.photo for entry in listing.entries if entry.instances is None]
    if 0 < len(without) < len(listing.entries):
        yield (
            f"{len(without)} of {len(listing.entries)} photos have no map of their objects, so connected areas count "
            f"as objects there: {_some(without)}."
        )


def _some(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - EXAMPLES} more" if len(paths) > EXAMPLES else ""
    return ", ".join(path.name for path in paths[:EXAMPLES]) + more


# --- A check that was made is not made again while no file changes ---


def remembered(store: Store, file: Path | None, shown: Shown | None = None) -> Checked:
    """As `check`; `file` keeps what was found, for a run that goes on. Raises UserError."""
    if file is None:
        return check(store, shown)
    print_ = fingerprint(store.listing, store.palette)
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["fingerprint"] == print_:
            return Checked.from_dict(stored)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet, or not one of ours: looked at anew
    found = check(store, shown)
    text = json.dumps({"fingerprint": print_, **found.to_dict()})
    write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))
    return found


def fingerprint(listing: Listing, palette: Palette) -> str:
    """Changes with the palette, and with the name, size or date of any file."""
    digest = hashlib.sha256(palette_to_json(palette).encode())
    for entry in listing.entries:
        for path in (entry.photo, *entry.labels, *([entry.instances] if entry.instances else [])):
            try:
                facts = path.stat()
            except OSError:  # a link that leads nowhere: the check says so
                continue
            digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    digest.update(repr((listing.alone, listing.unused)).encode())
    return digest.hexdigest()


# --- In words ---


def census_table(checked: Checked, palette: Palette) -> str:
    """A line a class that occurs, the most frequent first: its share of the pixels, and in how many maps it is."""
    order = sorted(np.flatnonzero(checked.pixels), key=lambda index: -checked.pixels[index])
    width = max([len(palette.classes[i].name) for i in order], default=0)
    lines = [
        f"{palette.classes[i].name:{width}}  {100 * checked.shares[i]:6.2f} % of the pixels, "
        f"in {checked.maps[i]:,} of {checked.pairs:,} maps"
        for i in order
    ]
    missing = palette.size - len(order)
    return "\n".join([*lines, *([f"{missing} of {palette.size} classes never occur."] if missing else [])])
