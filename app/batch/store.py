"""The folder of results: each picture is there whole or not at all, and says what it was made from.

Beside the pictures stand index.json and index.html; FILES holds what those are made of: the settings, a part a process
with a line a picture, small maps, and pictures that are still being written.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from PIL import Image

from engine.images import REQUEST_KEY
from engine.record import UNSAID
from engine.types import Photo, UserError
from engine.writing import save_png

FILES = "index-files"
SETTINGS, UNFINISHED, MAPS = "settings.json", "unfinished", "maps"
MADE_FROM = "made_from"  # the entry of a picture's record that tells settings, map and seed apart
PNG_BEGIN, PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
FORGOTTEN = 24 * 3600  # seconds after which another computer's unfinished file is nobody's

_numbers = itertools.count()


def begin(out: Path, settings: dict[str, Any], again: bool) -> None:
    """Makes the folder ready. Raises UserError where it was begun with other settings, unless `again`."""
    file = out / FILES / SETTINGS
    with usable(out):
        for name in (UNFINISHED, MAPS):
            (out / FILES / name).mkdir(parents=True, exist_ok=True)
        sweep(out)
        former = read_settings(out)
        if former == settings:
            return
        if former is not None and not again:
            raise UserError(
                f"{out} was begun with {difference(former, settings)}. Choose another --out, or give --again "
                "to make its pictures anew."
            )
        with written(out, file.relative_to(out).as_posix()) as target:
            target.write(json.dumps(settings, indent=1).encode())


def read_settings(out: Path) -> dict[str, Any] | None:
    """None where there are none that can be read."""
    try:
        return json.loads((out / FILES / SETTINGS).read_bytes())
    except (OSError, ValueError):
        return None


def fingerprint(settings: dict[str, Any] | None) -> str:
    """Tells settings apart."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def difference(former: dict[str, Any], now: dict[str, Any]) -> str:
    """The first setting that differs, in words."""
    former, now = ({"noise": UNSAID["noise"], **each} for each in (former, now))
    for name in [*now, *former]:
        if former.get(name) != now.get(name):
            if name == "model file":
                return "another file of this model"
            return f"{name.replace('_', ' ')} = {shown(former.get(name))}, and this run has {shown(now.get(name))}"
    return "the same settings"


def shown(value: object) -> str:
    return "the model's own" if value is None else json.dumps(value)


def first_said(out: Path, name: str, text: str) -> str:
    """`text`, or what another process, or an earlier run, has said under this name. Raises UserError."""
    path = out / FILES / name
    with usable(out):
        try:
            with path.open("x") as file:
                file.write(text)
        except FileExistsError:
            return path.read_text().strip() or text
    return text


def sweep(out: Path) -> None:
    """Removes what killed processes of this computer have left unfinished."""
    for file in (out / FILES / UNFINISHED).glob("*.tmp"):
        host, process, _ = file.stem.rsplit("-", 2)
        with contextlib.suppress(OSError, ValueError):
            here = host == socket.gethostname()
            if not psutil.pid_exists(int(process)) if here else time.time() - file.stat().st_mtime > FORGOTTEN:
                file.unlink()


@contextlib.contextmanager
def written(out: Path, name: str) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `name` in the folder at the end, and leaves no trace otherwise."""
    unfinished = out / FILES / UNFINISHED / f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}.tmp"
    try:
        with unfinished.open("xb") as file:
            yield file
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def save_picture(out: Path, name: str, picture: Photo, record: dict[str, Any], made_from: str) -> None:
    """Raises UserError where it can't be written."""
    with usable(out), written(out, name) as file:
        save_png(file, picture, {**record, MADE_FROM: made_from})


def save_small_map(out: Path, picture: str, colours: Photo) -> None:
    """Keeps a small view of the map that a picture is made of. Raises UserError."""
    with usable(out), written(out, small_map(picture)) as file:
        Image.fromarray(colours).save(file, "PNG")


def small_map(picture: str) -> str:
    """Where that is: one for all pictures of a map, whose names differ in the seed at their end."""
    return f"{FILES}/{MAPS}/{picture.rpartition('-')[0]}.png"


def made_from(path: Path) -> str | None:
    """What a whole picture of ours says it was made from, by its head alone; None where there is none, or half of one.

    Raises UserError for a file that is not one of ours: it is not overwritten.
    """
    try:
        if not is_whole(path):
            return None
        with Image.open(path, formats=["PNG"]) as image:
            return str(json.loads(image.info[REQUEST_KEY])[MADE_FROM])
    except FileNotFoundError:
        return None
    except (OSError, KeyError, ValueError, TypeError, SyntaxError):
        raise UserError(f"{path} is there and was not made by such a run. Move it, or choose another --out.") from None


def is_whole(path: Path) -> bool:
    """False for a PNG that ends before its end, as after a power cut. What is no PNG at all is whole."""
    with path.open("rb") as file:
        begins = file.read(len(PNG_BEGIN))
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(PNG_END)))
        ends = file.read()
    return ends == PNG_END if begins == PNG_BEGIN else bool(begins)


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) of a picture."""
    with Image.open(path, formats=["PNG"]) as image:
        return image.size


@contextlib.contextmanager
def usable(out: Path) -> Iterator[None]:
    """Turns what the system raises on a folder that can't be written to into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out} can't be written to: {error.strerror or error}. Choose a folder you can write to, with room left."
        ) from error
