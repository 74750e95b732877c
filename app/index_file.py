"""The SQLite file of the history: its table and versions, transactions, and what to do where it is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.types import UserError

FILE = "history.sqlite"
PATIENCE = 10.0  # seconds to wait for another process that writes
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# Entry i brings a file from version i to i + 1 (PRAGMA user_version). They only add, with defaults, so that an older
# app may go on using a file that a newer one has been at. `thumb` is last: a search doesn't read past it.
MIGRATIONS = (
    """
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, made REAL NOT NULL,
        run TEXT NOT NULL, model TEXT NOT NULL, palette TEXT NOT NULL, kind TEXT NOT NULL, seed INTEGER NOT NULL,
        guidance REAL NOT NULL, steps INTEGER NOT NULL, sampler TEXT NOT NULL, classes TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL,
        favourite INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0,
        words TEXT NOT NULL, thumb BLOB NOT NULL
    );
    CREATE INDEX pictures_by_time ON pictures (deleted, missing, made, number);
    """,
)
VALUES = (
    "id", "path", "made", "run", "model", "palette", "kind", "seed", "guidance", "steps", "sampler", "classes",
    "width", "height", "favourite", "rejected", "deleted", "words", "thumb",
)  # fmt: skip

Row = dict[str, Any]


def connect(folder: Path) -> sqlite3.Connection:
    """The folder's index, made or brought to our version where needed."""
    folder.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(folder / FILE, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        with writing(db):
            version = db.execute("PRAGMA user_version").fetchone()[0]
            for script in MIGRATIONS[version:]:
                for statement in script.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction that no other process writes into."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def is_damage(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in DAMAGE


def rescued(file: Path) -> dict[str, Row]:
    """Ids, runs, times and marks that a damaged index still tells, by path."""
    found: dict[str, Row] = {}
    query = "SELECT path, id, run, made, favourite, rejected FROM pictures ORDER BY number"
    for order in ("", " DESC"):  # from both ends, each up to the damage
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db,
        ):
            for path, *values in db.execute(query + order):
                found[path] = dict(zip(("id", "run", "made", "favourite", "rejected"), values, strict=True))
    return found


def insert(db: sqlite3.Connection, row: Row, otherwise: str) -> Row | None:
    """Adds a row, or does `otherwise` where its path is known; the row that is there then, None after NOTHING."""
    places = ", ".join(f":{name}" for name in VALUES)
    query = (
        f"INSERT INTO pictures ({', '.join(VALUES)}) VALUES ({places}) ON CONFLICT (path) DO {otherwise} RETURNING *"
    )
    found = db.execute(query, row).fetchone()
    return dict(found) if found else None


def row_of(db: sqlite3.Connection, id: str) -> Row:
    """Raises UserError where there is none of that id."""
    found = db.execute("SELECT * FROM pictures WHERE id = ?", [id]).fetchone()
    if found is None:
        raise UserError(f"The history has no picture {id!r}. Reload the page to see what is there.")
    return dict(found)


def set_missing(db: sqlite3.Connection, paths: list[str], missing: bool) -> None:
    db.executemany("UPDATE pictures SET missing = ? WHERE path = ?", [(missing, path) for path in paths])
