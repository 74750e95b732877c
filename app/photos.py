"""What can be done with an open photo besides repainting it: opened, accepted into, gone back in, saved.

Each answers with what is then to be laid on the desk. The photo's versions are `app.stack`'s.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.canvas import MIN_SIDE, Painted
from app.history import classes_in
from app.opening import Opened, edited_map, listed, switch_palette
from app.orders import at_size
from app.project import keep_photo, make_folder
from app.settings import Settings
from app.stack import Stack, Stacks
from engine.blending import grown
from engine.images import MAX_KEPT_BYTES, PhotoFile, read_photo_file, read_request
from engine.palette import Palette, load_palette
from engine.record import VERSION, edit_request, fingerprint
from engine.resizing import Fit, fitted, resize_labels
from engine.translate import translate
from engine.types import EditRequest, LabelMap, Region, UserError
from engine.writing import photo_suffix, save_photo

PHOTO_MAP_SIDE = 1024  # a photo is painted over at up to this many pixels on its long side
ALIKE = 0.01  # proportions that differ by no more than this share are the same
WORDS = 3  # classes that an edit is named by
SAVED = "exports"  # the folder inside `outputs/`


@dataclass(frozen=True, eq=False)
class Laid:
    """What an open photo is to be on the desk. version: "" for no photo, then there is no stack and no file.

    labels replaces the map; region becomes the selection, clears takes it away; settings are those of a reopened edit.
    record: it is one step that the artist can undo. redraw: the picture may be another than before.
    """

    version: str = ""
    stack: Stack | None = None
    file: PhotoFile | None = None
    message: str = ""
    name: str = "photo"
    labels: Painted | None = None
    region: Region | None = None
    clears: bool = False
    settings: Settings | None = None
    record: bool = True
    redraw: bool = True


class Photos:
    """The photos of a desk, by their versions. Methods raise UserError; what was open then stays."""

    def __init__(self, outputs: Path) -> None:
        self.outputs, self.stacks = outputs, Stacks(outputs)

    # --- Opening ---

    def open(self, path: Path, palette: Palette) -> Laid:
        """Takes in a photo, upright, to be painted over; of one that we saved, its edits too."""
        file, stored = read_photo_file(path, MAX_KEPT_BYTES), read_request(path)
        if stored and stored.get("kind") == "photo" and (version := self.stacks.made_on(stored)):
            return self.brought_back(version, palette)
        size = map_size(file)
        height, width = file.pixels.shape[:2]
        empty = Painted(np.full(size, palette.unlabelled, np.uint8), palette.name)
        message = f"Photo of {width} x {height} px. {file.remark} Paint on it what should be there, then press Repaint."
        key = keep_photo(file, self.outputs)
        return Laid(key, Stack(key), file, message.replace("  ", " "), labels=empty, clears=True)

    def brought_back(self, version: str, palette: Palette) -> Laid:
        """A version that is still known, its first map as the map."""
        laid = self.at(version)
        base = first_map(laid.stack, palette, map_size(laid.file))
        count = len(laid.stack.edits)
        message = f"The photo is open again, with {count} edit{'s' * (count != 1)}."
        return replace(laid, message=message, labels=Painted(base, palette.name), clears=True, record=True)

    def at(self, version: object) -> Laid:
        """A version as it is, to be shown without a step of its own."""
        if version == "":
            return Laid(record=False)
        stack = self.stacks.load(version)
        return Laid(str(version), stack, self.stacks.picture(version), record=False)

    def lay_project(self, opened: Opened) -> Laid:
        """A project's photo with its edits, under the project's map."""
        try:
            stack, remark = self.stacks.take_in(opened.photo, opened.stack, opened.layers)
        except UserError as error:
            stack, remark = Stack(keep_photo(opened.photo, self.outputs)), f" {error}"
        version = self.stacks.keep(stack)
        file = self.stacks.picture(version)
        painted = fit_map(opened.painted, map_size(file), "stretch")
        return Laid(version, stack, file, opened.message + remark, labels=painted, clears=True)

    def project_parts(self, version: object) -> tuple[PhotoFile, dict[str, Any], tuple[Path, ...]]:
        """What a project holds of a photo: itself, its version as JSON, the files of its edits."""
        stack = self.stacks.load(version)
        photo = self.stacks.picture(stack.photo)
        return (photo, {}, ()) if stack.is_plain else (photo, *self.stacks.bundled(stack))

    # --- Maps ---

    def with_first_map(self, version: object, painted: Painted | None, found: Painted, message: str) -> Laid:
        """The photo with another first map; what was painted over the former one stays painted."""
        stack = self.stacks.load(version)
        file = self.stacks.picture(version)
        palette = load_palette(found.palette)
        if painted is None or painted.labels.shape != found.labels.shape:
            labels = found.labels
        else:
            own, _ = translate(painted.labels, load_palette(painted.palette), palette)
            touched = own != first_map(stack, palette, own.shape)
            labels = np.where(touched, own, found.labels)
        return self._kept(stack.with_base(found.labels, found.palette), file, message, "map",
                          labels=replace(found, labels=labels), redraw=False)  # fmt: skip

    def laid_map(self, version: object, painted: Painted | None, opened: Opened, fit: Fit | None, first: bool) -> Laid:
        """A map that was opened while a photo is: the first map where none is known (or `first` says so), else it
        becomes what is painted. fit: how one of other proportions is made to fit, None leaves it to `needs_fit`."""
        file = self.stacks.picture(version)
        given, lost = opened.painted, []
        if painted is not None and painted.palette != given.palette:
            labels, lost = translate(given.labels, load_palette(given.palette), load_palette(painted.palette))
            given = replace(given, labels=labels, palette=painted.palette)
        given = fit_map(given, map_size(file), fit or "stretch")
        message = opened.message + (f" Left open: {listed(lost)}." if lost else "")
        stack = self.stacks.load(version)
        if opened.settings is None and (stack.base is None or first):
            return self.with_first_map(version, painted, given, f"{message} It is the photo's first map.")
        message += " Where it differs from the first map, the photo will be made anew."
        return replace(self.painting(version, given, message), settings=opened.settings)

    def painting(self, version: object, painted: Painted, message: str) -> Laid:
        """A map in place of what is painted on the photo; its first map is from then on in the same classes."""
        stack, file = self.stacks.load(version), self.stacks.picture(version)
        if stack.base is not None:
            stack = stack.with_base(first_map(stack, load_palette(painted.palette), stack.base.shape), painted.palette)
        labels = fit_map(painted, map_size(file), "stretch")
        return self._kept(stack, file, message, "map", labels=labels, redraw=False)

    def needs_fit(self, version: object, painted: Painted) -> str:
        """A question where a map has other proportions than the photo, else nothing."""
        height, width = self.stacks.picture(version).pixels.shape[:2]
        rows, columns = painted.labels.shape
        if abs(columns / rows / (width / height) - 1) <= ALIKE or map_size_of(height, width) == (rows, columns):
            return ""
        return f"The map is {columns} x {rows} px, the photo {width} x {height}. Other proportions: how shall it fit?"

    def in_palette(self, version: object, painted: Painted | None, palette: Palette, examples: Path) -> Laid | None:
        """The photo's map and first map in another model's classes; None where they already are in them."""
        switched = switch_palette(painted, palette, examples, on_photo=True)
        return None if switched is None else self.painting(version, switched, "")

    # --- Edits ---

    def accept(self, version: object, painted: Painted | None, path: Path) -> Laid:
        """Takes a result into the photo. What was painted for it is from now on what the photo shows."""
        stored = read_request(path) or {}
        file = self.stacks.picture(version)
        if stored.get("kind") != "edit":
            raise UserError("That result is not of this photo. Press Repaint, then accept one of the results.")
        if stored.get("photo_sha256") != fingerprint(file.pixels):
            raise UserError(
                "That result was made on the photo as it was before or after. Undo until it fits, or press Repaint."
            )
        request = edit_request(stored, file.pixels)
        result = read_photo_file(path, MAX_KEPT_BYTES).pixels
        region = grown(request.region, request.growth) if request.growth else request.region
        palette = load_palette(stored["palette"])
        stack = self.stacks.load(version)
        words = words_of(request, stack, palette)
        stack = self.stacks.accept(str(version), result, region, stored, words)
        target = palette if painted is None else load_palette(painted.palette)
        shape = map_size(file) if painted is None else painted.labels.shape
        stack = stack.with_base(base_after(stack, request, palette, target, shape), target.name)
        number = len(stack.edits)
        message = f"Accepted: {words}. The photo has {number} edit{'s' * (number > 1)}; Undo takes it back."
        laid = self._kept(stack, replace(file, pixels=result), message, "accept", clears=True)
        return replace(laid, file=self.stacks.picture(laid.version))

    def hide(self, version: object, at: int, hidden: bool) -> Laid:
        stack = self.stacks.load(version).hiding(at, hidden)
        name = stack.edits[at].name
        return self._changed(stack, f"{'Hidden' if hidden else 'Shown'}: {name}.", "hide" if hidden else "show")

    def remove(self, version: object, at: int) -> Laid:
        stack = self.stacks.load(version)
        return self._changed(stack.without(at), f"Removed: {stack.edit(at).name}. Undo brings it back.", "remove")

    def reopen(self, version: object, at: int) -> Laid:
        """An edit as it was when its result was made: the photo below it, its map, its region selected, its settings.

        Those above it wait aside and come back once a result is accepted in its place.
        """
        stack = self.stacks.load(version)
        edit = stack.edit(at)
        stored = self.stacks.record(edit)
        aside = (*stack.edits[at + 1 :], *stack.aside)
        below = replace(stack, edits=stack.edits[:at], aside=aside)
        if self.stacks.has(edit.below):
            former = self.stacks.load(edit.below)
            below = replace(below, base=former.base, palette=former.palette)
        above = "The one above it waits" if len(aside) == 1 else f"The {len(aside)} above it wait"
        waiting = f" {above} aside until you accept." if aside else ""
        message = f"Reopened: {edit.name}. Change what you like and press Repaint.{waiting}"
        return self._reopened(below, stored, message)

    def reopen_result(self, stored: dict[str, Any]) -> Laid | None:
        """The edit that made a picture, on the photo that it was made on; None where that is not known any more."""
        version = self.stacks.made_on(stored)
        if version is None:
            return None
        message = "The edit that made this result is open: its photo, map, region and settings."
        return self._reopened(self.stacks.load(version), stored, message)

    def _reopened(self, stack: Stack, stored: dict[str, Any], message: str) -> Laid:
        laid = self._changed(stack, message, "reopen")
        painted, region, settings = edited_map(stored, map_size(laid.file))
        return replace(laid, labels=painted, region=region, settings=settings)

    def _changed(self, stack: Stack, message: str, name: str) -> Laid:
        version = self.stacks.keep(stack)
        return Laid(version, stack, self.stacks.picture(version), message, name)

    def _kept(self, stack: Stack, file: PhotoFile, message: str, name: str, **rest: Any) -> Laid:
        return Laid(self.stacks.keep(stack), stack, file, message, name, **rest)

    # --- Saving ---

    def save(self, version: object, own_format: bool) -> tuple[Path, str]:
        """The photo as it is now, at its full size, as a PNG that holds what made it or in the format that it came in.

        Returns the file, for the artist to take along, and what to say of it.
        """
        stack, file = self.stacks.load(version), self.stacks.picture(version)
        suffix = photo_suffix(file) if own_format else ".png"
        folder = self.outputs / SAVED
        make_folder(folder)
        path = folder / f"{datetime.datetime.now():%Y%m%d-%H%M%S-%f}-photo{suffix}"
        stored = {
            "spadework": VERSION,
            "kind": "photo",
            "photo_sha256": fingerprint(file.pixels),
            "edits": self.stacks.records(stack),
        }
        save_photo(path, file.pixels, file, stored)
        if suffix == ".png":
            self.stacks.note(stored, str(version))
            return path, f"Saved as {path.name}, with its edits inside."
        return path, f"Saved as {path.name}."


# --- Maps and regions ---


def map_size(file: PhotoFile) -> tuple[int, int]:
    """Height and width at which a photo is painted over."""
    return map_size_of(*file.pixels.shape[:2])


def map_size_of(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, PHOTO_MAP_SIDE / max(height, width))
    return max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))


def first_map(stack: Stack, palette: Palette, shape: tuple[int, int]) -> LabelMap:
    """(H, W) of a version's first map, in a palette's classes; all unlabelled where nothing is known."""
    if stack.base is None:
        return np.full(shape, palette.unlabelled, np.uint8)
    base = stack.base if stack.base.shape == tuple(shape) else resize_labels(stack.base, *shape)
    return base if stack.palette == palette.name else translate(base, load_palette(stack.palette), palette)[0]


def fit_map(painted: Painted, size: tuple[int, int], fit: Fit) -> Painted:
    """A map, and its objects' numbers, at another size."""
    if painted.labels.shape == size:
        return painted
    numbers = None if painted.instances is None else fitted(painted.instances, *size, fit)
    return replace(painted, labels=fitted(painted.labels, *size, fit), instances=numbers)


def base_after(
    stack: Stack, request: EditRequest, source: Palette, target: Palette, shape: tuple[int, int]
) -> LabelMap:
    """The first map once an edit is accepted: inside its region what it was made as, in a palette's classes."""
    labels, _ = translate(resize_labels(request.labels, *shape), source, target)
    return np.where(at_size(request.region, shape), labels, first_map(stack, target, shape))


def words_of(request: EditRequest, stack: Stack, palette: Palette) -> str:
    """“building, tree · strength 0.8 · seed 3”: the classes that came, or are there, and what made it."""
    shape = request.labels.shape
    came = request.region & (request.labels != first_map(stack, palette, shape))
    names = classes_in(request.labels[came if came.any() else request.region], palette.name)
    seed = request.rerolls[-1].seed if request.rerolls else request.sampling.seeds[0]
    return f"{', '.join(names[:WORDS]) or 'unlabelled'} · strength {request.strength:g} · seed {seed}"
