"""A palette's display colours as swatches for painting programs, each under its class's name.

`.gpl`: Krita, GIMP, Inkscape. `.ase`: Photoshop, Illustrator, Affinity, Procreate. `.aco`: Photoshop.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from engine.palette import Palette
from engine.types import UserError

RGB = 0  # the colour space of an .aco entry
NORMAL = 2  # the kind of an .ase colour: neither global nor spot
GROUP_START, COLOUR, GROUP_END = 0xC001, 0x0001, 0xC002  # the blocks of an .ase


def gpl(palette: Palette) -> bytes:
    """GIMP's format: text, a colour a line."""
    _check_unique(palette)
    rows = [f"{each.colour[0]:3} {each.colour[1]:3} {each.colour[2]:3}\t{each.name}" for each in palette.classes]
    return "\n".join(["GIMP Palette", f"Name: Spadework {palette.title}", "Columns: 12", "#", *rows, ""]).encode()


def ase(palette: Palette) -> bytes:
    """Adobe Swatch Exchange 1.0: one group with the palette's title; big-endian, texts in UTF-16 with a final null."""
    _check_unique(palette)
    blocks = [_block(GROUP_START, _text16(palette.title))]
    for each in palette.classes:
        shares = struct.pack(">3f", *(value / 255 for value in each.colour))
        blocks.append(_block(COLOUR, _text16(each.name) + b"RGB " + shares + struct.pack(">H", NORMAL)))
    blocks.append(_block(GROUP_END, b""))
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)


def aco(palette: Palette) -> bytes:
    """Photoshop's colours: the list in version 1 without names, for old readers, and again in version 2 with them."""
    _check_unique(palette)
    entries = [struct.pack(">5H", RGB, *(value * 257 for value in each.colour), 0) for each in palette.classes]
    names = [struct.pack(">I", len(_utf16(each.name)) // 2) + _utf16(each.name) for each in palette.classes]
    named = [entry + name for entry, name in zip(entries, names, strict=True)]
    parts = (struct.pack(">HH", version, palette.size) for version in (1, 2))
    return b"".join([next(parts), *entries, next(parts), *named])


SWATCHES: dict[str, Callable[[Palette], bytes]] = {".gpl": gpl, ".ase": ase, ".aco": aco}


def _block(kind: int, content: bytes) -> bytes:
    return struct.pack(">HI", kind, len(content)) + content


def _text16(text: str) -> bytes:
    """How many UTF-16 units, in two bytes, and these."""
    return struct.pack(">H", len(_utf16(text)) // 2) + _utf16(text)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be") + b"\0\0"


def _check_unique(palette: Palette) -> None:
    """Raises UserError where two classes have one display colour: no one could tell them apart when reading back."""
    owners: dict[tuple[int, int, int], str] = {}
    for each in palette.classes:
        first = owners.setdefault(each.colour, each.name)
        if first != each.name:
            raise UserError(f"{palette.title} shows {first} and {each.name} in one colour. Give each its own.")
