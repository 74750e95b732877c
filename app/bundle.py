"""Project files, `.spadework`: a zip with all that is on the desk, made to be opened again years later.

    manifest.json      what is inside; its `version` counts changes that an older program would misread
    map.png            the map as `save_label_map` writes it: the dataset's file values, indexed, lossless
    palette.json       the classes, where they are not those of a palette that comes with the program
    instances.png      object numbers, 16 bits, if there are any
    photo.png          the photo with its own values, opacity and profile, if there is one
    edits.json         the edits that were accepted into the photo, and its first map, where there are any (app.stack)
    edits/0001.png     what an edit changed of the photo, with its request inside
    settings.json      how the desk is set
    results/0001.png   accepted pictures, each with its request inside, as they were saved
    requests/0001.json the same request for people and other programs; the picture's own is what counts

A file of an older version is read, one of a newer version is refused, and what a manifest or a folder holds besides is
left alone: it is not carried over into the next file that is written. Only the map is indispensable: what else is
damaged is left out with a remark.
"""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.archives import open_archive, read_member
from engine.images import (
    MAX_FILE_BYTES,
    MAX_KEPT_BYTES,
    PhotoFile,
    Source,
    open_image,
    printable,
    read_photo_file,
    read_request,
)
from engine.label_files import read_instances, save_label_map
from engine.palette import Palette, load_palette, palette_from, palette_names, palette_to_json
from engine.types import LabelMap, UserError
from engine.writing import Target, save_png, whole_file, write_png

SUFFIX = ".spadework"
FORMAT = "spadework project"
VERSION = 1
MAX_BYTES = 2**30  # of a project file
MAX_JSON = 2**24
MAX_RESULTS = 500
MAX_RESULTS_BYTES = 2**29  # of all results together
RESULT = re.compile(r"results/[\w-]{1,80}\.png")
LAYER = re.compile(r"edits/[\w-]{1,80}\.png")
EPOCH = (1980, 1, 1, 0, 0, 0)  # members bear no time, so that one desk always gives one file


@dataclass(frozen=True)
class Project:
    """All that is on the desk.

    labels: (H, W) uint8, indices of `palette`. instances: (H, W) uint16, 0 = the connected areas are the objects.
    settings: plain JSON. results: PNGs, as bytes or as the paths of files; what was read holds bytes. remarks: what
    could not be read, in plain words. stack: the photo's version as JSON, empty for one without; layers: the PNGs that
    it names, as results are.
    """

    labels: LabelMap
    palette: Palette
    instances: NDArray[np.uint16] | None = None
    photo: PhotoFile | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    results: tuple[Path | bytes, ...] = ()
    remarks: tuple[str, ...] = ()
    stack: dict[str, Any] = field(default_factory=dict)
    layers: tuple[Path | bytes, ...] = ()


# --- Writing ---


def write_project(target: Target, project: Project) -> None:
    """Writes the project: a path gets the whole file or stays as it was. Raises UserError, also for a faulty part."""
    if not isinstance(target, str | Path):
        _write(target, project)
        return
    path = Path(target)
    if path.suffix.lower() != SUFFIX:
        raise UserError(f"{printable(path.name)} is no name for a project. Choose one that ends in {SUFFIX}.")
    with whole_file(path) as file:
        _write(file, project)


def _write(file: BinaryIO, project: Project) -> None:
    """Part by part, so that no more than one is in memory besides the project itself."""
    names, total = [], 0
    with zipfile.ZipFile(file, "w", allowZip64=False) as archive:
        for name, content in _members(project):
            kind = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED  # PNGs are packed already
            total += len(content)
            if total > MAX_BYTES:
                raise UserError(f"The project would be larger than {MAX_BYTES // 2**20:,} MiB. Leave out some results.")
            _add(archive, name, content, kind)
            names.append(name)
        _add(archive, "manifest.json", _json(_manifest(project, names)), zipfile.ZIP_DEFLATED)


