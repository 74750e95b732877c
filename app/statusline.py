"""The line that says what is going on, as HTML."""

from __future__ import annotations

import html

from app.handlers import Status
from engine.types import UserError


def status_html(status: Status) -> str:
    """A line over a bar while something runs. Screen readers speak it (page.js), but not at every step of a run."""
    bar = "" if status.share is None else f'<progress max="1" value="{status.share:.3f}"></progress>'
    spoken = {"problem": 'role="alert"', "busy": 'aria-live="off"'}.get(status.kind, "")
    return f'<div class="sw-say" data-kind="{status.kind}" {spoken}>{html.escape(status.text)}{bar}</div>'


def problem(error: UserError) -> str:
    return status_html(Status(str(error), "problem"))


def done(text: str) -> str:
    return status_html(Status(text, "done"))
