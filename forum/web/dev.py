"""For trying things out: everybody's mail, and signing in as anybody. Only where `demo` is set."""

from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTPException

from starlette.responses import Response

from forum import members, networks, sign_in
from forum.errors import BadAddress, EmptyPost, MailNotTaken, PageNotFound
from forum.tables import Member
from forum.text import one_line
from forum.web import caught, page
from forum.web.sign_in import signed_in
from forum.web.visit import Visit

PER_PAGE = 60
IN_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def show_sign_in(visit: Visit) -> Response:
    return page.render(visit, "dev/sign_in.html", person=_person(visit))


def sign_in_as(visit: Visit) -> Response:
    token = sign_in.open_session(visit.db, _person(visit), visit.now, visit.world.random)
    return signed_in(visit, token, "/")


def show_mailboxes(visit: Visit) -> Response:
    found = caught.mailboxes(_folder(visit), visit.asked("q").strip())
    shown = [(box, _when(visit, box.newest)) for box in found[:PER_PAGE]]
    return page.render(visit, "dev/mailboxes.html", found=shown, total=len(found), q=visit.asked("q"))


def show_mailbox(visit: Visit) -> Response:
    address = _address(visit)
    mails = caught.mails_of(_folder(visit), address)
    if mails is None and members.by_address(visit.db, address) is None:
        raise PageNotFound
    return page.render(
        visit,
        "dev/mailbox.html",
        address=address,
        mails=[(mail, _when(visit, mail.when)) for mail in mails or []],
        networks=[(row.name, visit.mail_address(row.slug)) for row in networks.directory(visit.db, None)],
        sent=bool(visit.asked("sent")),
    )


def show_mail(visit: Visit) -> Response:
    address, raw = _address(visit), _raw(visit)
    mail = caught.parsed(raw)
    return page.render(
        visit,
        "dev/mail.html",
        address=address,
        mail=mail,
        subject=one_line(str(mail["Subject"] or "")),
        path=f"/dev/mail/{address}/{visit.word('file')}",
        tab=visit.asked("show") if visit.asked("show") in ("html", "headers") else "text",
        text=caught.body(mail, "plain"),
        has_html=mail.get_body(("html",)) is not None,
        headers=_headers(raw),
        answers_to=str(mail["Reply-To"] or mail["From"] or ""),
        sent=bool(visit.asked("sent")),
    )


def show_html(visit: Visit) -> Response:
    """The mail's own HTML, alone in a frame that may do nothing; its links open outside."""
    html = '<base target="_blank">' + caught.body(caught.parsed(_raw(visit)), "html")
    return Response(
        html, media_type="text/html", headers={"Content-Security-Policy": IN_FRAME, "X-Robots-Tag": "noindex"}
    )


def write_answer(visit: Visit) -> Response:
    address, raw = _address(visit), _raw(visit)
    if not visit.form["text"].strip():
        raise EmptyPost
    sent_on = visit.now.strftime("%a, %d %b %Y at %H:%M")
    _send(visit, address, caught.answer(visit.world.settings, address, raw, visit.form["text"], sent_on))
    return page.redirect(f"{visit.request.url.path}?sent=1")


def write_mail(visit: Visit) -> Response:
    address = _address(visit)
    if not visit.form["text"].strip():
        raise EmptyPost
    to, subject = members.check_address(visit.form["to"]), one_line(visit.form["subject"])
    _send(visit, address, caught.new_mail(visit.world.settings, address, to, subject, visit.form["text"]))
    return page.redirect(f"{visit.request.url.path}?sent=1")


def _send(visit: Visit, address: str, mail: EmailMessage) -> None:
    try:
        caught.send(visit.world.settings, address, mail)
    except (SMTPException, OSError) as error:
        raise MailNotTaken(why=one_line(str(error))) from None


def _person(visit: Visit) -> Member:
    if person := visit.db.get(Member, visit.number("member")):
        return person
    raise PageNotFound


def _folder(visit: Visit) -> Path:
    if folder := visit.world.settings.caught_mail:
        return Path(folder)
    raise PageNotFound


def _address(visit: Visit) -> str:
    address = visit.word("address").lower()
    try:
        return members.check_address(address) and address
    except BadAddress:
        raise PageNotFound from None


def _raw(visit: Visit) -> bytes:
    if raw := caught.read(_folder(visit), _address(visit), visit.word("file")):
        return raw
    raise PageNotFound


def _headers(raw: bytes) -> str:
    return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")


def _when(visit: Visit, seconds: float) -> str:
    return visit.short_moment(datetime.fromtimestamp(seconds, UTC))
