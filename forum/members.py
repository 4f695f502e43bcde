"""Members: people with a name, a language, an organisation, and one or more addresses."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo, available_timezones

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import bindparam, select, update

from forum.db import Db
from forum.errors import BadAddress, BadChoice, MemberNotFound, NameMissing
from forum.tables import Address, Member, Organisation
from forum.text import one_line
from forum.tokens import hashed

LANGUAGES = ("fi", "sv", "en")
MAX_ADDRESS = 320  # 64 before the @, 255 behind it (RFC 5321 4.5.3.1)


@dataclass(frozen=True)
class Recipient:
    """Where a mail goes and in which language."""

    address: str
    name: str
    language: str
    member_id: int | None = None


def add_member(
    db: Db,
    address: str,
    name: str,
    now: datetime,
    *,
    language: str = "fi",
    organisation: str = "",
    coordinates: bool | None = None,
) -> Member:
    """The member with this address; made when there is none, left as they are when there is (but made a coordinator if so said)."""
    checked = check_address(address)
    if member := by_address(db, checked):
        if coordinates is not None:
            member.coordinates = coordinates
        return member
    member = Member(
        name=check_name(name),
        language=check_language(language),
        created_at=now,
        coordinates=bool(coordinates),
        organisation_id=_organisation(db, organisation),
    )
    db.add(member)
    db.flush()
    db.add(Address(member_id=member.id, address=checked, folded=fold(checked), gets_mail=True, confirmed_at=now))
    db.flush()
    return member


def by_address(db: Db, address: str) -> Member | None:
    """The member who has confirmed this address; case does not count."""
    return db.scalar(_BY_ADDRESS, {"folded": fold(address)})


_BY_ADDRESS = (
    select(Member)
    .join(Address, Address.member_id == Member.id)
    .where(Address.folded == bindparam("folded"), Address.confirmed_at.is_not(None))
)


def find_member(db: Db, address: str) -> Member:
    if member := by_address(db, address):
        return member
    raise MemberNotFound(address=address)


def by_api_token(db: Db, token: str) -> Member | None:
    return db.scalar(select(Member).where(Member.token_hash == hashed(token)))


def set_api_token(db: Db, member: Member, token: str) -> None:
    """The token itself is kept nowhere; a new one makes the old one worthless."""
    member.token_hash = hashed(token)


def recipient(db: Db, member_id: int) -> Recipient | None:
    """Where mail for this member goes; None when no address of theirs gets mail."""
    row = db.execute(
        select(Address.address, Member.name, Member.language)
        .join(Member, Member.id == Address.member_id)
        .where(Address.member_id == member_id, Address.gets_mail)
    ).first()
    return Recipient(row.address, row.name, row.language, member_id) if row else None


def addresses_of(db: Db, member_id: int) -> list[Address]:
    return list(db.scalars(select(Address).where(Address.member_id == member_id).order_by(Address.id)))


def has_address(db: Db, member_id: int, address: str) -> bool:
    return (
        db.scalar(
            select(Address.id).where(
                Address.member_id == member_id, Address.folded == fold(address), Address.confirmed_at.is_not(None)
            )
        )
        is not None
    )


def is_free(db: Db, address: str) -> bool:
    """Whether nobody has this address, nor has begun to say that it is theirs."""
    return db.scalar(select(Address.id).where(Address.folded == fold(address))) is None


def claim(db: Db, member_id: int, address: str, now: datetime) -> bool:
    """One more address from which this member writes; where their mail goes stays as it is. False when it is somebody's."""
    checked = check_address(address)
    if not is_free(db, address) or not is_free(db, checked):
        return False
    # Found again as it was written: mails may name the same domain in letters or in xn--.
    db.add(Address(member_id=member_id, address=checked, folded=fold(address), gets_mail=False, confirmed_at=now))
    db.flush()
    return True


def set_language(db: Db, member: Member, language: str) -> None:
    member.language = check_language(language)


def set_time_zone(db: Db, member: Member, time_zone: str) -> None:
    if time_zone not in available_timezones():
        raise BadChoice(given=time_zone, choices="Europe/Helsinki, Europe/Stockholm, …")
    for name in ("digest_due_at", "away_from", "away_until"):  # hours and days stay the same on their clock
        there = (moment := getattr(member, name)) and moment.astimezone(ZoneInfo(member.time_zone))
        if there and (name == "digest_due_at" or there.time() == time()):  # else the moment they left or came back
            setattr(member, name, there.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC))
    member.time_zone = ZoneInfo(time_zone).key
    db.flush()


def note_visit(db: Db, member_id: int, now: datetime) -> None:
    db.execute(update(Member).where(Member.id == member_id).values(seen_at=now))


def fold(address: str) -> str:
    """Addresses that differ only by case are one; so they are looked up folded, and shown as they were given.

    Not casefold(): that makes straße.example and strasse.example one, which have two owners.
    """
    return address.strip().lower()


def check_address(address: str) -> str:
    """The address, normalised. Only its form is checked: whether it gets mail is found out by writing to it."""
    if len(address) > MAX_ADDRESS:  # the library's checks take long over what goes on and on
        raise BadAddress(address=one_line(address, 100))
    try:
        return validate_email(
            address.strip(), check_deliverability=False, allow_smtputf8=True, test_environment=True
        ).normalized
    except EmailNotValidError:
        raise BadAddress(address=one_line(address, 100)) from None


def check_name(name: str) -> str:
    if checked := one_line(name, 100):
        return checked
    raise NameMissing


def check_language(language: str) -> str:
    if language not in LANGUAGES:
        raise BadChoice(given=language, choices=", ".join(LANGUAGES))
    return language


def _organisation(db: Db, name: str) -> int | None:
    if not (wanted := one_line(name)):
        return None
    if found := db.scalar(select(Organisation.id).where(Organisation.name == wanted)):
        return found
    organisation = Organisation(name=wanted)
    db.add(organisation)
    db.flush()
    return organisation.id
