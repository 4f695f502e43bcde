"""The JSON API: the same rules as the pages, a token instead of a cookie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.responses import JSONResponse, Response

from forum import VERSION, attachments, language, networks, posts, threads
from forum.db import AnyRow
from forum.errors import BadToken, FormIncomplete, PostNotFound
from forum.ledger import STATE_OF
from forum.posts import Draft
from forum.tables import Member, Network, Thread
from forum.threads import PAGE
from forum.tokens import hashed
from forum.web import ledger
from forum.web.door import View
from forum.web.paths import thread_path
from forum.web.posts import readable_post
from forum.web.threads import readable_thread
from forum.web.visit import Visit


@dataclass(frozen=True)
class Call:
    """One thing one can ask for. `query` and `body` are its parameters, each with what it means."""

    role: Literal["show", "act"]
    path: str
    view: View
    says: str
    query: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, str], ...] = ()
    optional: tuple[str, ...] = ()


def show_networks(visit: Visit) -> Response:
    known = networks.directory(visit.db, visit.member)
    return _list([_network(visit, row, row.members, row.mine) for row in known], None)


def show_network(visit: Visit) -> Response:
    network = networks.find_known(visit.db, visit.word("slug"), visit.member)
    row = next((row for row in networks.directory(visit.db, visit.member) if row.id == network.id), None)
    if row is None:
        networks.check_readable(visit.db, network, visit.member, visit.mail_address(network.slug, "owner"))
    members = networks.count_members(visit.db, network.id)
    return JSONResponse(_network(visit, row or network, members, row.mine if row else None))


def show_threads(visit: Visit) -> Response:
    network = _readable(visit)
    found = threads.in_network(visit.db, network.id, visit.asked("after"))
    return _list([_thread(visit, row, network.slug) for row in found.rows], found.next)


def show_thread(visit: Visit) -> Response:
    thread, _ = readable_thread(visit)
    rows = posts.whole_thread(visit.db, thread.id, visit.asked_number("after"), PAGE + 1)
    return _list(_posts(visit, rows[:PAGE]), str(rows[PAGE - 1].number) if len(rows) > PAGE else None)


def show_post(visit: Visit) -> Response:
    return JSONResponse(_posts(visit, [readable_post(visit)])[0])


def start_thread(visit: Visit) -> Response:
    author = _author(visit)
    return _accepted(visit, author, _readable(visit), subject=_text(visit, "subject"))


def write_post(visit: Visit) -> Response:
    author = _author(visit)
    thread, network = readable_thread(visit)
    return _accepted(visit, author, network, thread_id=thread.id, parent_id=_parent(visit, thread))


def show_openapi(visit: Visit) -> Response:
    return JSONResponse(openapi(visit.base_url))


CALLS = [
    Call("show", "/networks", show_networks, "Every network you may know of."),
    Call("show", "/networks/{slug}", show_network, "One network."),
    Call(
        "show",
        "/networks/{slug}/threads",
        show_threads,
        "Its discussions, the latest active first.",
        query=(("after", "`next` of the page before."),),
    ),
    Call(
        "act",
        "/networks/{slug}/threads",
        start_thread,
        "Start a discussion; answers its first post.",
        body=(("subject", "What it is about."), ("text", "Markdown.")),
    ),
    Call(
        "show",
        "/threads/{thread:id}",
        show_thread,
        "The posts of a discussion by their number.",
        query=(("after", "`next` of the page before."),),
    ),
    Call(
        "act",
        "/threads/{thread:id}/posts",
        write_post,
        "Answer in a discussion.",
        body=(("text", "Markdown."), ("parent", "The id of the post that is answered.")),
        optional=("parent",),
    ),
    Call("show", "/posts/{post:id}", show_post, "One post."),
    Call("show", "/posts/{post:id}/deliveries", ledger.show_sums, "To how many members it went in which way."),
    Call(
        "show",
        "/posts/{post:id}/deliveries/members",
        ledger.show_members,
        "What became of it for each of them: for contact persons and coordinators.",
        query=(
            ("state", f"One of {', '.join(dict.fromkeys(STATE_OF.values()))}."),
            ("after", "`next` of the page before."),
        ),
    ),
    Call("show", "/openapi.json", show_openapi, "This description."),
]


def openapi(base_url: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for call in CALLS:
        path = call.path.replace(":id}", "}")
        paths.setdefault(path, {})["get" if call.role == "show" else "post"] = _described(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Parvi", "version": VERSION},
        "servers": [{"url": f"{base_url}/api/v1"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`parvi token ADDRESS` makes one."}
            },
            "schemas": {"Error": _object({"error": "The refusal's name.", "message": "Its sentence."})},
        },
    }


def _described(call: Call) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": call.view.__name__,
        "summary": call.says,
        "parameters": [*_in_path(call.path), *(_parameter(name, "query", says) for name, says in call.query)],
        "responses": {
            "201" if call.role == "act" else "200": {"description": "As asked.", "content": {"application/json": {}}},
            "default": {
                "description": "Refused.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if call.body:
        schema = _object(dict(call.body), tuple(name for name, _ in call.body if name not in call.optional))
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        told["security"] = [{"token": []}]
        told["parameters"].append(
            _parameter("Idempotency-Key", "header", "The same key and text again is the same post.")
        )
    return told


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return [
        {
            "name": name.removesuffix(":id"),
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if name.endswith(":id") else "string"},
        }
        for name in names
    ]


def _parameter(name: str, where: str, says: str) -> dict[str, Any]:
    return {"name": name, "in": where, "description": says, "schema": {"type": "string"}}


def _object(properties: dict[str, str], required: tuple[str, ...] = ()) -> dict[str, Any]:
    told = {
        name: {"type": "integer" if name == "parent" else "string", "description": says}
        for name, says in properties.items()
    }
    return {"type": "object", "properties": told, "required": list(required or properties)}


def _readable(visit: Visit) -> Network:
    slug = visit.word("slug")
    return networks.find_readable(visit.db, slug, visit.member, visit.mail_address(slug, "owner"))


def _author(visit: Visit) -> Member:
    if visit.member is None:
        raise BadToken
    return visit.member


def _text(visit: Visit, name: str) -> str:
    if isinstance(value := visit.form.json.get(name, ""), str):
        return value
    raise FormIncomplete


def _parent(visit: Visit, thread: Thread) -> int | None:
    """None, or a post of this very thread."""
    if (parent := visit.form.json.get("parent")) is None:
        return None
    if not isinstance(parent, int) or isinstance(parent, bool) or not 0 < parent < 2**62:
        raise FormIncomplete
    if posts.find_post(visit.db, parent).thread_id != thread.id:
        raise PostNotFound
    return parent


def _accepted(visit: Visit, author: Member, network: Network, **where: Any) -> Response:
    text = _text(visit, "text")
    key = visit.request.headers.get("idempotency-key")
    draft = Draft(
        network_id=network.id,
        author_id=author.id,
        text=text,
        message_id=visit.world.new_message_id(),
        came_by="api",
        sent_at=visit.now,
        language=language.detect(text, network.language),
        form_key=hashed(f"api {author.id} {key} {text}")[:40] if key else None,
        owner=visit.mail_address(network.slug, "owner"),
        **where,
    )
    post = posts.accept(visit.db, draft, visit.now, visit.world.settings.daily_cap).post
    told = _posts(visit, [posts.whole(visit.db, post.id)])[0]
    return JSONResponse(told, 201, headers={"Location": f"{visit.base_url}/api/v1/posts/{post.id}"})


def _posts(visit: Visit, rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    files = attachments.of_posts(visit.db, [row.id for row in rows])
    return [posts.as_dict(row, files.get(row.id, []), visit.base_url) for row in rows]


def _list(items: list[dict[str, Any]], following: str | None) -> Response:
    return JSONResponse({"items": items, "next": following})


def _network(visit: Visit, row: Any, members: int, mine: str | None) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "purpose": row.purpose,
        "kind": row.kind,
        "language": row.language,
        "region": row.region,
        "members": members,
        "last_post_at": row.last_post_at and row.last_post_at.isoformat(),
        "mode": mine,
        "address": visit.mail_address(row.slug),
        "url": f"{visit.base_url}/n/{row.slug}",
    }


def _thread(visit: Visit, row: AnyRow, slug: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "network": slug,
        "subject": row.subject,
        "started_at": row.started_at.isoformat(),
        "last_post_at": row.last_post_at.isoformat(),
        "posts": row.posts,
        "starter": row.starter,
        "last_author": row.last_author,
        "url": visit.base_url + thread_path(slug, row.id, row.subject),
    }
