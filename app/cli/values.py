"""What single values may be; whatever else is given, its error says."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from app.cli.choices import MAX_VARIATIONS, PHOTO_SUFFIXES


def port(text: str) -> int:
    return int(checked(text, int, lambda value: 1 <= value <= 65535, "a whole number from 1 to 65535"))


def strength(text: str) -> float:
    return checked(text, float, lambda value: 0 < value <= 1, "above 0 and at most 1")


def fraction(text: str) -> float:
    return checked(text, float, lambda value: 0 <= value < 1, "from 0 to below 1")


def interval(text: str) -> tuple[float, float]:
    return two(text, float, "numbers", "0.2,0.9")


def resampling(text: str) -> tuple[int, int]:
    return two(text, int, "whole numbers", "2,3")


def two(text: str, kind: Callable[[str], float], what: str, example: str) -> tuple:
    """Two numbers with a comma between; what they may be is the engine's to say."""
    try:
        first, second = (kind(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not two {what} with a comma between, such as {example}") from None
    return first, second


def region_and_seed(text: str) -> tuple[Path, int]:
    """A file and a whole number with a comma between; the file's own name may hold commas."""
    region, _, seed = text.rpartition(",")
    try:
        return file(region), int(seed)
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text} is not a region's file and a seed with a comma between, such as part.png,5"
        ) from None


def size(text: str) -> int | str:
    return text if text == "map" else positive_int(text)


def variations(text: str) -> int:
    bound = f"a whole number from 1 to {MAX_VARIATIONS}"
    return int(checked(text, int, lambda value: 1 <= value <= MAX_VARIATIONS, bound))


def workers(text: str) -> int | str:
    return text if text == "auto" else positive_int(text)


def whole(text: str) -> int:
    return int(checked(text, int, lambda value: value >= 0, "a whole number from 0"))


def positive_int(text: str) -> int:
    return int(checked(text, int, lambda value: value > 0, "a whole number above 0"))


def positive_float(text: str) -> float:
    return checked(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def checked(text: str, kind: type, allowed, bound: str) -> float:
    """`text` read as `kind`, refused with its bound unless `allowed`."""
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not allowed(value):
        raise argparse.ArgumentTypeError(f"{text} is not {bound}")
    return value


def name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("nothing is named: give a name or a file, or leave the option out")
    return text


def file(text: str) -> Path:
    """A path, that there is something or not; one that the system can't look at is refused."""
    path = Path(name(text))
    try:
        path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise argparse.ArgumentTypeError(f"{text} can't be looked at: {error.strerror}") from error
    return path


def png(text: str) -> Path:
    return target(text, (".png",), "the one format that keeps the request inside")


def picture(text: str) -> Path:
    return target(text, PHOTO_SUFFIXES, "the formats that a photo is saved in")


def map_target(text: str) -> Path:
    return target(text, (".png",), "the one format that class values survive in")


def card(text: str) -> Path:
    return target(text, (".md",), "as models' cards do")


def model(text: str) -> Path:
    return target(text, (".safetensors",), "the one format of models")


def target(text: str, suffixes: tuple[str, ...], because: str) -> Path:
    """A path that can be saved to, so that a long run does not end with nowhere to save."""
    path = file(text)
    try:
        folder, parent = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise argparse.ArgumentTypeError(f"{text} can't be saved to: {error.strerror}") from error
    if folder:
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it that ends in {suffixes[0]}")
    if path.suffix.lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{text} does not end in {' or '.join(suffixes)}, {because}")
    if not parent:
        raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist: make it first")
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {path.parent} can't be written to: choose another")
    return path


def results_folder(text: str, maps: Path) -> Path:
    """A folder that results can be saved to; it need not exist."""
    path = file(text)
    try:
        if path.exists() and not path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a file, and --map is a folder: name a folder")
        if path.suffix.lower() == ".png":
            raise argparse.ArgumentTypeError(f"{text} would be one picture, and --map is a folder: name a folder")
        if path.resolve() == maps.resolve():
            raise argparse.ArgumentTypeError(f"{text} is where the maps are: name another folder")
        there = next(each for each in (path.resolve(), *path.resolve().parents) if each.exists())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be saved to: {error.strerror}") from error
    if not os.access(there, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {there} can't be written to: choose another")
    return path
