"""Making answers: pages from templates, redirects, cookies, and the headers that keep them safe."""

import hashlib
import json
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from forum import TEMPLATES, VERSION, errors, i18n
from forum.errors import NotFound, NotSignedIn, Refusal, _
from forum.i18n import translations
from forum.settings import Settings
from forum.web import words
from forum.web.paths import is_local
from forum.web.visit import Visit

STATIC = Path(__file__).parent / "static"
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PRIVATE, VARY = "private, no-cache", "Cookie, Accept-Language"
AT_FIELD: dict[type[Refusal], str] = {  # where a refusal's sentence stands; elsewhere it stands above the form
    errors.EmptyPost: "text",
    errors.TextTooLong: "text",
    errors.MailMissing: "text",
    errors.SubjectMissing: "subject",
    errors.UploadTooLarge: "files",
    errors.BadAddress: "address",
    errors.CodeWrong: "code",
    errors.AbsenceUnclear: "last",
}
log = logging.getLogger("parvi.web")


def render(visit: Visit, template: str, status: int = 200, *, private: bool = True, **facts: Any) -> Response:
    """A whole page. `private` ones are not for search engines."""
    facts = {"visit": visit, "member": visit.member, "language": visit.language, "refusal": visit.refusal, **facts}
    html = environment(visit.language).get_template(template).render(facts)
    response = Response(html, status, media_type="text/html")
    response.headers["Cache-Control"] = PRIVATE
    response.headers["Vary"] = VARY
    if private:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def piece(visit: Visit, template: str, **facts: Any) -> Markup:
    """A part of a page, safe HTML: the template's macro `piece`, which costs half of what rendering a template does."""
    return _macro(visit.language, template)(**facts)


@cache
def _macro(language: str, template: str) -> Callable[..., Markup]:
    macro: Callable[..., Markup] = getattr(environment(language).get_template(template).module, "piece")  # noqa: B009
    return macro


def tagged(response: Response, tag: str) -> Response:
    response.headers["ETag"] = tag
    return response


def unchanged(tag: str) -> Response:
    """What the reader has is still true (RFC 9110 15.4.5)."""
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": PRIVATE, "Vary": VARY})


def fragment(html: str, tag: str) -> Response:
    """A piece for the script; not a page someone looks at, so it does not count as a visit."""
    return Response(
        html, media_type="text/html", headers={"ETag": tag, "Cache-Control": "private, max-age=0", "Vary": VARY}
    )


def redirect(path: str, status: int = 303) -> Response:
    return RedirectResponse(path, status)


def onward(path: str, default: str) -> Response:
    """On to where a form wants to go, if that is here."""
    return redirect(path if is_local(path) else default)


def refused(visit: Visit, refusal: Refusal, *, as_json: bool = False) -> Response:
    if as_json:
        said = i18n.sentence(refusal, visit.language)
        return JSONResponse({"error": type(refusal).__name__, "message": said}, refusal.status)
    if isinstance(refusal, NotSignedIn) and visit.request.method == "GET":
        return render(visit, "sign_in/address.html", refusal.status, refusal=refusal, next=visit.local_url)
    return render(visit, "refused.html", refusal.status, refusal=refusal, is_missing=isinstance(refusal, NotFound))


TROUBLE = _("Something went wrong here. It has been noted; try again in a moment.")
AWAY = _("The database cannot be reached right now. Nothing is lost; try again in a few minutes.")


def trouble(request: Request, sentence: str = TROUBLE, status: int = 500, *, as_json: bool = False) -> Response:
    """A calm page when something is wrong with us; it needs neither database nor member."""
    language = i18n.best_language(request.headers.get("accept-language", ""))
    said = translations(language).gettext(sentence)
    if as_json:
        return JSONResponse({"error": "Trouble", "message": said}, status)
    return Response(
        environment(language).get_template("trouble.html").render(said=said, language=language),
        status,
        media_type="text/html",
    )


def sealed(response: Response, request: Request) -> Response:
    """The headers every answer carries; a view that sets its own policy keeps it."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.app.state.site.world.settings.https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def is_whole(response: Response) -> bool:
    """A page someone looks at: not a file, a redirect or a piece that was fetched in the background."""
    return response.status_code in (200, 304) and response.headers.get("Cache-Control") == PRIVATE


# Cookies


def session_cookie(settings: Settings) -> str:
    return "__Host-parvi" if settings.https else "parvi"


def set_cookie(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=settings.https, httponly=True, samesite="lax")


def drop_cookie(response: Response, settings: Settings, name: str) -> None:
    response.delete_cookie(name, path="/", secure=settings.https, httponly=True, samesite="lax")


def remember_visit(response: Response, visit: Visit) -> None:
    """Since when things are new to this reader, for as long as the visit lasts."""
    if since := visit.unread_since:
        set_cookie(response, visit.world.settings, "parvi-since", since.isoformat(), seconds=40 * 60)


# Templates


@cache
def environment(language: str) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    said = translations(language).gettext
    made.globals.update(static=static_url, languages=words.LANGUAGES, field_of=field_of)
    made.filters.update(
        kind=lambda kind: said(words.KINDS[kind]),
        mode=lambda mode: said(words.MODES[mode]),
        mode_said=lambda mode: said(words.MODES_SAID[mode]),
        landed=lambda how: said(words.LANDED[how]) if how in words.LANDED else "",
        size=lambda number: i18n.size(number, language),
        in_words=lambda refusal: said(refusal.sentence) % refusal.facts,
        instead=lambda refusal: said(refusal.instead) % refusal.facts,
    )
    return made


def field_of(refusal: Refusal | None) -> str:
    return AT_FIELD.get(type(refusal), "") if refusal else ""


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Each file of static/ with a hash of its content: name -> (bytes, hash)."""
    files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()}
    return {name: (data, hashlib.sha256(data).hexdigest()[:12]) for name, data in files.items()}


def static_url(name: str) -> str:
    return f"/static/{name}?v={static_files()[name][1]}"


@cache
def look() -> str:
    """Changes whenever pages may look different: part of every ETag."""
    whole = hashlib.sha256(VERSION.encode())
    for folder, pattern in ((TEMPLATES, "**/*.html"), (STATIC, "*"), (i18n.LOCALE, "*.po")):
        for path in sorted(folder.glob(pattern)):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def tag(*facts: object) -> str:
    """An ETag over everything the page depends on."""
    return f'"{hashlib.sha256(json.dumps([look(), *facts], default=str).encode()).hexdigest()[:24]}"'
