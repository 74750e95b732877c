"""What the model sees of a map, as a picture: its cells, its edges, and the areas that are lost on it."""

from __future__ import annotations

import cv2
import numpy as np

from engine.palette import Palette
from engine.resizing import resize_labels
from engine.seen import Seen
from engine.types import Photo

LONGEST = 1024  # px of the picture
EDGE = (0, 0, 0)
LOST = (255, 0, 200)  # no palette's colour, so that it is seen anywhere
MOST_NAMED = 3


def drawn(seen: Seen, palette: Palette) -> Photo:
    """(H, W, 3): every cell as a block of its class's colour, edge cells black, lost areas ringed."""
    height, width = seen.lost.shape
    scale = min(1.0, LONGEST / max(height, width))
    size = tuple(max(1, round(side * scale)) for side in (height, width))
    picture = palette.colours[resize_labels(seen.labels, *size)]
    if seen.edges is not None:
        picture[resize_labels(seen.edges.astype(np.uint8), *size) > 0] = EDGE
    lost = cv2.resize(seen.lost.astype(np.uint8), size[::-1], interpolation=cv2.INTER_AREA)
    lost |= resize_labels(seen.lost.astype(np.uint8), *size)
    around = cv2.dilate(lost, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    picture[(around > 0) & (lost == 0)] = LOST
    return picture


def told(seen: Seen, palette: Palette) -> str:
    """How finely the map is seen, and what of it isn't."""
    height, width = seen.labels.shape
    text = f"The model sees the map as {width} x {height} cells."
    if not seen.lost_areas:
        return f"{text} Every area is large enough to be seen."
    named = ", ".join(f"{palette.classes[index].name} ({size} px)" for index, size in seen.lost_areas[:MOST_NAMED])
    number = len(seen.lost_areas)
    more = f" and {number - MOST_NAMED} more" if number > MOST_NAMED else ""
    return f"{text} Too small to be seen, ringed in pink: {named}{more}."
