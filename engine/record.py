"""A request as plain data, small enough to live inside the picture it made; reading it back gives the same request."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.types import EditRequest, Instances, LabelMap, RenderRequest, Reroll, Sampling, UserError

VERSION = 1
MAX_PIXELS = 2**26
INSTANCE_BYTES = np.dtype("<u2")

# What sampling did before a record could say so; its fields' defaults may change, these must not.
UNSAID = {
    "spacing": "trailing",
    "guidance_interval": (0.0, 1.0),
    "guidance_stop": 0.0,
    "encoder_reuse": 1,
    "noise": "steps",
}


def record(request: RenderRequest | EditRequest, palette: str, seed: int, picture: int | None = None) -> dict[str, Any]:
    """What made the picture of one seed. Of an edit's photo only a fingerprint is kept, to know it again by.

    picture: its place in the run, for a run in which the seed occurs several times; by default the first with it.
    """
    stored = {
        "spadework": VERSION,
        "kind": "edit" if isinstance(request, EditRequest) else "render",
        "model": request.model,
        "palette": palette,
        "sampling": asdict(replace(request.sampling, seeds=(seed,))),
        "labels": pack(request.labels),
        "side": request.side,
    }
    if request.instances is not None and request.instances.any():
        stored["instances"] = pack(request.instances)
    if request.class_guidance:
        stored["class_guidance"] = [list(each) for each in request.class_guidance]
    if isinstance(request, EditRequest):
        stored["strength"] = request.strength
        stored["region"] = pack(request.region.astype(np.uint8))
        stored["photo_sha256"] = fingerprint(request.photo)
    elif request.rerolls:
        place = request.sampling.seeds.index(seed) if picture is None else picture
        stored["rerolls"] = [pack_reroll(each.of_picture(place)) for each in request.rerolls]
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
        return RenderRequest(
            stored["model"],
            unpack(stored["labels"]),
            sampling,
            stored.get("side"),
            unpack_instances(stored["instances"]) if "instances" in stored else None,
            tuple((index, scale) for index, scale in stored.get("class_guidance", ())),
            tuple(unpack_reroll(each) for each in stored.get("rerolls", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"The picture's record is damaged ({error}). Its map and settings can't be read.") from None


def pack(map: NDArray[np.uint8] | Instances) -> dict[str, Any]:
    """(H, W) of uint8, or of uint16 as little endian -> {"w", "h", "z": base64 of zlib}."""
    height, width = map.shape
    kind = INSTANCE_BYTES if map.dtype == np.uint16 else np.uint8
    data = zlib.compress(np.ascontiguousarray(map, kind).tobytes(), 9)
    return {"w": width, "h": height, "z": base64.b64encode(data).decode()}


def unpack(packed: dict[str, Any]) -> LabelMap:
    """The uint8 map of `pack`; never inflates more than the size that is named. Raises UserError."""
    return _unpacked(packed, np.dtype(np.uint8))


def unpack_instances(packed: dict[str, Any]) -> Instances:
    """The same of numbers of objects, uint16."""
    return _unpacked(packed, INSTANCE_BYTES).astype(np.uint16)


def _unpacked(packed: dict[str, Any], kind: np.dtype) -> NDArray[Any]:
    width, height = packed["w"], packed["h"]
    if not (isinstance(width, int) and isinstance(height, int) and 0 < width * height <= MAX_PIXELS and width > 0):
        raise UserError(f"A map of {width} x {height} px is outside 1 to {MAX_PIXELS} pixels. Its record is damaged.")
    length = width * height * kind.itemsize
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(packed["z"]), length)
    except (ValueError, zlib.error):
        data = b""
    if len(data) != length:
        raise UserError(f"The record's map does not hold {width} x {height} pixels. The file is damaged.")
    return np.frombuffer(data, kind).reshape(height, width)


def pack_reroll(reroll: Reroll) -> dict[str, Any]:
    return {"region": pack(reroll.region.astype(np.uint8)), "seed": reroll.seed}


def unpack_reroll(stored: dict[str, Any]) -> Reroll:
    """The inverse of `pack_reroll`. Raises UserError."""
    return Reroll(unpack(stored["region"]).astype(bool), stored["seed"])


def fingerprint(photo: NDArray[np.uint8]) -> str:
    return hashlib.sha256(repr(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()).hexdigest()
