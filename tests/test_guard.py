import contextlib

import pytest

from app.guard import SameOrigin


def status_of(headers: dict[str, str], loopback: bool = True) -> int:
    """What a request with these headers is answered; 200 comes from the app behind."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    with contextlib.suppress(StopIteration):  # nothing here waits, and Chromium's driver may hold the event loop
        SameOrigin(app, loopback)(scope, None, send).send(None)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("headers", "loopback", "status"),
    [
        ({"host": "127.0.0.1:7860"}, True, 200),
        ({"host": "localhost:7860", "origin": "http://localhost:7860"}, True, 200),
        ({"host": "[::1]:7860"}, True, 200),
        ({"host": "127.0.0.1:7860", "origin": "https://elsewhere.example"}, True, 403),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:9999"}, True, 403),
        ({"host": "127.0.0.1:7860", "origin": "null"}, True, 403),
        ({"host": "rebound.example:7860"}, True, 403),
        ({}, True, 403),
        ({"host": "studio.lan:7860", "origin": "http://studio.lan:7860"}, False, 200),
        ({"host": "studio.lan:7860", "origin": "http://elsewhere.example"}, False, 403),
    ],
)
def test_only_our_own_page_is_served(headers, loopback, status):
    assert status_of(headers, loopback) == status
