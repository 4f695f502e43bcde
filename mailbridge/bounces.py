"""Mails that say that a mail did not arrive: RFC 3464 first, then what servers write instead."""

from mailbridge.letter import Bounced
from mailbridge.read.mime import Entity


def bounced(mail: Entity) -> tuple[Bounced, ...]:
    return ()


def is_bounce(mail: Entity) -> bool:
    return False


def is_complaint(mail: Entity) -> bool:
    return False
