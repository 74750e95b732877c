"""Part of a photo made anew, by options or as an earlier result says."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from app.commands.asked import first_model, precision_for, sampling_of
from app.commands.saving import save

if TYPE_CHECKING:
    from engine.images import PhotoFile
    from engine.pipeline import Model
    from engine.types import EditRequest


def edit(args: argparse.Namespace) -> None:
    from engine import pipeline
    from engine.images import read_photo_file
    from engine.writing import check_photo_path

    photo = read_photo_file(args.photo)
    if photo.remark:
        print(f"{args.photo.name}: {photo.remark}", file=sys.stderr)
    check_photo_path(args.out, photo)
    model, request = edit_again(args, photo) if args.again else new_edit(args, photo)
    save(args.out, pipeline.edit(model, request), request, model, like=photo, check_layout=args.check_layout)


def new_edit(args: argparse.Namespace, photo: PhotoFile) -> tuple[Model, EditRequest]:
    """The model, and what the options and files ask of it. Raises UserError."""
    from app.batch.job import side_of
    from app.edit_files import EditFiles, read_parts
    from app.settings import class_scales, scales_in
    from engine import pipeline
    from engine.types import EditRequest, Resampling

    sampling, resampling = sampling_of(args), Resampling(*args.resample or (1, 1), args.resample_band or (0.0, 1.0))
    files = EditFiles(
        args.photo, args.map, args.base_map, args.region, args.instances, tuple(args.then), args.palette, args.fit
    )
    model = pipeline.load_model(args.model or first_model(), args.device, precision_for(args, sampling))
    parts = read_parts(files, photo, model.palette)
    for remark in parts.remarks:
        print(remark, file=sys.stderr)
    return model, EditRequest(
        model=model.name,
        labels=parts.labels,
        photo=photo.pixels,
        region=parts.region,
        strength=args.strength,
        sampling=sampling,
        side=side_of(parts.labels, args.size),
        instances=parts.instances,
        class_guidance=scales_in(model.palette, class_scales(args.class_guidance)),
        growth=parts.growth if args.grow is None else args.grow,
        feather=args.feather,
        blend=args.blend,
        extent="whole" if args.whole else "windows",
        resampling=resampling,
        rerolls=parts.rerolls,
    )


def edit_again(args: argparse.Namespace, photo: PhotoFile) -> tuple[Model, EditRequest]:
    """The model, and the request inside an earlier result of this photo. Raises UserError."""
    from engine import pipeline
    from engine.images import read_request
    from engine.record import edit_request
    from engine.types import UserError

    stored = read_request(args.again)
    if not stored:
        raise UserError(f"{args.again.name} does not say what made it. Give a PNG that Spadework saved.")
    request = edit_request(stored, photo.pixels)
    model = pipeline.load_model(args.model or request.model, args.device, precision_for(args, request.sampling))
    return model, replace(request, model=model.name)
