"""Who a mail is from, as far as that can be proved: found out before the transaction, since it may ask the network."""

from forum import members
from forum.world import World
from mailbridge.addresses import Target
from mailbridge.arrival import Arrival
from mailbridge.head import split
from mailbridge.letter import Letter
from mailbridge.proof import vouched
from mailbridge.resolver import Resolver
from mailbridge.verify import Finding, verify

NEEDS_PROOF = frozenset({"network", "reply", "leave"})
NOTHING = Finding("none", "")


class Senders:
    """One for each process: it remembers what DNS said."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._resolver = Resolver(world.settings.dns)

    def look_at(self, letter: Letter, arrival: Arrival, target: Target) -> Finding:
        """What our front mail server found, else what we find; nothing where it changes nothing."""
        if arrival.vouched or letter.auto or letter.is_bounce or target.kind not in NEEDS_PROOF:
            return NOTHING
        settings, author = self._world.settings, letter.author.address
        proof = vouched(author, split(arrival.raw), settings.trusted_mta, settings.sealers)
        if proof != "none":
            return Finding(proof, f"by {settings.trusted_mta}")
        if not settings.checks_senders or not self._is_in_question(author, target):
            return NOTHING
        return verify(arrival.raw, arrival.peer, arrival.sender, author, self._resolver, sealers=settings.sealers)

    def _is_in_question(self, author: str, target: Target) -> bool:
        """Nobody's name server is asked for a stranger's sake, nor where the address the mail came to proves enough."""
        with self._world.database.reading() as db:
            member = members.by_address(db, author) if author else None
        return member is not None and not is_owner(target, member.id)


def is_owner(target: Target, member_id: int) -> bool:
    """Whether it came to this member's own personal reply address."""
    return target.kind == "reply" and target.numbers[0] == member_id
