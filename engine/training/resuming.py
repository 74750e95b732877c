"""Whether a run can go on with what it is given now: the same network, taught the same classes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from engine.json_file import read_json
from engine.palette import Palette, load_palette
from engine.training.layouts import Entry, Listing
from engine.training.pairs import read_map
from engine.training.recipe import AnyRecipe
from engine.types import UserError

RECIPE = "recipe.json"
PALETTE = "palette.json"  # what the run began with
TAUGHT = ("name", "file_value", "mirror")  # what of a class decides which pixels teach what
READ_BY = ("colour", "standard", "synonyms", "train_id", "has_instances")  # what some kinds of maps are read by
MOST = 3  # differences that are told


def check_recipe(run: Path, recipe: AnyRecipe) -> None:
    """Raises UserError unless `run` was of the same network as `recipe`."""
    path = run / RECIPE
    try:
        stored = type(recipe).from_dict(read_json(path))
    except (OSError, ValueError, RecursionError, UserError) as error:
        raise UserError(
            f"{path} can't be read, so its run can't go on ({error}). Restore the file, or choose another --out."
        ) from error
    for name in recipe.SAME:
        if found := _changes(name, getattr(stored, name), getattr(recipe, name)):
            raise UserError(
                f"{run} holds a run with another {name}: {_some(found)}. "
                "Give the same settings to resume it, or another --out."
            )


def check_palette(run: Path, palette: Palette) -> None:
    """Raises UserError where `run` was taught other classes, or the same ones from other values in the maps.

    What else a palette says may change: titles, groups, and the colours as long as no map is read by them, which is
    for `check_maps` to find out.
    """
    former = begun_with(run)
    if former is not None and former.name == palette.name and (found := differences(former, palette)):
        raise _refusal(run, palette, _some(found))


def check_maps(run: Path, listing: Listing, palette: Palette) -> None:
    """Raises UserError where a map is read otherwise than by the palette that `run` began with. Looks at none unless
    the palettes differ in what maps may be read by."""
    former = begun_with(run)
    if former is None or _all(former, READ_BY) == _all(palette, READ_BY):
        return

    def alike(entry: Entry) -> bool:
        before, now = (read_map(entry, each)[0] for each in (former, palette))
        return bool((before == now).all())

    with ThreadPoolExecutor() as pool:
        for entry, same in zip(listing.entries, pool.map(alike, listing.entries), strict=True):
            if not same:
                pool.shutdown(wait=False, cancel_futures=True)
                raise _refusal(run, palette, f"{entry.labels[0].name} is read otherwise")


def begun_with(run: Path) -> Palette | None:
    """The palette that a run was begun with; None where it does not tell. Raises UserError for a damaged file."""
    path = run / PALETTE
    return load_palette(path) if path.exists() else None


def differences(former: Palette, now: Palette) -> list[str]:
    """What differs in what is learnt, in words."""
    found = [] if former.size == now.size else [f"it had {former.size} classes, now {now.size}"]
    if former.unlabelled != now.unlabelled:
        found.append(f"class {former.unlabelled} was unlabelled, now {now.unlabelled}")
    for before, after in zip(former.classes, now.classes, strict=False):
        for what in TAUGHT:
            was, becomes = getattr(before, what), getattr(after, what)
            if was != becomes:
                found.append(f"the {what} of class {before.index} was {_shown(was)}, now {_shown(becomes)}")
    return found


def _all(palette: Palette, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(each, name) for name in names) for each in palette.classes]


def _changes(name: str, former: Any, now: Any) -> list[str]:
    if not is_dataclass(former):
        return [] if former == now else [f"{name} was {_shown(former)}, now {_shown(now)}"]
    pairs = ((each.name, getattr(former, each.name), getattr(now, each.name)) for each in fields(former))
    return [change for pair in pairs for change in _changes(*pair)]


def _shown(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else str(value)


def _some(found: list[str]) -> str:
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + more


def _refusal(run: Path, palette: Palette, reason: str) -> UserError:
    return UserError(
        f"{run} holds a run with another palette {palette.name}: {reason}. "
        f"Give the one it began with (--palette {run / PALETTE}), or another --out."
    )
