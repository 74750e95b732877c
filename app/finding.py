"""Finding a picture by words: what it is found by, and a typed word as a condition on that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from engine.palette import load_palette, palette_names

SAID_OF_SAMPLERS = {"dpmpp_2m": "dpm-solver++ 2m", "dpmpp_2m_sde": "dpm-solver++ 2m sde"}  # as the page names them


def tokens(text: str) -> list[str]:
    """Words in small letters; numbers, dates and names with dashes in one piece."""
    kept = "".join(each if each.isalnum() or each in "+-._" else " " for each in text.casefold())
    return [token for each in kept.split() if (token := each.strip("-._"))]


def found_by(palette: str, classes: Sequence[str], made: datetime, said: Sequence[str]) -> str:
    """All that a picture is found by, each word between spaces: its classes and their synonyms, its local date, `said`.

    said: model, sampler and the like.
    """
    names = names_by_class(palette) if palette in palette_names() else {}
    parts = [
        *(name for each in classes for name in names.get(each, (each,))),
        *said,
        *(SAID_OF_SAMPLERS.get(each, "") for each in said),
        *(palette, palette.replace("_", " ")),
        f"{made:%Y-%m-%d} {made:%Y-%m} {made:%Y} {made:%B}",
    ]
    return f" {' '.join(dict.fromkeys(tokens(' '.join(parts))))} "


@cache
def names_by_class(palette: str) -> dict[str, tuple[str, ...]]:
    """Every class's name and synonyms."""
    return {each.name: (each.name, *each.synonyms) for each in load_palette(palette).classes}


@cache
def vocabulary() -> frozenset[str]:
    """Every word in the names and synonyms of all palettes' classes."""
    names = (name for palette in palette_names() for each in names_by_class(palette).values() for name in each)
    return frozenset(token for name in names for token in tokens(name))


def condition_of(token: str) -> tuple[str, list[str]]:
    """One word as SQL, with its values: a whole word where it is a number or a class's, else the beginning of one."""
    if token.removesuffix("s") in ("favourite", "favorite"):
        return "favourite", []
    whole = token.replace(".", "", 1).isdigit() or token in vocabulary()
    return "instr(words, ?)", [f" {token} " if whole else f" {token}"]
