"""What is laid on the desk: maps, results and projects from files, examples, and a map in another model's classes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.bundle import Project, is_project, read_project
from app.canvas import MAX_SIDE, MIN_SIDE, Painted
from app.kept_settings import resampling_from, settings_from_json, settings_to_json
from app.settings import DEFAULT_STRENGTH, Settings, scales_by_name
from engine.images import PhotoFile, read_request
from engine.label_colours import Ambiguity, Choices
from engine.label_files import NO_CHOICES, palette_named_in, read_label_map
from engine.palette import Palette, load_palette, palette_names
from engine.record import UNSAID_OF_EDITS, render_request, unpack
from engine.resizing import resize_labels
from engine.translate import translate
from engine.types import Region, Reroll, Sampling, UserError


@dataclass(frozen=True)
class Opened:
    """A file that was opened onto the desk: a map, a result with the settings that made it, or a whole project.

    painted is None for a photo that was saved with its edits: `stored`, a picture's record, tells which. choices:
    colours of the map whose class was guessed; opened again with the artist's choices, it has fewer. photo, its version
    (`stack` as JSON, the files of its `layers`) and results (PNGs) are a project's.
    """

    painted: Painted | None
    message: str
    settings: Settings | None = None
    choices: tuple[Ambiguity, ...] = ()
    photo: PhotoFile | None = None
    stack: dict = field(default_factory=dict)
    layers: tuple[bytes, ...] = ()
    results: tuple[bytes, ...] = ()
    stored: dict = field(default_factory=dict)


def open_map(path: Path, palette: Palette, choices: Choices = NO_CHOICES) -> Opened:
    """A label map in any form we read, a result of ours, which brings its map and its settings, or a project.

    choices: which class a colour of the map means. Raises UserError.
    """
    if is_project(path):
        return open_project(read_project(path))
    stored = read_request(path)
    if stored is not None:
        return Opened(None, "", stored=stored) if stored.get("kind") == "photo" else open_result(stored)
    named = palette_named_in(path)  # one of ours, or None
    read = read_label_map(path, load_palette(named) if named else palette, choices)
    labels, note = within_sides(read.labels)
    painted = Painted(labels, named or palette.name)
    return Opened(painted, read.message + note, choices=(*read.ambiguous, *read.strange))


def open_project(project: Project) -> Opened:
    """All that a project holds. Raises UserError where its map is in classes that the page doesn't know."""
    name, remarks = project.palette.name, list(project.remarks)
    if name not in palette_names() or load_palette(name) != project.palette:
        raise UserError(
            f"The project is painted in its own palette {name!r}. Put the palette.json out of it (a zip) into the "
            f"folder palettes under a new name, and start again. The page knows {', '.join(palette_names())}."
        )
    labels, note = within_sides(project.labels)
    instances = None if project.instances is None else within_sides(project.instances)[0]
    settings = None
    if project.settings:
        try:
            settings = settings_from_json(project.settings)
        except UserError as error:
            remarks.append(f"The settings are left out. {error}")
    message = " ".join([f"The project is back on the desk ({_contents(project)}).{note}", *remarks])
    painted = Painted(labels, name, instances=instances)
    parts = {"photo": project.photo, "stack": project.stack, "layers": project.layers, "results": project.results}
    return Opened(painted, message, settings, **parts)


def project_of(
    painted: Painted,
    settings: Settings,
    photo: PhotoFile | None = None,
    results: tuple[Path | bytes, ...] = (),
    stack: dict | None = None,
    layers: tuple[Path | bytes, ...] = (),
) -> Project:
    """What is on the desk, to be written by `write_project`. results: the PNGs that go with it; stack, layers: the
    photo's version."""
    palette = load_palette(painted.palette)
    kept = settings_to_json(settings)
    return Project(painted.labels, palette, painted.instances, photo, kept, results, stack=stack or {}, layers=layers)


def _contents(project: Project) -> str:
    """“map, photo, 3 results”."""
    counts = {"edit": len(project.layers), "result": len(project.results)}
    parts = ["map", "objects" if project.instances is not None else "", "photo" if project.photo else ""]
    return ", ".join(filter(None, [*parts, *(f"{n} {what}{'s' * (n > 1)}" for what, n in counts.items() if n)]))


