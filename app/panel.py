"""The settings on the page: their widgets, and what they say as `Settings`, there and back."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import gradio as gr

from app.kept_settings import resampling_from
from app.settings import (
    CUSTOM,
    DEFAULT_BLEND,
    DEFAULT_STRENGTH,
    HARMONISING,
    MAX_PICTURES,
    Settings,
    class_scales,
    harmonising_of,
    quality_of,
    scales_text,
)
from engine.presets import DEFAULT, PRESETS, preset
from engine.types import MAX_SEED, Reroll, Sampling, UserError

SAMPLERS = [
    ("DPM-Solver++ 2M", "dpmpp_2m"),
    ("DPM-Solver++ 2M SDE", "dpmpp_2m_sde"),
    ("DDIM", "ddim"),
    ("DDPM, ancestral", "ddpm"),
]
SPACINGS = [
    ("Even in signal to noise", "lambda"),
    ("Even in time", "trailing"),
    ("Rounded (published)", "even"),
    ("Whole stride (published)", "stride"),
]
BLENDS = [("Plain", "plain"), ("Matched", "matched"), ("Gradient", "gradient")]
HARMONISE = [("Off", "off"), ("Light", "light"), ("Strong", "strong"), ("Custom", CUSTOM)]  # as with Quality
PHOTO_COUNT = 3  # variations of an edit, unless the artist says otherwise
PHOTO_COUNT_AT = 14  # where they stand among the values that `settings_of` takes
GUIDANCE = (1.0, 5.0)  # what the slider offers, unless an opened picture has more

SHOWN = ("guidance", "steps", "sampler", "spacing", "guidance_rescale")  # the fields of Sampling that have a widget
HIDDEN = tuple(field.name for field in fields(Sampling) if field.name not in (*SHOWN, "seeds"))


def values_of(sampling: Sampling) -> list[Any]:
    """A sampling as the values of its widgets: the SHOWN ones, then the HIDDEN ones in one."""
    told = asdict(sampling)
    return [*(told[name] for name in SHOWN), {name: told[name] for name in HIDDEN}]


# Quality and the fields under it follow each other in the browser, so that a click right after finds both as they are.
QUALITIES = json.dumps({name: values_of(preset(name)) for name in PRESETS})
OWN = "Settings of your own, or of the result that was opened."
SENTENCES = {**{name: each.sentence for name, each in PRESETS.items()}, CUSTOM: OWN}
SAY = json.dumps(SENTENCES)
FILL = f"(name, ...now) => [{{__type__: 'update', info: {SAY}[name]}}, ...({QUALITIES}[name] ?? now)]"
NAME = f"""(...now) => {{
    const same = ([, values]) => JSON.stringify(values) === JSON.stringify(now);
    const name = Object.entries({QUALITIES}).find(same)?.[0] ?? '{CUSTOM}';
    return [{{__type__: 'update', value: name, info: {SAY}[name]}}];
}}"""
# In the browser, like the map: a reload brings the settings back, Quality (the first) with its sentence. Another number
# of them is another version's.
KEPT = "spadework-settings"
KEEP = f"""(...now) => {{
    if (performance.now() < (window.spadeworkRestored ?? Infinity)) return; // values are still on their way in
    localStorage.setItem('{KEPT}', JSON.stringify(now));
}}"""
RESTORE = f"""(...now) => {{
    let kept = null;
    try {{ kept = JSON.parse(localStorage.getItem('{KEPT}')); }} catch {{ /* no storage: what is there stays */ }}
    window.spadeworkRestored = performance.now() + 800;
    if (!Array.isArray(kept) || kept.length !== now.length) return now;
    const [name, ...rest] = kept;
    return [{{__type__: 'update', value: name, info: {SAY}[name]}}, ...rest];
}}"""
# The canvas asks for other settings: it takes those that are there, and gives what goes with what is on the desk now.
SWAP = f"""(...now) => {{
    const [model, name, ...rest] = window.spadeworkSwap(now);
    return [model, {{__type__: 'update', value: name, info: {SAY}[name]}}, ...rest];
}}"""
ROLL = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"


class EditSettings:
    """The widgets of an edit: those one needs at hand, built where they stand, and by `advanced` the others."""

    def __init__(self) -> None:
        self.strength = gr.Slider(
            0.05, 1, DEFAULT_STRENGTH, step=0.05, label="Strength", elem_id="sw-strength", buttons=[]
        )
        with gr.Row(elem_classes="sw-numbers"):
            self.growth, self.feather = (
                gr.Number(None, label=label, placeholder="auto", precision=0, elem_id=name, min_width=width)
                for label, name, width in (("Grow, px", "sw-grow", 135), ("Soft edge, px", "sw-soft", 160))
            )

    def advanced(self) -> None:
        self.blend = gr.Radio(BLENDS, value=DEFAULT_BLEND, label="Blend with the photo", elem_id="sw-blend")
        self.harmonise = gr.Radio(
            HARMONISE, value="off", label="Harmonise", info="Stronger fits borders better, and takes longer.",
            elem_id="sw-harmonise",
        )  # fmt: skip
        self.hidden = gr.JSON(hidden_of(Settings("")), visible=False)

    @property
    def fields(self) -> list[Any]:
        """In the order in which `settings_of` takes them, its last."""
        return [self.growth, self.feather, self.blend, self.harmonise, self.hidden]

    def set_to(self, settings: Settings) -> dict:
        return {
            self.strength: settings.strength,
            self.growth: settings.growth,
            self.feather: settings.feather,
            self.blend: settings.blend,
            self.harmonise: harmonising_of(settings.resampling),
            self.hidden: hidden_of(settings),
        }


def hidden_of(settings: Settings) -> dict[str, Any]:
    """What of an edit no widget shows."""
    return {"extent": settings.extent, "resampling": asdict(settings.resampling)}


class SettingsPanel:
    """The widgets under Generate. Built where it stands in the layout; `model` and `edit` are elsewhere on the page."""

    def __init__(self, model: gr.Dropdown, edit: EditSettings) -> None:
        self.model, self.edit = model, edit
        self.rerolls = gr.State(())
        start = preset(DEFAULT)
        self.quality = gr.Radio(
            [*((each.title, name) for name, each in PRESETS.items()), ("Custom", CUSTOM)],  # CSS hides an unused Custom
            value=quality_of(start),
            label="Quality",
            info=SENTENCES[quality_of(start)],
            elem_id="sw-quality",
        )
        self._seeds()
        self.guidance = gr.Slider(
            *GUIDANCE,
            start.guidance,
            step=0.1,
            label="Guidance",
            info="Higher follows the map more. With Keep seed, the result follows the slider.",
            elem_id="sw-guidance",
            buttons=[],  # a reset would pass the quality by
        )
        self._areas()
        self._advanced(start)
        self._follow()
        # Pressed by the page's own code where Undo or Redo leads over a reopened edit.
        self.swap = gr.Button("Other settings", elem_id="sw-swap", visible="hidden")
        self.swap.click(None, self.noted, self.noted, js=SWAP)

    def _seeds(self) -> None:
        with gr.Row(elem_classes="sw-numbers"):  # no bounds here: beyond them the engine's own words say what to do
            self.count = gr.Number(
                1, label="Variations", info=f"1 to {MAX_PICTURES}", precision=0, elem_id="sw-count", min_width=90
            )
            self.photo_count = gr.Number(
                PHOTO_COUNT, label="Variations", info=f"1 to {MAX_PICTURES}", precision=0, elem_id="sw-photo-count",
                min_width=90, visible=False,
            )  # fmt: skip
            self.seed = gr.Number(
                1, label="Seed", info="Of the first one", precision=0, elem_id="sw-seed", min_width=110
            )
        with gr.Row(elem_classes="sw-numbers"):
            self.lock = gr.Checkbox(False, label="Keep seed", elem_id="sw-lock", scale=2, min_width=110)
            self.dice = gr.Button("Roll", elem_id="sw-dice", size="sm", scale=1, min_width=60)

    def _areas(self) -> None:
        with gr.Accordion("Re-roll a part", open=False, elem_id="sw-areas"):
            self.reroll_note = gr.HTML(reroll_text(()), elem_id="sw-reroll-note", padding=False)
            with gr.Row(elem_classes="sw-numbers"):
                self.reroll_class = gr.Button("This class", size="sm", elem_id="sw-reroll-class", min_width=80)
                self.reroll_selection = gr.Button("Selection", size="sm", elem_id="sw-reroll-selection", min_width=80)
                self.reroll_clear = gr.Button("Clear", size="sm", elem_id="sw-reroll-clear", min_width=60)

    def _advanced(self, start: Sampling) -> None:
        with gr.Accordion("Advanced", open=False, elem_id="sw-advanced"):
            self.class_guidance = gr.Textbox(
                "",
                label="Guidance of single classes",
                info="Name and number, as in: sky 4, tree 1.5",
                placeholder="The slider holds for all",
                elem_id="sw-class-guidance",
                max_lines=3,
            )
            self.steps = gr.Number(start.steps, label="Steps", precision=0, elem_id="sw-steps", min_width=84)
            self.sampler = gr.Dropdown(SAMPLERS, value=start.sampler, label="Sampler", elem_id="sw-sampler")
            self.spacing = gr.Dropdown(SPACINGS, value=start.spacing, label="Steps are spaced", elem_id="sw-spacing")
            self.rescale = gr.Slider(
                0,
                1,
                start.guidance_rescale,
                step=0.05,
                label="Soften guidance",
                info="Takes back contrast that guidance adds: try 0.7 where colours turn black or white.",
                elem_id="sw-rescale",
                buttons=[],
            )
            self.side = gr.Number(
                0,
                label="Computed at, short side in px",
                info="0 is the size the model learnt at, its best. Larger is slower.",
                precision=0,
                elem_id="sw-computed",
            )
            self.hidden = gr.JSON(values_of(start)[-1], visible=False)
            with gr.Column(visible=False, elem_id="sw-edit-advanced") as self.of_edits:
                self.edit.advanced()

    def _follow(self) -> None:
        self.dice.click(None, None, self.seed, js=ROLL)
        self.quality.input(None, [self.quality, *self.sampling], [self.quality, *self.sampling], js=FILL)
        for field in self.sampling[:-1]:
            field.input(None, self.sampling, self.quality, js=NAME)
        for field in (each for each in self.kept if not isinstance(each, gr.JSON)):
            field.change(None, self.kept, None, js=KEEP)

    @property
    def kept(self) -> list[Any]:
        """The widgets whose values outlive a reload."""
        named = [self.quality, self.seed, self.lock, self.count, self.edit.strength, self.side, self.class_guidance]
        return [*named, self.photo_count, *self.edit.fields, *self.sampling]

    @property
    def noted(self) -> list[Any]:
        """The widgets whose values go and come with a reopened edit."""
        return [self.model, *self.kept]

    @property
    def sampling(self) -> list[Any]:
        return [self.guidance, self.steps, self.sampler, self.spacing, self.rescale, self.hidden]

    @property
    def fields(self) -> list[Any]:
        """The widgets whose values `settings_of` takes, in its order."""
        return [
            self.model, self.seed, self.lock, self.count, self.edit.strength, self.side, self.class_guidance,
            self.rerolls, *self.sampling, self.photo_count, *self.edit.fields,
        ]  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """The widgets that `set_to` gives values to."""
        return [self.quality, self.reroll_note, *self.fields]

    def set_to(self, settings: Settings) -> dict:
        """The widgets' values for settings with a seed; the model's is the page's to set."""
        guidance, steps, sampler, spacing, rescale, hidden = values_of(settings.sampling)
        quality = quality_of(settings.sampling)
        low, high = min(GUIDANCE[0], guidance), max(GUIDANCE[1], guidance)
        return {
            self.seed: settings.seed,
            self.lock: True,
            self.count: settings.count,
            **self.edit.set_to(settings),
            self.side: settings.side or 0,
            self.quality: gr.update(value=quality, info=SENTENCES[quality]),
            self.guidance: gr.update(value=guidance, minimum=low, maximum=high),
            self.steps: steps,
            self.sampler: sampler,
            self.spacing: spacing,
            self.rescale: rescale,
            self.hidden: hidden,
            self.class_guidance: scales_text(settings.class_guidance),
            **self.with_rerolls(settings.rerolls),
        }

    def on_photo(self, is_open: bool) -> dict:
        """The widgets' values while a photo is open, and while none is: each has its own number of variations."""
        editing, painting = gr.update(visible=is_open), gr.update(visible=not is_open)
        return {self.photo_count: editing, self.count: painting, self.of_edits: editing}

    def with_rerolls(self, rerolls: tuple[Reroll, ...]) -> dict:
        return {self.rerolls: rerolls, self.reroll_note: reroll_text(rerolls)}


