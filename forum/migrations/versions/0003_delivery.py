"""Delivery: where the bytes of a mail are, who hears of what has come, and which programs can live with the schema."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
bears = "0002"  # the oldest program that can live with this schema


def upgrade() -> None:
    op.add_column("mails", sa.Column("digest", sa.String(), nullable=True))
    op.create_index(
        "ix_mails_here",
        "mails",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("digest IS NULL"),
        postgresql_where=sa.text("digest IS NULL"),
    )
    op.create_table(
        "schema",
        sa.Column("bears", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bears", name=op.f("pk_schema")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """CREATE OR REPLACE FUNCTION parvi_ring() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_notify('parvi_' || TG_TABLE_NAME, ''); RETURN NULL; END $$"""
        )
        for table, act in (("outbox", "INSERT"), ("inbox", "INSERT"), ("threads", "UPDATE")):
            op.execute(f"CREATE TRIGGER ring AFTER {act} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION parvi_ring()")
    _keep_history()
    _keep_watch()
    _keep_cap()
    _keep_pace()


def _keep_history() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for table in ("memberships", "subscriptions"):
        op.add_column(table, sa.Column("after_id", number, nullable=True))
    op.add_column("posts", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("posts", sa.Column("came_in_id", number, nullable=True))
    op.create_table(
        "past_memberships",
        sa.Column("network_id", number, nullable=False),
        sa.Column("until_id", number, nullable=False, autoincrement=False),
        sa.Column("member_id", number, nullable=False),
        sa.Column("after_id", number, nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digested_id", number, nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_past_memberships_network_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_past_memberships_member_id")),
        sa.PrimaryKeyConstraint("network_id", "until_id", "member_id", name=op.f("pk_past_memberships")),
    )
    op.create_table(
        "past_subscriptions",
        sa.Column("thread_id", number, nullable=False),
        sa.Column("member_id", number, nullable=False),
        sa.Column("until_id", number, nullable=False, autoincrement=False),
        sa.Column("after_id", number, nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_past_subscriptions_thread_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_past_subscriptions_member_id")),
        sa.PrimaryKeyConstraint("thread_id", "member_id", "until_id", name=op.f("pk_past_subscriptions")),
    )
    op.create_table(
        "past_absences",
        sa.Column("id", number, nullable=False),
        sa.Column("member_id", number, nullable=False),
        sa.Column("away_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("away_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_past_absences_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_absences")),
    )
    op.create_index("ix_past_absences_member_id", "past_absences", ["member_id", "away_until"], unique=False)


def _keep_watch() -> None:
    op.create_index(
        "ix_outbox_deferred",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL AND answer IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NULL AND answer IS NOT NULL"),
    )
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tallies")),
    )
    op.create_table(
        "alarms",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("well_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_alarms")),
    )


def _keep_cap() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for table in ("networks", "memberships"):
        op.add_column(table, sa.Column("copies_since_id", number, server_default="0", nullable=False))
        op.add_column(table, sa.Column("full_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_posts_mailed",
        "posts",
        ["network_id", "accepted_at"],
        unique=False,
        sqlite_where=sa.text("mails = 1 AND accepted_at IS NOT NULL"),
        postgresql_where=sa.text("mails AND accepted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_digest",
        "outbox",
        ["member_id", "done_at"],
        unique=False,
        sqlite_where=sa.text("outcome = 'digest'"),
        postgresql_where=sa.text("outcome = 'digest'"),
    )


def _keep_pace() -> None:
    op.create_index(
        "ix_outbox_notices_due",
        "outbox",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL AND notice_id IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NULL AND notice_id IS NOT NULL"),
    )
    op.create_table(
        "pace",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )
