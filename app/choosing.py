"""Questions about a colour map: which class a colour means, where that had to be guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from engine.label_colours import Ambiguity, Choices
from engine.palette import Palette, load_palette


@dataclass(frozen=True)
class Questions:
    """About the file that was opened. first: it became the first map of the open photo."""

    path: str
    palette: str
    asked: tuple[Ambiguity, ...]
    first: bool = False


def build(
    questions: gr.State,
    answered: Callable[[Questions, Choices, Any, Any], Any],
    desk: list[Any],
    outputs: list[Any],
    with_desk: str,
) -> None:
    """A list of questions, each with the classes it may be; nothing where there are none.

    answered: opens the file again with the choices, on what is on the `desk` (canvas, photo); what it returns goes to
    `outputs`. with_desk: the script that puts the newest of both in their places, the first two.
    """

    @gr.render(inputs=questions)
    def ask(present: Questions | None) -> None:
        if not present:
            return
        palette = load_palette(present.palette)
        with gr.Group(elem_id="sw-questions"):
            gr.Markdown("**Some colours could be several classes.** The map is open as guessed; choose what is wrong.")
            answers = [
                gr.Dropdown(
                    [(palette.classes[index].name, index) for index in candidates_of(each, palette)],
                    value=each.taken,
                    label=f"#{''.join(f'{part:02x}' for part in each.colour)}, {each.pixels:,} pixels",
                    interactive=True,
                )
                for each in present.asked
            ]
            with gr.Row(elem_classes="sw-numbers"):
                apply = gr.Button("Open with these", size="sm", elem_id="sw-questions-apply", min_width=100)
                close = gr.Button("Leave it", size="sm", elem_id="sw-questions-close", min_width=80)

        def reopen(painted: Any, version: Any, *chosen: int) -> Any:
            return answered(present, choices_of(present.asked, chosen), painted, version)

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        apply.click(reopen, [*desk, *answers], outputs, js=with_desk, **quiet)
        close.click(lambda: None, None, questions, **quiet)


def candidates_of(asked: Ambiguity, palette: Palette) -> list[int]:
    """The likely classes first, then all others by name."""
    rest = sorted(set(range(palette.size)) - set(asked.candidates), key=lambda index: palette.classes[index].name)
    return [*asked.candidates, *rest]


def choices_of(asked: tuple[Ambiguity, ...], chosen: tuple[int, ...]) -> dict[tuple[int, int, int], int]:
    return {each.colour: int(index) for each, index in zip(asked, chosen, strict=True)}
