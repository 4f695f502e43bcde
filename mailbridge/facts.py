"""What the database knows about a letter, its sender and the address it came to: all that deciding needs."""

import hashlib
from datetime import datetime

from forum import absence, members, networks, posts
from forum.db import Db
from forum.i18n import zone
from forum.tables import Inbox, Mail, Member, Network
from forum.world import World
from mailbridge.addresses import Addresses, Target
from mailbridge.arrival import Arrival
from mailbridge.case import Case, identity, is_address
from mailbridge.decide import Facts
from mailbridge.head import Head, split
from mailbridge.held import is_answered_by
from mailbridge.landing import clues, known
from mailbridge.letter import Letter
from mailbridge.proof import denied
from mailbridge.senders import is_owner
from mailbridge.verify import Finding


class FactFinder:
    def __init__(self, world: World, addresses: Addresses) -> None:
        self._world, self._addresses = world, addresses

    def target(self, recipient: str) -> Target:
        return self._addresses.read(recipient) or Target("network", recipient.partition("@")[0])

    def case(self, db: Db, letter: Letter, row: Inbox, mail: Mail, arrival: Arrival, finding: Finding) -> Case:
        target = self.target(row.recipient)
        author = members.by_address(db, letter.author.address) if letter.author.address else None
        head, trusted = split(arrival.raw), self._world.settings.trusted_mta
        is_unproven = not arrival.vouched and finding.proof == "none"  # a named sealer may know better
        is_denied = is_unproven and denied(letter.author.address, head, trusted)
        answered = posts.by_id(db, target.numbers[1]) if target.kind == "reply" else None
        network = db.get(Network, answered.network_id) if answered else networks.by_slug(db, target.slug)
        digest = hashlib.sha256(arrival.raw).hexdigest()
        now, here = self._world.clock(), zone(author.time_zone if author else "UTC")
        question = _question(db, target)
        itself = identity(letter, digest, self._addresses.domain)
        facts = Facts(
            network=self._name(db, network, author),
            owner=self._addresses.word(network.slug, "owner") if network else "",
            member_id=author.id if author else None,
            own_domain=self._addresses.domain,
            today=now.astimezone(here).date(),
            proof=_proof(letter, target, author, arrival, finding, is_denied=is_denied),
            is_expected_back=author is not None and _is_expected_back(author, now),
            doubt=f"dmarc=fail, says {trusted}" if is_denied else finding.because,
            claimant_id=self._claimant(db, letter, target, author, head),
            token_post=known(answered),
            clues=clues(db, self._world, letter, network, author.id if author else None),
            is_holder=target.kind == "answer" and is_answered_by(db, target.numbers[0], author, letter.author.address),
            is_claim=question is not None and question.asked_address is not None,
            choices=tuple(question.candidates or ()) if question else (),
            chosen=known(posts.by_id(db, row.chosen)) if row.chosen else None,
            is_chosen_new=row.chosen == 0,
            is_known=network is not None and posts.by_message_id(db, network.id, [itself]) is not None,
        )
        return Case(
            letter,
            target,
            facts,
            network,
            author,
            row.id,
            mail.id,
            row.recipient,
            mail.received_at,
            digest,
            unanswerable=_unanswerable(arrival, is_denied=is_denied),
            was_held=bool(row.reason),  # it had a fate before: what was tried again counts as well
        )

    def _name(self, db: Db, network: Network | None, author: Member | None) -> str | None:
        """Of a private network others learn no more than what they wrote to."""
        if network is None:
            return None
        return network.name if networks.may_know(db, network, author) else self._addresses.network(network.slug)

    def _claimant(self, db: Db, letter: Letter, target: Target, author: Member | None, head: Head) -> int | None:
        """The member whose personal address this came to, when its From is nobody's, and no address of our own."""
        address = letter.author.address
        if author or target.kind != "reply" or not head.is_by(address):
            return None
        if not is_address(address) or self._addresses.ours(address):
            return None
        return target.numbers[0] if members.is_free(db, address) and members.recipient(db, target.numbers[0]) else None


def _question(db: Db, target: Target) -> Inbox | None:
    """The mail that waits for this answer."""
    row = db.get(Inbox, target.numbers[0]) if target.kind == "answer" else None
    return row if row is not None and row.fate == "held" else None


def _is_expected_back(author: Member, now: datetime) -> bool:
    return author.away_until is not None and not absence.has_ended(author, now)


def _unanswerable(arrival: Arrival, *, is_denied: bool) -> str:
    """An answer would reach somebody who has written nothing, or a machine (RFC 3834 2)."""
    if arrival.by_smtp and not arrival.sender:
        return "its envelope has no sender"
    return "its From is forged" if is_denied else ""


def _proof(
    letter: Letter, target: Target, author: Member | None, arrival: Arrival, finding: Finding, *, is_denied: bool
) -> str:
    """A reply address may have been passed on: it proves nothing against what our own server found out."""
    if arrival.vouched:
        return "dmarc"
    if is_denied:
        return "none"
    if author and is_owner(target, author.id) and split(arrival.raw).is_by(letter.author.address):
        return "token"
    return finding.proof
