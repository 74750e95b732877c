"""Where results are kept: every finished picture goes to `outputs/`, with the request that made it inside."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from engine.images import save_png
from engine.types import Photo

OUTPUTS = Path(__file__).resolve().parent.parent / "outputs"


def keep(picture: Photo, record: dict[str, Any], folder: Path | None = None) -> Path:
    """Saves a picture under a name that tells when, by which model and from which seed, and is never used twice."""
    now = datetime.datetime.now()
    day = (folder or OUTPUTS) / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    stem = f"{now:%H%M%S}-{record['model']}-{record['sampling']['seeds'][0]}"
    path = day / f"{stem}.png"
    for number in range(2, 10_000):
        if not path.exists():
            break
        path = day / f"{stem}-{number}.png"
    save_png(path, picture, record)
    return path
