"""A request as plain data, small enough to live inside the picture it made; reading it back gives the same request."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.types import EditRequest, LabelMap, RenderRequest, Sampling, UserError

VERSION = 1
MAX_PIXELS = 2**26

# What sampling did before a record could say so; its fields' defaults may change, these must not.
UNSAID = {
    "spacing": "trailing",
    "guidance_interval": (0.0, 1.0),
    "guidance_stop": 0.0,
    "encoder_reuse": 1,
}


def record(request: RenderRequest | EditRequest, palette: str, seed: int) -> dict[str, Any]:
    """What made the picture of one seed. Of an edit's photo only a fingerprint is kept, to know it again by."""
    stored = {
        "spadework": VERSION,
        "kind": "edit" if isinstance(request, EditRequest) else "render",
        "model": request.model,
        "palette": palette,
        "sampling": asdict(replace(request.sampling, seeds=(seed,))),
        "labels": pack(request.labels),
        "side": request.side,
    }
    if isinstance(request, EditRequest):
        stored["strength"] = request.strength
        stored["region"] = pack(request.region.astype(np.uint8))
        stored["photo_sha256"] = fingerprint(request.photo)
    return stored


def render_request(stored: dict[str, Any]) -> RenderRequest:
    """The render request of a record. Raises UserError where the record is none, or of a newer version."""
    version = stored.get("spadework")
    if version != VERSION:
        raise UserError(f"The picture's record has version {version}, this version reads {VERSION}. Update Spadework.")
    try:
        if not isinstance(stored["model"], str):
            raise TypeError("its model is no name")
        sampling = {**UNSAID, **stored["sampling"]}
        lists = {name: tuple(sampling[name]) for name in ("seeds", "guidance_interval")}  # JSON knows no tuples
        sampling = Sampling(**{**sampling, **lists})
        return RenderRequest(stored["model"], unpack(stored["labels"]), sampling, stored.get("side"))
    except (KeyError, TypeError) as error:
        raise UserError(f"The picture's record is damaged ({error}). Its map and settings can't be read.") from None


def pack(labels: NDArray[np.uint8]) -> dict[str, Any]:
    """(H, W) uint8 -> {"w", "h", "z": base64 of zlib}."""
    height, width = labels.shape
    data = zlib.compress(np.ascontiguousarray(labels, np.uint8).tobytes(), 9)
    return {"w": width, "h": height, "z": base64.b64encode(data).decode()}


def unpack(packed: dict[str, Any]) -> LabelMap:
    """The inverse of `pack`; never inflates more than the size that is named. Raises UserError."""
    width, height = packed["w"], packed["h"]
    if not (isinstance(width, int) and isinstance(height, int) and 0 < width * height <= MAX_PIXELS and width > 0):
        raise UserError(f"A map of {width} x {height} px is outside 1 to {MAX_PIXELS} pixels. Its record is damaged.")
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(packed["z"]), width * height)
    except (ValueError, zlib.error):
        data = b""
    if len(data) != width * height:
        raise UserError(f"The record's map does not hold {width} x {height} pixels. The file is damaged.")
    return np.frombuffer(data, np.uint8).reshape(height, width)


def fingerprint(photo: NDArray[np.uint8]) -> str:
    return hashlib.sha256(repr(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()).hexdigest()
