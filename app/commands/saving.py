"""Runs frames to their end, and saves the pictures that come out."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from app.progress import ProgressLine, bar

if TYPE_CHECKING:
    from engine.images import PhotoFile
    from engine.pipeline import Frame, Model
    from engine.segmentation.segmenter import Segmenter
    from engine.types import EditRequest, Photo, RenderRequest


def save(
    out: Path,
    frames: Generator[Frame],
    request: RenderRequest | EditRequest,
    model: Model,
    like: PhotoFile | None = None,
    check_layout: bool = False,
) -> None:
    """Run `frames` behind a progress bar, and save each picture, with its request inside, once it is finished.

    like: the photo that it is an edit of, whose opacity, profile and EXIF it keeps, in the format that `out` names.
    check_layout: also say how much of it a segmenter takes for what the map asks. Raises UserError where none can.
    Ctrl+C closes the frames, which cancels; what is saved stays.
    """
    from app.batch.job import plan_text
    from engine.record import record
    from engine.writing import save_photo, save_png

    print(plan_text(model, request), file=sys.stderr)
    if out.suffix.lower() != ".png":
        print(f"A {out.suffix} keeps no request inside: the picture can't say later what made it.", file=sys.stderr)
    segmenter = segmenter_of(model) if check_layout else None
    saved: dict[Path, str] = {}
    started, note = time.monotonic(), ""
    try:
        with contextlib.closing(frames), ProgressLine() as line:
            for frame in frames:
                if frame.note != note:
                    line.tell(note := frame.note)
                seconds = time.monotonic() - started
                left = seconds / frame.step * (frame.steps - frame.step)
                line.show(bar(frame.step, frame.steps, seconds, left))
                for seed, picture in zip(frame.seeds, frame.pictures, strict=True) if frame.finished else ():
                    file = out if len(request.sampling.seeds) == 1 else out.with_stem(f"{out.stem}-{seed}")
                    told = record(request, model.palette.name, seed)
                    save_photo(file, picture, like, told) if like else save_png(file, picture, told)
                    saved[file] = ""
                    if segmenter:
                        saved[file] = layout_text(segmenter, picture, request)
    finally:
        for file, layout in saved.items():
            print(f"Saved {file}" + (f". {layout}" if layout else ""))


def segmenter_of(model: Model) -> Segmenter:
    """Who says what pictures of a model's classes show. Raises UserError."""
    from engine.segmentation.files import find_segmenter
    from engine.segmentation.segmenter import segmenter_for
    from engine.types import UserError

    if find_segmenter(model.palette) is None:
        raise UserError(f"No segmenter knows the classes of {model.palette.title}. Leave out --check-layout.")
    return segmenter_for(model.palette)


def layout_text(segmenter: Segmenter, picture: Photo, request: RenderRequest | EditRequest) -> str:
    """How much of a picture shows what its map asks; of an edit, of what may have changed."""
    from engine.editing import made_region
    from engine.fidelity import fidelity
    from engine.types import EditRequest

    changed = made_region(request) if isinstance(request, EditRequest) else None
    agreement = fidelity(segmenter, picture, request.labels, changed).agreement
    pixels = "pixels" if changed is None else "changed pixels"
    if agreement is None:
        return f"Layout: none of the {pixels} is of a class that the segmenter knows."
    return f"Layout kept: {100 * agreement:.0f} % of the {pixels} read as asked."