def _members(project: Project) -> Iterator[tuple[str, bytes]]:
    palette = project.palette
    yield "map.png", _png(save_label_map, project.labels, palette)
    if not _is_ours(palette):
        yield "palette.json", palette_to_json(palette).encode()
    if project.instances is not None and project.instances.any():
        _check_size("The object numbers", project.instances, project.labels)
        yield "instances.png", _png(write_png, Image.fromarray(project.instances.astype(np.uint16)), {})
    if project.photo is not None:
        yield "photo.png", _png(save_png, project.photo.pixels, {}, project.photo)
        yield from _stack_members(project)
    yield "settings.json", _json(project.settings)
    if len(project.results) > MAX_RESULTS:
        raise UserError(f"{len(project.results)} results are more than the {MAX_RESULTS} that a project holds.")
    for number, result in enumerate(project.results, 1):
        content = result if isinstance(result, bytes) else _content(result)
        request = read_request(content)
        yield f"results/{number:04}.png", content
        if request is not None:
            yield f"requests/{number:04}.json", _json(request)


def _stack_members(project: Project) -> Iterator[tuple[str, bytes]]:
    if project.stack:
        yield "edits.json", _json(project.stack)
        for number, layer in enumerate(project.layers, 1):
            yield f"edits/{number:04}.png", layer if isinstance(layer, bytes) else _content(layer, MAX_KEPT_BYTES)


def _manifest(project: Project, names: list[str]) -> dict[str, Any]:
    height, width = project.labels.shape
    return {
        "format": FORMAT,
        "version": VERSION,
        "app": _app_version(),
        "palette": project.palette.name,
        "width": width,
        "height": height,
        "parts": names,
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes, kind: int) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = kind, 0o644 << 16
    archive.writestr(info, content)


def _png(write: Any, *parts: Any) -> bytes:
    """What `write(target, *parts)` writes."""
    buffer = BytesIO()
    write(buffer, *parts)
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _content(path: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Raises UserError where a picture is not there or too large."""
    return open_image(path, max_bytes).data


def _check_size(what: str, array: NDArray, labels: LabelMap) -> None:
    if array.shape != labels.shape:
        (height, width), (given_height, given_width) = labels.shape, array.shape
        raise UserError(f"{what} are {given_width} x {given_height} px, the map {width} x {height}. Give one size.")


def _is_ours(palette: Palette) -> bool:
    """Is it, to the last class, one that comes with the program?"""
    return palette.name in palette_names() and load_palette(palette.name) == palette


@cache
def _app_version() -> str:
    with (Path(__file__).resolve().parent.parent / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


# --- Reading ---


def is_project(source: Source) -> bool:
    """Does the file call itself a project? Nothing of it is read."""
    return not isinstance(source, bytes) and Path(source).suffix.lower() == SUFFIX


def read_project(source: Source | BinaryIO) -> Project:
    """The project in a file: a path, its bytes, or a seekable file. Nothing is decoded before its size is known.

    Raises UserError for what is no project, one of a newer version, and where map or palette is damaged or unknown.
    """
    with _opened(source) as (name, file), open_archive(name, file) as archive:
        manifest = _read_manifest(name, archive)
        palette = _read_palette(name, archive, manifest)
        labels = _read_map(name, archive, palette)
        remarks: list[str] = []
        with _remarked(remarks, "The object numbers are"):
            instances = None
            instances = _read_instances(name, archive, labels)
        with _remarked(remarks, "The photo is"):
            photo = None
            photo = _read_photo(name, archive)
        with _remarked(remarks, "The photo's edits are"):
            stack: dict[str, Any] = {}
            layers: tuple[bytes, ...] = ()
            stack = _read_json(name, archive, "edits.json") or {}
            layers = tuple(_read_pictures(name, archive, remarks, LAYER, "edit")) if stack else ()
        with _remarked(remarks, "The settings are"):
            settings: dict[str, Any] = {}
            settings = _read_json(name, archive, "settings.json") or {}
        results = tuple(_read_pictures(name, archive, remarks, RESULT, "result"))
    return Project(labels, palette, instances, photo, settings, results, tuple(remarks), stack, layers)


@contextlib.contextmanager
def _opened(source: Source | BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """What errors call the project, and its file. Raises UserError where it can't be had or is too large."""
    name = printable(Path(source).name) if isinstance(source, str | Path) else "The project"
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, bytes):
                file: BinaryIO = BytesIO(source)
            elif isinstance(source, str | Path):
                file = stack.enter_context(Path(source).open("rb"))
            else:
                file = source
            length = file.seek(0, 2)
        except (OSError, ValueError) as error:
            raise UserError(f"{name} can't be opened: {getattr(error, 'strerror', error)}. Check the path.") from error
        if length > MAX_BYTES:
            raise UserError(f"{name} is {length / 2**20:.0f} MiB, more than {MAX_BYTES // 2**20} MiB.")
        yield name, file


