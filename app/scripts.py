"""What the page's widgets run in the browser before they call: there the newest map and photo are."""

from __future__ import annotations

import json

from app.modules import STATIC, address

CANVAS = "desk"  # its id

# Until the canvas stands, which is a moment after the first buttons do: a press meanwhile waits for it.
STANDS = "while (!window.spadework) await new Promise(wait => setTimeout(wait, 50));"
# The newest map travels with the click itself: the canvas value could lag one stroke behind.
NEWEST = f"await window.spadework.payload('{CANVAS}') ?? map"
WITH_MAP = f"async (map, ...rest) => {{ {STANDS} return [{NEWEST}, ...rest]; }}"
# And the photo's newest version: an undo may have gone back to another one that nobody else has heard of yet.
VERSION = f"(window.spadework.version('{CANVAS}') ?? photo)"
SHOWN = "window.spadeworkShown?.() ?? null"  # the result in front
WITH_PHOTO = f"async (map, photo, ...rest) => {{ {STANDS} return [{NEWEST}, {VERSION}, ...rest]; }}"
WITH_SHOWN = f"async (map, photo, shown, ...rest) => {{ {STANDS} return [{NEWEST}, {VERSION}, {SHOWN}, ...rest]; }}"
AND_PHOTO = f"async (first, model, map, photo) => {{ {STANDS} return [first, model, {NEWEST}, {VERSION}]; }}"
# After a reload: once the browser's own copy is back, what it says counts.
KEPT_VERSION = f"async photo => {{ {STANDS} await window.spadework.payload('{CANVAS}'); return [{VERSION} || photo]; }}"
EDGE = f"async (grow, feather) => {{ {STANDS} window.spadework.edge('{CANVAS}', {{grow, feather}}); }}"
KNOW = f"""async known => {{
    {STANDS}
    known && window.spadework.know('{CANVAS}', known.palette, known.shares);
}}"""
LEAVING = f"""(asked, ...settings) => {{
    if (asked?.action === 'reopen') window.spadework.leaving('{CANVAS}', settings);
}}"""
SEE = f"sight => sight && window.spadework.seen('{CANVAS}', sight)"


def imported(module: str) -> str:
    """The promise of a module of `static/`, which is fetched anew once it has changed."""
    file = STATIC / module
    return f"import(new URL({json.dumps(f'{address(file)}?v={file.stat().st_mtime_ns}')}, document.baseURI))"


WIRE = f"() => {imported('page.js')}.then(page => page.wire('{CANVAS}'))"
# In the page's head, which Gradio fills before it asks for anything. What is asked before answers.js stands waits.
HEAD = f"""<script>{{
    const plain = window.fetch;
    const stands = {imported("answers.js")}.then(
        answers => {{ window.fetch = plain; answers.keepListening(window); }},
        () => {{ window.fetch = plain; }}
    );
    window.fetch = (...asked) => stands.then(() => window.fetch(...asked));
}}</script>"""


def with_area(which: str) -> str:
    """Map, version and result in front, and in the fourth place an area: the selection's or the current class's."""
    newest = f"{NEWEST}, {VERSION}, {SHOWN}, window.spadework.area('{CANVAS}', '{which}')"
    return f"async (map, photo, shown, area, ...rest) => {{ {STANDS} return [{newest}, ...rest]; }}"
