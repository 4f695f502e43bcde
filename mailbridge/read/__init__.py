"""Bytes -> Letter. Pure: no database, no network, no clock; nothing in a mail makes it raise."""

from mailbridge import auto, bounces, feedback
from mailbridge.letter import Letter, Person
from mailbridge.quotes import trimmed
from mailbridge.quotes.footers import markers_in
from mailbridge.read import calendar
from mailbridge.read.bodies import gather
from mailbridge.read.encoding import decodable, words
from mailbridge.read.headers import date, ids, own_id, people, topic
from mailbridge.read.mime import split


def read(raw: bytes) -> Letter:
    """Any bytes become a Letter, in time linear in their length."""
    mail = split(raw)
    headers = mail.headers
    subject = words(headers.first("subject"))[:1000]
    bare, says_reply, says_forward = topic(subject)
    replied, references = ids(headers.all("in-reply-to")), ids(headers.all("references"))
    body = gather(mail)
    is_reply = says_reply or bool(replied or references)
    trim = trimmed(body.text(), says_forward and not says_reply, is_new=not (is_reply or says_forward))
    report = bounces.report(mail)
    return Letter(
        message_id=own_id(headers.first("message-id")),
        in_reply_to=replied,
        references=references,
        thread_index="".join(decodable(headers.first("thread-index")).split())[:2000] or None,
        thread_topic=words(headers.first("thread-topic"))[:1000] or None,
        subject=subject,
        topic=bare,
        is_reply=is_reply,
        author=next(iter(people(headers.all("from"))), Person("", "")),
        to=people(headers.all("to") + headers.all("cc")),
        sent_at=date(headers.first("date")),
        language=words(headers.first("content-language"))[:40] or None,
        parts=trim.parts,
        files=tuple(body.files),
        forwarded_from=trim.sender,
        auto=auto.reason(headers, subject),
        loop_ids=tuple(words(value) for name in ("list-id", "x-parvi-loop") for value in headers.all(name)),
        bounced=report.bounced,
        is_bounce=report.is_bounce,
        complaint=report.is_complaint,
        complained_of=feedback.complained_of(mail) if report.is_complaint else (),
        calendar_method=calendar.method(mail),
        markers=markers_in(trim.quoted),
    )
