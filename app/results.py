"""The pictures below the canvas: the variations of a run, the history of all, and the viewer for both.

A run comes in as messages (app.feed), each with the run's whole present state. What the artist does with a picture that
changes the desk goes out as an `input` event; marks, search and deletion are asked of the history directly.
"""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from app.feed import address
from app.history import Entry, History
from app.modules import STATIC, script
from app.panel import SAMPLERS
from app.pictures import as_url, data_url
from engine.diversity import heat, ramp
from engine.diversity import spread as spread_of
from engine.images import read_photo, read_request
from engine.label_files import save_label_map
from engine.palette import load_palette
from engine.record import render_request
from engine.resizing import resize_photo
from engine.types import UserError

CONTAINER = '<div class="spadework-results"></div>'
PAGE = 60  # entries that the history is asked for at a time
MOST_IDS = 1000
MOST_COMPARED = 64  # results in one heat map
HEAT_SIDE = 512  # of the heat map, which lies over small pictures
LEGEND_STOPS = 9
UNIT = "ΔE"  # of colour difference, as engine.diversity counts it
SAMPLER_TITLES = {name: title for title, name in SAMPLERS}
ACTIONS = ("show", "use", "settings", "map", "edit")

Asked = dict[str, Any]
Answer = dict[str, Any]


class Results(gr.HTML):
    """Contact sheet, history and viewer. To the browser go messages of `app.feed`.

    Back comes, with `input`, what is to be done on the desk: {"action": one of ACTIONS, "id": of an entry}. It is None
    where nothing was asked.
    """

    def __init__(self, history: History, keep: Callable[[str], Entry], **kwargs: Any) -> None:
        """keep: saves the draft of a key, as in a message's cells; raises UserError where it is no longer held."""
        gr.set_static_paths([STATIC])
        kwargs = {"container": False, "padding": False, **kwargs}
        super().__init__(
            None,
            html_template=CONTAINER,
            js_on_load=script("results/results.js", ".spadework-results", {"id": kwargs.get("elem_id") or "results"}),
            apply_default_css=False,
            server_functions=answers(history, keep),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Asked | None:
        """Raises UserError where the browser asks for what there isn't."""
        if not isinstance(payload, dict) or "action" not in payload:
            return None
        if payload["action"] not in ACTIONS:
            raise UserError(f"The page asked for {payload['action']!r}, not one of {', '.join(ACTIONS)}. Reload it.")
        return {"action": payload["action"], "id": text_in(payload, "id")}

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "description": "{action, id}"}

    def example_payload(self) -> Asked:
        return {"action": "show", "id": ""}

    def example_value(self) -> None:
        return None


def answers(history: History, keep: Callable[[str], Entry]) -> list[Callable[[Asked], Answer]]:
    """What the browser can ask for by itself, by name. Each takes one object and answers with one."""

    def search(asked: Asked) -> Answer:
        """{text, favourites, deleted, before} -> a page of entries, newest first, and whether there are more."""
        found = history.search(
            text_in(asked, "text"),
            asked.get("favourites") is True,
            asked.get("deleted") is True,
            text_in(asked, "before") or None,
            PAGE + 1,
        )
        return {"entries": [told(entry) for entry in found[:PAGE]], "more": len(found) > PAGE}

    def last_run(asked: Asked) -> Answer:
        """-> the entries of the newest run."""
        return {"entries": [told(entry) for entry in history.last_run()]}

    def entry(asked: Asked) -> Answer:
        """{id} -> the entry."""
        return {"entry": told(history.get(text_in(asked, "id")))}

    def set_marks(asked: Asked) -> Answer:
        """{id, favourite and/or rejected} -> the entry."""
        marks = {name: asked[name] is True for name in ("favourite", "rejected") if name in asked}
        return {"entry": told(history.mark(text_in(asked, "id"), **marks))}

    def delete_pictures(asked: Asked) -> Answer:
        """{ids} -> the entries, deleted."""
        return {"entries": [told(each) for each in history.delete(ids_in(asked))]}

    def restore_pictures(asked: Asked) -> Answer:
        """{ids} -> the entries, back."""
        return {"entries": [told(each) for each in history.restore(ids_in(asked))]}

    def keep_draft(asked: Asked) -> Answer:
        """{draft} -> the entry that it became."""
        return {"entry": told(keep(text_in(asked, "draft")))}

    def map_of(asked: Asked) -> Answer:
        """{id} -> the URL of the map that the picture was made from."""
        return {"url": map_url(history.get(text_in(asked, "id")))}

    def spread(asked: Asked) -> Answer:
        """{ids} -> the URL of a heat map of where they differ, with its scale."""
        found = heat(spread_of(looked_at([history.get(id) for id in ids_in(asked)])))
        colours = [f"rgb({red} {green} {blue})" for red, green, blue in ramp(LEGEND_STOPS)]
        return {"url": data_url(found.picture), "low": found.low, "high": found.high, "unit": UNIT, "colours": colours}

    own = (search, last_run, entry, set_marks, delete_pictures, restore_pictures, keep_draft, map_of, spread)
    return [spoken(each) for each in own]


