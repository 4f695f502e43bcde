"""Signing in by a mailed code: six digits, once, for fifteen minutes. And the sessions that follow."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from forum import limits, members
from forum.db import Db
from forum.errors import CodeWrong, TooManyCodes, TooManyTries
from forum.limits import DAY, HOUR
from forum.notices import owe_notice
from forum.tables import Attempt, Member, Session, SignInCode
from forum.tokens import hashed

CODE_LIVES = timedelta(minutes=15)
SESSION_LIVES = timedelta(days=60)
CODES_AN_HOUR, CODES_PER_ADDRESS_BLOCK, TRIES_PER_CODE, TRIES_PER_ADDRESS_BLOCK = 5, 60, 5, 60
TRIES_A_DAY = 50  # of one member's codes, from wherever: five new codes an hour with five tries each would be 600


def send_code(db: Db, address: str, peer: str, now: datetime, random: Callable[[int], bytes]) -> None:
    """Mails a code if this is a member's address. The answer is the same when it is not: nobody learns who is a member.

    It goes where the member's mail goes, whichever of their addresses was given: one claimed by mail proves less.
    """
    checked = members.check_address(address)
    check_rate(db, f"code from {peer}", CODES_PER_ADDRESS_BLOCK, now, TooManyCodes)
    check_rate(db, f"code to {members.fold(checked)}", CODES_AN_HOUR, now, TooManyCodes)
    member = members.by_address(db, checked)
    to = member and members.recipient(db, member.id)
    if not member or not to:
        return
    code = f"{int.from_bytes(random(8)) % 1_000_000:06}"
    db.add(SignInCode(member_id=member.id, code_hash=_code_hash(member.id, code), sent_at=now))
    owe_notice(db, to, "code", now, code=code)


def enter(db: Db, address: str, code: str, now: datetime, random: Callable[[int], bytes]) -> str:
    """A session's token for the right code; CodeWrong otherwise. `note_wrong_try` counts a wrong one, in a transaction of its own."""
    member = members.by_address(db, address)
    if limits.times(db, _guess(member, address), DAY, now) >= TRIES_A_DAY:
        raise TooManyTries
    found = member and _live_code(db, member.id, now)
    digits = "".join(c for c in code if c.isdigit())
    if not member or not found or not hmac.compare_digest(found.code_hash, _code_hash(member.id, digits)):
        raise CodeWrong
    found.used_at = now
    return open_session(db, member, now, random)


def check_tries(db: Db, peer: str, now: datetime) -> None:
    """Before a code is looked at: whoever has tried too often may not go on, not even with the right one."""
    if limits.times(db, f"try from {peer}", HOUR, now) >= TRIES_PER_ADDRESS_BLOCK:
        raise TooManyTries


def note_wrong_try(db: Db, address: str, peer: str, now: datetime) -> None:
    """After five a code is dead: a million codes cannot be tried. And nobody can try many members' codes from one place."""
    check_rate(db, f"try from {peer}", TRIES_PER_ADDRESS_BLOCK, now, TooManyTries)
    member = members.by_address(db, address)
    check_rate(db, _guess(member, address), TRIES_A_DAY, now, TooManyTries, DAY)
    if member and (found := _live_code(db, member.id, now)):
        found.tries += 1


def open_session(db: Db, member: Member, now: datetime, random: Callable[[int], bytes]) -> str:
    token = random(32).hex()
    db.add(Session(token_hash=hashed(token), member_id=member.id, opened_at=now, expires_at=now + SESSION_LIVES))
    return token


def by_session(db: Db, token: str, now: datetime) -> Member | None:
    return db.scalar(
        select(Member)
        .join(Session, Session.member_id == Member.id)
        .where(Session.token_hash == hashed(token), Session.expires_at > now)
    )


def close_session(db: Db, token: str) -> None:
    db.execute(delete(Session).where(Session.token_hash == hashed(token)))


def sign_out_everywhere(db: Db, member: Member, now: datetime) -> None:
    db.execute(update(Session).where(Session.member_id == member.id).values(expires_at=now))


def sweep(db: Db, now: datetime) -> None:
    """Forget what has run out."""
    db.execute(delete(Session).where(Session.expires_at < now))
    db.execute(delete(SignInCode).where(SignInCode.sent_at < now - timedelta(days=1)))
    db.execute(delete(Attempt).where(Attempt.tried_at < now - DAY))


def check_rate(
    db: Db,
    what: str,
    limit: int,
    now: datetime,
    refusal: type[TooManyCodes | TooManyTries],
    span: timedelta = HOUR,
) -> None:
    """Counts one try of `what`; raises when there were `limit` within `span`."""
    if not limits.within(db, [(what, limit, span)], now):
        raise refusal


def _guess(member: Member | None, address: str) -> str:
    """What is counted against a member, by whichever address; and against nobody's address alike, lest the limit tell whose
    is a member's."""
    return f"guess at member {member.id}" if member else f"guess at {members.fold(address)}"


def _live_code(db: Db, member_id: int, now: datetime) -> SignInCode | None:
    """The newest one, if it can still be used; older ones died when it was sent."""
    newest = db.scalar(
        select(SignInCode)
        .where(SignInCode.member_id == member_id)
        .order_by(SignInCode.id.desc())
        .limit(1)
        .with_for_update()
    )
    live = newest and newest.used_at is None and newest.tries < TRIES_PER_CODE and newest.sent_at > now - CODE_LIVES
    return newest if live else None


def _code_hash(member_id: int, code: str) -> str:
    return hashed(f"{member_id} {code}")
