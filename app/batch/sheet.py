"""index.html: each map beside its pictures. One file of its own style, which needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Spadework: {title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; }}
section {{ border-top: 1px solid #8885; padding: .75rem 0; }}
h1 {{ font-size: 1.3rem; }} h2 {{ font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }}
.row {{ display: flex; flex-wrap: wrap; gap: .75rem; align-items: flex-start; }}
figure {{ margin: 0; }} img {{ display: block; height: 160px; max-width: 320px; object-fit: contain; }}
.map img {{ image-rendering: pixelated; }}
figcaption, .note {{ font-size: .85rem; opacity: .75; }} .error {{ color: #c33; }}
</style>
"""


def page(index: dict[str, Any]) -> Iterator[str]:
    """The page of an index (app.batch.index.merged), piece by piece."""
    maps, settings = index["maps"], index["settings"] or {}
    title = counted(maps)
    yield HEAD.format(title=escape(title)) + f"<h1>{escape(title)}</h1>\n"
    told = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in settings.items() if value is not None)
    yield f'<p class="note">{escape(told)}</p>\n'
    for about in maps:
        yield f"<section><h2>{escape(about['map'])}</h2>\n"
        if about["error"]:
            yield f'<p class="error">{escape(about["error"])}</p>\n'
        yield from (f'<p class="note">{escape(note)}</p>\n' for note in about["notes"])
        yield '<div class="row">\n'
        if about["small_map"]:
            yield figure(about["small_map"], f"map of {about['map']}", "map", "map")
        for each in about["pictures"]:
            (width, height), seed = each["size"], each["seed"]
            yield figure(each["file"], f"{about['map']}, seed {seed}", f"seed {seed}, {width} x {height}")
        yield "</div></section>\n"


def figure(file: str, alt: str, caption: str, kind: str = "picture") -> str:
    url = quote(file.encode("utf-8", "surrogateescape"))
    image = f'<img src="{url}" alt="{escape(alt)}" loading="lazy">'
    return f'<figure class="{kind}"><a href="{url}">{image}</a><figcaption>{escape(caption)}</figcaption></figure>\n'


def counted(maps: list[dict[str, Any]]) -> str:
    """3 maps, 12 pictures, 1 problem."""
    counts = {
        "map": len(maps),
        "picture": sum(len(about["pictures"]) for about in maps),
        "problem": sum(bool(about["error"]) for about in maps),
    }
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in counts.items() if number)
