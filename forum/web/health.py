"""Health, for whoever watches over this machine."""

from starlette.responses import JSONResponse, Response

from forum import VERSION, health
from forum.web.visit import Visit


def show_health(visit: Visit) -> Response:
    """200 when mail moves, 503 with a sentence for each thing that is wrong."""
    found = health.look(visit.db, visit.now, visit.world.settings.data)
    told = {
        "ok": not found.wrong,
        "version": VERSION,
        "wrong": found.wrong,
        "inbox": {"waiting": found.inbox.waiting, "oldest_s": found.inbox.oldest_s, "failed": found.inbox.troubled},
        "outbox": {
            "waiting": found.outbox.waiting,
            "oldest_s": found.outbox.oldest_s,
            "deferred": found.outbox.troubled,
        },
        "last_in": found.last_in and found.last_in.isoformat(),
        "last_out": found.last_out and found.last_out.isoformat(),
    }
    return JSONResponse(told, 503 if found.wrong else 200, headers={"Cache-Control": "no-store"})


def show_away() -> Response:
    """The database cannot be asked."""
    told = {"ok": False, "version": VERSION, "wrong": ["The database cannot be reached."]}
    return JSONResponse(told, 503, headers={"Cache-Control": "no-store"})
