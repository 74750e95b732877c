"""Image files for tests, encoded in memory."""

import io

import numpy as np
from PIL import Image

NOISE = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def encoded(image, kind="PNG", **options):
    """An array or Pillow image as the bytes of a file."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def red_and_blue_swapped(profile):
    """The sRGB profile with its red and blue primaries exchanged."""
    return profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
