"""Asking the application for a page."""

from collections.abc import Callable

from starlette.types import Message


async def requested(app: Callable[..., object], path: str, cookies: str = "") -> int:
    """The bytes of a page, asked for without any client in between."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "http_version": "1.1",
        "headers": [(b"host", b"localhost:8000"), (b"cookie", cookies.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8000),
        "scheme": "http",
    }
    got = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        got.append(message)

    await app(scope, receive, send)  # type: ignore[misc]
    assert got[0]["status"] == 200, got
    return sum(len(message.get("body", b"")) for message in got)
