"""Metrics, for a Prometheus: open to this machine itself, or to who knows the token."""

import hmac
import os
import time

from starlette.requests import Request
from starlette.responses import Response

from forum import metrics
from forum.errors import MetricsTokenWrong, PageNotFound
from forum.web.visit import Visit

TEXT = "text/plain; version=0.0.4; charset=utf-8"
HERE = {"127.0.0.1", "::1", "localhost"}
# What a proxy adds. It runs on this machine and asks from 127.0.0.1, in the name of whoever is out there.
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def show_metrics(visit: Visit) -> Response:
    _check(visit.request, visit.world.settings.metrics_token)
    found = metrics.look(visit.db, visit.now, visit.world.settings.data)
    found += metrics.of_process(os.getpid(), time.process_time(), _resident_bytes(), visit.site.live.count)
    return Response(metrics.as_text(found), media_type=TEXT, headers={"Cache-Control": "no-store"})


def _check(request: Request, token: str) -> None:
    """With a token set it alone opens; with none, for all others there is no such page."""
    if token:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise MetricsTokenWrong
    elif not _is_direct(request):
        raise PageNotFound


def _is_direct(request: Request) -> bool:
    """From this machine, and to it by its own name: a proxy, or a page in somebody's browser, would name the site."""
    came_from = request.client.host if request.client else ""
    is_passed_on = any(name in request.headers for name in FORWARDED)
    return came_from in HERE and request.url.hostname in HERE and not is_passed_on


def _resident_bytes() -> int:
    """0 where there is no /proc."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
