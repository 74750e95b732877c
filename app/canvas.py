"""The painting component: a label map painted in the browser, checked before anything in Python sees it."""

from __future__ import annotations

import base64
import binascii
import time
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import gradio as gr
import numpy as np

from app.modules import STATIC, script
from engine.palette import Palette, load_palette, palette_names
from engine.types import LabelMap, Region, UserError

MIN_SIDE = 8
MAX_SIDE = 2048
CONTAINER = '<div class="spadework"></div>'

# {"w", "h", "z": base64(zlib(indices)), "palette", "seq"}, with objects also "i": base64(zlib(uint16 little endian)),
# from the browser also "region": {"w", "h", "z": base64(zlib(0 or 1 a pixel))}
Payload = dict[str, Any]


@dataclass(frozen=True)
class Painted:
    """A label map and the palette that gives its indices their meaning.

    instances: object numbers, 0 where an object is a connected area of its class; None where no pixel has a number.
    region: what is selected on the map over an open photo; None where nothing is, or no photo is open. Only on its way
        from the browser.
    """

    labels: LabelMap  # uint8 (H, W), 8 to 2048 a side
    palette: str
    instances: np.ndarray | None = None  # uint16 (H, W)
    region: Region | None = None


class LabelCanvas(gr.HTML):
    """Paint a label map. Its value in Python is a `Painted`, or None where nothing has arrived yet.

    Listen to `input` (one event a finished stroke), not to `change`. Make it an output only to load a map on purpose:
    the browser takes whatever arrives as a new document, which the artist can undo. Returning None leaves the map be.
    """

    def __init__(
        self,
        value: Painted | None = None,
        *,
        palette: str = "ade20k",
        canvas_id: str = "canvas",
        size: tuple[int, int] = (512, 512),
        results: bool = False,
        **kwargs: Any,
    ) -> None:
        """
        palette: of the empty map that a first visit shows
        canvas_id: names the autosave in the browser and is what `window.spadework.payload` is asked for
        size: height and width of that empty map
        results: a pane for results stands beside the map; `window.spadework.result` shows one in it
        """
        gr.set_static_paths([STATIC])
        config = {
            "id": canvas_id,
            "palette": palette,
            "height": size[0],
            "width": size[1],
            "palettes": browser_palettes(),
            "results": results,
        }
        kwargs = {"container": False, "padding": False, **kwargs}
        super().__init__(
            value,
            html_template=CONTAINER,
            js_on_load=script("canvas.js", ".spadework", config),
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Payload | None) -> Painted | None:
        """Raises UserError where the payload is no label map within the bounds."""
        return decode(payload) if payload else None

    def postprocess(self, value: Painted | None) -> Payload | None:
        return encode(value) if value is not None else None

    def api_info(self) -> dict[str, Any]:
        objects = "with objects also i: base64 of zlib of their numbers, uint16 little endian"
        return {
            "type": "object",
            "description": f"{{w, h, z: base64 of zlib of the class indices, palette, seq; {objects}}}",
        }

    def example_payload(self) -> Payload:
        return encode(Painted(np.zeros((MIN_SIDE, MIN_SIDE), np.uint8), palette_names()[0]))

    def example_value(self) -> None:
        return None


def encode(painted: Painted) -> Payload:
    """The payload of a map. Its number is above any that a page counts, so the browser takes it for a new one."""
    height, width = painted.labels.shape
    seq = time.time_ns() // 1000
    payload = {"w": width, "h": height, "z": _deflate(painted.labels, "u1"), "palette": painted.palette, "seq": seq}
    if painted.instances is not None and painted.instances.any():
        payload["i"] = _deflate(painted.instances, "<u2")
    return payload


def decode(payload: Payload) -> Painted:
    """The map of a payload; never inflates more than the size that the payload names.

    Raises UserError where a side, the palette, the data's length or a class index is out of bounds.
    """
    width, height, palette = _header(payload)
    pixels = f"{width * height} pixels"
    labels = np.frombuffer(_inflate(payload.get("z"), width * height, pixels), np.uint8).reshape(height, width)
    highest = int(labels.max())
    if highest >= palette.size:
        raise UserError(
            f"Label {highest} is outside {palette.title} (0 to {palette.size - 1}). "
            "Open the map with the palette it was painted with."
        )
    return Painted(
        labels,
        palette.name,
        instances=_instances(payload.get("i"), height, width),
        region=_region(payload.get("region"), height, width),
    )


def _region(area: Any, height: int, width: int) -> Region | None:
    """The pixels that are not 0, bool (H, W); None where there is no area or all are 0."""
    if area is None:
        return None
    if not isinstance(area, dict) or (area.get("h"), area.get("w")) != (height, width):
        raise UserError(f"The selection is not of the map's size, {width} × {height} pixels. Select the region again.")
    data = _inflate(area.get("z"), height * width, f"selection of {height * width} pixels")
    region = np.frombuffer(data, np.uint8).reshape(height, width) > 0
    return region if region.any() else None


def _instances(text: Any, height: int, width: int) -> np.ndarray | None:
    """The object numbers, uint16 (H, W); None where there are none or all are 0."""
    if text is None:
        return None
    data = _inflate(text, 2 * height * width, f"object numbers of {height * width} pixels")
    instances = np.frombuffer(data, "<u2").astype(np.uint16, copy=False).reshape(height, width)
    return instances if instances.any() else None


def _header(payload: Payload) -> tuple[int, int, Palette]:
    if not isinstance(payload, dict):
        raise UserError("The canvas sent no label map. Reload the page; the painting is kept in the browser.")
    width, height, name = payload.get("w"), payload.get("h"), payload.get("palette")
    for side in (width, height):
        if type(side) is not int or not MIN_SIDE <= side <= MAX_SIDE:
            raise UserError(
                f"A label map of {width} × {height} is outside {MIN_SIDE} to {MAX_SIDE} pixels a side. "
                "Scale it, or start a new map."
            )
    if name not in palette_names():
        raise UserError(f"Palette “{name}” is not known. Choose one of {', '.join(palette_names())}.")
    return width, height, load_palette(name)


def _deflate(plane: np.ndarray, kind: str) -> str:
    """base64 zlib of a plane's numbers; refuses an array of another type than `kind` rather than wrap its values."""
    return base64.b64encode(zlib.compress(plane.astype(kind, casting="safe").tobytes())).decode()


def _inflate(text: Any, length: int, content: str) -> bytes:
    """Exactly `length` bytes out of base64 zlib, or UserError, which names what they should have been."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(base64.b64decode(text, validate=True), length + 1)
    except (TypeError, ValueError, binascii.Error, zlib.error):
        data = b""
    if len(data) != length or not inflater.eof or inflater.unused_data:
        raise UserError(
            f"The label map's data does not hold the {content} that its size names. "
            "Reload the page; the painting is kept in the browser."
        )
    return data


@cache
def browser_palettes() -> dict[str, dict[str, Any]]:
    """All palettes by name, as the browser reads them."""
    return {name: _browser_palette(load_palette(name)) for name in palette_names()}


def _browser_palette(palette: Palette) -> dict[str, Any]:
    classes = [
        {
            "index": c.index,
            "value": c.file_value,
            "name": c.name,
            "synonyms": list(c.synonyms),
            "colour": list(c.colour),
            "group": c.group,
        }
        for c in palette.classes
    ]
    return {
        "name": palette.name,
        "title": palette.title,
        "unlabelled": palette.unlabelled,
        "edges": palette.has_edges,
        "classes": classes,
    }
