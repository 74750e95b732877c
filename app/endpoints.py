"""The app for scripts: named endpoints with typed parameters, for `gradio_client` (docs/endpoints.md)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import FileData
from gradio.utils import get_upload_folder

from app.canvas import Painted
from app.catalogue import Offer
from app.edit_files import EditFiles, read_parts
from app.handlers import Desk, Update
from app.project import keep_photo
from app.settings import DEFAULT_BLEND, DEFAULT_STRENGTH, Settings
from engine.images import read_photo_file
from engine.maps import read_map
from engine.palette import load_palette, palette_names
from engine.presets import DEFAULT, preset
from engine.types import MAX_SEED, Resampling, UserError


class Endpoints:
    """What a script can ask of a running app. Every picture is kept in `outputs/`, like one made on the page."""

    def __init__(self, desk: Desk, models: Callable[[], dict[str, Offer]]) -> None:
        self._desk, self._models = desk, models

    def publish(self) -> None:
        """Names them. Call inside a Blocks context."""
        for name, function in (
            ("models", self.models),
            ("palettes", self.palettes),
            ("render", self.render),
            ("edit", self.edit),
        ):
            gr.api(function, api_name=name, concurrency_limit=None)

    def models(self) -> list[dict[str, Any]]:
        """The models that can be used: name, label, palette, size in pixels, and why one can't be (else empty)."""
        return [
            {
                "name": name,
                "label": offer.label,
                "palette": offer.palette.name if offer.palette else None,
                "size": offer.info.description.network.image_size if offer.info.description else None,
                "problem": offer.problem,
            }
            for name, offer in self._models().items()
        ]

    def palettes(self) -> list[dict[str, Any]]:
        """The palettes with their classes: index, value in label files, name, synonyms, group, display colour."""
        return [palette_told(name) for name in palette_names()]

    def render(
        self,
        map: FileData,
        model: str | None = None,
        seed: int | None = None,
        variations: int = 1,
        guidance: float | None = None,
        steps: int | None = None,
        quality: str = DEFAULT,
        class_guidance: dict[str, float] | None = None,
    ) -> Iterator[list[FileData]]:
        """Renders a label map; in the end the PNGs of all variations, in the order of their seeds.

        Parameters:
            map: a label map file: a dataset's own, a colour map, or one saved by Spadework
            model: a name from /models; the first one by default
            seed: of the first picture; drawn by default
            guidance, steps: instead of the quality's own
            quality: exact, fast or draft
            class_guidance: guidance of single classes, by name
        """
        settings = self._settings(model, seed, variations, guidance, steps, quality, class_guidance)
        yield from self._pictures(self._desk.generate(self._map(map, settings.model), settings, owner()))

    def edit(
        self,
        photo: FileData,
        map: FileData | None = None,
        model: str | None = None,
        seed: int | None = None,
        variations: int = 1,
        strength: float = DEFAULT_STRENGTH,
        guidance: float | None = None,
        steps: int | None = None,
        quality: str = DEFAULT,
        class_guidance: dict[str, float] | None = None,
        region: FileData | None = None,
        base_map: FileData | None = None,
        fit: str | None = None,
        grow: int | None = None,
        feather: int | None = None,
        blend: str = DEFAULT_BLEND,
        whole: bool = False,
        resample: list[int] | None = None,
        resample_band: list[float] | None = None,
        then: list[Any] | None = None,
    ) -> Iterator[list[FileData]]:
        """Regenerates a part of a photo; outside of it every pixel stays as it is.

        Parameters:
            photo: the photo
            map: a label map of the photo's proportions; without it the photo's own is found, given a segmenter for it
            strength: above 0 up to 1, how far to depart from the photo
            region: white where the photo may change
            base_map: without a region, what differs from this map changes; without both, what the map labels at all
            fit: stretch or crop, for maps and regions of other proportions than the photo's
            grow: pixels by which the region is grown; by default 0, a map's changes a 64th of the short side
            feather: pixels over which the new picture sets in, from the region's edge inwards
            blend: plain, matched or gradient
            whole: compute the whole photo, not windows around the region
            resample: [jump, repeats]: every jump steps are walked so often
            resample_band: [from, to], only between these shares of the noise levels; by default all of them, [0, 1]
            then: [[region, seed], ...]: parts of the region that are made once more, from seeds of their own
        """
        given = self._settings(model, seed, variations, guidance, steps, quality, class_guidance)
        palette = self._models()[given.model].palette
        with in_words():
            told = [None if each is None else uploaded(each) for each in (map, base_map, region)]
            again = tuple((uploaded(part), new_seed) for part, new_seed in then or ())
            files = EditFiles(uploaded(photo), *told, again=again, fit=fit, first="blank", scaled=True)
            file = read_photo_file(files.photo)
            parts = read_parts(files, file, palette)
            settings = replace(
                given,
                strength=strength,
                growth=parts.growth if grow is None else grow,
                feather=feather,
                blend=blend,
                extent="whole" if whole else "windows",
                resampling=Resampling(*resample or (1, 1), tuple(resample_band or (0.0, 1.0))),
                rerolls=parts.rerolls,
            )
            key = keep_photo(file, self._desk.outputs)
        painted = Painted(parts.labels, palette.name, region=parts.region)
        yield from self._pictures(self._desk.repaint(painted, key, settings, owner()))

    def _settings(
        self,
        model: str | None,
        seed: int | None,
        variations: int,
        guidance: float | None,
        steps: int | None,
        quality: str,
        class_guidance: dict[str, float] | None,
    ) -> Settings:
        """What `render` and `edit` both take. Raises gr.Error."""
        told = {"guidance": guidance, "steps": steps}
        with in_words():
            sampling = replace(preset(quality), **{name: value for name, value in told.items() if value is not None})
            scales = tuple((class_guidance or {}).items())
            return Settings(self._model(model), seed, sampling, count=variations, class_guidance=scales)

    def _model(self, name: str | None) -> str:
        usable = [each for each, offer in self._models().items() if not offer.problem]
        if name is None and usable:
            return usable[0]
        if name not in usable:
            raise UserError(f"There is no model “{name}” that can be used. Choose one of {', '.join(usable)}.")
        return name

    def _map(self, file: FileData, model: str) -> Painted:
        """Raises gr.Error."""
        palette = self._models()[model].palette
        with in_words():
            return Painted(read_map(uploaded(file), palette).labels, palette.name)

    @staticmethod
    def _pictures(updates: Generator[Update]) -> Iterator[list[FileData]]:
        """Runs a job to its end. Nothing comes after each step: there a client that cancels is heard.

        Raises gr.Error where it ended badly.
        """
        with closing(updates):
            for update in updates:
                last = update
                yield []
        if last.status.kind != "done":
            raise gr.Error(last.status.text, print_exception=False)
        yield [FileData(path=str(entry.path), orig_name=entry.path.name).model_dump() for entry in last.entries]


@contextmanager
def in_words() -> Iterator[None]:
    """Turns what can't be used into an error that reaches the client."""
    try:
        yield
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except (AttributeError, TypeError, ValueError) as error:  # nothing looks at the types of what a client sends
        raise gr.Error(
            f"A setting is of a wrong type ({error}). See docs/endpoints.md.", print_exception=False
        ) from None


def palette_told(name: str) -> dict[str, Any]:
    palette = load_palette(name)
    classes = [
        {
            "index": each.index,
            "value": each.file_value,
            "name": each.name,
            "synonyms": list(each.synonyms),
            "group": each.group,
            "colour": list(each.colour),
        }
        for each in palette.classes
    ]
    return {"name": name, "title": palette.title, "unlabelled": palette.unlabelled, "classes": classes}


def uploaded(file: Any) -> Path:
    """The path of a file that a client has sent, and of no other file of this machine. Raises UserError."""
    told = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    path = Path(told or "").resolve()
    if not (told and path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()):
        raise UserError("No file was sent. Send one with gradio_client's handle_file.")
    return path


def owner() -> str:
    """Each call is a job of its own: none replaces another."""
    return f"endpoint-{secrets.token_hex(4)}-{secrets.randbelow(MAX_SEED)}"
