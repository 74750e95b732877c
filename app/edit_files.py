"""The files of an edit, read and made to fit the photo: what the command `edit` and the endpoint share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from engine.images import PhotoFile, printable, read_photo, read_region
from engine.label_change import auto_growth, changed
from engine.label_files import read_objects
from engine.maps import read_map
from engine.palette import Palette
from engine.resizing import Fit, fitted
from engine.segmentation import find_segmenter, segmenter_for
from engine.types import Instances, LabelMap, Region, Reroll, UserError, pixels

TOLD = 5  # classes of a found map that are named
ALIKE = 0.01  # by how much proportions may differ and still be the same

FirstMap: TypeAlias = Literal["found", "blank"]


@dataclass(frozen=True)
class EditFiles:
    """Where an edit is described.

    labels: the map; without it, the one that is found in the photo. region: what may change; without it, where the map
    differs from the first map, which is `base`. Without that, `first` says which: “found” in the photo (a map that is
    unlabelled in places then asks for nothing there), or “blank”, unlabelled everywhere. again: regions that are made
    once more, with their seeds. palette: the classes of the maps, where they are not the model's. fit: what is done
    with maps, regions and objects of another size than the photo's; None refuses them, unless `scaled` and of the
    photo's proportions.

    Raises UserError where no file tells what shall change, or two do.
    """

    photo: Path
    labels: Path | None = None
    base: Path | None = None
    region: Path | None = None
    instances: Path | None = None
    again: tuple[tuple[Path, int], ...] = ()
    palette: str | None = None
    fit: Fit | None = None
    first: FirstMap = "found"
    scaled: bool = False

    def __post_init__(self) -> None:
        if self.labels is None and self.region is None:
            raise UserError("Nothing says what shall change. Give a map (--map), or a region (--region), or both.")
        if self.base is not None and self.region is not None:
            raise UserError("A first map and a region both say what may change. Give one (--base-map or --region).")
        if self.fit is not None and self.fit not in get_args(Fit):
            raise UserError(f"Fit “{self.fit}” is not known. Choose {' or '.join(get_args(Fit))}.")


@dataclass(frozen=True)
class EditParts:
    """What was read, all of the photo's height and width. growth: what suits the region, px. remarks: a line each."""

    labels: LabelMap
    region: Region
    instances: Instances | None
    rerolls: tuple[Reroll, ...]
    growth: int
    remarks: tuple[str, ...]


def read_parts(files: EditFiles, photo: PhotoFile, palette: Palette) -> EditParts:
    """What the files say of an edit of `photo`, in the classes of `palette`. Raises UserError."""
    reader = Reader(files, photo.pixels.shape[:2], palette)
    labels = reader.map("The map", files.labels) if files.labels else reader.found_map()
    region, growth = reader.marked_or_changed(labels)
    rerolls = tuple(Reroll(reader.region(path), seed) for path, seed in files.again)
    return EditParts(labels, region, reader.objects(), rerolls, growth, tuple(reader.remarks))


class Reader:
    """Reads one file after another to the photo's size, (height, width), and notes what was guessed."""

    def __init__(self, files: EditFiles, size: tuple[int, int], palette: Palette) -> None:
        self._files, self._size, self._palette = files, size, palette
        self.remarks: list[str] = []

    def marked_or_changed(self, labels: LabelMap) -> tuple[Region, int]:
        """The region, and the pixels by which it should be grown."""
        files = self._files
        if files.region:
            return self.region(files.region), 0
        if files.base:
            region, growth = changed(self.map("The first map", files.base), labels), auto_growth(*self._size)
        elif files.first == "found":
            region = changed(self.found_map(), labels) & (labels != self._palette.unlabelled)
            growth = auto_growth(*self._size)
        else:
            region, growth = labels != self._palette.unlabelled, 0
        check_asked(files, region)
        self.remarks.append(f"The region is what the map changes: {region.mean():.1%} of the photo.")
        return region, growth

    def map(self, what: str, path: Path) -> LabelMap:
        read = read_map(path, self._palette, self._files.palette)
        self.remarks += (f"{printable(path.name)}: {remark}" for remark in read.remarks)
        return self._fitted(what, path, read.labels)

    def found_map(self) -> LabelMap:
        if find_segmenter(self._palette) is None:
            raise UserError(
                f"Without a map or a first map, the photo's own is found, but {self._palette.title} has no segmenter. "
                "Paint one and give it (--map, --base-map), and mark the region (--region)."
            )
        labels = segmenter_for(self._palette).segment(read_photo(self._files.photo))
        self.remarks.append(f"Found in {printable(self._files.photo.name)}: {shares(labels, self._palette)}.")
        return labels

    def region(self, path: Path) -> Region:
        region = self._fitted("The region", path, read_region(path).astype(np.uint8)) > 0
        if not region.any():
            raise UserError(
                f"The region {printable(path.name)} is empty: nothing in it is white. Paint white what shall change."
            )
        return region

    def objects(self) -> Instances | None:
        path = self._files.instances
        return self._fitted("The map of objects", path, read_objects(path)) if path else None

    def _fitted(self, what: str, path: Path, array: NDArray) -> NDArray:
        """The array (H, W) at the photo's size. Raises UserError where it has another, and no fit is asked for."""
        (height, width), (rows, columns) = self._size, array.shape
        alike = abs(rows * width / (columns * height) - 1) < ALIKE
        fit = self._files.fit or ("stretch" if alike and self._files.scaled else None)
        if fit is None and array.shape != self._size:
            remedy = (
                "Both have the same proportions: fit it with stretch (--fit stretch)."
                if alike
                else "Fit it with stretch, or with crop, which takes the middle of it (--fit stretch, --fit crop)."
            )
            if (columns, rows) == self._size:  # made from the pixels as they are stored
                remedy = "The photo's EXIF may turn it: turn it as well. Or f" + remedy[1:]
            size = f"{pixels(array)}, the photo {width} x {height} px"
            raise UserError(f"{what} {printable(path.name)} is {size}. {remedy}")
        return array if fit is None else fitted(array, height, width, fit)


def check_asked(files: EditFiles, region: Region) -> None:
    """Raises UserError where the map asks for nothing."""
    if region.any():
        return
    name = printable(files.labels.name)
    if files.base is None and files.first == "blank":
        raise UserError(f"{name} is unlabelled everywhere, so nothing would change. Paint what shall be there.")
    base = printable(files.base.name) if files.base else "what was found in the photo"
    raise UserError(
        f"{name} differs nowhere from {base}, so nothing would change. Paint what shall become something else, or mark "
        "what shall be made anew as it is (--region)."
    )


def shares(labels: LabelMap, palette: Palette) -> str:
    """The classes of a map (H, W), the largest first: “sky 41 %, tree 30 %”."""
    counts = np.bincount(labels.reshape(-1), minlength=palette.size)
    largest = [index for index in np.argsort(-counts, kind="stable")[:TOLD] if counts[index]]
    return ", ".join(f"{palette.classes[index].name} {counts[index] / labels.size:.0%}" for index in largest)
