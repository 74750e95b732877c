"""What an artist does at the canvas of a page, in map pixels; for the tests in a browser."""

import base64
import zlib

import numpy as np

from app.canvas import decode

PAYLOAD = "() => window.spadework.payload('canvas')"

REPLAY = """async ([width, height, palette, steps]) => {
    const at = [...performance.getEntriesByType("resource")].find(entry => entry.name.endsWith("/document.js")).name;
    const {LabelDocument, blank} = await import(at);
    const doc = new LabelDocument(blank(width, height, palette.name, palette.unlabelled));
    for (const {ink, square = false, points, mirror = "none"} of steps) {
        doc.mirror = mirror;
        doc.beginStroke({label: ink, instance: 0}, {square});
        for (const [x, y, diameter] of points) doc.strokeTo(x, y, diameter);
        doc.endStroke();
    }
    return btoa(String.fromCharCode(...new Uint8Array(await new Response(new Blob([doc.labels]).stream()
        .pipeThrough(new CompressionStream("deflate"))).arrayBuffer())));
}"""

STAGE = """() => {
    const stage = document.querySelector(".sw-stage");
    const {left, top} = stage.getBoundingClientRect();
    return [left, top, stage.clientWidth, stage.clientHeight];
}"""

PEN = """([type, x, y, options]) => {
    const stage = document.querySelector(".sw-stage");
    stage.setPointerCapture = () => {};
    stage.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: y, pointerId: 7, pointerType: "pen", buttons: 1,
        button: 0, bubbles: true, cancelable: true, ...options}));
}"""


KEPT = """async ([name, counts]) => {
    const settled = request => new Promise((done, fail) => {
        request.onsuccess = () => done(request.result);
        request.onerror = () => fail(request.error);
    });
    const base = await settled(indexedDB.open("spadework"));
    try {
        const saved = await settled(base.transaction("canvases").objectStore("canvases").get(name));
        const seen = counts.map(() => 0);
        saved?.content.labels.forEach(label => seen[label]++);
        return String(seen) === String(counts);
    } finally {
        base.close();
    }
}"""


def area(pixels):
    """The payload of an area or map, as the server sends it."""
    height, width = pixels.shape
    return {"w": width, "h": height, "z": base64.b64encode(zlib.compress(pixels.astype(np.uint8).tobytes())).decode()}


class Driver:
    """A page with one canvas; the map is 512 × 512 unless a test says otherwise."""

    def __init__(self, page, name="canvas"):
        self.page, self.name = page, name
        self.ready()

    def ready(self):
        self.page.wait_for_selector(".sw-root[data-ready]")
        self.page.locator(".sw-stage").hover()

    def actual_size(self):
        """One map pixel a css pixel, so that a whole css pixel names an exact point of the map."""
        self.press("Shift+Digit0")

    def box(self):
        return self.page.locator(".sw-stage").bounding_box()

    def spot(self, x, y, side=512):
        """At actual size: the whole css pixel nearest to a point of the map, and the exact point it stands for."""
        left, top, width, height = self.page.evaluate(STAGE)
        left, top = left + (width - side) / 2, top + (height - side) / 2
        page = round(left + x), round(top + y)
        return page, (page[0] - left, page[1] - top)

    def drag(self, *points, hold=()):
        """Presses at the first point, moves straight to each other one, and lets go. Returns the exact points."""
        for key in hold:
            self.page.keyboard.down(key)
        spots = [self.spot(*point) for point in points]
        self.page.mouse.move(*spots[0][0])
        self.page.mouse.down()
        for place, _ in spots[1:]:
            self.page.mouse.move(*place)
        self.page.mouse.up()
        for key in hold:
            self.page.keyboard.up(key)
        return [exact for _, exact in spots]

    def pen(self, kind, x, y, **options):
        place, exact = self.spot(x, y)
        self.page.evaluate(PEN, [kind, *place, options])
        return exact

    def until_kept(self):
        """Waits until the browser has written as many pixels of each class as the map now holds."""
        counts = np.bincount(self.labels.ravel()).tolist()
        self.page.wait_for_function(KEPT, arg=[self.name, counts])

    def choose(self, name):
        self.press("/")
        self.page.keyboard.type(name)
        self.press("Enter")

    def press(self, key):
        self.page.keyboard.press(key)

    def command(self, name):
        self.page.click(f"[data-command={name}]")

    @property
    def painted(self):
        return decode(self.page.evaluate("name => window.spadework.payload(name)", self.name))

    @property
    def labels(self):
        return self.painted.labels

    @property
    def said(self):
        return self.page.locator(".sw-said").inner_text()

    def replayed(self, palette, *steps, side=512):
        """What the document makes of strokes: {ink, points: (x, y, diameter) each, square, mirror}."""
        about = {"name": palette.name, "unlabelled": palette.unlabelled}
        data = zlib.decompress(base64.b64decode(self.page.evaluate(REPLAY, [side, side, about, list(steps)])))
        return np.frombuffer(data, np.uint8).reshape(side, side)

    def pressed(self, command):
        return self.page.get_attribute(f"[data-command={command}]", "aria-pressed") == "true"
