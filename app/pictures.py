"""Pictures on their way to the page."""

from __future__ import annotations

import base64
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images import resize_photo
from engine.types import Photo

GREY = 128  # where a sheet has no picture


def data_url(picture: Photo) -> str:
    """A JPEG inside a URL: it reaches the page without a file that somebody would have to clean up."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def sheet(pictures: NDArray[np.uint8]) -> Photo:
    """(n, H, W, 3) -> one picture of about (H, W) with all of them side by side, row by row; a single one as it is."""
    number, height, width = pictures.shape[:3]
    if number == 1:
        return pictures[0]
    columns = math.ceil(math.sqrt(number))
    high, wide = max(1, height // columns), max(1, width // columns)
    whole = np.full((math.ceil(number / columns) * high, columns * wide, 3), GREY, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = high * (i // columns), wide * (i % columns)
        whole[top : top + high, left : left + wide] = resize_photo(picture, high, wide)
    return whole