def open_result(stored: dict) -> Opened:
    """What a picture's record holds. Raises UserError where it is damaged or in classes that the page doesn't know."""
    request = render_request(stored)
    name = stored.get("palette")
    if name not in palette_names():
        raise UserError(f"The result was made with the palette {name!r}. The page knows {', '.join(palette_names())}.")
    palette = load_palette(name)
    palette.check(request.labels)
    seed, sampling = request.sampling.seeds[0], replace(request.sampling, seeds=Sampling().seeds)
    labels, note = within_sides(request.labels)
    settings = Settings(
        request.model,
        seed,
        sampling,
        strength_in(stored),
        side=request.side,
        class_guidance=scales_by_name(palette, request.class_guidance),
        rerolls=() if note else request.rerolls,  # of the map's own size
        **edit_settings(stored),
    )
    instances = None if request.instances is None else within_sides(request.instances)[0]
    message = f"The map and the settings of this result are back on the desk (seed {seed}).{note}"
    if stored.get("kind") == "edit":
        message += " It was painted on a photo: open that too, to repaint it."
    return Opened(Painted(labels, name, instances=instances), message, settings, stored=stored)


def edited_map(stored: dict, size: tuple[int, int]) -> tuple[Painted, Region, Settings]:
    """What an edit was made from, at a size to paint on: its map, its region (H, W) bool, and its settings.

    Raises UserError where the record is damaged.
    """
    opened, request = open_result(stored), render_request(stored)
    numbers = None if request.instances is None else resize_labels(request.instances, *size)
    painted = replace(opened.painted, labels=resize_labels(request.labels, *size), instances=numbers)
    try:
        region = unpack(stored["region"])
    except (KeyError, TypeError) as error:
        raise UserError(f"The picture's record is damaged ({error}). Its region can't be read.") from None
    areas = ((resize_labels(each.region.astype(np.uint8), *size) > 0, each.seed) for each in request.rerolls)
    settings = replace(opened.settings, rerolls=tuple(Reroll(*each) for each in areas))
    return painted, resize_labels(region, *size) > 0, settings


def edit_settings(stored: dict) -> dict[str, Any]:
    """What a record says of an edit beside its strength, as fields of Settings; nothing where it is no edit's.

    Raises UserError where it is damaged.
    """
    if stored.get("kind") != "edit":
        return {}
    said = {name: stored.get(name, unsaid) for name, unsaid in UNSAID_OF_EDITS.items()}
    try:
        return {**said, "resampling": resampling_from(stored.get("resampling", {}))}
    except (TypeError, ValueError) as error:
        raise UserError(f"The picture's record is damaged ({error}). Its settings can't be read.") from None


def strength_in(stored: dict) -> float:
    """An edit's strength; the desk's own where a record has none."""
    strength = stored.get("strength")
    return strength if isinstance(strength, float | int) and 0 < strength <= 1 else DEFAULT_STRENGTH


def within_sides(labels: np.ndarray) -> tuple[np.ndarray, str]:
    """The map, or its objects' numbers, at a size that the canvas takes, and a remark where it had to be scaled."""
    height, width = labels.shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = tuple(max(MIN_SIDE, round(side * scale)) for side in (height, width))
    if size == labels.shape:
        return labels, ""
    return resize_labels(labels, *size), f" Scaled from {width} x {height} to {size[1]} x {size[0]} px for the canvas."


def first_map(examples: Path, palette: Palette) -> Painted | None:
    """The first example map of a palette, so that a first Generate has something to work on; None without examples."""
    files = sorted((examples / palette.name).glob("*.png"))
    return Painted(read_label_map(files[0], palette).labels, palette.name) if files else None


def switch_palette(painted: Painted | None, palette: Palette, examples: Path, on_photo: bool) -> Painted | None:
    """The map on the desk in another model's classes; None where it already is in them.

    Where nothing of a painted map would be left, the new model's first example takes its place, but never over a photo.
    """
    if painted is None:
        return first_map(examples, palette)
    if painted.palette == palette.name:
        return None
    former = load_palette(painted.palette)
    labels, _ = translate(painted.labels, former, palette)
    lost = (painted.labels != former.unlabelled).any() and not (labels != palette.unlabelled).any()
    example = first_map(examples, palette) if lost and not on_photo else None
    return example or Painted(labels, palette.name)


def to_palette(painted: Painted, palette: Palette) -> tuple[np.ndarray, str]:
    """The map in a model's classes, and a remark on what it lacks (empty where nothing was lost)."""
    if painted.palette == palette.name:
        return painted.labels, ""
    labels, missing = translate(painted.labels, load_palette(painted.palette), palette)
    return labels, f"Unknown to this model, left open: {listed(missing)}." if missing else ""


def listed(names: list[str], most: int = 6) -> str:
    """The names in one line that stays short: “tree, sky and 12 more”."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"
