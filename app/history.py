"""What was made: an index of the finished pictures in `outputs/`, in an SQLite file beside them.

The pictures are the truth, each carries what made it. The index adds a small view, marks and a quick search; where it
is damaged it is set aside and built again from them. Safe from several threads and several processes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from app.finding import condition_of, found_by, tokens
from app.index_file import FILE, Row, connect, insert, is_damage, rescued, row_of, set_missing, writing
from app.pictures import jpeg
from engine.images import read_photo, read_request
from engine.palette import load_palette, palette_names
from engine.record import unpack
from engine.resizing import resize_photo
from engine.types import MAX_GUIDANCE, MAX_SEED, MAX_STEPS, UserError

DELETED = "deleted"  # the folder inside `outputs/` that deleted pictures wait in
NO_RESULTS = ("photos", "exports")  # folders inside `outputs/` that hold no results
THUMB_SIDE = 256
MOST_WORDS = 100  # of a search: SQLite bears no condition of a thousand parts
THERE = "deleted = 0 AND missing = 0"

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One finished picture. guidance, steps, sampler: of its sampling; classes: those in its map, largest first."""

    id: str
    path: Path
    thumb: bytes  # JPEG, at most 256 px on its long side
    made: datetime  # UTC
    run: str  # shared by the pictures that were asked for together; empty where nothing tells
    model: str
    palette: str
    kind: str  # render | edit
    seed: int
    guidance: float
    steps: int
    sampler: str
    classes: tuple[str, ...]
    width: int
    height: int
    favourite: bool
    rejected: bool
    deleted: bool


