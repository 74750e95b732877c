"""Who says what a picture shows: our segmenter, a TorchScript network, or a folder that transformers wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.evaluation.scripts import load_script, run_script
from engine.palette import Palette
from engine.resizing import resize_labels
from engine.segmentation.segmenter import load_segmenter
from engine.types import LabelMap, Photo, UserError

NONE = 255  # of a judge's output: no class of the palette


class Judge(Protocol):
    """labels: the classes it can tell, indices of the palette."""

    labels: NDArray[np.uint8]

    def segment(self, photo: Photo) -> LabelMap:
        """(H, W, 3) -> (H, W), indices of the palette."""


def open_judge(path: Path, palette: Palette, device: torch.device) -> Judge:
    """By what the path is: a folder is transformers', .safetensors ours, another file TorchScript. Raises UserError."""
    if path.is_dir():
        return TransformersJudge(path, palette, device)
    if path.suffix != ".safetensors":
        return ScriptJudge(path, palette, device)
    segmenter = load_segmenter(path)
    if [c.name for c in segmenter.palette.classes] != [c.name for c in palette.classes]:
        raise UserError(
            f"{path.name} knows the classes of {segmenter.palette.title}, the model those of {palette.title}. "
            "Give a segmenter of the model's palette."
        )
    return segmenter


class ScriptJudge:
    """A TorchScript network from uint8 (N, 3, H, W) to scores (N, C, h, w); see `outputs_table` for what C may be."""

    def __init__(self, path: Path, palette: Palette, device: torch.device) -> None:
        self.path, self.palette, self.device = path, palette, device
        self.script = load_script(path, device)
        outputs = self._scores(np.zeros((64, 64, 3), np.uint8)).shape[0]
        self.table = outputs_table(outputs, palette, path.name)
        self.labels = np.unique(self.table)

    def segment(self, photo: Photo) -> LabelMap:
        scores = self._scores(photo)
        return resize_labels(self.table[scores.argmax(0).cpu().numpy()], *photo.shape[:2])

    def _scores(self, photo: Photo) -> torch.Tensor:
        x = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].contiguous().to(self.device)
        scores = run_script(self.path, self.script, x)
        if scores.ndim != 4:
            raise UserError(
                f"{self.path.name} gives {tuple(scores.shape)} for a picture. It must give scores: (1, classes, h, w)."
            )
        return scores[0]


class TransformersJudge:
    """A folder of the transformers library, which must be installed; its classes are found by their names."""

    def __init__(self, folder: Path, palette: Palette, device: torch.device) -> None:
        try:
            from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
        except ImportError:
            raise UserError(
                f"{folder} is a folder, which only the transformers library reads. Install it, or give a file."
            ) from None
        try:  # local_files_only: nothing is downloaded; use_safetensors: nothing is unpickled
            self.prepare = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            network = AutoModelForSemanticSegmentation.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise UserError(f"{folder} can't be read by transformers: {error}. Give a segmentation model.") from error
        self.network, self.device = network.to(device).eval(), device
        self.table = named_table(network.config.id2label, palette, folder.name)
        self.labels = np.unique(self.table[self.table != NONE])

    @torch.inference_mode()
    def segment(self, photo: Photo) -> LabelMap:
        scores = self.network(**self.prepare(photo, return_tensors="pt").to(self.device)).logits[0]
        scores = scores[torch.from_numpy(np.flatnonzero(self.table != NONE)).to(scores.device)]
        found = self.table[self.table != NONE][scores.argmax(0).cpu().numpy()]
        return resize_labels(found, *photo.shape[:2])


def outputs_table(outputs: int, palette: Palette, name: str) -> NDArray[np.uint8]:
    """(outputs,): what each stands for, by their number alone: the palette's classes, those but for the unlabelled one,
    or the train ids of its dataset. Raises UserError for another number.
    """
    everything = np.arange(palette.size, dtype=np.uint8)
    labelled = everything[everything != palette.unlabelled]
    by_train_id = sorted((c.train_id, c.index) for c in palette.classes if c.train_id not in (None, -1, 255))
    trained = np.array([index for _, index in by_train_id], np.uint8)
    for table in (everything, labelled, trained):
        if len(table) == outputs:
            return table
    sizes = ", ".join(str(len(table)) for table in (labelled, everything, trained) if len(table))
    raise UserError(f"{name} tells {outputs} classes, {palette.title} has {sizes}. Give a network of these classes.")


def named_table(names: dict[Any, str], palette: Palette, source: str) -> NDArray[np.uint8]:
    """(outputs,): for each output, by its name, the palette's class of that name, or NONE. Raises UserError where
    fewer than half have one.
    """
    table = np.full(len(names), NONE, np.uint8)
    for number, text in names.items():
        for part in (text, *text.split(",")):
            try:
                table[int(number)] = palette.index_of(part)
                break
            except UserError:
                continue
    known = int((table != NONE).sum())
    if known < max(1, len(names) / 2):
        raise UserError(
            f"{source}: {known} of its {len(names)} classes are in {palette.title}. Give a network of these classes."
        )
    return table
