"""Where results are kept: every finished picture goes to `outputs/`, with the request that made it inside."""

from __future__ import annotations

import datetime
import hashlib
import re
from pathlib import Path
from typing import Any

from engine.images import PhotoFile
from engine.record import fingerprint
from engine.types import Photo, UserError
from engine.writing import save_png

OUTPUTS = Path(__file__).resolve().parent.parent / "outputs"


def keep(picture: Photo, record: dict[str, Any], folder: Path | None = None, like: PhotoFile | None = None) -> Path:
    """Saves a picture under a name that tells when, by which model and from which seed, and is never used twice.

    like: the photo that it is an edit of, whose opacity and colour profile stay. Raises UserError where it can't be
    written.
    """
    now = datetime.datetime.now()
    day = (folder or OUTPUTS) / f"{now:%Y-%m-%d}"
    make_folder(day)
    model = re.sub(r"[^\w.+-]", "_", record["model"])[:80]  # the record may come from a file from anywhere
    path = claimed(day, f"{now:%H%M%S}-{model}-{record['sampling']['seeds'][0]}")
    try:
        save_png(path, picture, record, like)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def claimed(folder: Path, stem: str) -> Path:
    """An empty PNG under a name that was free, so that nobody who saves at the same moment takes it too.

    Raises UserError where it can't be written.
    """
    names = (f"{stem}.png", *(f"{stem}-{number}.png" for number in range(2, 10_000)))
    for path in (folder / name for name in names):
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"{path} can't be written: {error.strerror}. Choose a folder you can write to, with room left."
            ) from None
        return path
    raise UserError(f"{folder} has no name left for {stem}. Move some of its pictures elsewhere.")


def keep_photo(file: PhotoFile, folder: Path | None = None) -> str:
    """Keeps an opened photo, losslessly and once; returns the key it is found by, after a restart too."""
    content = hashlib.sha256(fingerprint(file.pixels).encode())
    for extra in (file.alpha, file.profile):
        content.update(b"-" if extra is None else hashlib.sha256(extra).digest())
    key = content.hexdigest()[:32]
    path = photo_path(key, folder)
    if not path.exists():
        make_folder(path.parent)
        save_png(path, file.pixels, {}, file)
    return key


def photo_path(key: str, folder: Path | None = None) -> Path:
    """Where the photo of a key is, or would be."""
    return (folder or OUTPUTS) / "photos" / f"{key}.png"


def is_key(text: str) -> bool:
    """Whether a text that came from outside can be a photo's key, and nothing that climbs out of the folder."""
    return re.fullmatch(r"[0-9a-f]{32}", text) is not None


def make_folder(path: Path) -> None:
    """Raises UserError where it can't be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} can't be made ({error.strerror}). Free the name, or make the folder writable."
        ) from None
