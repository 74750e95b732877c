"""What a run says of itself, in sentences."""

from __future__ import annotations

from pathlib import Path

from engine.library import Model
from engine.plan import Plan

WORTH_TELLING = 0.25  # of the free memory: what takes less is not announced


def announcement(plan: Plan) -> str:
    """What a run will take, where that is much of what there is; else empty."""
    return f"This {plan.text()}." if plan.needs > WORTH_TELLING * plan.free else ""


def progress(share: float, now: range, number: int) -> str:
    """Of several pictures: which of them (counted from 0) are being made, and how much of all is done."""
    which = f"Result {now.start + 1}" if len(now) == 1 else f"Results {now.start + 1} to {now.stop}"
    return f"{which} of {number}, {100 * share:.0f} % done"


def results(number: int) -> str:
    return "Done in" if number == 1 else f"{number} results in"


def where(paths: list[Path]) -> str:
    day = paths[0].parent
    return f"Saved as {paths[0].name}" if len(paths) == 1 else f"Saved in {day.parent.name}/{day.name}"


def saved(number: int) -> str:
    """What a run that ended early leaves; empty where that is nothing."""
    return {0: "", 1: "One result was finished and is saved"}.get(
        number, f"{number} results were finished and are saved"
    )


def place(model: Model) -> str:
    """On what a model runs, in what precision."""
    kinds = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the Mac's GPU"}
    return f"on {kinds.get(model.device.type, model.device)} in {model.precision}"


def sentences(*parts: str) -> str:
    """The parts that are not empty, one after the other, each with one full stop."""
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def readable(seconds: float) -> str:
    """4 s, 2 min, 1 h 5 min."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
