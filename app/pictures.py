"""Pictures on their way to the page."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from PIL import Image

from engine.images import PhotoFile, errors_named, to_srgb
from engine.resizing import resize_photo
from engine.types import Photo


def data_url(picture: Photo) -> str:
    """A JPEG inside a URL: it reaches the page without a file that somebody would have to clean up."""
    return as_url(jpeg(picture), "image/jpeg")


def as_url(data: bytes, kind: str) -> str:
    """A file of that media type inside a URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def jpeg(picture: Photo) -> bytes:
    """The picture as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return data.tobytes()


def lossless_url(picture: Photo) -> str:
    """A PNG inside a URL, for a picture whose every pixel says something."""
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return as_url(data.tobytes(), "image/png")


def as_seen(file: PhotoFile, height: int, width: int) -> Photo:
    """The photo at that size as it is meant to be seen: in sRGB, laid on white where it is transparent."""
    image = Image.fromarray(resize_photo(file.pixels, height, width))
    if file.profile:
        image.info["icc_profile"] = file.profile
    with errors_named("The photo"):
        seen = np.array(to_srgb(image))
    if file.alpha is None:
        return seen
    opacity = cv2.resize(file.alpha, (width, height), interpolation=cv2.INTER_AREA)[:, :, None] / np.float32(255)
    return np.rint(seen * opacity + 255 * (1 - opacity)).astype(np.uint8)
