"""What the tables are made of: times, numbers, and indexes that both databases understand."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Index, Integer, TypeDecorator, text


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases: SQLite drops the zone, so it is put back; a naive one is a bug and raises."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


Number = BigInteger().with_variant(Integer, "sqlite")  # a copy for each reader of each post: they will be many


def index_of_some(name: str, *columns: str, where: str) -> Index:
    """Over the few rows that matter, so that the many cost nothing."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def index_of_mailed(name: str, *columns: str) -> Index:
    """Over posts that somebody may have been owed, and not over those before version 0003; SQLite has no booleans."""
    where = "mails{} AND accepted_at IS NOT NULL"
    return Index(name, *columns, sqlite_where=text(where.format(" = 1")), postgresql_where=text(where.format("")))
