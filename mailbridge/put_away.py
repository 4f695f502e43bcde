"""Mails that came to an end long ago: their bytes move from the database to the files, so that it stays small."""

from datetime import timedelta

from forum import mails
from forum.world import World

TOGETHER = 20  # in one transaction


def put_some_away(world: World) -> int:
    """The oldest; answers how many. Bytes are kept before it is noted: whoever dies in between leaves them in both places,
    and the next time finds them kept."""
    if not world.settings.raw_days:
        return 0
    before = world.clock() - timedelta(days=world.settings.raw_days)
    with world.database.reading() as db:
        old = mails.in_old(db, before, TOGETHER)
    digests = {mail_id: _kept(world, mail_id) for mail_id in old}
    if digests:
        with world.database.transaction() as db:
            mails.note_moved(db, digests)
    return len(digests)


def _kept(world: World, mail_id: int) -> str:
    """One at a time in memory: some are large."""
    with world.database.reading() as db:
        raw = mails.here(db, mail_id)
    return mails.keep(world.files, raw)
