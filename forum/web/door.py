"""The door: form, origin, transaction, the view in a thread; and what becomes of a refusal."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from anyio import CapacityLimiter, to_thread
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from forum import members, sign_in
from forum.db import Db, is_away
from forum.errors import BadToken, PageNotFound, Refusal
from forum.i18n import best_language
from forum.members import LANGUAGES
from forum.tables import Member
from forum.web import forms, page
from forum.web.visit import Form, Site, Visit

View = Callable[[Visit], Response]
log = logging.getLogger("parvi.web")

# More threads only fight for the interpreter; readers have their own, so that no long write keeps them waiting, and so has
# what goes outside: a server that answers slowly, files that are kept, or the dry run of a large mail.
_READERS, _WRITERS, _OUTSIDE = CapacityLimiter(2), CapacityLimiter(2), CapacityLimiter(2)


@dataclass(frozen=True)
class Views:
    """What stands behind one address. `show` answers GET, `act` POST; what `act` refuses, `show` shows again."""

    show: View | None = None
    act: View | None = None
    refused: Callable[[Visit, Refusal], None] | None = None  # what to note of a refusal, in a transaction of its own
    outside: bool = False  # `act` opens its own transactions, or talks to the network
    keeps_files: bool = True  # else `act` only looks at what is uploaded
    from_anywhere: bool = False  # a mail program may press this button (RFC 8058)
    api: bool = False  # JSON in and out, a token instead of a cookie
    away: Callable[[], Response] | None = None  # what is said while the database is away, where that is not a page
    path: str = ""  # the route's pattern: a real path may have a token in it, which is for no log


def endpoint(views: Views) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        writes = request.method == "POST"
        sent = await _read(request, site, views) if writes else forms.Sent()
        is_outside = views.outside or (isinstance(sent, forms.Sent) and sent.files)
        limiter = _READERS if not writes else _OUTSIDE if is_outside else _WRITERS
        return await to_thread.run_sync(_answer, views, request, site, sent, limiter=limiter)

    return answer


async def _read(request: Request, site: Site, views: Views) -> forms.Sent | Refusal:
    try:
        if views.api:
            await to_thread.run_sync(_check_token, request, site, limiter=_READERS)
        return await forms.read(request, site.world.settings.max_mail_bytes, as_json=views.api)
    except Refusal as refusal:
        return refusal


def _check_token(request: Request, site: Site) -> None:
    """Before the body is taken: whoever writes here has a token, and from a stranger nothing is read."""
    with site.world.database.reading() as db:
        if _by_token(db, request) is None:
            raise BadToken


def _answer(views: Views, request: Request, site: Site, sent: forms.Sent | Refusal) -> Response:
    try:
        response = _write(views, request, site, sent) if request.method == "POST" else _show(views, request, site)
    except Exception as error:  # noqa: BLE001  logged in `_trouble`
        response = _trouble(views, request, error)
    return page.sealed(response, request)


def _trouble(views: Views, request: Request, error: Exception) -> Response:
    if not is_away(error):
        log.error("%s %s failed", request.method, views.path, exc_info=error)
        return page.trouble(request, as_json=views.api)
    log.error("%s %s: the database is away: %s", request.method, views.path, str(error).partition("\n")[0])
    return views.away() if views.away else page.trouble(request, page.AWAY, 503, as_json=views.api)


def _show(views: Views, request: Request, site: Site) -> Response:
    assert views.show
    with _visit(views, request, site) as visit:
        try:
            response = _run(views.show, visit, views)
        except Refusal as refusal:
            return page.refused(visit, refusal, as_json=views.api)
        if visit.is_worth_noting and not views.api and page.is_whole(response):
            page.remember_visit(response, visit)
            response.background = BackgroundTask(_note_visit, site, visit)
        return response


def _write(views: Views, request: Request, site: Site, sent: forms.Sent | Refusal) -> Response:
    form = Form()
    try:
        if isinstance(sent, Refusal):
            raise sent
        form = Form(sent.fields, json=sent.json)
        if not views.api and not views.from_anywhere:
            forms.check_origin(request, site.world.settings.base_url)
        return _act(views, request, site, _with_files(views, request, site, form, sent))
    except Refusal as refusal:
        return _refused(views, request, site, form, refusal)


def _act(views: Views, request: Request, site: Site, form: Form) -> Response:
    assert views.act
    if views.outside:
        with _visit(views, request, site) as visit:
            pass
        return _run(views.act, replace(visit, form=form), views)
    with _visit(views, request, site, writing=True) as visit:
        return _run(views.act, replace(visit, form=form), views)


def _with_files(views: Views, request: Request, site: Site, form: Form, sent: forms.Sent) -> Form:
    """Only a member's files are kept; a stranger cannot fill the disk."""
    if not sent.files:
        return form
    with _visit(views, request, site) as visit:
        if visit.member is None:
            return form
    if not views.keeps_files:
        return replace(form, looked_at=sent.read_files())
    return replace(form, uploads=sent.keep_files(site.world.files))


def _refused(views: Views, request: Request, site: Site, form: Form, refusal: Refusal) -> Response:
    """The form again with what was typed and the sentence; or a page with both, where there is no form to show."""
    if views.refused:
        try:
            with _visit(views, request, site, writing=True) as visit:
                views.refused(replace(visit, form=form), refusal)
        except Refusal as graver:
            refusal = graver
    with _visit(views, request, site) as bare:
        visit = replace(bare, form=form, refusal=refusal)
        if views.api or views.show is None:
            return page.refused(visit, refusal, as_json=views.api)
        try:
            response = views.show(visit)
        except Refusal:
            return page.refused(visit, refusal)
        response.status_code = refusal.status
        return response


def _run(view: View, visit: Visit, views: Views) -> Response:
    if views.api and visit.member is None and "authorization" in visit.request.headers:
        raise BadToken
    return view(visit)


@contextmanager
def _visit(views: Views, request: Request, site: Site, *, writing: bool = False) -> Iterator[Visit]:
    now, database = site.world.clock(), site.world.database
    with database.transaction() if writing else database.reading() as db:
        member = _by_token(db, request) if views.api else _by_cookie(db, request, site, now)
        yield Visit(request, site, db, now, _language(request, member), member)


def _by_cookie(db: Db, request: Request, site: Site, now: datetime) -> Member | None:
    token = request.cookies.get(page.session_cookie(site.world.settings))
    return sign_in.by_session(db, token, now) if token else None


def _by_token(db: Db, request: Request) -> Member | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return members.by_api_token(db, token.strip()) if scheme.lower() == "bearer" else None


def _language(request: Request, member: Member | None) -> str:
    chosen = member.language if member else request.cookies.get("parvi-language", "")
    return chosen if chosen in LANGUAGES else best_language(request.headers.get("accept-language", ""))


def _note_visit(site: Site, visit: Visit) -> None:
    """After the answer has gone, in a transaction of its own: reading a page waits for no writer."""
    with site.world.database.transaction() as db:
        members.note_visit(db, visit.signed_in.id, visit.now)


async def nowhere(request: Request) -> Response:
    """No such page, or not by this method."""
    views = Views(show=_not_there, api=request.url.path.startswith("/api/"), path="nowhere")
    asked = Request({**request.scope, "method": "GET"})
    return await to_thread.run_sync(_answer, views, asked, request.app.state.site, forms.Sent(), limiter=_READERS)


def _not_there(visit: Visit) -> Response:
    raise PageNotFound
