"""Image files: opened within limits; photos, regions and what made a picture read from them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps
from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from engine.archives import is_zip, merged_picture
from engine.types import Photo, Region, UserError

Source: TypeAlias = str | Path | bytes  # a file's path, or what is in it

MAX_FILE_BYTES = 64 * 2**20
MAX_KEPT_BYTES = 320 * 2**20  # of a photo that we keep losslessly: more than MAX_PIXELS of noise with opacity take
MAX_PIXELS = 64_000_000  # below the 89 million at which Pillow itself warns
MAX_SIDE = 16_384
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PSD")  # of Pillow's readers, those that artists need
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands of phones' photos
MERGED_DATA = 1057  # the PSD resource whose fifth byte says whether the layers' sum is in the file
REQUEST_KEY = "spadework"  # the PNG text chunk that holds what made a picture
FORMAT_KEY = "spadework-format"  # that of a kept photo, which came as another format


# What a photo stays as where it is written again, by the ending of its name.
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}

# Of a photo's EXIF what tells of the photo, not of how its file was laid out: description, camera, print size,
# software, date, artist, copyright, exposure, place.
EXIF_TAGS = {0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825}
EXIF_DIRECTORIES = {0x8769, 0x8825}  # exposure and place, which have tags of their own
EXIF_WIDTH, EXIF_HEIGHT = 0xA002, 0xA003  # among those of the exposure


@dataclass(frozen=True)
class ImageFile:
    """A decoded image, still in its own mode. `name` is what errors call it, `data` the file's bytes."""

    name: str
    data: bytes
    image: Image.Image


@dataclass(frozen=True)
class PhotoFile:
    """A photo with the values that its file holds, so that an edit can leave them as they are.

    pixels: (H, W, 3) uint8. alpha: (H, W) opacity, 255 = opaque; None where there is none. profile: the ICC profile
    that says what the RGB values look like; None where they are sRGB, as far as one knows. exif: what the camera said,
    but for how to turn the picture, which is upright. format: what it came as, of those in SUFFIXES. remark: what of
    it is not as in its file, in words.
    """

    pixels: Photo
    alpha: NDArray[np.uint8] | None
    profile: bytes | None
    exif: bytes | None = None
    format: str = "PNG"
    remark: str = ""


# --- Opening ---


def open_image(source: Source, max_bytes: int = MAX_FILE_BYTES) -> ImageFile:
    """Read and decode one still image within max_bytes, MAX_PIXELS and MAX_SIDE; layered paintings as a whole.

    The size is judged by the header, before anything is decoded. Raises UserError for whatever is not such an image.
    """
    name, data = _bytes_of(source, max_bytes)
    if data[4:8] == b"ftyp" and data[8:12] in HEIC:
        raise UserError(f"{name} is a HEIC photo, which is not read. Export it as JPEG or PNG.")
    if is_zip(data):
        data = merged_picture(name, data, max_bytes)
    with errors_named(name):
        image = _open_header(name, data)
        if image.format == "PSD":
            _check_merged(name, image)
        elif image.format != "MPO" and getattr(image, "is_animated", False):  # MPO: a JPEG with previews behind it
            raise UserError(f"{name} holds {image.n_frames} frames. Save the one you want as a PNG.")
        image.load()
    return ImageFile(name, data, image)


def _open_header(name: str, data: bytes) -> Image.Image:
    """The image with its header read. Raises UserError beyond MAX_PIXELS or MAX_SIDE."""
    remedy = "Save it smaller"
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        pixels = int(re.search(r"\d+", str(error)).group())
        raise UserError(f"{name} has {pixels:,} pixels, more than {MAX_PIXELS:,}. {remedy}.") from error
    if image.width * image.height > MAX_PIXELS:
        raise UserError(f"{name} is {image.width} × {image.height} pixels, more than {MAX_PIXELS:,} in all. {remedy}.")
    if max(image.size) > MAX_SIDE:
        raise UserError(f"{name} is {image.width} × {image.height}, more than {MAX_SIDE:,} on a side. {remedy}.")
    return image


