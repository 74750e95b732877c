"""Pictures and photos as files: written whole or not at all, with what made them and what their photo had inside."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.images import EXIF_DIRECTORIES, FORMAT_KEY, REQUEST_KEY, SUFFIXES, PhotoFile, printable
from engine.types import Photo, UserError

Target: TypeAlias = str | Path | BinaryIO

LARGE = 4_000_000  # pixels, from which on the time that packing takes is felt

# How a photo is written. JPEG alone loses something.
WRITING = {
    "JPEG": {"quality": 95, "subsampling": 0},
    # exact: what is transparent keeps its values
    "WEBP": {"lossless": True, "exact": True, "method": 1, "quality": 20},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
MAX_WEBP_SIDE = 16_383
MAX_JPEG_EXIF = 65_533  # bytes, what one segment holds


def save_png(target: Target, photo: Photo, request: dict[str, Any], like: PhotoFile | None = None) -> None:
    """Write photo (H, W, 3) as a PNG that carries `request`, for `read_request` to give back.

    like: the photo of the same size that this is an edit of; its opacity, colour profile, EXIF and the name of its
    format are kept, so that `read_photo_file` gives them back. Raises UserError.
    """
    texts = {REQUEST_KEY: json.dumps(request)}
    if like is None:
        write_png(target, Image.fromarray(photo), texts)
        return
    if like.format != "PNG":
        texts[FORMAT_KEY] = like.format
    write_png(target, Image.fromarray(_with_opacity(photo, like.alpha)), texts, like.profile, like.exif)


def save_photo(path: str | Path, photo: Photo, like: PhotoFile, request: dict[str, Any] | None = None) -> None:
    """Write photo (H, W, 3), an edit of `like`, in the format that the path's ending names.

    Opacity, colour profile and EXIF of `like` are kept. A PNG carries `request` too; the others have no place for it.
    A path gets the whole file or stays as it was. Raises UserError, also where `check_photo_path` does.
    """
    path = Path(path)
    kind = check_photo_path(path, like)
    if kind == "PNG":
        save_png(path, photo, request or {}, like)
        return
    image = Image.fromarray(_with_opacity(photo, None if kind == "JPEG" else like.alpha))
    with whole_file(path) as file:
        image.save(file, kind, icc_profile=like.profile, exif=_exif_for(kind, like.exif), **WRITING[kind])


def _exif_for(kind: str, exif: bytes | None) -> bytes:
    """What of a photo's EXIF a format can hold: a JPEG 64 KB, a TIFF of ours no directories within."""
    if kind == "TIFF" and exif:
        told = Image.Exif()
        told.load(exif)
        for directory in EXIF_DIRECTORIES & set(told):
            del told[directory]
        return told.tobytes()
    return b"" if exif is None or (kind == "JPEG" and len(exif) > MAX_JPEG_EXIF) else exif


def photo_suffix(photo: PhotoFile) -> str:
    """What the name of a file in the photo's own format ends in: “.jpg”."""
    return next(suffix for suffix, kind in SUFFIXES.items() if kind == photo.format)


def check_photo_path(path: Path, like: PhotoFile) -> str:
    """The format that a path's ending names. Raises UserError where we write none such, or it can't hold `like`."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{printable(path.name)} names no format that we write. Choose one of {', '.join(SUFFIXES)}.")
    if kind == "JPEG" and like.alpha is not None and like.alpha.min() < 255:
        raise UserError(
            f"The photo is transparent in places, which a JPEG ({printable(path.name)}) can't hold. "
            "Choose .png, .webp or .tif."
        )
    height, width = like.pixels.shape[:2]
    if kind == "WEBP" and max(height, width) > MAX_WEBP_SIDE:
        raise UserError(
            f"The photo is {width} × {height}, more than the {MAX_WEBP_SIDE:,} a side of WebP. Choose .png or .tif."
        )
    return kind


def _with_opacity(photo: Photo, alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """(H, W, 3), (H, W) -> (H, W, 4); the photo itself without opacity. Raises UserError where the sizes differ."""
    if alpha is None:
        return photo
    (height, width), (given_height, given_width) = photo.shape[:2], alpha.shape
    if (height, width) != (given_height, given_width):
        raise UserError(
            f"The picture is {width} × {height}, the photo whose opacity it keeps {given_width} × {given_height}. "
            "Give both the same size."
        )
    return np.dstack([photo, alpha])


def write_png(
    target: Target,
    image: Image.Image,
    texts: dict[str, str],
    profile: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Write a PNG with text chunks, a colour profile and EXIF; a path gets the whole file or stays as it was.

    Raises UserError.
    """
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    if not isinstance(target, str | Path):
        with _writing("The PNG"):
            image.save(target, "PNG", pnginfo=info, icc_profile=profile, exif=exif, compress_type=_packing(image))
        return
    path = Path(target)
    if path.suffix.lower() != ".png":
        raise UserError(f"{printable(path.name)} would be a PNG under another name. Choose one that ends in .png.")
    with whole_file(path) as file:
        image.save(file, "PNG", pnginfo=info, icc_profile=profile, exif=exif, compress_type=_packing(image))


def _packing(image: Image.Image) -> int:
    """How a PNG's bytes are packed: of a large photo only runs are looked for. As small, in half the time."""
    photo = image.mode in ("RGB", "RGBA") and image.width * image.height >= LARGE
    return zlib.Z_RLE if photo else zlib.Z_DEFAULT_COMPRESSION  # which is Pillow's word for its own way


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its place once it is complete; on any error what stands there stays.

    Raises UserError where it can't be written.
    """
    unfinished = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex}.tmp")  # beside it: a rename is atomic there
    with _writing(printable(str(path))):
        try:
            with unfinished.open("xb") as file:
                yield file
            os.replace(unfinished, path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink()


@contextlib.contextmanager
def _writing(name: str) -> Iterator[None]:
    """Turns what the system raises on a place that can't be written to into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{name} can't be written: {error.strerror or error}. Choose a folder you can write to, with room left."
        ) from error