def reroll_text(rerolls: tuple[Reroll, ...]) -> str:
    said = {0: "New noise in one class or in the selection; all else keeps its own.", 1: "One area has new noise."}
    return f'<p class="sw-note">{said.get(len(rerolls), f"{len(rerolls)} areas have new noise.")}</p>'


def settings_of(
    model: str,
    seed: int | None,
    lock: bool,
    count: int | None,
    strength: float,
    side: int | None,
    class_guidance: str,
    rerolls: tuple[Reroll, ...],
    guidance: float,
    steps: int | None,
    sampler: str,
    spacing: str,
    rescale: float,
    hidden: Any,
    photo_count: int | None = PHOTO_COUNT,
    growth: int | None = None,
    feather: int | None = None,
    blend: str = DEFAULT_BLEND,
    harmonise: str = "off",
    hidden_edit: Any = None,
) -> Settings:
    """What the widgets say; without `lock` the seed is left to be drawn. Raises UserError.

    photo_count takes the place of count in what `of_photo` makes of the values.
    """
    told = dict(zip(SHOWN, (guidance, steps, sampler, spacing, rescale), strict=True))
    try:
        kept = {name: tuple(value) if isinstance(value, list) else value for name, value in hidden.items()}
        sampling = Sampling(**told, **kept)
        more = hidden_edit or hidden_of(Settings(""))
        extent, resampling = more["extent"], HARMONISING.get(harmonise) or resampling_from(more["resampling"])
    except (AttributeError, KeyError, TypeError) as error:  # `hidden` comes from the browser
        raise UserError(f"The page sent settings that can't be read ({error}). Reload the page.") from None
    return Settings(
        model,
        seed if lock else None,
        sampling,
        float(strength),
        1 if count is None else count,
        side or None,
        class_scales(class_guidance),
        tuple(rerolls or ()),
        growth=growth,
        feather=feather,
        blend=blend,
        extent=extent,
        resampling=resampling,
    )


def locked(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same values with the seed kept: what Live and a re-roll work from."""
    return (*values[:2], True, *values[3:])


def of_photo(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same values with as many variations as a photo is to have."""
    return (*values[:3], values[PHOTO_COUNT_AT], *values[4:])
