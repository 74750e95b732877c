"""The list of models as the page shows it: what each is, its card, and why a file can't be used."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from app.pictures import data_url
from engine.images import read_photo
from engine.library import ModelInfo, available_models
from engine.palette import Palette, load_palette, palette_names
from engine.resizing import resize_photo
from engine.sizes import preview_size
from engine.types import UserError

LONGEST_CARD = 2**16  # characters
IMAGE = re.compile(r"!\[([^\]]*)\](?:\(\s*([^)\s]*)[^)]*\)|\[[^\]]*\])?")  # ![text](file), ![text][name], ![text]
TAG = re.compile(r"<(?=[A-Za-z/!?])")  # CommonMark, section 6.6, and autolinks


@dataclass(frozen=True)
class Offer:
    """A line in the list of models. problem: why the page can't work with it; empty where it can."""

    info: ModelInfo
    label: str
    problem: str = ""

    @property
    def palette(self) -> Palette | None:
        """None where there is a problem."""
        return None if self.problem else self.info.description.palette


def offers() -> dict[str, Offer]:
    """Name -> offer, of every file that is in `checkpoints/` now, the model to begin with first."""
    return {info.name: offer(info) for info in available_models()}


def offer(info: ModelInfo) -> Offer:
    if info.description is None:
        return Offer(info, f"{info.name}: broken", info.problem)
    palette = info.description.palette
    if palette.name not in palette_names() or palette != load_palette(palette.name):
        return Offer(
            info,
            f"{info.name}: a palette of its own",
            f"{info.name} has a palette of its own ({palette.title}), which the page can't paint with. "
            f"Put the palette's JSON into palettes/ as {palette.name}.json, or use the render command.",
        )
    numbers = f"{millions(parameters(info.path))} M parameters, {millions(info.path.stat().st_size)} MB"
    return Offer(info, f"{info.name}: {palette.title}, {info.description.network.image_size} px, {numbers}")


def parameters(path: Path) -> int:
    """How many numbers a model holds, by the head of its file."""
    with safe_open(path, "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 (not a mapping)


def millions(number: int) -> str:
    return f"{number / 1e6:.1f}" if number < 1e7 else f"{number / 1e6:,.0f}"


def about(info: ModelInfo) -> str:
    """A model's card as Markdown that is safe to show; of a model without one, what its file says of itself."""
    if info.description is None:
        return plain(info.problem)
    if info.card is None:
        licence = info.description.licence or "Its file names no licence."
        return plain(f"**{info.description.title}**. {licence}\n\nNo card lies beside it ({info.name}.md).")
    try:
        text = info.card.read_text(encoding="utf-8", errors="replace")[:LONGEST_CARD]
    except OSError as error:
        return plain(f"Its card {info.card.name} can't be read: {error.strerror}.")
    return IMAGE.sub(lambda found: shown(info.card, found[1], found[2]), plain(text))


def plain(text: str) -> str:
    """Markdown without HTML: what would begin a tag stays a sign, in code too."""
    return TAG.sub("&lt;", text)


def shown(card: Path, text: str, link: str | None) -> str:
    """An image of a card with the picture inside, or only its text: nothing is fetched from elsewhere."""
    home = card.parent.parent.resolve()  # the project's folder, of a card in checkpoints/
    try:
        file = (card.parent / (link or "")).resolve()
        if not (file.is_relative_to(home) and file.is_file()):
            return f"*{text}*"
        picture = read_photo(file)
    except (UserError, OSError, ValueError):
        return f"*{text}*"
    return f"![{text}]({data_url(resize_photo(picture, *preview_size(*picture.shape[:2])))})"