class History:
    """The pictures in a folder and what is known of them. The file is opened at first use.

    Paths in it are relative: the folder may be moved. Methods raise UserError where it can't be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._times_rebuilt = 0
        self._remembered: dict[str, Row] = {}  # what a damaged file still told of pictures, by path

    # --- What can be asked ---

    def add(self, path: Path, stored: dict[str, Any], run: str) -> Entry:
        """Takes in a picture that was just saved with the record `stored` inside.

        Where the index can't be written that is logged only: the picture itself is safe, and `scan` finds it later.
        """
        row = self._row(path, stored, datetime.now(UTC).timestamp(), run)
        try:
            return self._do(lambda db: self._entry(insert(db, row, "UPDATE SET run = excluded.run")))
        except UserError:
            logging.exception("%s is saved, but the history could not take it in", path)
            return self._entry(row)

    def get(self, id: str) -> Entry:
        """Raises UserError where there is none of that id."""
        return self._entry(self._do(lambda db: row_of(db, id)))

    def search(
        self,
        text: str = "",
        favourites: bool = False,
        deleted: bool = False,
        before: str | None = None,
        limit: int = 60,
    ) -> list[Entry]:
        """The newest entries that all words of `text` fit: of classes, model, palette, seed, sampler, date.

        Words beyond MOST_WORDS don't count. before: the id of the last entry of the page before.
        """
        conditions, values = ["deleted = ?", "missing = 0"], [deleted]
        if favourites:
            conditions.append("favourite")
        for condition, value in map(condition_of, tokens(text)[:MOST_WORDS]):
            conditions.append(condition)
            values += value
        if before is not None:
            conditions.append("(made, number) < (SELECT made, number FROM pictures WHERE id = ?)")
            values.append(before)
        query = f"SELECT * FROM pictures WHERE {' AND '.join(conditions)} ORDER BY made DESC, number DESC LIMIT ?"
        rows = self._do(lambda db: [dict(row) for row in db.execute(query, [*values, limit])])
        return [self._entry(row) for row in rows]

    def last_run(self) -> list[Entry]:
        """The pictures of the newest run that are still there, in the order they were made."""
        newest = f"SELECT run FROM pictures WHERE {THERE} AND run != '' ORDER BY made DESC, number DESC LIMIT 1"
        found = self._do(lambda db: db.execute(newest).fetchone())
        return self.of_run(found[0]) if found else []

    def of_run(self, run: str) -> list[Entry]:
        """The pictures of a run that are still there, in the order they were made."""
        query = f"SELECT * FROM pictures WHERE {THERE} AND run = ? ORDER BY number"
        return [self._entry(row) for row in self._do(lambda db: [dict(row) for row in db.execute(query, [run])])]

    # --- What can be changed ---

    def mark(self, id: str, favourite: bool | None = None, rejected: bool | None = None) -> Entry:
        """Sets the marks that are given. Raises UserError where there is none of that id."""
        change = "UPDATE pictures SET favourite = ifnull(?, favourite), rejected = ifnull(?, rejected) WHERE id = ?"

        def work(db: sqlite3.Connection) -> Row:
            db.execute(change, [favourite, rejected, id])
            return row_of(db, id)

        return self._entry(self._do(work))

    def delete(self, ids: Sequence[str]) -> list[Entry]:
        """Moves the pictures to `deleted/` inside the folder, from where `restore` brings them back."""
        return [self._move(id, lambda path: PurePosixPath(DELETED, path), True) for id in ids]

    def restore(self, ids: Sequence[str]) -> list[Entry]:
        return [self._move(id, lambda path: path.relative_to(DELETED), False) for id in ids]

    def scan(self) -> int:
        """Takes in pictures that lie in the folder unknown, and hides entries whose file is gone; how many are new."""
        known = self._do(lambda db: dict(db.execute("SELECT path, missing FROM pictures").fetchall()))
        found = set(self._files())  # after `known`: what is added meanwhile is at least not taken for gone
        gone = [path for path, missing in known.items() if not missing and path not in found]
        back = [path for path, missing in known.items() if missing and path in found]
        self._do(lambda db: set_missing(db, gone, True))
        self._do(lambda db: set_missing(db, back, False))
        return sum(self._take_in(path) for path in sorted(found - known.keys()))

    # --- Pictures in the folder ---

    def _files(self) -> Iterator[str]:
        """The PNGs in the folder, by their paths relative to it, except where no results are kept."""
        for place, folders, files in os.walk(self.folder):
            top = Path(place) == self.folder
            folders[:] = [each for each in folders if not each.startswith(".") and not (top and each in NO_RESULTS)]
            for name in files:
                if name.lower().endswith(".png") and not name.startswith("."):
                    yield (Path(place) / name).relative_to(self.folder).as_posix()

    def _take_in(self, path: str) -> bool:
        """Whether the file is a result that was unknown. One that was moved by hand keeps what was known of it."""
        file = self.folder / path
        try:
            stored = read_request(file)
            row = stored and self._row(file, stored, made_of(file), "")
        except (UserError, OSError):  # not a picture, or one without a record that can be read
            return False
        if not row:
            return False
        row |= self._remembered.pop(path, {})
        return self._do(lambda db: False if follow(db, row) else insert(db, row, "NOTHING") is not None)

    def _row(self, path: Path, stored: dict[str, Any], made: float, run: str) -> Row:
        """All that is kept of a picture. Raises UserError where its record lacks what every record has."""
        photo = read_photo(path)
        height, width = photo.shape[:2]
        scale = min(1.0, THUMB_SIDE / max(height, width))
        small = resize_photo(photo, *(max(1, round(side * scale)) for side in (height, width)))
        relative = path.relative_to(self.folder).as_posix()
        row = {
            **said_in(stored), "id": secrets.token_hex(8), "path": relative, "made": made, "run": run,
            "width": width, "height": height, "favourite": False, "rejected": False,
            "deleted": relative.startswith(f"{DELETED}/"), "thumb": jpeg(small),
        }  # fmt: skip
        return {**row, "words": words_of(row)}

    def _move(self, id: str, target: Callable[[PurePosixPath], PurePosixPath], deleted: bool) -> Entry:
        """Moves a picture's file and notes it, unless it is there already. Raises UserError."""

        def work(db: sqlite3.Connection) -> Row:
            row = row_of(db, id)
            if bool(row["deleted"]) == deleted:
                return row
            path = free(self.folder, target(PurePosixPath(row["path"])))
            move_file(self.folder / row["path"], self.folder / path)
            db.execute("UPDATE pictures SET path = ?, deleted = ? WHERE id = ?", [str(path), deleted, id])
            return row_of(db, id)

        return self._entry(self._do(work))

    def _entry(self, row: Row) -> Entry:
        told = {name: value for name, value in row.items() if name in Entry.__annotations__}
        flags = {name: bool(row[name]) for name in ("favourite", "rejected", "deleted")}
        made = datetime.fromtimestamp(row["made"], UTC)
        classes = tuple(json.loads(row["classes"]))
        return Entry(**{**told, **flags, "path": self.folder / row["path"], "made": made, "classes": classes})

    # --- The file ---

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work as one transaction; a damaged file is replaced first. Raises UserError."""
        seen = self._times_rebuilt
        try:
            return self._attempt(work)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._unusable(error) from error
        self._replace(seen)
        self.scan()
        try:
            return self._attempt(work)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            if self._open is None:
                self._open = connect(self.folder)
            with writing(self._open):
                return work(self._open)

    def _replace(self, seen: int) -> None:
        """Sets the file aside and remembers what it still tells, unless another thread did so since."""
        with self._lock:
            if self._times_rebuilt != seen:
                return
            self._times_rebuilt += 1
            if self._open is not None:
                self._open.close()
                self._open = None
            aside = f"history-damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.sqlite"
            logging.warning("The history is damaged. It is set aside as %s and built again from the pictures.", aside)
            try:
                for end in ("", "-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(self.folder / f"{FILE}{end}", self.folder / f"{aside}{end}")
            except OSError as error:
                raise self._unusable(error) from error
            self._remembered = rescued(self.folder / aside)

    def _unusable(self, error: Exception) -> UserError:
        return UserError(
            f"The history in {self.folder} can't be used ({error}). Make the folder writable, with room left; "
            "the pictures themselves are untouched."
        )


# --- Rows ---


def follow(db: sqlite3.Connection, row: Row) -> bool:
    """Whether the file is one whose entry is missing, moved: then the entry goes with it."""
    query = "SELECT id FROM pictures WHERE missing AND (path = :name OR path LIKE '%/' || :name) AND seed = :seed"
    lost = db.execute(query, {"name": PurePosixPath(row["path"]).name, "seed": row["seed"]}).fetchall()
    if len(lost) != 1:
        return False
    change = "UPDATE pictures SET path = ?, deleted = ?, missing = 0 WHERE id = ?"
    db.execute(change, [row["path"], row["deleted"], lost[0]["id"]])
    return True


def said_in(stored: dict[str, Any]) -> Row:
    """What a picture's record says. Raises UserError where it lacks what every record has."""
    try:
        sampling = stored["sampling"]
        labels, palette = unpack(stored["labels"]), str(stored["palette"])
        return {
            "model": encodable(stored["model"]),
            "palette": encodable(palette),
            "kind": encodable(stored["kind"]),
            "seed": within(int(sampling["seeds"][0]), MAX_SEED),
            "guidance": within(float(sampling["guidance"]), MAX_GUIDANCE),
            "steps": within(int(sampling["steps"]), MAX_STEPS),
            "sampler": encodable(sampling["sampler"]),
            "classes": json.dumps(classes_in(labels, palette)),
        }
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"The picture's record is damaged ({error}). It stays out of the history.") from None


