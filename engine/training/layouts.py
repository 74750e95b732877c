"""Where a data set keeps photos, label maps and instance maps: a folder of one's own, or a known set's layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.types import UserError

Split = Literal["train", "val"]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
# CelebAMask-HQ's masks in the order in which they are laid over each other: a later one covers an earlier one.
PARTS = ["skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"]
PARTS += ["hair", "hat", "ear_r", "neck_l", "neck", "cloth"]


@dataclass(frozen=True)
class Entry:
    """A photo with the files of its map. labels: one label map; or masks, one a class, the last one on top.

    masks: the masks' classes as the data set calls them; empty for a label map.
    """

    name: str
    photo: Path
    labels: tuple[Path, ...]
    instances: Path | None = None
    masks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What a folder holds. alone: photos without a map. unused: maps without a photo. doubles: files beside another of
    the same name, which is taken instead.

    scaled: maps may be of another size than their photos, in the same proportions. photos: the folder of the photos,
    where `folder` is that of both splits.
    """

    layout: str
    folder: Path
    entries: tuple[Entry, ...]
    alone: tuple[Path, ...] = ()
    unused: tuple[Path, ...] = ()
    scaled: bool = False
    doubles: tuple[Path, ...] = ()
    photos: Path | None = None

    @property
    def place(self) -> Path:
        """What tells it from the set's other split."""
        return self.photos or self.folder

    @property
    def name(self) -> str:
        """The data set's, for its card: `train` alone says nothing."""
        parts = 2 if self.folder.name in ("train", "val", "images", "leftImg8bit") else 1
        return "/".join(self.folder.parts[-parts:])


@dataclass(frozen=True)
class Layout:
    """Folders below a data set's own; `{split}` stands for the split's name. ends: what file names end with."""

    title: str
    photos: str
    maps: str
    instances: str = ""
    splits: dict[Split, str] = field(default_factory=lambda: {"train": "train", "val": "val"})
    ends: tuple[str, str, str] = ("", "", "")
    scaled: bool = False

    @property
    def by_split(self) -> bool:
        return "{split}" in self.photos

    def folders(self, folder: Path, split: Split) -> list[Path]:
        named = (self.photos, self.maps, self.instances or self.maps)
        return [folder / each.replace("{split}", self.splits[split]) for each in named]


ADE20K = {"train": "training", "val": "validation"}
LAYOUTS = (  # those with splits first: a folder without is taken whole
    Layout("images/ and labels/", "{split}/images", "{split}/labels", "{split}/instances"),
    Layout("images/ and labels/", "images/{split}", "labels/{split}", "instances/{split}"),
    Layout("images/ and labels/", "images/{split}", "labels/{split}", "instances/{split}", splits=ADE20K),
    Layout("ADE20K", "images/{split}", "annotations/{split}", splits=ADE20K),
    Layout("images/ and annotations/", "images/{split}", "annotations/{split}"),
    Layout(
        "Cityscapes",
        "leftImg8bit/{split}",
        "gtFine/{split}",
        "gtFine/{split}",
        ends=("_leftImg8bit", "_gtFine_labelIds", "_gtFine_instanceIds"),
    ),
    Layout("COCO-Stuff", "{split}_img", "{split}_label", "{split}_inst"),
    Layout("COCO-Stuff", "images/{split}2017", "annotations/{split}2017", "instances/{split}2017"),
    Layout("images/ and labels/", "images", "labels", "instances"),
    Layout("ADE20K", "images", "annotations"),
    Layout("CelebAMask-HQ", "CelebA-HQ-img", "CelebAMask-HQ-mask", scaled=True),
)
LEFT_BEHIND = (".", "@eaDir", "__MACOSX")  # begin the names of what other systems leave beside pictures
FACES, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"


