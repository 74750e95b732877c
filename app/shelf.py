"""The one model that a desk keeps loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine import pipeline
from engine.device import PrecisionName
from engine.memory import release

Load = Callable[[str, str, PrecisionName], pipeline.Model]  # name, device, precision


class Shelf:
    """Holds one model at a time, for memory's sake.

    precision: “auto” leaves it to the device and to what is asked for; any other holds for all.
    """

    def __init__(self, load: Load, device: str = "auto", precision: PrecisionName = "auto") -> None:
        self._load, self.device, self.precision = load, device, precision
        self._loading = threading.Lock()
        self._held: pipeline.Model | None = None
        self._asked: PrecisionName = precision

    def model(self, name: str, precision: PrecisionName = "auto") -> pipeline.Model:
        """The model of that name; loading another, or in another precision, frees the former. Raises UserError."""
        asked = precision if self.precision == "auto" else self.precision
        with self._loading:
            held = self._held
            if held is None or held.name != name or asked not in (self._asked, held.precision):
                del held
                self._free()
                self._held, self._asked = self._load(name, self.device, asked), asked
            return self._held

    def clear(self) -> None:
        """Lets go of the loaded model, and of its memory."""
        with self._loading:
            self._free()

    def _free(self) -> None:
        if self._held is not None:
            device, self._held = self._held.device, None
            release(device)
