"""Mails as they came. Their bytes are in the database while they may be worked through again, and later in the files."""

import gzip
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO

from sqlalchemy import LargeBinary, exists, func, or_, select, update

from forum.db import Db
from forum.files import Files
from forum.tables import Inbox, Mail

PIECE = 1_000_000  # a driver keeps as much memory as its largest answer ever took, and twice that for hexadecimals
BEGIN = func.substr(Mail.raw, 1, PIECE, type_=LargeBinary).label("begin")  # for who looks at several: all of most mails


def raw(db: Db, mail: Mail, files: Files) -> bytes:
    """The mail byte for byte, wherever it is. Raises FilesAway."""
    return whole(mail, here(db, mail.id), files)


def here(db: Db, mail_id: int, begin: bytes | None = None) -> bytes:
    """What the database has of it; `begin` is what is known already."""
    some = piece(db, mail_id, 0) if begin is None else begin
    if len(some) < PIECE:
        return some
    found = BytesIO()
    while some:
        found.write(some)
        some = piece(db, mail_id, found.tell())
    return found.getvalue()


def piece(db: Db, mail_id: int, at: int) -> bytes:
    some = func.substr(Mail.raw, at + 1, PIECE, type_=LargeBinary)
    return bytes(db.scalars(select(some).where(Mail.id == mail_id)).one() or b"")  # of none SQLite finds NULL


def whole(mail: Mail, here: bytes, files: Files) -> bytes:
    """For who has let go of the database: the files may be slow."""
    return here if mail.digest is None else gzip.decompress(files.read(mail.digest))


def in_old(db: Db, before: datetime, limit: int) -> list[int]:
    """Those still in the database that came to an end everywhere before then. Held and failed mails may go on."""
    goes_on = or_(Inbox.fate.is_(None), Inbox.fate.in_(("held", "failed")), Inbox.worked_at >= before)
    ended = ~exists().where(Inbox.mail_id == Mail.id, goes_on)
    here = select(Mail.id).where(Mail.digest.is_(None), Mail.received_at < before, ended)
    return list(db.scalars(here.order_by(Mail.received_at).limit(limit)))


def keep(files: Files, raw: bytes) -> str:
    """As gzip, the same each time: half of a letter's size, three quarters of an attachment's."""
    return files.keep(gzip.compress(raw, 6, mtime=0))


def note_moved(db: Db, digests: Mapping[int, str]) -> None:
    """Once their bytes are kept: here they are forgotten."""
    for mail_id, digest in digests.items():
        here = update(Mail).where(Mail.id == mail_id, Mail.digest.is_(None))
        db.execute(here.values(digest=digest, raw=b"").execution_options(synchronize_session=False))