def spoken(answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """The same, with problems as text: what a server function raises never reaches the browser."""

    @functools.wraps(answer)
    def safe(asked: Asked) -> Answer:
        try:
            return answer(asked if isinstance(asked, dict) else {})
        except UserError as error:
            return {"error": str(error)}
        except Exception as error:
            logging.exception("%s failed", answer.__name__)
            return {"error": f"This went wrong inside ({error}). Reload the page."}

    return safe


def told(entry: Entry) -> Answer:
    """An entry as the browser reads it."""
    same = (
        "id", "run", "model", "palette", "kind", "seed", "guidance", "steps", "width", "height",
        "favourite", "rejected", "deleted",
    )  # fmt: skip
    return {
        **{name: getattr(entry, name) for name in same},
        "sampler": SAMPLER_TITLES.get(entry.sampler, entry.sampler),
        "name": entry.path.name,
        "url": address(entry.path),
        "thumb": as_url(entry.thumb, "image/jpeg"),
        "made": entry.made.isoformat(),
        "classes": list(entry.classes),
    }


def map_url(entry: Entry) -> str:
    """The map in its display colours. Raises UserError where the picture's record can't be read."""
    stored = read_request(entry.path) or {}
    file = io.BytesIO()
    save_label_map(file, render_request(stored).labels, load_palette(entry.palette))
    return as_url(file.getvalue(), "image/png")


def looked_at(entries: Sequence[Entry]) -> NDArray[np.uint8]:
    """The pictures of 2 to MOST_COMPARED entries of one size, (n, H, W, 3), the long side at most HEAT_SIDE.

    Raises UserError.
    """
    if len(entries) < 2:
        raise UserError(f"{len(entries)} finished results can't differ. Set Variations to 2 or more.")
    if len(entries) > MOST_COMPARED:
        raise UserError(f"{len(entries)} results are more than can be compared, {MOST_COMPARED}. Choose fewer.")
    sizes = sorted({(each.width, each.height) for each in entries})
    if len(sizes) > 1:
        raise UserError(f"The results are of several sizes ({' and '.join(f'{w} x {h}' for w, h in sizes)} px). "
                        "Compare those of one map.")  # fmt: skip
    scale = min(1.0, HEAT_SIDE / max(sizes[0]))
    width, height = (max(1, round(side * scale)) for side in sizes[0])
    return np.stack([resize_photo(read_photo(each.path), height, width) for each in entries])


def text_in(asked: Asked, name: str) -> str:
    """Empty where it is not given. Raises UserError where it is no text."""
    value = asked.get(name)
    if value is not None and not isinstance(value, str):
        raise UserError(f"The page sent {value!r} as {name}, which is no text. Reload the page.")
    return value or ""


def ids_in(asked: Asked) -> Sequence[str]:
    """Raises UserError where they are no texts, or too many."""
    ids = asked.get("ids")
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids) or len(ids) > MOST_IDS:
        raise UserError(f"The page sent no list of up to {MOST_IDS} pictures. Reload the page.")
    return ids
