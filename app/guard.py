"""Keeps other web pages from using the app behind the artist's back."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SameOrigin:
    """ASGI middleware: refuses requests that come from another site, and names that only pretend to be this machine.

    A page elsewhere can't read our answers, but its POST would still run (no CORS header stops that); and a name of
    its own that resolves to 127.0.0.1 would make it the same origin (DNS rebinding), so on loopback the host must be
    a loopback name.
    """

    def __init__(self, app, loopback: bool) -> None:
        self.app, self.loopback = app, loopback

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] in ("http", "websocket") and not self._welcome(dict(scope["headers"])):
            return await _refuse(scope, send)
        return await self.app(scope, receive, send)

    def _welcome(self, headers: dict[bytes, bytes]) -> bool:
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if self.loopback and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return False
        return not origin or urlsplit(origin).netloc == host


async def _refuse(scope, send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = b"This address serves Spadework to its own page only."
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
