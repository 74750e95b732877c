"""A published checkpoint -> a Spadework model: looked at whole first, then written weight by weight."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoint import Description, write_checkpoint
from engine.convert.reading import Weights, read_weights
from engine.convert.shape import PUBLISHED, Shapes, Unstated, network_of
from engine.palette import Palette
from engine.schedule import ScheduleName
from engine.types import UserError

PARTS = 16  # a mapped file is mapped anew each time that this share of it, or SMALL bytes, have been read
SMALL = 2**23
PIECE = 2**20  # bytes of the file, or numbers of a weight, that are looked at at a time
WIDE = (torch.float32, torch.float64)
LICENCE = (
    "The terms are those of the file this was converted from, and of the photos it learnt from. The repository of the "
    "published SDM checkpoints, github.com/WeilunWang/semantic-diffusion-model, states none for them."
)


@dataclass(frozen=True)
class Conversion:
    """What `examine` found. `shapes` are in the order of the file; remarks are sentences for whoever converts.

    dtype: what the weights are stored as: float32, so that the model gives the published numbers, or float16, where
    the file has no more than that, or half its size is worth the rounding.
    """

    source: Path
    shapes: Shapes
    description: Description
    remarks: tuple[str, ...]
    dtype: torch.dtype

    @property
    def parameters(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())


def examine(
    source: Path,
    palette: Palette,
    unstated: Unstated = PUBLISHED,
    schedule: ScheduleName = "linear",
    half: bool = False,
) -> Conversion:
    """Reads the file's names and shapes, and writes nothing. Raises UserError where it can't be converted."""
    weights = read_weights(source)
    shapes = {name: tuple(value.shape) for name, value in weights.tensors.items()}
    try:
        network, remarks = network_of(shapes, palette, unstated)
    except UserError as error:
        raise UserError(f"{source.name}: {error}") from None
    description = Description(
        title=f"{palette.title} (SDM, converted)",
        network=network,
        palette=palette,
        schedule=schedule,
        licence=LICENCE,
        facts={"converted_from": source.name},
    )
    if re.fullmatch(r"model\d*\.pt", source.name):
        remarks = (*remarks, "These are a training's raw weights. Its ema_*.pt file usually gives better pictures.")
    is_half = half or all(value.dtype == torch.float16 for value in weights.tensors.values())
    dtype = torch.float16 if is_half else torch.float32
    return Conversion(source, shapes, description, (*weights.remarks, *remarks), dtype)


def check_target(out: Path, source: Path, force: bool) -> None:
    """Raises UserError where a model can't be written to `out`, or would take the place of another file."""
    if out.is_dir():
        raise UserError(f"{out} is a folder. Name a .safetensors file in it.")
    if out.exists() and source.exists() and os.path.samefile(out, source):
        raise UserError(f"{out} is the file to convert itself. Choose another name.")
    if out.exists() and not force:
        raise UserError(f"{out} exists already. Choose another name, or replace it with --force.")


def convert(conversion: Conversion, out: Path, force: bool = False) -> Iterator[int]:
    """Writes the model, whole or not at all; yields the percent done, each number once.

    Raises UserError where a weight is no number, or the file can't be written.
    """
    check_target(out, conversion.source, force)
    percent = -1
    for share in _steps(conversion, out):
        if int(100 * share) > percent:
            percent = int(100 * share)
            yield percent


def _steps(conversion: Conversion, out: Path) -> Iterator[float]:
    """The file is read twice, for its fingerprint and for its weights; yields the share of both that is done."""
    digest = hashlib.sha256()
    for share in _digested(conversion.source, digest):
        yield share / 2
    facts = {**conversion.description.facts, "sha256": digest.hexdigest()}
    description = dataclasses.replace(conversion.description, facts=facts)
    written, total = 0, conversion.parameters
    try:
        for name in write_checkpoint(out, conversion.shapes, _checked(conversion), description, conversion.dtype):
            written += prod(conversion.shapes[name])
            yield 0.5 + 0.5 * written / total
    except OSError as error:
        raise UserError(f"{out} can't be written: {error.strerror}. Choose another place with --out.") from error


def _digested(path: Path, digest: hashlib._Hash) -> Iterator[float]:
    """Feeds the file to `digest`, and tells the share of it that is done."""
    size, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            done += len(piece)
            yield min(1.0, done / size)


def _checked(conversion: Conversion) -> Iterator[tuple[str, Tensor]]:
    """Every weight, in order. Raises UserError where one is not what was examined, or not finite as it is stored."""
    for name, value in _each(conversion.source, conversion.shapes):
        if value is None or tuple(value.shape) != conversion.shapes[name]:
            raise UserError(f"{conversion.source.name} changed while it was read. Convert it again.")
        most = torch.finfo(conversion.dtype).max
        if not _within(value, most):
            raise UserError(
                f"{conversion.source.name}: weight {name} holds NaN or numbers outside ±{most:.4g}, the range of "
                f"{str(conversion.dtype)[6:]}. Get the file again, or convert an earlier one of its training."
            )
        yield name, value


def _each(path: Path, shapes: Shapes) -> Iterator[tuple[str, Tensor | None]]:
    """Name by name, with no more of the file in memory than needed.

    What was read of a mapped file counts as memory in use until it is unmapped, so it is mapped anew from time to time.
    """
    weights: Weights | None = None
    seen, most = 0, max(SMALL, path.stat().st_size // PARTS)
    for name in shapes:
        if weights is None or (weights.mapped and seen > most):
            weights, seen = read_weights(path), 0
        value = weights.tensors.get(name)
        seen += 0 if value is None else value.numel() * value.element_size()
        yield name, value


def _within(value: Tensor, most: float) -> bool:
    """Whether all is between -most and most. A comparison with NaN is false."""
    rows = max(1, PIECE * len(value) // max(1, value.numel()))
    ends = ((part if part.dtype in WIDE else part.float()).aminmax() for part in value.split(rows))
    return all(bool(low >= -most) and bool(high <= most) for low, high in ends)
