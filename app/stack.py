"""A photo with the edits that were accepted into it, as layers that can be hidden and taken out again.

Everything lies under `outputs/photos/`, each file named by what is in it and never changed: so a version of the photo
is one id, and going back is asking for an older one.

    <key>.png           the photo as it was opened (app.project)
    stacks/<id>.json    a version: its first map, and its edits from the lowest up
    layers/<key>.png    what one edit changed, cut out, opaque where it did, with the request that made it inside
    prints/<sha256>     the version of which a picture with that fingerprint was made
    deleted/            those of the files above that nobody reached for long (app.pruning)
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.pictures import jpeg
from app.project import is_key, keep_photo, make_folder, photo_path
from engine.images import MAX_KEPT_BYTES, PhotoFile, read_photo_file, read_request
from engine.palette import load_palette, palette_names
from engine.record import fingerprint, pack, unpack
from engine.resizing import resize_photo
from engine.types import LabelMap, Photo, Region, UserError
from engine.writing import save_png, whole_file

FORMAT = 1
MAX_EDITS = 100
MAX_JSON = 2**25  # bytes of a version's file
MAX_WORDS = 200
THUMB_SIDE = 96
IN_USE = 3600  # seconds, after which another use of a file is noted
HELD = 3  # versions whose pictures stay in memory


@dataclass(frozen=True)
class Edit:
    """One accepted edit. layer: the key of what it changed, which lies `top` and `left` in the photo.

    below: the version that it was made on; words: what it is, for a list; thumb: a JPEG as base64.
    """

    layer: str
    top: int
    left: int
    below: str
    words: str = ""
    thumb: str = ""
    hidden: bool = False

    def __post_init__(self) -> None:
        texts = (self.layer, self.below, self.words, self.thumb)
        if not all(isinstance(each, str) for each in texts) or not (is_key(self.layer) and is_key(self.below)):
            raise ValueError("an edit names no layer")
        if any(type(each) is not int or each < 0 for each in (self.top, self.left)):
            raise ValueError("an edit has no place")
        if type(self.hidden) is not bool or len(self.words) > MAX_WORDS:
            raise ValueError("an edit can't be read")
        base64.b64decode(self.thumb, validate=True)

    @property
    def name(self) -> str:
        """The first of its words: which classes came."""
        return self.words.partition(" · ")[0]


@dataclass(frozen=True, eq=False)
class Stack:
    """A version of a photo. photo: its key. base: its first map, what it shows as far as one knows, uint8 in the
    classes of `palette`; None: nothing is known, all is unlabelled. edits: from the lowest up. aside: those above an
    edit that is being made anew; they come back on top of it.
    """

    photo: str
    palette: str = ""
    base: LabelMap | None = None
    edits: tuple[Edit, ...] = ()
    aside: tuple[Edit, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Nothing was done to the photo, and nothing is known of it."""
        return self.base is None and not self.edits and not self.aside

    def with_base(self, base: LabelMap | None, palette: str) -> Stack:
        """The same with another first map; one that says nothing counts as none."""
        if base is None or (base == load_palette(palette).unlabelled).all():
            return replace(self, base=None, palette="")
        return replace(self, base=base, palette=palette)

    def edit(self, at: int) -> Edit:
        """Counted from the lowest. Raises UserError where there is none."""
        if type(at) is not int or not 0 <= at < len(self.edits):
            raise UserError(f"There is no edit {at!r} in this photo, it has {len(self.edits)}. Reload the page.")
        return self.edits[at]

    def hiding(self, at: int, hidden: bool) -> Stack:
        edit = replace(self.edit(at), hidden=hidden)
        return replace(self, edits=(*self.edits[:at], edit, *self.edits[at + 1 :]))

    def without(self, at: int) -> Stack:
        self.edit(at)
        return replace(self, edits=(*self.edits[:at], *self.edits[at + 1 :]))

    def with_edit(self, edit: Edit) -> Stack:
        """One more on top, and above it what was put aside for it. Raises UserError where that is too many."""
        edits = (*self.edits, edit, *self.aside)
        if len(edits) > MAX_EDITS:
            raise UserError(f"A photo takes up to {MAX_EDITS} edits. Save it, and go on with what was saved.")
        return replace(self, edits=edits, aside=())


def stack_to_json(stack: Stack) -> dict[str, Any]:
    return {
        "spadework_stack": FORMAT,
        "photo": stack.photo,
        "palette": stack.palette,
        "base": None if stack.base is None else pack(stack.base),
        "edits": [asdict(each) for each in stack.edits],
        "aside": [asdict(each) for each in stack.aside],
    }


