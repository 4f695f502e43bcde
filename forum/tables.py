"""The whole schema, data only. Times are UTC; there are no relationships: every join is written where it is needed."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    ExecutableDDLElement,
    ForeignKey,
    Index,
    MetaData,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from forum.columns import Number, UtcDateTime, index_of_mailed, index_of_some


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: Number, datetime: UtcDateTime, dict[str, Any]: JSON, list[int]: JSON}  # noqa: RUF012


class Organisation(Table):
    __tablename__ = "organisations"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Network(Table):
    __tablename__ = "networks"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    purpose: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="theme")
    language: Mapped[str] = mapped_column(default="fi")
    region: Mapped[str | None]
    visibility: Mapped[str] = mapped_column(default="members")
    posting: Mapped[str] = mapped_column(default="members")
    state: Mapped[str] = mapped_column(default="active")
    tags_subjects: Mapped[bool] = mapped_column(default=True)  # whether mails carry [slug]
    created_at: Mapped[datetime]
    last_post_at: Mapped[datetime | None]
    copies_since_id: Mapped[int] = mapped_column(default=0, server_default="0")  # the lowest of its memberships
    full_until: Mapped[datetime | None]  # likewise the earliest


class Member(Table):
    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(default="fi")
    time_zone: Mapped[str] = mapped_column(default="Europe/Helsinki")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    coordinates: Mapped[bool] = mapped_column(default=False)
    token_hash: Mapped[str | None] = mapped_column(unique=True)  # of the API token
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    digest_due_at: Mapped[datetime | None]  # when their next digest is; empty for who gets none
    receipts: Mapped[bool] = mapped_column(default=False, server_default=false())  # for each mail, not only when needed
    away_from: Mapped[datetime | None]  # no mail from here on until `away_until`; both or neither
    away_until: Mapped[datetime | None]
    __table_args__ = (
        index_of_some("ix_members_digest_due_at", "digest_due_at", where="digest_due_at IS NOT NULL"),
        index_of_some("ix_members_away_until", "away_until", where="away_until IS NOT NULL"),
    )


class Address(Table):
    """Where a member gets mail and from where they may write. The first one (lowest id) that is confirmed gets the mail."""

    __tablename__ = "addresses"
    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    address: Mapped[str]
    folded: Mapped[str] = mapped_column(unique=True)
    gets_mail: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None]
    bounce_points: Mapped[int] = mapped_column(default=0, server_default="0")
    bounce_status: Mapped[str | None]  # the worst one of the day of `bounced_at`
    bounced_at: Mapped[datetime | None]  # the last one that counted
    probed_at: Mapped[datetime | None]  # while it is waited for whether the probe comes back
    paused_at: Mapped[datetime | None]  # since then no posts and digests go there
    __table_args__ = (
        index_of_some("ix_addresses_bounced_at", "bounced_at", where="bounced_at IS NOT NULL"),
        Index(
            "ix_addresses_getting_mail",
            "member_id",
            unique=True,
            sqlite_where=text("gets_mail"),
            postgresql_where=text("gets_mail"),
        ),
        Index("ix_addresses_member_id", "member_id"),
    )


class Membership(Table):
    __tablename__ = "memberships"
    network_id: Mapped[int] = mapped_column(ForeignKey("networks.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(default="member")
    mode: Mapped[str] = mapped_column(default="each")
    digested_id: Mapped[int] = mapped_column(default=0)  # the last post that digests of this membership have covered
    joined_at: Mapped[datetime]
    after_id: Mapped[
        int | None
    ]  # the network's newest post when `mode` was chosen: it holds for later ones; see history.py
    copies_since_id: Mapped[int] = mapped_column(default=0, server_default="0")  # see daily_cap.py
    full_until: Mapped[datetime | None]  # until then posts are owed to them in a digest


class PastMembership(Table):
    """A mode that held for the network's posts after one and until another, where there were any between."""

    __tablename__ = "past_memberships"
    network_id: Mapped[int] = mapped_column(ForeignKey("networks.id"), primary_key=True)
    until_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    after_id: Mapped[int]
    mode: Mapped[str]
    left_at: Mapped[datetime | None]  # where it ended because they left the network
    digested_id: Mapped[int | None]  # likewise: the last post that digests had covered then