def find_pairs(folder: Path, split: Split) -> Listing:
    """The split of a data set, or the folder itself where it is not divided. Raises UserError where there are none."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}. Give the folder that holds images/ and labels/.")
    found = find_listing(folder, split)
    if found is None:
        raise UserError(
            f"{folder} holds no images/ and labels/ folders, and no {split}/ with them, nor ADE20K, Cityscapes, "
            "CelebAMask-HQ or COCO-Stuff in their own folders. Put the pairs there."
        )
    if not (found.entries or found.alone):
        raise UserError(f"{folder} holds no photo ({', '.join(sorted(SUFFIXES))}). Put them there.")
    return found


def find_held_out(folder: Path) -> Listing | None:
    """The validation pairs below the folder, or beside it where it is itself a `train`; None where there are none."""
    found = find_listing(folder, "val", whole=False)
    return found or (find_listing(folder.parent, "val", whole=False) if folder.name == "train" else None)


def find_listing(folder: Path, split: Split, whole: bool = True) -> Listing | None:
    """The split of a data set; whole: the folder itself counts as the split where it is not divided."""
    for layout in LAYOUTS:
        photos, maps, _ = layout.folders(folder, split)
        if (layout.by_split or whole) and photos.is_dir() and maps.is_dir():
            return _paired(layout, folder, split)
    if whole and (folder / FACES).is_dir() and (folder / MASKS).is_dir():
        return _of_masks(folder)
    return None


def _paired(layout: Layout, folder: Path, split: Split) -> Listing:
    """Photos and maps of one name, in the same folder below theirs."""
    roots = layout.folders(folder, split)
    found = [list(_named(root, end)) for root, end in zip(roots, layout.ends, strict=True)]
    photos, maps, instances = (dict(files) for files in found)
    if not layout.instances:
        instances = {}
    taken = {*photos.values(), *maps.values()}
    return Listing(
        layout.title,
        roots[0].parent,
        tuple(Entry(name, photo, (maps[name],), instances.get(name)) for name, photo in photos.items() if name in maps),
        alone=tuple(photo for name, photo in photos.items() if name not in maps),
        unused=tuple(path for name, path in maps.items() if name not in photos),
        scaled=layout.scaled,
        doubles=tuple(path for files in found[:2] for _, path in files if path not in taken),
        photos=roots[0] if "{split}" in Path(layout.photos).name else None,
    )


def _named(root: Path, end: str) -> Iterator[tuple[str, Path]]:
    """(name, file) of every picture below `root` whose name ends with `end`; a PNG comes last of its name."""
    found = [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.stem.endswith(end)]
    for path in sorted(found, key=lambda path: (path.with_suffix(""), path.suffix.lower() == ".png", path.suffix)):
        below = path.relative_to(root)
        if not any(part.startswith(LEFT_BEHIND) for part in below.parts):
            yield below.with_suffix("").as_posix().removesuffix(end), path


def _of_masks(folder: Path) -> Listing:
    """CelebAMask-HQ as it is published: 12.jpg, and 00012_hair.png beside the other parts of that face."""
    masks: dict[int, dict[str, Path]] = defaultdict(dict)
    for name, path in _named(folder / MASKS, ""):
        number, _, part = name.rpartition("/")[2].partition("_")
        if number.isdigit() and part:
            masks[int(number)][part] = path
    named = {name: path for name, path in _named(folder / FACES, "") if name.isdigit()}
    photos = [named[name] for name in sorted(named, key=int)]
    entries = []
    for photo in photos:
        found = masks.pop(int(photo.stem), {})
        parts = tuple(sorted(found, key=_place))
        if parts:
            entries.append(Entry(photo.stem, photo, tuple(found[part] for part in parts), masks=parts))
    paired = {entry.photo for entry in entries}
    return Listing(
        "CelebAMask-HQ, a mask a part",
        folder,
        tuple(entries),
        alone=tuple(photo for photo in photos if photo not in paired),
        unused=tuple(next(iter(parts.values())) for parts in masks.values()),
        scaled=True,
    )


def _place(part: str) -> int:
    """Unknown parts come last, so that what reads them can name them."""
    return PARTS.index(part) if part in PARTS else len(PARTS)
