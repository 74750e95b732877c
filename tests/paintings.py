"""Files as painting programs write them, put together by hand from the descriptions of their formats."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image


def psd(pixels, merged=True):
    """A Photoshop file: pixels (H, W, 3 or 4) as the sum of its layers, which are left out; `merged` says so."""
    height, width, channels = pixels.shape
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, 8, 3)
    version = struct.pack(">IBIII", 1, merged, 0, 0, 1)
    resource = b"8BIM" + struct.pack(">HHI", 1057, 0, len(version)) + version + b"\0"
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()
    return head + struct.pack(">I", 0) + struct.pack(">I", len(resource)) + resource + struct.pack(">IH", 0, 0) + planes


def layered(pixels, mimetype="application/x-krita", merged=True):
    """A Krita or OpenRaster file: pixels (H, W, 3 or 4) as its merged image, and a layer that is something else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("data/layer0.png", png(np.zeros((4, 4, 3), np.uint8)))
        if merged:
            archive.writestr("mergedimage.png", png(pixels))
    return buffer.getvalue()


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def chunks(width, height, depth, kind, interlaced, data):
    """A PNG put together by hand; kind 2 is RGB, 6 RGBA."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


def interlaced(pixels):
    """An 8-bit RGB PNG in the seven passes of Adam7."""
    data = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        data += b"".join(b"\0" + row.tobytes() for row in pixels[y::dy, x::dx])
    return chunks(pixels.shape[1], pixels.shape[0], 8, 2, 1, data)


def deep(pixels):
    """A 16-bit PNG, RGB or RGBA: every value twice is the same share of the larger range."""
    rows = b"".join(b"\0" + row.repeat(2).tobytes() for row in pixels)
    return chunks(pixels.shape[1], pixels.shape[0], 16, 2 if pixels.shape[2] == 3 else 6, 0, rows)