@contextlib.contextmanager
def _remarked(remarks: list[str], what: str) -> Iterator[None]:
    """A part that can't be read is left out: a remark instead of an error."""
    try:
        yield
    except UserError as error:
        remarks.append(f"{what} left out. {error}")


def _read_manifest(name: str, archive: zipfile.ZipFile) -> dict[str, Any]:
    """Raises UserError where there is none, or one of a newer version."""
    manifest = _read_json(name, archive, "manifest.json")
    if manifest is None or manifest.get("format") != FORMAT:
        raise UserError(f"{name} is no project of Spadework: it has no manifest.json that says so.")
    version = manifest.get("version")
    if type(version) is not int or version < 1:
        raise UserError(f"{name} has the version {version!r}, which is none. The file is damaged.")
    if version > VERSION:
        raise UserError(f"{name} has version {version}, this program reads up to {VERSION}. Update Spadework.")
    return manifest


def _read_palette(name: str, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Palette:
    document = _read_json(name, archive, "palette.json")
    if document is not None:
        return palette_from(document, f"in {name}")
    wanted = manifest.get("palette")
    if wanted not in palette_names():
        raise UserError(
            f"{name} needs the palette {printable(str(wanted))[:100]!r} and does not bring it along. "
            f"There are {', '.join(palette_names())}."
        )
    return load_palette(wanted)


def _read_map(name: str, archive: zipfile.ZipFile, palette: Palette) -> LabelMap:
    data = read_member(name, archive, "map.png", MAX_FILE_BYTES)
    if data is None:
        raise UserError(f"{name} holds no map (map.png). It is damaged: open a copy.")
    try:
        image = open_image(data).image
    except UserError as error:
        raise UserError(f"The map in {name} is damaged. {error}") from error
    if image.mode not in ("P", "L"):
        raise UserError(f"The map in {name} holds no class values. It is damaged: open a copy.")
    labels = palette.indices_by_file_value()[np.asarray(image)]
    if labels.min() < 0:
        raise UserError(f"The map in {name} holds values that are no class of {palette.title}. Open a copy.")
    return labels.astype(np.uint8)


def _read_instances(name: str, archive: zipfile.ZipFile, labels: LabelMap) -> NDArray[np.uint16] | None:
    data = read_member(name, archive, "instances.png", MAX_FILE_BYTES)
    if data is None:
        return None
    numbers = read_instances(data)
    _check_size("They", numbers, labels)
    return numbers.astype(np.uint16)


def _read_photo(name: str, archive: zipfile.ZipFile) -> PhotoFile | None:
    data = read_member(name, archive, "photo.png", MAX_KEPT_BYTES)
    return None if data is None else read_photo_file(data, MAX_KEPT_BYTES)


def _read_json(name: str, archive: zipfile.ZipFile, member: str) -> dict[str, Any] | None:
    """None where there is no such member. Raises UserError where it holds no JSON object."""
    data = read_member(name, archive, member, MAX_JSON)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{member} in {name} is damaged: it is no JSON object. Open a copy.")
    return value


def _read_pictures(
    name: str, archive: zipfile.ZipFile, remarks: list[str], members_like: re.Pattern[str], what: str
) -> Iterator[bytes]:
    """The results or edits in their order; those that are damaged or beyond the bounds are left out with a remark."""
    left = MAX_RESULTS_BYTES
    members = sorted(each for each in archive.namelist() if members_like.fullmatch(each))
    if len(members) > MAX_RESULTS:
        remarks.append(f"Of {len(members)} {what}s the first {MAX_RESULTS} were read.")
    for member in members[:MAX_RESULTS]:
        try:
            data = read_member(name, archive, member, min(left, MAX_KEPT_BYTES if what == "edit" else MAX_FILE_BYTES))
            open_image(data, MAX_KEPT_BYTES)
        except UserError as error:
            article = "An" if what == "edit" else "A"
            remarks.append(f"{article} {what} could not be read and is left out ({member}). {error}")
            continue
        left -= len(data)
        yield data
