"""The list of the edits that were accepted into the open photo, and the way on which the canvas hears of the photo.

The component is always on the page. What it is told of the photo it hands to the canvas (`window.spadework.photo`), and
what the artist does with an edit, or undoes on the canvas, goes out as an `input` event.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import gradio as gr

from app.canvas import encode
from app.modules import STATIC, script
from app.photos import Laid, map_size
from app.pictures import as_seen, data_url
from engine.record import pack
from engine.types import UserError

CONTAINER = '<div class="spadework-stack"></div>'
ACTIONS = ("hide", "show", "remove", "reopen", "version")

_numbers = itertools.count(time.time_ns() // 1000)  # above what an earlier start of the app has given


class StackView(gr.HTML):
    """The edits of the open photo. To the browser go messages of `message`.

    Back comes, with `input`, {"action": one of ACTIONS, "at": which edit, "version": of the photo}; None where nothing
    was asked. “version” asks for a version to be told of: the canvas went back or forth to it.
    """

    def __init__(self, canvas: str, **kwargs: Any) -> None:
        """canvas: the id of the canvas that the photo lies on."""
        gr.set_static_paths([STATIC])
        kwargs = {"container": False, "padding": False, **kwargs}
        super().__init__(
            None,
            html_template=CONTAINER,
            js_on_load=script("stack/stack.js", ".spadework-stack", {"canvas": canvas}),
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> dict[str, Any] | None:
        """Raises UserError where the browser asks for what there isn't."""
        if not isinstance(payload, dict) or "action" not in payload:
            return None
        action, at, version = (payload.get(name) for name in ("action", "at", "version"))
        if action not in ACTIONS or not isinstance(version, str) or not (at is None or type(at) is int):
            raise UserError(f"The page asked for {action!r} of the photo, which is not known. Reload it.")
        return {"action": action, "at": at, "version": version}

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "description": "{action, at, version}"}

    def example_payload(self) -> dict[str, Any]:
        return {"action": "version", "at": None, "version": ""}

    def example_value(self) -> None:
        return None


def message(laid: Laid) -> dict[str, Any]:
    """What the browser needs to show a version of a photo: the list of its edits, and what the canvas is told."""
    edits = laid.stack.edits if laid.stack else ()
    return {
        "seq": next(_numbers),
        "version": laid.version,
        "edits": [{"words": each.words, "thumb": each.thumb, "hidden": each.hidden} for each in edits],
        "aside": len(laid.stack.aside) if laid.stack else 0,
        "told": told(laid),
    }


def told(laid: Laid) -> dict[str, Any]:
    """What the canvas is told. Absent parts stay as they are; a base of null: all is unlabelled; url "": no photo."""
    values: dict[str, Any] = {"id": laid.version, "name": laid.name, "record": laid.record}
    if laid.file is None:
        values |= {"url": "", "base": None}
    else:
        height, width = laid.file.pixels.shape[:2]
        stack = laid.stack
        base = None if stack.base is None else {**pack(stack.base), "palette": stack.palette}
        values |= {"width": width, "height": height, "base": base}
        if laid.redraw:
            values["url"] = data_url(as_seen(laid.file, *map_size(laid.file)))
    if laid.labels is not None:
        values["labels"] = encode(laid.labels)
    if laid.region is not None:
        values["region"] = pack(laid.region.astype("uint8"))
    elif laid.clears:
        values["region"] = None
    return values
