"""What the bridge says to people because of a mail that came: refusals, questions, receipts, what is passed on."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from forum import attachments, i18n, limits, members, networks, outbox, posts, threads
from forum.db import Db
from forum.errors import Refusal, SaidAgain
from forum.limits import DAY
from forum.members import Recipient
from forum.notices import owe_answer, owe_notice, owed_lately, untagged
from forum.tables import Inbox, Post
from forum.text import excerpt
from forum.world import World
from mailbridge import receipts
from mailbridge.addresses import Addresses
from mailbridge.case import Case, Fate, is_address, plain_address, sane_id
from mailbridge.decide import Known
from mailbridge.quotes import own_text

QUESTIONS_A_DAY = 10
ANSWERS_A_DAY = 20  # of a kind, to a member who surely wrote: two programs that answer each other come to an end
PASSED_ON_A_DAY = 20  # to all who read them together, of one sender


class Voice:
    """Knows the world for its settings, tokens and clock; the transaction is handed in."""

    def __init__(self, world: World, addresses: Addresses) -> None:
        self._world, self._addresses = world, addresses

    def refuse(self, db: Db, case: Case, refusal: Refusal) -> Fate:
        """One mail to the sender, unless a machine wrote or enough has been said for a day.

        What a stranger wants told to a third party does not travel on by us: without a proof nothing of theirs is quoted.
        """
        to, letter, is_proven = case.sender, case.letter, case.facts.proof != "none"
        if not is_address(to.address) or letter.auto or case.unanswerable:
            return case.ends("refused", str(refusal) + (case.unanswerable and f" (No answer: {case.unanswerable}.)"))
        said, facts = i18n.translations(to.language).gettext, _as_known(case, refusal)
        told = self._is_news(db, case, refusal) and self._answer(
            db,
            case,
            "refused",
            slug=case.slug,
            about=letter.subject if is_proven else "",
            sent_to=plain_address(case.recipient),
            sentence=said(refusal.sentence) % facts,
            instead=said(refusal.instead) % facts,
            quoted=own_text(letter.parts)[:2000].strip() if is_proven else "",
            answers=sane_id(letter.message_id),
            reply_to=case.recipient if case.target.kind == "answer" else "",  # to answer the same question again
        )
        return case.ends(
            "refused", str(refusal) + ("" if told else " (The sender was told earlier today, or too many others were.)")
        )

    def _is_news(self, db: Db, case: Case, refusal: Refusal) -> bool:
        """What was published already is no loss, and who writes it once more is a machine: it is told once."""
        if not isinstance(refusal, SaidAgain):
            return True
        return limits.within(db, [(f"said again by {members.fold(case.sender.address)}", 1, DAY)], self._world.clock())

    def pass_on(self, db: Db, case: Case, to: str) -> str:
        """Every contact person gets it in their own language; answers go straight to who wrote it."""
        letter, author, now = case.letter, case.letter.author, self._world.clock()
        readers = self._readers(db, case, to)
        most = (f"passed on from {untagged(members.fold(author.address))}", PASSED_ON_A_DAY, DAY)
        told = [reader for reader in readers if limits.within(db, [most], now)]
        for reader in told:
            owe_notice(
                db,
                reader,
                "forwarded",
                now,
                what=to,
                slug=case.slug,
                network=case.network.name if case.network else "",
                name=author.name or author.address,
                address=author.address,
                command=_command(author.address, case.slug) if to == "join" else "",
                about=letter.subject,
                quoted=own_text(letter.parts)[:20_000],
                reply_to=author.address
                if is_address(author.address) and not self._addresses.ours(author.address)
                else "",
            )
        if len(told) < len(readers):
            return f"passed on to {len(told)} of {len(readers)}: too many from this sender today; it is kept"
        return f"passed on to {len(told)}" if told else "nobody is there to pass it on to; it is kept"

    def _readers(self, db: Db, case: Case, to: str) -> list[Recipient]:
        """The contact persons; the operator where there is none, and for the operator's own addresses."""
        operator = self._world.settings.operator
        if to != "operator" and case.network is not None:
            rows = networks.contacts_of(db, case.network.id)
            if found := [Recipient(row.address, row.name, row.language, row.id) for row in rows if row.address]:
                return found
        return [Recipient(operator, "", "en")] if operator else []

    def done(self, db: Db, case: Case, what: str, **facts: Any) -> None:
        """That what they asked for has been done. A stranger gets one answer a day, whatever it says."""
        to = case.sender
        if is_address(to.address) and not case.unanswerable:
            said = {"slug": case.slug, "network": case.facts.network, "answers": sane_id(case.letter.message_id)}
            told = {"what": what, "about": "", **said, **facts}
            if to.member_id is None or what == "help":
                self._answer(db, case, "help" if what == "help" else "done", **told)
            else:
                owe_notice(db, to, "done", self._world.clock(), **told)

    def _answer(self, db: Db, case: Case, kind: str, **facts: Any) -> bool:
        """Whether it is owed. A name can be borrowed, and gets one answer a day; who surely wrote is told each time, else what
        they wrote would be gone without a word."""
        to, now = case.sender, self._world.clock()
        if to.member_id is None or not (case.facts.proof != "none" or case.facts.is_holder):
            return owe_answer(db, to, kind, now, **facts)
        to = replace(to, address=members.fold(to.address))
        if owed_lately(db, to.address, kind, now) >= ANSWERS_A_DAY:
            return False
        owe_notice(db, to, kind, now, **facts)
        return True

    def receipt(self, db: Db, case: Case, post: Post) -> None:
        """Where their mail landed, where they want to know or ought to."""
        assert case.author is not None
        why = receipts.why(db, case.letter, case.author, post, was_held=case.was_held)
        if not why or case.unanswerable:
            return
        reach = outbox.mailed_to(db, [post.id]).get(post.id, 0)
        change = self._world.tokens.make("change", post.id, case.author.id)
        owe_notice(
            db,
            case.sender,
            "receipt",
            self._world.clock(),
            why=why,
            slug=case.slug,
            network=case.facts.network,
            about=threads.find_thread(db, post.thread_id).subject,
            url=f"{self._world.settings.base_url}/p/{post.id}",
            change_url=f"{self._world.settings.base_url}/c/{change}",
            landed="chosen" if case.facts.chosen or case.facts.is_chosen_new else post.landed_by,
            reach=reach,
            files=[file.name for file in attachments.of_posts(db, [post.id]).get(post.id, [])],
            folded=receipts.beyond_quotes(case.letter)[:2000] or post.folded[:500],
            is_folded=bool(post.folded),
            reply_to=self._addresses.reply(case.slug, case.author.id, post.id),
            answers=sane_id(case.letter.message_id),
        )

    def ask_where(self, db: Db, case: Case, candidates: Sequence[Known]) -> bool:
        """Numbered as `candidates` stand; the row remembers which they are."""
        assert case.author is not None
        found = [posts.whole(db, known.id) for known in candidates]
        db.get_one(Inbox, case.inbox_id).candidates = [row.id for row in found]
        choices = [{"subject": row.subject, "author": row.author, "excerpt": excerpt(row.text, 120)} for row in found]
        return self.ask(db, case, case.author.id, "which_one", choices=choices)

    def ask(self, db: Db, case: Case, member_id: int, question: str, **more: Any) -> bool:
        """Whether they were asked: anybody can send such mails, so there is an end to the questions."""
        to, now = members.recipient(db, member_id), self._world.clock()
        if not to or owed_lately(db, to.address, question, now) >= QUESTIONS_A_DAY:
            return False
        slug = case.slug or "postmaster"
        link = f"{self._world.settings.base_url}/held/{self._world.tokens.make('held', case.inbox_id)}"
        owe_notice(
            db,
            to,
            question,
            now,
            slug=slug,
            address=case.letter.author.address,
            about=case.letter.subject,
            sent_to=plain_address(case.recipient),
            url=link,
            quoted=excerpt(own_text(case.letter.parts), 300),
            reply_to=self._addresses.answer(slug, case.inbox_id),
            answers=sane_id(case.letter.message_id),
            **more,
        )
        return True


def _as_known(case: Case, refusal: Refusal) -> dict[str, object]:
    """A private network is named by its address to who may not know of it."""
    return {**refusal.facts, "network": case.facts.network} if "network" in refusal.facts else refusal.facts


def _command(address: str, slug: str) -> str:
    """To be copied into a shell, so never with more in it than an ordinary address has, nor one that reads as an option."""
    if not slug or not re.fullmatch(r"[\w.+][\w.+-]*@[\w.-]+", address, re.ASCII):
        return ""
    return f"parvi member add {shlex.quote(address)} --network {shlex.quote(slug)}"