def stack_from_json(stored: Any) -> Stack:
    """The inverse of `stack_to_json`; nothing in it is taken for a path. Raises UserError."""
    try:
        if stored["spadework_stack"] != FORMAT:
            raise ValueError(f"format {stored['spadework_stack']!r}, known is {FORMAT}")
        photo, palette, base = stored["photo"], stored["palette"], stored["base"]
        edits, aside = (tuple(Edit(**each) for each in stored[name]) for name in ("edits", "aside"))
        if not (isinstance(photo, str) and is_key(photo)) or len(edits) + len(aside) > MAX_EDITS:
            raise ValueError("it names no photo, or too many edits")
        if base is None:
            return Stack(photo, edits=edits, aside=aside)
        if palette not in palette_names():
            raise ValueError(f"palette {palette!r}")
        labels = unpack(base)
        load_palette(palette).check(labels)
        return Stack(photo, palette, labels, edits, aside)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"The edits of this photo are damaged ({error}). Open the photo anew.") from None


class Stacks:
    """The versions kept in a folder. Safe from several threads."""

    def __init__(self, outputs: Path) -> None:
        self.outputs, self.folder = outputs, outputs / "photos"
        self._lock = threading.Lock()
        self._held: OrderedDict[str, PhotoFile] = OrderedDict()

    # --- Versions ---

    def has(self, version: object) -> bool:
        """Whether an id, as the browser kept it, still leads to a version."""
        if not isinstance(version, str) or not is_key(version):
            return False
        return self._photo_path(version).is_file() or self._stack_path(version).is_file()

    def load(self, version: object) -> Stack:
        """Raises UserError where there is none, or it is damaged."""
        if not self.has(version):
            raise UserError("No photo is open. Open one first.")
        path = self._stack_path(str(version))
        if not path.is_file():
            return Stack(str(version))
        try:
            data = path.read_bytes()
            return stack_from_json(json.loads(data) if len(data) <= MAX_JSON else None)
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"The edits of this photo can't be read ({error}). Open the photo anew.") from None

    def keep(self, stack: Stack) -> str:
        """The id of a version, which is written if it is new. Raises UserError."""
        if stack.is_plain:
            return stack.photo
        data = json.dumps(stack_to_json(stack), sort_keys=True).encode()
        version = hashlib.sha256(data).hexdigest()[:32]
        self._write(self._stack_path(version), data)
        return version

    # --- Pictures ---

    def picture(self, version: object) -> PhotoFile:
        """The photo with the edits that are not hidden. Its arrays are shared: never written to. Raises UserError."""
        stack, version = self.load(version), str(version)
        with self._lock:
            if version in self._held:
                self._held.move_to_end(version)
                return self._held[version]
        file = self._laid(stack)
        with self._lock:
            self._held[version] = file
            while len(self._held) > HELD:
                self._held.popitem(last=False)
        return file

    def _laid(self, stack: Stack) -> PhotoFile:
        visible = [each for each in stack.edits if not each.hidden]
        if stack.is_plain:
            return read_photo_file(self._photo_path(stack.photo), MAX_KEPT_BYTES)
        plain = self.picture(stack.photo)
        if not visible:
            return plain
        pixels = plain.pixels.copy()
        for edit in visible:
            self._lay(pixels, edit)
        return replace(plain, pixels=pixels)

    def _lay(self, pixels: Photo, edit: Edit) -> None:
        """Puts an edit's pixels into `pixels`. Raises UserError."""
        layer = self._layer(edit)
        height, width = layer.pixels.shape[:2]
        place = pixels[edit.top : edit.top + height, edit.left : edit.left + width]
        if layer.alpha is None or place.shape[:2] != (height, width):
            raise UserError(f"The edit “{edit.words}” does not fit this photo. Remove it.")
        np.copyto(place, layer.pixels, where=(layer.alpha > 0)[:, :, None])

    def _layer(self, edit: Edit) -> PhotoFile:
        try:
            return read_photo_file(self.layer_path(edit.layer), MAX_KEPT_BYTES)
        except UserError as error:
            raise UserError(f"The edit “{edit.words}” can't be laid over the photo. {error} Or remove it.") from None

    def record(self, edit: Edit) -> dict[str, Any]:
        """What made an edit. Raises UserError where its file doesn't say."""
        stored = read_request(self.layer_path(edit.layer))
        if stored is None:
            raise UserError(f"The edit “{edit.words}” does not say how it was made. Its picture stays.")
        return stored

    def records(self, stack: Stack) -> list[dict[str, Any]]:
        """What made the edits that are not hidden, from the lowest up. Raises UserError."""
        return [self.record(each) for each in stack.edits if not each.hidden]

    # --- Accepting ---

    def accept(self, version: str, result: Photo, region: Region, stored: dict[str, Any], words: str) -> Stack:
        """The version with one more edit on top: `result`, all of it, made on that version by `stored`.

        region: bool, what the edit was allowed to change; a pixel that differs elsewhere belongs to it all the same, so
        that the new version is the result to the bit. Raises UserError.
        """
        below = self.picture(version).pixels
        if below.shape != result.shape:
            raise UserError("The result is not of this photo's size. Press Repaint again.")
        mask = region | (below != result).any(2)
        rows, columns = box_of(mask)
        mask, cut = mask[rows, columns], result[rows, columns]
        layer = self._keep_layer(np.where(mask[:, :, None], cut, 0).astype(np.uint8), mask, stored)
        thumb = base64.b64encode(jpeg(shrunk(cut, THUMB_SIDE))).decode()
        edit = Edit(layer, rows.start, columns.start, version, words[:MAX_WORDS], thumb)
        return self.load(version).with_edit(edit)

    def _keep_layer(self, pixels: Photo, mask: Region, stored: dict[str, Any]) -> str:
        opacity = mask.astype(np.uint8) * 255
        parts = (fingerprint(pixels), fingerprint(opacity), json.dumps(stored, sort_keys=True))
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        path = self.layer_path(key)
        if not path.exists():
            make_folder(path.parent)
            save_png(path, pixels, stored, PhotoFile(pixels, opacity, None))
        return key

    # --- Which version a picture was made of ---

    def note(self, stored: dict[str, Any], version: str) -> None:
        """Remembers the version that the edit of a record was made on, or the picture of that fingerprint."""
        print_ = stored.get("photo_sha256")
        if is_print(print_):
            self._write(self.folder / "prints" / print_, version.encode(), anew=True)

    def made_on(self, stored: dict[str, Any]) -> str | None:
        """The version that the edit of a record was made on, if it is still known and there."""
        print_ = stored.get("photo_sha256")
        path = self.folder / "prints" / print_ if is_print(print_) else None
        if path is None or not path.is_file():
            return None
        version = path.read_text(encoding="utf-8", errors="replace").strip()
        return version if self.has(version) else None

    # --- Versions that travel ---

    def bundled(self, stack: Stack) -> tuple[dict[str, Any], tuple[Path, ...]]:
        """A version as a project holds it: its JSON, and the files of its layers."""
        layers = dict.fromkeys(each.layer for each in (*stack.edits, *stack.aside))
        return stack_to_json(stack), tuple(self.layer_path(each) for each in layers)

    def take_in(self, photo: PhotoFile, stored: dict[str, Any], layers: Iterable[bytes]) -> tuple[Stack, str]:
        """A version that came with a project, and a remark on what is left out. Raises UserError."""
        key = keep_photo(photo, self.outputs)
        if not stored:
            return Stack(key), ""
        names = {}
        for content in layers:
            file, made = read_photo_file(content, MAX_KEPT_BYTES), read_request(content)
            if made is not None and file.alpha is not None:
                name = self._keep_layer(file.pixels, file.alpha > 0, made)
                names[name] = file.pixels.shape[:2]
        given = replace(stack_from_json(stored), photo=key)
        height, width = photo.pixels.shape[:2]

        def fits(edit: Edit) -> bool:
            rows, columns = names.get(edit.layer, (height + 1, width + 1))
            return edit.top + rows <= height and edit.left + columns <= width

        edits, aside = (tuple(filter(fits, each)) for each in (given.edits, given.aside))
        lost = len(given.edits) + len(given.aside) - len(edits) - len(aside)
        remark = (
            f" {lost} edit{'s' * (lost > 1)} of the photo can't be read and {'are' if lost > 1 else 'is'} left out."
        )
        return replace(given, edits=edits, aside=aside), remark if lost else ""

    # --- Files ---

    def layer_path(self, key: str) -> Path:
        return self._used(self.folder / "layers" / f"{key}.png")

    def _stack_path(self, version: str) -> Path:
        return self._used(self.folder / "stacks" / f"{version}.json")

    def _photo_path(self, key: str) -> Path:
        return self._used(photo_path(key, self.outputs))

    def aside(self, path: Path) -> Path:
        """Where a file of the folder waits while nobody reaches it (app.pruning)."""
        return self.folder / "deleted" / path.relative_to(self.folder)

    def _used(self, path: Path) -> Path:
        """The same path. A file that was put aside is put back, and one that is there is known to be in use."""
        with suppress(OSError):
            if path.exists():
                if time.time() - path.stat().st_mtime > IN_USE:
                    os.utime(path)
            elif self.aside(path).is_file():
                self.aside(path).replace(path)
                os.utime(path)
        return path

    def _write(self, path: Path, data: bytes, anew: bool = False) -> None:
        if path.exists() and not anew:
            return
        make_folder(path.parent)
        with whole_file(path) as file:
            file.write(data)


def box_of(mask: Region) -> tuple[slice, slice]:
    """The rows and columns that a region spans; one pixel of an empty one."""
    if not mask.any():
        return slice(0, 1), slice(0, 1)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def shrunk(picture: Photo, side: int) -> Photo:
    """Its long side at most `side`."""
    scale = min(1.0, side / max(picture.shape[:2]))
    return resize_photo(picture, *(max(1, round(length * scale)) for length in picture.shape[:2]))


def is_print(text: object) -> bool:
    """Whether a text is a fingerprint, and nothing that climbs out of a folder."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) is not None
