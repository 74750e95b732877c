"""The browser's side of a component of ours: the script that fetches its modules and mounts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"


def script(module: str, container: str, config: dict[str, Any]) -> str:
    """What a component does once it stands on the page: imports a module of `static/` and calls its `mount`.

    module: its path inside `static/`; it exports mount(element, host, config), host = {props, trigger, watch, server}.
    container: finds the element to mount in. Every module is fetched afresh before, once a page, for a browser would
    else mix old ones and new after an update.
    """
    files = [address(path) for path in sorted(STATIC.rglob("*")) if path.suffix in (".js", ".css")]
    return f"""
        const at = path => new URL(path, document.baseURI).href;
        const host = {{props, trigger, watch, server}};
        const config = {json.dumps(config)};
        window.spadeworkFresh ??=
            Promise.all({json.dumps(files)}.map(path => fetch(at(path), {{cache: "no-cache"}})));
        window.spadeworkFresh
            .then(() => import(at({json.dumps(address(STATIC / module))})))
            .then(module => module.mount(element.querySelector({json.dumps(container)}), host, config));
    """


def address(path: Path) -> str:
    return f"gradio_api/file={path.as_posix()}"
