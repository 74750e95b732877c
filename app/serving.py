"""Opens the page on a port of this machine, and looks after it until it is stopped."""

from __future__ import annotations

import contextlib
import threading

import gradio as gr
from starlette.middleware import Middleware

from app.catalogue import offers
from app.guard import LOOPBACK, SameOrigin
from app.handlers import Desk
from app.index_file import FILE
from app.modules import STATIC
from app.pruning import put_aside
from app.scripts import HEAD
from app.settings import precision_of
from app.ui import Page
from engine.device import PrecisionName, choose_device, choose_precision
from engine.presets import DEFAULT, preset

MAX_UPLOAD = "256mb"


def theme() -> gr.themes.Base:
    """System fonts, so that nothing is fetched; the earth and leaf of the name."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    base = gr.themes.Base(
        primary_hue="emerald",
        neutral_hue="stone",
        radius_size="sm",
        font=fonts,
        font_mono=["ui-monospace", "monospace"],
    )
    return base.set(  # Gradio's own emerald 500 and stone 400 would be too pale to read
        color_accent="*primary_600",  # of rings and lines, on light and dark
        body_text_color_subdued="*neutral_600",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def warm_up(desk: Desk, model: str) -> None:
    """Loads the model while the page opens. A problem with it is told when a picture is asked for."""
    with contextlib.suppress(Exception):
        desk.shelf.model(model, precision_of(preset(DEFAULT)))


def serve(
    host: str,
    port: int,
    password: str | None,
    open_browser: bool,
    device: str = "auto",
    precision: PrecisionName = "auto",
) -> None:
    """Opens the app and blocks until it is stopped.

    Raises UserError where there is no model, or the device or precision (engine.device) can't be had.
    """
    choose_precision(precision, choose_device(device))
    desk = Desk(device=device, precision=precision)
    page = Page(desk, offers())
    threading.Thread(target=warm_up, args=(desk, page.first), daemon=True).start()
    threading.Thread(target=desk.history.scan, daemon=True).start()
    threading.Thread(target=put_aside, args=(desk.photos.stacks,), daemon=True).start()
    page.blocks.queue().launch(
        server_name=host,
        server_port=port,
        auth=("artist", password) if password else None,
        inbrowser=open_browser,
        theme=theme(),
        css_paths=[STATIC / "page.css"],
        head=HEAD,
        allowed_paths=[str(desk.outputs)],
        blocked_paths=[str(desk.outputs / FILE)],
        max_file_size=MAX_UPLOAD,
        share=False,
        show_error=True,
        quiet=True,
        run_history=False,
        app_kwargs={"middleware": [Middleware(SameOrigin, loopback=host in LOOPBACK)]},
        prevent_thread_lock=True,
    )
    print(f"Spadework is open at {page.blocks.local_url}  (Ctrl+C ends it)", flush=True)
    page.blocks.block_thread()
