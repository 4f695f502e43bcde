"""The reasoning of a dry run, in words for people who need not know how mail works; the technical word goes in brackets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forum import errors, i18n, networks
from forum.db import Db
from forum.errors import Refusal, _
from forum.tables import Network, Thread
from forum.text import one_line
from forum.web.visit import Visit

ASKED = {
    "author": _("Who wrote it"),
    "writer": _("Whether a person wrote it"),
    "folded": _("What is folded away"),
    "files": _("Files"),
    "address": _("What the address stands for"),
    "proof": _("What proves the sender"),
    "token": _("A personal reply address"),
    "reference": _("The message it names as answered (In-Reply-To, References)"),
    "thread-index": _("Outlook's mark of the conversation (Thread-Index)"),
    "marker": _("An address of ours in the quoted text"),
    "subject": _("A recent discussion of the same person with the same subject"),
}
WRITERS = {
    "person": _("Yes, as far as we can tell."),
    "machine": _("No, it is an automatic mail."),
    "bounce": _("No, it tells that a mail of ours could not be delivered (bounce)."),
    "complaint": _("No, it tells that somebody marked a mail of ours as junk (complaint)."),
    "ourselves": _("No, it is one of our own mails that came back (loop)."),
}
KINDS = {
    "network": _("The address of %(network)s: for new discussions and for answers."),
    "reply": _("A member's own reply address in %(network)s: it tells which message is answered."),
    "answer": _("For the answer to a question of ours, such as “Was this you?”."),
    "join": _("For asking to join %(network)s."),
    "leave": _("For leaving %(network)s."),
    "help": _("For getting help by mail."),
    "owner": _("For writing to the contact persons of %(network)s."),
    "bounce": _("For news of mails that did not arrive (bounces)."),
    "operator": _("For writing to who runs the forum."),
}
PROOFS = {
    "token": _("It came from a member's address to that member's own reply address."),
    "dmarc": _("The sender's mail server vouches for it (DMARC)."),
    "dkim": _("It carries a valid signature of the sender's organisation (DKIM)."),
    "spf": _("It came from a server that may send for the sender's organisation (SPF)."),
    "none": _("Nothing."),
}
HELD = {
    "hold": _(
        "It would be held: nothing proves who sent it. The member in whose name it came would be asked “Was this you?”."
    ),
    "ask-where": _(
        "It would be held: two discussions have its subject. Its sender would be asked to which of them it belongs."
    ),
    "ask-whose": _(
        "It would be held: it came to a member's own reply address from an address that nobody has. "
        "That member would be asked whether it is theirs."
    ),
}
DONE = {
    "mute": _("Its sender would get no more mails of that discussion."),
    "follow": _("Its sender would follow that discussion."),
    "leave": _("Its sender would leave %(network)s."),
    "help": _("Its sender would get a mail that tells how to take part by mail."),
    "whole": _("Its sender's earlier message would be shown whole, with nothing folded away."),
    "away": _("Its sender would get no mail while away."),
    "back": _("Its sender would get mail again."),
    "owner": _("It would be passed on to the contact persons of %(network)s."),
    "join": _("It would be passed on to the contact persons of %(network)s, as a request to join."),
    "operator": _("It would be passed on to who runs the forum."),
    "confirm": _("A mail that is held would be let go, as this answer asks for."),
    "disown": _("A mail that is held would stay held: this answer says that it is not theirs."),
}


@dataclass(frozen=True)
class Step:
    """`found` in the reader's language; `log` in English, for who looks for the same words in the log."""

    asked: str
    found: str
    log: str = ""
    posts: Sequence[tuple[str, int]] = ()  # subject and id of those that may be read


@dataclass(frozen=True)
class AtAddress:
    address: str
    summary: str
    would_mail: int
    steps: Sequence[Step]


