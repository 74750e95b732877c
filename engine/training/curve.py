"""A run's tables: a row is there once, however often the run was killed and went on."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from engine.training.state import write_atomically

STEPS = "steps.csv"


def add_row(path: Path, row: dict[str, float | str]) -> None:
    """Under the table's own heading; a new table, or one with other columns, gets the row's."""
    rows = read_rows(path)
    if rows and list(rows[0]) != list(row):
        columns = list(dict.fromkeys([*rows[0], *row]))
        _write(path, columns, rows)
        row = {name: row.get(name, "") for name in columns}
    fresh = not rows
    with path.open("w" if fresh else "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of a table, or none where there is no table. A last row that was cut short is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(whole.splitlines()))


def drop_later(path: Path, step: int) -> None:
    """Takes out the rows of steps after `step`: a run that was killed makes them again. Where that leaves none, or a
    kill left less than the heading and one row, the table goes.
    """
    kept = [row for row in read_rows(path) if int(row["step"]) <= step]
    if kept:
        _write(path, list(kept[0]), kept)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    def write(part: Path) -> None:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)


class Curve:
    """`steps.csv`: the loss and the learning rate of every `every`th step of a run that stands after step `done`."""

    def __init__(self, run: Path, done: int, every: int = 1) -> None:
        self.path, self.every = run / STEPS, every
        drop_later(self.path, done)
        fresh = not self.path.exists()
        self.file = self.path.open("a", encoding="utf-8", newline="")
        self.writer = csv.writer(self.file)
        if fresh:
            self.writer.writerow(["step", "loss", "rate"])

    def add(self, step: int, loss: float, rate: float) -> None:
        if step % self.every == 0:
            self.writer.writerow([step, loss, rate])

    def flush(self) -> None:
        """Before the state is saved: what it makes no more must be on disk, after a power cut too."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()