class PastAbsence(Table):
    __tablename__ = "past_absences"
    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    away_from: Mapped[datetime]
    away_until: Mapped[datetime]
    __table_args__ = (Index("ix_past_absences_member_id", "member_id", "away_until"),)


class Thread(Table):
    __tablename__ = "threads"
    id: Mapped[int] = mapped_column(primary_key=True)
    network_id: Mapped[int] = mapped_column(ForeignKey("networks.id"))
    subject: Mapped[str]
    started_at: Mapped[datetime]
    last_post_at: Mapped[datetime]
    posts: Mapped[int] = mapped_column(default=0)
    locked_at: Mapped[datetime | None]
    moved_to_id: Mapped[int | None] = mapped_column(ForeignKey("threads.id"))  # all its posts went there; links lead on
    changes: Mapped[int] = mapped_column(default=0, server_default="0")  # how often posts were moved or unfolded in it
    __table_args__ = (Index("ix_threads_newest", "network_id", "last_post_at", "id"),)


class Post(Table):
    """`text` is what is shown, `folded` the quotes and signatures that are not; the raw mail, if there was one, stays in `mails`."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    network_id: Mapped[int] = mapped_column(ForeignKey("networks.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"))
    number: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    sent_at: Mapped[datetime]
    language: Mapped[str]
    came_by: Mapped[str]
    message_id: Mapped[str]
    form_key: Mapped[str | None] = mapped_column(unique=True)  # a double click carries the same one
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("mails.id"))
    landed_by: Mapped[str | None]  # token, reference, thread-index, marker, subject, new; moved: by hand
    landed_because: Mapped[str] = mapped_column(default="")
    conversation: Mapped[str | None]  # of Outlook's Thread-Index, hex
    awaits: Mapped[str | None]  # the Message-ID it answers, while that has not arrived
    mails: Mapped[bool] = mapped_column(default=True)  # an import owes nobody a mail, nor a place in a digest
    accepted_at: Mapped[datetime | None]  # when it came here; empty before version 0003
    came_in_id: Mapped[int | None]  # the thread in which it came, once it has been moved to another
    text: Mapped[str]
    folded: Mapped[str] = mapped_column(default="")
    html: Mapped[str]
    folded_html: Mapped[str] = mapped_column(default="")
    whole_text: Mapped[str] = mapped_column(default="")  # with what is folded in its place; "" where nothing is
    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        UniqueConstraint("network_id", "message_id"),
        Index("ix_posts_newest", "network_id", "sent_at", "id"),
        Index("ix_posts_network_id", "network_id", "id"),
        Index("ix_posts_message_id", "message_id"),
        Index("ix_posts_author_id", "author_id", "sent_at"),
        index_of_some("ix_posts_conversation", "network_id", "conversation", where="conversation IS NOT NULL"),
        index_of_some("ix_posts_awaits", "network_id", "awaits", where="awaits IS NOT NULL"),
        index_of_mailed("ix_posts_mailed", "network_id", "accepted_at"),
    )


class Attachment(Table):
    """A file of a post; its bytes lie in `files` under their SHA-256."""

    __tablename__ = "attachments"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), index=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    digest: Mapped[str]
    content_id: Mapped[str | None]


class Subscription(Table):
    """A member follows or mutes one thread, whatever the network's mode says."""

    __tablename__ = "subscriptions"
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True, index=True)
    muted: Mapped[bool] = mapped_column(default=False)
    since: Mapped[datetime]
    after_id: Mapped[int | None]  # as of a membership


class PastSubscription(Table):
    """As a past membership, of a choice for a thread."""

    __tablename__ = "past_subscriptions"
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True)
    until_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    after_id: Mapped[int]
    muted: Mapped[bool]


class Mail(Table):
    """A mail as it came, kept whole: `forum/mails.py` says where its bytes are."""

    __tablename__ = "mails"
    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    envelope_from: Mapped[str]
    peer: Mapped[str]
    vouched: Mapped[bool] = mapped_column(default=False)  # `parvi mail inject --trusted`
    raw: Mapped[bytes] = mapped_column(deferred=True)  # empty once they have moved to the files
    digest: Mapped[str | None]  # by which they are found there
    __table_args__ = (index_of_some("ix_mails_here", "received_at", where="digest IS NULL"),)