class Reader:
    """Who reads it. Of a network that they may not read they learn the address, and nothing that is in it."""

    def __init__(self, visit: Visit, db: Db) -> None:
        self._visit, self._db, self._said = visit, db, visit.translations.gettext

    def steps(self, steps: Sequence[Mapping[str, Any]]) -> list[Step]:
        return [self._step(step["asked"], step["found"]) for step in steps]

    def at_address(self, address: str, steps: Sequence[Mapping[str, Any]]) -> AtAddress:
        """The last step is the outcome; where nobody gets mail the door already turns it away."""
        found = {step["asked"]: step["found"] for step in steps}
        address, outcome = one_line(address, 320), found["outcome"]
        if not found["address"]["exists"]:
            summary = self._said(_("It would not be taken: nobody gets mail at %(address)s.")) % {"address": address}
            return AtAddress(address, summary, 0, self.steps(steps[:-1]))
        summary = self._summary(outcome)
        log = f"{outcome['fate']}: {outcome['reason']}" if self._may_read(outcome) else ""
        last = Step(self._said(_("What would happen")), f"{summary} {self._mails(outcome['would_mail'])}", log=log)
        return AtAddress(address, summary, outcome["would_mail"], [*self.steps(steps[:-1]), last])

    def _step(self, asked: str, found: Mapping[str, Any]) -> Step:
        question = self._said(ASKED[asked]) if asked in ASKED else asked
        match asked:
            case "author":
                return Step(question, self._author(found))
            case "writer":
                return Step(question, self._said(WRITERS[found["writer"]]), log=found["because"])
            case "folded":
                return Step(question, self._folded(found))
            case "files":
                return Step(question, self._files(found))
            case "address":
                return Step(question, self._address(found))
            case "proof":
                return self._proof(question, found)
            case _:
                return self._sign(question, found)

    def _author(self, found: Mapping[str, Any]) -> str:
        who = " ".join(part for part in (one_line(found["name"]), f"<{one_line(found['address'], 320)}>") if part)
        if not found["address"]:
            return self._said(_("The mail does not say."))
        return self._said(_("%(who)s, a member.") if found["is_member"] else _("%(who)s, not a member.")) % {"who": who}

    def _folded(self, found: Mapping[str, int]) -> str:
        ngettext = self._visit.translations.ngettext
        quoted, signed, shown = found["quote"], found["signature"], found["forward"]
        said = [] if quoted or signed else [self._said(_("Nothing."))]
        if quoted:
            said.append(ngettext("%(num)s quoted line.", "%(num)s quoted lines.", quoted) % {"num": quoted})
        if signed:
            lines = ngettext("%(num)s line of a signature.", "%(num)s lines of a signature.", signed)
            said.append(lines % {"num": signed})
        if shown:
            lines = ngettext(
                "%(num)s line of a mail that is passed on is shown.",
                "%(num)s lines of a mail that is passed on are shown.",
                shown,
            )
            said.append(lines % {"num": shown})
        return " ".join(said)

    def _files(self, found: Mapping[str, int]) -> str:
        if not found["came"]:
            return self._said(_("None."))
        if not found["kept"]:
            return self._said(_("Not kept, since no person wrote the mail."))
        facts = {"num": found["kept"], "size": i18n.size(found["size"], self._visit.language)}
        return (
            self._visit.translations.ngettext(
                "%(num)s file, %(size)s.", "%(num)s files, %(size)s together.", found["kept"]
            )
            % facts
        )

    def _address(self, found: Mapping[str, Any]) -> str:
        if not found["exists"]:
            return self._said(_("Nothing: nobody gets mail there."))
        kind = found["kind"]
        return self._said(KINDS[kind]) % {"network": self._network(found["network"])} if kind in KINDS else kind

    def _proof(self, question: str, found: Mapping[str, Any]) -> Step:
        if found["proof"] == "dmarc" and self._visit.form["trusted"]:
            return Step(question, self._said(_("Taken as vouched for, as you have ticked.")))
        return Step(question, self._said(PROOFS.get(found["proof"], found["proof"])), log=found["doubt"])

    def _sign(self, question: str, found: Mapping[str, Any]) -> Step:
        posts = [(subject, each["post"]) for each in found["posts"] if (subject := self._subject(each["thread"]))]
        if not found["posts"]:
            return Step(question, self._said(_("Not found.")))
        if found["wins"]:
            return Step(question, self._said(_("Found, and it decides where the mail belongs.")), posts=posts)
        is_beaten = found["wins"] is not None
        return Step(
            question, self._said(_("Found, but it does not decide.") if is_beaten else _("Found.")), posts=posts
        )

    def _mails(self, count: int) -> str:
        ngettext = self._visit.translations.ngettext
        return ngettext("%(num)s mail would go out.", "%(num)s mails would go out.", count) % {"num": count}

    # The sentence on top

    def _summary(self, found: Mapping[str, Any]) -> str:
        facts = {"network": self._network(found["network"])}
        match found["fate"]:
            case "posted":
                return self._posted(found, facts)
            case "held":
                return self._held(found)
            case "command" if (name := found["what"] or found["action"]) in DONE:
                return self._said(DONE[name]) % facts
            case "bounce":
                return self._said(_("It would be noted, and nothing would be published or answered."))
            case "ignored" if found["action"] == "accept":
                return self._said(_("Nothing would happen: the same mail is here already."))
            case "ignored":
                return self._said(_("Nothing would happen: it would be kept, but neither published nor answered."))
            case "refused":
                return self._refused(found)
            case other:
                return self._said(_("It would end as “%(fate)s”.")) % {"fate": other}

    def _posted(self, found: Mapping[str, Any], facts: dict[str, str]) -> str:
        if not found["thread"]:
            return self._said(_("It would be published as a new discussion in %(network)s.")) % facts
        if subject := self._subject(found["thread"]):
            said = self._said(_("It would be published as an answer in “%(subject)s”, in %(network)s."))
            return said % {**facts, "subject": subject}
        return self._said(_("It would be published as an answer in a discussion of %(network)s.")) % facts

    def _held(self, found: Mapping[str, Any]) -> str:
        if not found["would_mail"]:
            return self._said(
                _("It would be held, and nobody would be asked about it: they have been asked too often today.")
            )
        return self._said(HELD.get(found["action"], _("It would be held.")))

    def _refused(self, found: Mapping[str, Any]) -> str:
        if not found["would_mail"]:
            return self._said(_("It would be refused, and its sender would not be told."))
        if not self._may_read(found):
            return self._said(_("It would be refused, and its sender would be told why."))
        refusal: Refusal = getattr(errors, found["refusal"]["error"])(**found["refusal"]["facts"])
        sentence = i18n.sentence(refusal, self._visit.language)
        return self._said(_("It would be refused. Its sender would be told: “%(sentence)s”")) % {"sentence": sentence}

    # What may be told

    def _network(self, slug: str | None) -> str:
        network = networks.by_slug(self._db, slug) if slug else None
        if network is None:
            return ""
        is_known = networks.may_know(self._db, network, self._visit.member)
        return network.name if is_known else self._visit.mail_address(network.slug)

    def _may_read(self, found: Mapping[str, Any]) -> bool:
        network = networks.by_slug(self._db, found["network"]) if found["network"] else None
        return network is None or networks.may_read(self._db, network, self._visit.member)

    def _subject(self, thread_id: int) -> str:
        """ "" for a discussion that they may not read."""
        thread = self._db.get(Thread, thread_id)
        network = self._db.get_one(Network, thread.network_id) if thread else None
        return thread.subject if thread and network and networks.may_read(self._db, network, self._visit.member) else ""
