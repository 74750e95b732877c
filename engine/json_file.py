"""JSON files as people's editors write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """What the file holds, in UTF-8 with or without a byte-order mark, as Windows' editors begin files with, or UTF-16.

    Raises OSError where it can't be read; ValueError, or RecursionError where lists nest too deeply, if it is no JSON.
    """
    return json.loads(path.read_bytes())  # of bytes, unlike text, json tells the encoding itself