class Inbox(Table):
    """What becomes of a mail at one of its recipients: `fate` is empty until it is worked through, then exactly one."""

    __tablename__ = "inbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    mail_id: Mapped[int] = mapped_column(ForeignKey("mails.id"), index=True)
    recipient: Mapped[str]
    due_at: Mapped[datetime]  # a claim moves it on by the lease
    tries: Mapped[int] = mapped_column(default=0)
    fate: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    worked_at: Mapped[datetime | None]
    network_id: Mapped[int | None] = mapped_column(ForeignKey("networks.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
    candidates: Mapped[list[int] | None]  # posts it may answer, while its author is asked which
    chosen: Mapped[int | None]  # what they said: a post, or 0 for a new thread
    asked_address: Mapped[str | None]  # while its member is asked whether this is theirs: the one that a yes claims
    __table_args__ = (
        index_of_some("ix_inbox_due", "due_at", where="fate IS NULL"),
        Index("ix_inbox_fate", "fate", "id"),
    )


class Notice(Table):
    """A mail that is not a post: a code, a refusal, a question. `facts` are what its template needs."""

    __tablename__ = "notices"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    address: Mapped[str]
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    language: Mapped[str]
    owed_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]
    __table_args__ = (Index("ix_notices_address_kind", "address", "kind", "owed_at"),)


class Outbox(Table):
    """One row per mail owed: a post to a member, or a notice. `done_at` is empty until it is settled; then `outcome` says how."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notices.id"), unique=True)
    due_at: Mapped[datetime]  # a claim moves it on by the lease; a deferral by the back-off
    claim: Mapped[str | None]  # whose claim; a record by anyone else does not count
    tries: Mapped[int] = mapped_column(server_default="0", default=0)
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]  # sent, refused, bounced; left: they have left the network; those of daily_cap.py
    answer: Mapped[str | None]  # what the peer said
    __table_args__ = (
        UniqueConstraint("post_id", "member_id"),
        index_of_some("ix_outbox_due", "due_at", "id", where="done_at IS NULL"),
        index_of_some("ix_outbox_notices_due", "due_at", "id", where="done_at IS NULL AND notice_id IS NOT NULL"),
        index_of_some("ix_outbox_deferred", "id", where="done_at IS NULL AND answer IS NOT NULL"),
        index_of_some("ix_outbox_digest", "member_id", "done_at", where="outcome = 'digest'"),
    )


class Session(Table):
    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInCode(Table):
    __tablename__ = "sign_in_codes"
    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)
    code_hash: Mapped[str]
    sent_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class Attempt(Table):
    """One try of something that is limited: `key` says what and by whom, hashed."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    tried_at: Mapped[datetime]
    __table_args__ = (Index("ix_attempts_key_tried_at", "key", "tried_at"),)


class Tally(Table):
    """How often something came to its end, ever, and when last: counted where it happens, so that nothing is counted over."""

    __tablename__ = "tallies"
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    at: Mapped[datetime]


class Pace(Table):
    """How many copies have gone in a window of time; only where the relay counts them."""

    __tablename__ = "pace"
    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    used: Mapped[int]


class Alarm(Table):
    """A kind of trouble that the operator has been told about."""

    __tablename__ = "alarms"
    kind: Mapped[str] = mapped_column(primary_key=True)
    told_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # when it was last so
    well_at: Mapped[datetime | None]  # when they were told that it is over


class Schema(Table):
    """One row, written by `parvi migrate`."""

    __tablename__ = "schema"
    bears: Mapped[str] = mapped_column(primary_key=True)  # the oldest program that can live with it, by its version


# PostgreSQL tells who listens that something has come, when it is committed: see bell.py. A thread's row changes with
# each of its posts.

RUNG = {"outbox": "INSERT", "inbox": "INSERT", "threads": "UPDATE"}


def channel(table: str) -> str:
    return f"parvi_{table}"


def _on_postgresql(statement: str) -> ExecutableDDLElement:
    return DDL(statement).execute_if(dialect="postgresql")  # type: ignore[no-untyped-call]


_RING = """CREATE OR REPLACE FUNCTION parvi_ring() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('parvi_' || TG_TABLE_NAME, ''); RETURN NULL; END $$"""
event.listen(Table.metadata, "before_create", _on_postgresql(_RING))
for _table, _act in RUNG.items():
    _rings = f"CREATE TRIGGER ring AFTER {_act} ON {_table} FOR EACH STATEMENT EXECUTE FUNCTION parvi_ring()"
    event.listen(Table.metadata.tables[_table], "after_create", _on_postgresql(_rings))
