"""“Was this you?”, “Is this address yours?”: a mail that nothing proves to be a member's waits for one press of a button."""

from email import message_from_bytes, policy
from email.errors import MessageError

from starlette.responses import Response

from forum import mails, members
from forum.errors import LinkNotValid
from forum.tables import Inbox, Mail
from forum.text import one_line
from forum.web import page
from forum.web.visit import Visit


def show_held(visit: Visit) -> Response:
    [inbox_id] = visit.linked("held", 1)
    row = visit.db.get(Inbox, inbox_id)
    if row is None:
        raise LinkNotValid
    mail = visit.db.get_one(Mail, row.mail_id)
    address = row.asked_address or ""  # as the mail that asks has it, and as a yes claims it
    is_known = not address or members.by_address(visit.db, address) is not None
    asked = members.recipient(visit.db, row.member_id) if row.member_id else None
    return page.render(
        visit,
        "held.html",
        subject=_subject(
            mails.piece(visit.db, mail.id, 0)
        ),  # none once the mail is settled and its bytes have moved to the files
        address=address,
        claimant=None if is_known else asked,
        when=visit.moment(mail.received_at),
        waits=row.fate == "held",
        recipient=row.recipient,
    )


def confirm(visit: Visit) -> Response:
    """The bridge works the mail through again, now as the member's own, in a transaction of its own."""
    [inbox_id] = visit.linked("held", 1)
    if visit.site.confirm_held is None:
        raise LinkNotValid
    visit.site.confirm_held(inbox_id)
    return page.redirect(visit.request.url.path)


def _subject(raw: bytes) -> str:
    """For looking at only: what the mail means is the bridge's to say."""
    try:
        return one_line(str(message_from_bytes(raw[:100_000], policy=policy.default)["Subject"] or ""))
    except (MessageError, ValueError, LookupError, AttributeError, TypeError):
        return ""
