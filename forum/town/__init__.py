"""The demo town: 60 networks, 1,300 members and what they wrote. The same town every time, up to the day it is built."""

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from forum import members, memberships, networks, posts
from forum.db import Db
from forum.tables import Member, Network
from forum.text import words_of
from forum.world import World

HERE = Path(__file__).parent
MEMBERS = 1300
BUSIEST = {"viestijat": 275, "toiminnanjohtajat": 190, "verkostojohtajat": 110, "pienet-jarjestot": 150}
REGIONAL_POSTS = 62
PAUSES = (6, 17, 38, 52, 95, 140, 300, 1200, 1500, 2900)  # minutes until somebody answers
YEARS = timedelta(days=730)
MODES = ("each",) * 13 + ("daily",) * 3 + ("weekly",) * 2 + ("none",) * 2
PUBLIC = frozenset({"viestijat", "saavutettavuus", "digituki", "international", "aldre", "lappi"})


@dataclass(frozen=True)
class Line:
    """A post as it is written in the files: whose letter, in which language."""

    letter: str
    language: str
    text: str


@dataclass
class Conversation:
    subject: str
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A network as it is written in the files."""

    slug: str
    name: str
    kind: str
    language: str
    purpose: str
    conversations: Sequence[Conversation]
    region: str | None = None


def build(world: World, progress: Callable[[int, int], None]) -> None:
    """Founds the town in an empty database. `progress` hears how many networks of how many are done."""
    chance, places = random.Random(7), read_places()  # noqa: S311  nothing here is a secret
    with world.database.transaction() as db:
        people = _people(db, chance, world.clock())
    for number, place in enumerate(places):
        with world.database.transaction() as db:
            _settle(db, world, place, people, people[number :: len(places)], chance)
        progress(number + 1, len(places))


def read_places() -> list[Place]:
    written = [_place(file) for file in sorted((HERE / "threads").glob("*.txt"))]
    return written + list(_regions())


def _regions() -> Iterator[Place]:
    """Each region talks about some of the common subjects, in its own places."""
    pool = _conversations((HERE / "regional.txt").read_text(encoding="utf-8"))
    table = tomllib.loads((HERE / "regions.toml").read_text(encoding="utf-8"))
    for slug, facts in table.items():
        chance = random.Random(slug)  # noqa: S311
        chosen: list[Conversation] = []
        count = 0
        for conversation in chance.sample(pool, len(pool)):
            if count < REGIONAL_POSTS:
                where = facts["places"][len(chosen) % len(facts["places"])]
                lines = [replace(line, text=_put(line.text, where)) for line in conversation.lines]
                chosen.append(Conversation(_put(conversation.subject, where), lines))
                count += len(lines)
        yield Place(slug, facts["name"], "region", facts["language"], facts["purpose"], chosen, facts["region"])


def _put(text: str, where: str) -> str:
    return text.replace("{place}", where)


def _place(file: Path) -> Place:
    head, _, rest = file.read_text(encoding="utf-8").partition("\n== ")
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    region = facts["name"] if facts["kind"] == "region" else None
    return Place(
        file.stem,
        facts["name"],
        facts["kind"],
        facts["language"],
        facts["purpose"],
        _conversations("== " + rest),
        region,
    )


def _conversations(text: str) -> list[Conversation]:
    found: list[Conversation] = []
    for block in ("\n" + text).split("\n== ")[1:]:
        subject, _, rest = block.partition("\n")
        conversation = Conversation(subject.strip())
        for post in ("\n" + rest).split("\n-- ")[1:]:
            head, _, body = post.partition("\n")
            letter, language = head.split()
            conversation.lines.append(Line(letter, language, body.strip()))
        found.append(conversation)
    return found


def _people(db: Db, chance: random.Random, now: datetime) -> list[Member]:
    names = tomllib.loads((HERE / "names.toml").read_text(encoding="utf-8"))
    homes = [f"{where} {what}".replace("|", "") for where in names["organisations"]["where"].split()
             for what in names["organisations"]["what"].split()]  # fmt: skip
    homes = chance.sample(homes, 380)
    svenska = [home.replace("|", " ") for home in names["organisations"]["svenska"].split()]
    people = []
    for number in range(MEMBERS):
        language = chance.choices(("fi", "sv", "en"), (80, 15, 5))[0]
        name = f"{chance.choice(names[language]['first'].split())} {chance.choice(names[language]['last'].split())}"
        home = chance.choice(svenska if language == "sv" else homes)
        address = f"{words_of(name)}.{number}@{words_of(home)}.example"
        since = now - YEARS - timedelta(days=30)
        people.append(
            members.add_member(db, address, name, since, language=language, organisation=home, coordinates=number < 3)
        )
    return people


def _settle(
    db: Db, world: World, place: Place, people: Sequence[Member], natives: Sequence[Member], chance: random.Random
) -> None:
    now = world.clock()
    since = now - YEARS - timedelta(days=20)
    network = networks.add_network(
        db, place.slug, place.name, since, kind=place.kind, language=place.language, purpose=place.purpose, region=place.region,
        visibility="public" if place.slug in PUBLIC else "members",
    )  # fmt: skip
    inhabitants = list(dict.fromkeys([*_inhabitants(place, people, chance), *natives]))
    for number, member in enumerate(inhabitants):
        role = "contact" if number < 2 else "member"
        memberships.join(db, network, member, since, mode="each" if number < 8 else chance.choice(MODES), role=role)
    for moment, conversation in _spread(place, now, chance):
        _talk(db, world, network, conversation, inhabitants, moment, chance)


def _inhabitants(place: Place, people: Sequence[Member], chance: random.Random) -> list[Member]:
    """Those who write are drawn first from who has the network's language."""
    wanted = BUSIEST.get(place.slug, chance.randint(22, 95)) - 22
    near = [member for member in people if member.language == place.language]
    speakers = {language: [m for m in people if m.language == language] for language in ("fi", "sv", "en")}
    some = chance.sample(near, min(len(near), wanted * 3 // 4))
    others = [*chance.sample(speakers["sv"], 6), *chance.sample(speakers["en"], 4), *chance.sample(people, wanted)]
    return list(dict.fromkeys([*some[:12], *others[:10], *some[12:], *others[10:]]))[:wanted]


def _spread(place: Place, now: datetime, chance: random.Random) -> list[tuple[datetime, Conversation]]:
    """Over the two years, the last ones these days; the busiest network talked this morning."""
    order = chance.sample(list(place.conversations), len(place.conversations))
    days = sorted((chance.uniform(12, 720) for _ in order), reverse=True)
    days[-1:] = [chance.uniform(0.2, 1) if place.slug in BUSIEST else chance.uniform(0.5, 40)]
    return [
        (_office_hours(now - timedelta(days=day), now, chance), conversation)
        for day, conversation in zip(days, order, strict=True)
    ]


def _office_hours(when: datetime, now: datetime, chance: random.Random) -> datetime:
    when = when.replace(
        hour=chance.choice((5, 6, 7, 8, 9, 10, 11, 12, 13, 17)),
        minute=chance.randrange(60),
        second=chance.randrange(60),
    )
    return min(when, now - timedelta(minutes=20))


def _talk(db: Db, world: World, network: Network, conversation: Conversation, inhabitants: Sequence[Member],
          begins: datetime, chance: random.Random) -> None:  # fmt: skip
    persons = _cast(conversation, inhabitants, chance)
    first_names = {letter: member.name.split()[0] for letter, member in persons.items()}
    now, thread_id, last = world.clock(), None, None
    fresh = network.slug == "viestijat" and now - begins < timedelta(days=1.5)
    for line, moment in zip(conversation.lines, _moments(begins, now, len(conversation.lines), chance), strict=True):
        text = line.text
        for letter, name in first_names.items():
            text = text.replace("{" + letter + "}", name)
        draft = posts.Draft(
            network_id=network.id, author_id=persons[line.letter].id, text=text, message_id=world.new_message_id(),
            came_by="mail" if chance.random() < 0.55 else "web", sent_at=moment, language=line.language, thread_id=thread_id,
            parent_id=last, subject=conversation.subject, mails=fresh and line is conversation.lines[-1],
        )  # fmt: skip
        made = posts.accept(db, draft, now).post
        thread_id, last = made.thread_id, made.id


def _moments(begins: datetime, now: datetime, count: int, chance: random.Random) -> list[datetime]:
    """When each message came; squeezed together where they would reach into the future."""
    pauses = [timedelta()] + [timedelta(minutes=chance.choice(PAUSES)) for _ in range(count - 1)]
    room = (now - begins - timedelta(minutes=11)) / max(sum(pauses, timedelta()), timedelta(minutes=1))
    return [begins + sum(pauses[: number + 1], timedelta()) * min(1, room) for number in range(count)]


def _cast(conversation: Conversation, inhabitants: Sequence[Member], chance: random.Random) -> dict[str, Member]:
    """A person for each letter, who has the language they mostly write in."""
    persons: dict[str, Member] = {}
    for line in conversation.lines:
        if line.letter not in persons:
            fitting = [m for m in inhabitants if m.language == line.language and m not in persons.values()]
            others = [m for m in inhabitants if m not in persons.values()]
            persons[line.letter] = chance.choice((fitting or others)[:40])
    return persons
