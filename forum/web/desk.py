"""The coordinators' desk: the dry run of a mail."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from starlette.responses import Response

from forum import attachments
from forum.errors import CoordinatorsOnly, MailMissing, PageNotFound
from forum.text import one_line
from forum.web import page
from forum.web.reasoning import Reader
from forum.web.visit import Explain, Visit

SHOWN = 200_000  # letters of a mail's HTML; more than that nobody reads, and a browser has to lay out


def show_mail(visit: Visit) -> Response:
    _explain(visit)
    return page.render(visit, "desk/mail.html", told=None)


def rehearse_mail(visit: Visit) -> Response:
    """Nothing is kept of it: neither the file nor what the rehearsal did."""
    explain = _explain(visit)
    told = explain(_raw(visit), [to] if (to := one_line(visit.form["to"], 320)) else [], bool(visit.form["trusted"]))
    with visit.world.database.reading() as db:
        return page.render(visit, "desk/mail.html", told=_in_words(told, Reader(visit, db)))


def _explain(visit: Visit) -> Explain:
    if not visit.signed_in.coordinates:
        raise CoordinatorsOnly
    if visit.site.explain is None:
        raise PageNotFound
    return visit.site.explain


def _raw(visit: Visit) -> bytes:
    """The file goes before what was pasted. What stands above the headers came with the copying."""
    for given in (*visit.form.looked_at, visit.form["text"].encode()):
        if given.strip():
            return given.lstrip(b"\r\n\t ") if given[:1].isspace() else given
    raise MailMissing


def _in_words(told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    of_the_mail = [step for step in told["steps"] if "to" not in step]
    at_addresses = groupby((step for step in told["steps"] if "to" in step), key=lambda step: step["to"])
    addresses = [reader.at_address(to, list(steps)) for to, steps in at_addresses] if told["addressed"] else []
    return {
        "subject": one_line(told["subject"]),
        "steps": reader.steps(of_the_mail),
        "addresses": addresses,
        "left_out": told["left_out"],
        "html": told["html"] if len(told["html"]) <= SHOWN else None,
        "folded": told["folded_html"] if len(told["folded_html"]) <= SHOWN else None,
        "language": told["language"],
        "files": [{"name": attachments.clean_name(file["name"]), "size": file["size"]} for file in told["attachments"]],
        "would_mail": sum(at.would_mail for at in addresses),
    }
