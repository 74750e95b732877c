"""The lines that say what is going on, as HTML."""

from __future__ import annotations

import html
import itertools
import time

from app.handlers import Status
from engine.types import UserError

_numbers = itertools.count(time.time_ns() // 1000)  # above what an earlier start of the app has given


def status_html(status: Status, run: str = "") -> str:
    """A line over a bar while something runs. Screen readers speak it (said.js), but not at every step of a run.

    run: the id of the run that says it, where one does. A number tells the same words, said again, from those before.
    """
    bar = "" if status.share is None else f'<progress max="1" value="{status.share:.3f}"></progress>'
    spoken = {"problem": 'role="alert"', "busy": 'aria-live="off"'}.get(status.kind, "")
    told = (
        f'class="sw-say" data-kind="{status.kind}" data-run="{html.escape(run)}" data-seq="{next(_numbers)}" {spoken}'
    )
    return f"<div {told}>{html.escape(status.text)}{bar}</div>"


def problem(error: UserError) -> str:
    return status_html(Status(str(error), "problem"))


def done(text: str) -> str:
    return status_html(Status(text, "done"))
