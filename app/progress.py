"""How a command tells how far it is: a line that renews itself on a terminal, sparse whole lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

SPARSE = 10.0  # seconds from one line of a log to the next


class ProgressLine:
    """On standard error, or `stream`. Whatever ends it, what follows starts on a line of its own.

    Where nobody watches (a file, a pipe), a line every SPARSE seconds and the last one: thousands of states that
    replace each other would bury what else a log has to say.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.watched = self.stream.isatty()
        self.width = 0  # of the line that stands there, on a terminal
        self.untold = ""  # the newest line, in a log
        self.told_at = time.monotonic()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, text: str) -> None:
        if self.watched:
            self.stream.write("\r" + text.ljust(self.width))
            self.stream.flush()
            self.width = len(text)
            return
        self.untold = text
        if time.monotonic() - self.told_at >= SPARSE:
            self.end()

    def tell(self, text: str) -> None:
        """A line of its own, which stays."""
        self.end()
        print(text, file=self.stream, flush=True)

    def end(self) -> None:
        """Leave the line as it is, if there is one."""
        if self.untold:
            print(self.untold.rstrip(), file=self.stream, flush=True)
            self.untold, self.told_at = "", time.monotonic()
        if self.width:
            self.stream.write("\n")
        self.width = 0


def bar(step: int, steps: int, seconds: float, left: float) -> str:
    done = "#" * (24 * step // steps)
    return f"[{done:-<24}] step {step}/{steps}, {clock(seconds)} elapsed, {clock(left)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