def _check_merged(name: str, image: Image.Image) -> None:
    """Raises UserError for a PSD that holds its layers alone: what stands for the whole is then white."""
    if any(number == MERGED_DATA and data[4:5] == b"\0" for number, _, data in image.resources):
        raise UserError(f"{name} holds layers alone. Save it with “Maximise compatibility”, or export a PNG.")


@contextlib.contextmanager
def errors_named(name: str) -> Iterator[None]:
    """Turns whatever the image libraries raise on a faulty file into a UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # broken files raise OSError, ValueError, SyntaxError, struct.error, KeyError and more
        raise UserError(
            f"{name} can't be read as an image: it is damaged, cut short or of another format. "
            f"Save it again as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        ) from error


def _bytes_of(source: Source, max_bytes: int) -> tuple[str, bytes]:
    """What errors call the file, and its bytes. Raises UserError where it can't be had or is too large or empty."""
    if isinstance(source, bytes):
        name, data = "The image", source
        _check_length(name, len(data), max_bytes)
        return name, data
    path = Path(source)
    name = printable(path.name or str(path))
    try:
        if path.is_dir():
            raise UserError(f"{name} is a folder. Choose an image file in it.")
        if path.exists() and not path.is_file():
            raise UserError(f"{name} is not a plain file. Choose an image file.")
        _check_length(name, path.stat().st_size, max_bytes)
        return name, path.read_bytes()
    except OSError as error:
        raise UserError(f"{name} can't be opened: {error.strerror}. Check the path.") from error
    except ValueError as error:  # a null character in the path
        raise UserError(f"{name!r} is not a path. Choose an image file.") from error


def printable(text: str) -> str:
    """`text` without control characters and what else can't be shown: fit for an error that quotes a file."""
    return "".join(each for each in text if each.isprintable())


def _check_length(name: str, length: int, max_bytes: int) -> None:
    if length == 0:
        raise UserError(f"{name} is empty (0 bytes). Save it again.")
    if length > max_bytes:
        raise UserError(
            f"{name} is {length / 2**20:.1f} MiB, more than {max_bytes // 2**20} MiB. Save it smaller, or compressed."
        )


def alpha_of(image: Image.Image) -> NDArray[np.uint8] | None:
    """(H, W) opacity, 255 = opaque; None where the image has none."""
    keyed = "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")  # one value or colour counts as clear
    opaque = image.mode == "LAB" or "A" not in image.getbands()  # Lab's A is a colour
    if opaque and not keyed:
        return None
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    return np.asarray(image.getchannel("A"))


def rgb_of(image: Image.Image) -> Image.Image:
    """The values as RGB, opacity left out."""
    if image.mode == "P":
        image = image.convert("RGBA")  # straight to RGB, Pillow warns of an opacity that we have read already
    return image.convert("RGB")


# --- Photos and regions ---


def read_photo(source: Source) -> Photo:
    """The picture as it is meant to be seen, uint8 sRGB (H, W, 3).

    Turned upright (EXIF), converted from its colour profile, CMYK and 16 bits, laid on white where it is transparent.
    Raises UserError.
    """
    file = open_image(source)
    with errors_named(file.name):
        image = _upright(_eight_bit(file))
        alpha = alpha_of(image)
        colour = to_srgb(image)
        if alpha is not None:
            white = Image.new("RGB", colour.size, "white")
            colour = Image.composite(colour, white, Image.fromarray(alpha))
        return np.array(colour)


