"""“Was this you?”: a mail that could not be proved to be its sender's waits for one press of a button."""

from email import message_from_bytes, policy
from email.errors import MessageError

from starlette.responses import Response

from forum.errors import LinkNotValid
from forum.tables import Inbox, Mail
from forum.text import one_line
from forum.web import page
from forum.web.visit import Visit


def show_held(visit: Visit) -> Response:
    row = visit.db.get(Inbox, _inbox_id(visit))
    if row is None:
        raise LinkNotValid
    mail = visit.db.get_one(Mail, row.mail_id)
    return page.render(
        visit,
        "held.html",
        subject=_subject(mail.raw),
        when=visit.moment(mail.received_at),
        waits=row.fate == "held",
        recipient=row.recipient,
    )


def confirm(visit: Visit) -> Response:
    """The bridge works the mail through again, now as the member's own, in a transaction of its own."""
    inbox_id = _inbox_id(visit)
    if visit.site.confirm_held is None:
        raise LinkNotValid
    visit.site.confirm_held(inbox_id)
    return page.redirect(visit.request.url.path)


def _inbox_id(visit: Visit) -> int:
    numbers = visit.world.tokens.read("held", visit.word("token"))
    if not numbers or len(numbers) != 1:
        raise LinkNotValid
    return numbers[0]


def _subject(raw: bytes) -> str:
    try:
        return one_line(str(message_from_bytes(raw[:100_000], policy=policy.default)["Subject"] or ""))
    except (MessageError, ValueError, LookupError, IndexError, AttributeError, TypeError):
        return ""