def within(number: T, highest: float) -> T:
    """The number, of 0 to `highest`. Raises ValueError for another: the file holds no infinity, and 64 bits at most."""
    if not 0 <= number <= highest:
        raise ValueError(f"{number} is outside 0 to {highest:g}")
    return number


def encodable(text: object) -> str:
    """As a text. Raises ValueError for half a surrogate pair, which JSON may hold and the file may not."""
    return str(text).encode().decode()


def classes_in(labels: np.ndarray, name: str) -> list[str]:
    """Names of the classes in a map, largest first, without the unlabelled; none of a palette that we don't know."""
    if name not in palette_names():
        return []
    palette = load_palette(name)
    counts = np.bincount(labels.ravel(), minlength=palette.size)[: palette.size]
    order = np.argsort(-counts, kind="stable")
    return [palette.classes[i].name for i in order if counts[i] and i != palette.unlabelled]


def made_of(path: Path) -> float:
    """When a picture was made: its name and folder tell (app.project), else the file's own time."""
    try:
        return datetime.strptime(f"{path.parent.name} {path.name[:6]}", "%Y-%m-%d %H%M%S").timestamp()
    except ValueError:
        return path.stat().st_mtime


def words_of(row: Row) -> str:
    """All that a picture is found by."""
    numbers = f"seed {row['seed']} guidance {row['guidance']:g} steps {row['steps']}"
    said = (row["model"], row["kind"], row["sampler"], numbers)
    return found_by(row["palette"], json.loads(row["classes"]), datetime.fromtimestamp(row["made"]), said)


# --- Files ---


def free(folder: Path, path: PurePosixPath) -> PurePosixPath:
    """The path, or with a number behind its name where it is taken."""
    names = (path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, 10_000)))
    return next(each for each in names if not (folder / each).exists())


def move_file(source: Path, target: Path) -> None:
    """Raises UserError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
    except OSError as error:
        raise UserError(
            f"{source.name} can't be moved to {target.parent} ({error.strerror}). Check the folder."
        ) from None