def read_photo_file(source: Source, max_bytes: int = MAX_FILE_BYTES) -> PhotoFile:
    """The picture upright (EXIF), its 8-bit RGB values, opacity and colour profile as they are stored.

    Indexed colour and grey become RGB, 16 bits become 8. What can't be kept in an RGB file (CMYK, Lab, a profile too
    large for a PNG) is converted to sRGB, as `read_photo` does. max_bytes: MAX_KEPT_BYTES for what `save_png` wrote.
    Raises UserError.
    """
    file = open_image(source, max_bytes)
    with errors_named(file.name):
        image = _upright(_eight_bit(file))
        about = _exif_of(file.image, image.size), _format_of(file.image)
        profile = image.info.get("icc_profile") or None
        deep = "Its 16 bits a channel became 8. " if _bits(file) == 16 else ""
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA") or len(profile or b"") > MAX_TEXT_CHUNK:
            remark = f"{deep}Its colours ({image.mode}) became sRGB."
            return PhotoFile(np.array(to_srgb(image)), alpha_of(image), None, *about, remark)
        if image.mode not in ("P", "RGB", "RGBA"):  # a grey profile doesn't fit the RGB picture
            profile = None
        return PhotoFile(np.array(rgb_of(image)), alpha_of(image), profile, *about, deep.strip())


def _bits(file: ImageFile) -> int:
    """Of a channel in the file; the library gives colours of 16 bits as 8."""
    if file.image.format == "PNG":
        return file.data[24]  # of its first chunk, IHDR
    bits = getattr(file.image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample, 8)
    return max(bits) if isinstance(bits, tuple) else bits


def _exif_of(image: Image.Image, size: tuple[int, int]) -> bytes | None:
    """What of a photo's EXIF is kept, the size (width, height) in it that of the upright picture; None without any."""
    with contextlib.suppress(Exception):  # broken EXIF, as in _upright
        exif = image.getexif()
        for tag in set(exif) - EXIF_TAGS:
            del exif[tag]
        for directory in EXIF_DIRECTORIES & set(exif):
            if not exif.get_ifd(directory):  # a pointer that leads nowhere
                del exif[directory]
        if exif:
            exposure = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
            if EXIF_WIDTH in exposure:
                exposure[EXIF_WIDTH], exposure[EXIF_HEIGHT] = size
            return exif.tobytes()
    return None


def _format_of(image: Image.Image) -> str:
    """What a photo came as, of those that we write; PNG for the others."""
    told = image.info.get(FORMAT_KEY) or {"MPO": "JPEG"}.get(image.format, image.format)
    return told if told in SUFFIXES.values() else "PNG"


def read_region(source: Source) -> Region:
    """A mask, bool (H, W): True where it is white, or opaque if it has an opacity that varies. Raises UserError."""
    file = open_image(source)
    with errors_named(file.name):
        image = _upright(_eight_bit(file))
        alpha = alpha_of(image)
        if alpha is not None and alpha.min() != alpha.max():
            return alpha >= 128
        return np.asarray(image.convert("RGB").convert("L")) >= 128


def _eight_bit(file: ImageFile) -> Image.Image:
    """16-bit grey in 8 bits, everything else as it is. Raises UserError for 32 bits, whose range no one knows."""
    image = file.image
    if image.mode.startswith("I;16"):
        scaled = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        scaled.info = {key: value for key, value in image.info.items() if key != "transparency"}
        return scaled
    if image.mode in ("I", "F"):
        raise UserError(f"{file.name} has 32 bits a channel, more than 16. Save it with 8 or 16.")
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF says nothing of the picture, which may well be whole
        return image


def to_srgb(image: Image.Image) -> Image.Image:
    """The colours in sRGB, opacity left out. A profile that is broken or of another mode counts as none."""
    plain = {"LA": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode)
    colour = image.convert(plain) if plain else rgb_of(image)
    if profile := image.info.get("icc_profile"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            return ImageCms.profileToProfile(colour, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return colour.convert("RGB")


def read_request(source: Source) -> dict[str, Any] | None:
    """What made the picture, from the PNG that `save_png` wrote; None if nothing is said of it. Raises UserError."""
    try:
        request = json.loads(open_image(source).image.info.get(REQUEST_KEY, ""))
    except (ValueError, TypeError, RecursionError):
        return None
    return request if isinstance(request, dict) else None
