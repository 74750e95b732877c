"""The desk's settings as plain JSON, for a project file, and back."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from app.settings import Settings
from engine.record import UNSAID, pack_reroll, unpack_reroll
from engine.types import MAX_SEED, Resampling, Sampling, UserError, check_guidance, check_side


def settings_to_json(settings: Settings) -> dict[str, Any]:
    """Every field, under its own name; areas with noise of their own are packed as maps are."""
    stored = asdict(replace(settings, rerolls=()))
    stored["rerolls"] = [pack_reroll(each) for each in settings.rerolls]
    return stored


def settings_from_json(stored: dict[str, Any]) -> Settings:
    """The inverse of `settings_to_json`; unknown fields are left out. Raises UserError where one is faulty."""
    try:
        known = {each.name: stored[each.name] for each in fields(Settings) if each.name in stored}
        if "sampling" in known:
            known["sampling"] = _sampling(known["sampling"])
        if "resampling" in known:
            known["resampling"] = resampling_from(known["resampling"])
        known["class_guidance"] = tuple((str(name), float(scale)) for name, scale in known.get("class_guidance", ()))
        known["rerolls"] = tuple(unpack_reroll(each) for each in known.get("rerolls", ()))
        settings = Settings(**known)
        _check(settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"They are damaged ({error}). Set the desk anew.") from error
    return settings


def resampling_from(stored: dict[str, Any]) -> Resampling:
    """What `asdict` made of it, and JSON of that. Raises TypeError, ValueError or UserError."""
    return Resampling(**{**stored, "band": tuple(stored["band"])} if "band" in stored else stored)


def _sampling(stored: dict[str, Any]) -> Sampling:
    names = {each.name for each in fields(Sampling)}
    given = {name: value for name, value in {**UNSAID, **stored}.items() if name in names}
    return Sampling(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def _check(settings: Settings) -> None:
    """Raises ValueError or UserError for what the settings themselves don't look at."""
    check_side(settings.side)
    if not (isinstance(settings.model, str) and settings.model):
        raise ValueError("the model has no name")
    if not isinstance(settings.one_seed, bool):
        raise ValueError(f"one_seed is {settings.one_seed!r}")
    if settings.seed is not None and not (type(settings.seed) is int and 0 <= settings.seed <= MAX_SEED):
        raise ValueError(f"the seed is {settings.seed}")
    for name, scale in settings.class_guidance:
        check_guidance(scale, f" of {name}")
    if not 0 < settings.strength <= 1:
        raise ValueError(f"the strength is {settings.strength}")
