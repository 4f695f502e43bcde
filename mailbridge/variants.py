"""What mails are written from: loaded and rendered once for each post and language, while a batch is under way."""

from forum import attachments, posts
from forum.db import Db
from forum.members import Recipient
from forum.tables import Network, Notice, Post
from forum.world import World
from mailbridge import digests
from mailbridge.digests import Digest, Item
from mailbridge.thread_index import thread_index
from mailbridge.write import Enclosure, PostMail, Rendered, Writer

MOST = 30_000_000  # octets of bodies and files that are held at once


class Variants:
    """Each post once for each language, kept while a batch is written."""

    def __init__(self, world: World, writer: Writer, db: Db) -> None:
        self._world, self._writer, self._db = world, writer, db
        self._mails: dict[int, PostMail] = {}
        self._rendered: dict[tuple[int, str], Rendered] = {}
        self._networks: dict[int, int] = {}
        self._items: dict[tuple[int, int], Item] = {}
        self._held = 0  # octets

    def have_room(self, post_id: int | None, language: str) -> bool:
        """Whether another mail may be written: one that takes no room beside those that are here, or any while there is some."""
        return self._held < MOST or (post_id, language) in self._rendered

    def of_post(self, post_id: int, to: Recipient) -> tuple[Rendered, list[bytes]]:
        """The variant this reader gets, and the headers that are only theirs."""
        mail = self._mails.get(post_id) or self._load(post_id)
        key = (post_id, to.language)
        if key not in self._rendered:
            self._rendered[key] = self._hold(self._writer.post(mail, to.language))
        unsubscribe = self._world.tokens.make("unsubscribe", self._networks[post_id], to.member_id or 0)
        return self._rendered[key], self._writer.personal(to, mail.slug, mail.post_id, unsubscribe)

    def of_notice(self, notice_id: int, to: Recipient) -> tuple[Rendered, list[bytes]]:
        notice = self._db.get_one(Notice, notice_id)
        message_id = f"<notice-{notice.id}@{self._world.settings.mail_domain}>"
        if notice.kind == "digest":
            rendered = self._writer.digest(self._digest(notice, to), to, message_id, notice.owed_at)
        else:
            rendered = self._writer.notice(notice.kind, notice.facts, to, message_id, notice.owed_at)
        return self._hold(rendered), self._writer.to(to)

    def _hold(self, rendered: Rendered) -> Rendered:
        self._held += len(rendered.body)
        return rendered

    def _digest(self, notice: Notice, to: Recipient) -> Digest:
        """Its posts as they are worded now; each is loaded and cut once, whoever else gets it in theirs."""
        post_ids = notice.facts["posts"]
        room = digests.room(len(post_ids))
        self._load_items([post_id for post_id in post_ids if (post_id, room) not in self._items], room)
        items = [self._items[post_id, room] for post_id in post_ids if (post_id, room) in self._items]
        sections = digests.sections(items)
        stops = {
            part.slug: self._world.tokens.make("unsubscribe", part.network_id, to.member_id or 0) for part in sections
        }
        facts = notice.facts
        cap = self._world.settings.daily_cap if facts.get("is_over_cap") else 0
        return Digest(sections, stops, facts["more"], facts["time_zone"], facts.get("is_back", False), cap)

    def _load_items(self, post_ids: list[int], room: int) -> None:
        files = attachments.of_posts(self._db, post_ids)
        for row in posts.in_list(self._db, post_ids):
            self._items[row.id, room] = digests.item(row, [file.name for file in files.get(row.id, [])], room)

    def _load(self, post_id: int) -> PostMail:
        row = posts.whole(self._db, post_id)
        network = self._db.get_one(Network, row.network_id)
        mail = PostMail(
            post_id,
            row.slug,
            row.network,
            network.tags_subjects,
            row.subject,
            row.number,
            row.author,
            row.organisation or "",
            row.language,
            row.sent_at,
            row.text,
            row.html,
            row.message_id,
            posts.ancestors(self._db, self._db.get_one(Post, post_id)),
            thread_index(self._world.tokens, row.thread_id),
            self._enclosures(post_id),
        )
        self._mails[post_id], self._networks[post_id] = mail, row.network_id
        self._held += sum(len(each.data) for each in mail.enclosures if each.data)
        return mail

    def _enclosures(self, post_id: int) -> list[Enclosure]:
        """All go along if their sum is within the limit; else all are links, so that nobody wonders which came."""
        files = attachments.of_posts(self._db, [post_id]).get(post_id, [])
        along = sum(file.size for file in files) <= self._world.settings.attach_limit_mb * 1_000_000
        return [
            Enclosure(
                file.name,
                file.media_type,
                file.size,
                f"{self._world.settings.base_url}/a/{file.id}",
                file.content_id,
                self._world.files.read(file.digest) if along else None,
            )
            for file in files
        ]
