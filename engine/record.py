"""A request as plain data, small enough to live inside the picture it made; reading it back gives the same request."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.types import (
    EditRequest,
    Instances,
    LabelMap,
    Photo,
    RenderRequest,
    Reroll,
    Resampling,
    Sampling,
    UserError,
    pixels,
)

VERSION = 1
MAX_PIXELS = 2**26
INSTANCE_BYTES = np.dtype("<u2")

# What sampling did before a record could say so; its fields' defaults may change, these must not.
UNSAID = {
    "spacing": "trailing",
    "guidance_interval": (0.0, 1.0),
    "guidance_stop": 0.0,
    "guidance_rescale": 0.0,
    "encoder_reuse": 1,
    "noise": "steps",
}


# What an edit did before a record could say so.
UNSAID_OF_EDITS = {"growth": 0, "feather": None, "blend": "plain", "extent": "whole"}


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
        stored |= {name: getattr(request, name) for name in UNSAID_OF_EDITS}
        if request.resampling != Resampling():
            stored["resampling"] = asdict(request.resampling)
    if request.rerolls:
        place = request.sampling.seeds.index(seed) if picture is None else picture
        stored["rerolls"] = [pack_reroll(each.of_picture(place)) for each in request.rerolls]
    return stored


def render_request(stored: dict[str, Any]) -> RenderRequest:
    """The render request of a record; of an edit's, what would paint its map anew. Raises UserError where the record
    is none, or of a newer version."""
    with _read(stored):
        return RenderRequest(**_shared(stored))


def edit_request(stored: dict[str, Any], photo: Photo) -> EditRequest:
    """The edit request of a record, of the photo (H, W, 3) that it was made from.

    Raises UserError where the record is none or of a newer version, or the photo another one.
    """
    with _read(stored):
        if stored["kind"] != "edit":
            raise UserError("The picture was made from a map, not from a photo. Open it as a result.")
        if stored["photo_sha256"] != fingerprint(photo):
            raise UserError(
                f"This photo ({pixels(photo)}) is not the one that the edit was made from. Open that one, unchanged."
            )
        if not isinstance(stored["strength"], int | float):
            raise TypeError("its strength is no number")
        resampling = dict(stored.get("resampling", {}))
        if "band" in resampling:
            resampling["band"] = tuple(resampling["band"])
        return EditRequest(
            photo=photo,
            region=unpack(stored["region"]).astype(bool),
            strength=stored["strength"],
            resampling=Resampling(**resampling),
            **{name: stored.get(name, unsaid) for name, unsaid in UNSAID_OF_EDITS.items()},
            **_shared(stored),
        )


@contextlib.contextmanager
def _read(stored: dict[str, Any]) -> Iterator[None]:
    """Turns what goes wrong on a record that was tampered with into a UserError, as is one of a newer version."""
    version = stored.get("spadework")
    if version != VERSION:
        raise UserError(f"The picture's record has version {version}, this version reads {VERSION}. Update Spadework.")
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"The picture's record is damaged ({error}). Its map and settings can't be read.") from None


def _shared(stored: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of request have."""
    if not isinstance(stored["model"], str):
        raise TypeError("its model is no name")
    sampling = {**UNSAID, **stored["sampling"]}
    lists = {name: tuple(sampling[name]) for name in ("seeds", "guidance_interval")}  # JSON knows no tuples
    return {
        "model": stored["model"],
        "labels": unpack(stored["labels"]),
        "sampling": Sampling(**{**sampling, **lists}),
        "side": stored.get("side"),
        "instances": unpack_instances(stored["instances"]) if "instances" in stored else None,
        "class_guidance": tuple((index, scale) for index, scale in stored.get("class_guidance", ())),
        "rerolls": tuple(unpack_reroll(each) for each in stored.get("rerolls", ())),
    }


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
    digest = hashlib.sha256(repr(photo.shape).encode())
    digest.update(np.ascontiguousarray(photo))
    return digest.hexdigest()
