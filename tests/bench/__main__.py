"""`make bench`: how fast and how small, beside what was aimed at. Machines are noisy: run it again, compare CPU before seconds.

`python -m tests.bench mails` measures one alone; BENCH_MAILS is how many mails that one reads, BENCH_POSTS how many posts
`growth` puts in.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import httpx
import psycopg

from forum import members, memberships, networks, posts
from forum.commands.migrate import bring_up_to_date
from forum.settings import Settings
from forum.tables import Member, Network, Post
from forum.web.app import create_app
from forum.web.fragments import Fragments
from forum.world import World, open_world
from tests.bench.asking import requested
from tests.bench.growth import measure_crowd, measure_growth
from tests.bench.measuring import POSTGRES, scratch_postgresql
from tests.bench.reading import ordinary_s, read_all
from tests.ports import free_port

MAILS = int(os.environ.get("BENCH_MAILS", "1000000"))


def main(names: list[str]) -> None:
    measures = (start_and_memory, accept_on_sqlite, accept_on_postgresql, copies_out, thread_page, growth, crowd, mails)
    if unknown := set(names) - {measure.__name__ for measure in measures}:
        sys.exit(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(m.__name__ for m in measures)}"
        )
    for measure in measures:
        if not names or measure.__name__ in names:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder))


def say(what: str, figure: str, goal: str) -> None:
    print(f"{what:58} {figure:>14}   goal {goal}", flush=True)


def start_and_memory(folder: Path) -> None:
    starts = []
    for attempt in range(3):
        with serving(folder / str(attempt)) as (_, took, pids):
            starts.append(took)
            time.sleep(2)
            memory = sum(map(proportional, pids()))
    say("`parvi serve` answers after", f"{median(starts):.2f} s", "< 1.5 s")
    say("the whole process tree, idle", f"{memory:.0f} MiB", "< 150 MiB")


def accept_on_sqlite(folder: Path) -> None:
    _accept("SQLite", Settings(data=folder), "< 30 ms")


def accept_on_postgresql(folder: Path) -> None:
    try:
        with scratch_postgresql("parvi_bench") as url:
            _accept("PostgreSQL", Settings(data=folder, database_url=url), "-")
    except psycopg.OperationalError:
        print(f"no PostgreSQL at {POSTGRES}: not measured")


def _accept(where: str, settings: Settings, goal: str) -> None:
    with town(settings, 1301) as (world, network, people):
        took = timed(lambda: write(world, network, people[0]), 40)
    say(f"a post and 1,300 owed mails in one transaction, {where}", f"{1000 * took:.1f} ms", goal)


def copies_out(folder: Path) -> None:
    """From the post's commit until the sink has them all, over real SMTP."""
    port = free_port()
    sink = subprocess.Popen([sys.executable, "-m", "tests.bench.sink", str(port)])
    with town(Settings(data=folder), 1301) as (world, network, people):
        pass
    with serving(folder, f"smtp://127.0.0.1:{port}") as (_, _, pids):
        world, took, spent = open_world(Settings(data=folder)), [], []
        for _ in range(3):
            before, cpu, began = counted(port), sum(map(cpu_of, pids())), time.monotonic()
            write(world, network, people[0])
            while counted(port) - before < 1300:
                time.sleep(0.01)
            took.append(time.monotonic() - began)
            spent.append((sum(map(cpu_of, pids())) - cpu) / 1300)
        world.database.close()
    sink.kill()
    say("1,300 copies of it out by SMTP", f"{median(took):.2f} s", "< 1 s")
    say("CPU for each copy", f"{1000 * median(spent):.2f} ms", "-")


def thread_page(folder: Path) -> None:
    with town(Settings(data=folder), 2, visibility="public") as (world, network, people):
        first = write(world, network, people[0])
        for number in range(49):
            write(world, network, people[number % 2], first.thread_id)
        app = create_app(world)
        page = f"/n/net/{first.thread_id}-aihe"
        size = asyncio.run(requested(app, page))
        warm = min(cpu_for_one(app, page) for _ in range(3))
        cold = []
        for _ in range(20):
            app.state.site = replace(app.state.site, fragments=Fragments())
            began = time.process_time()
            asyncio.run(requested(app, page))
            cold.append(time.process_time() - began)
    say(f"the page of a thread of 50 posts ({size / 1000:.0f} kB), CPU", f"{1000 * warm:.1f} ms", "< 6 ms")
    say("the same for its first reader, nothing kept ready", f"{1000 * median(cold):.1f} ms", "-")


def growth(_: Path) -> None:
    """The same with more and more behind it."""
    measure_growth()


def crowd(_: Path) -> None:
    measure_crowd()


def mails(_: Path) -> None:
    """Generated ones, half of them damaged. The last of all, since it fails when one of them is not read as it should be."""
    each_s, size = ordinary_s()
    say(f"an ordinary mail read ({size / 1000:.1f} kB), CPU", f"{1000 * each_s:.2f} ms", "< 0.5 ms")
    began = time.monotonic()
    done = read_all(MAILS)
    slowest_s, number = done.slowest
    say("generated mails read, all cores", f"{done.count:,}", f"{MAILS:,}")
    say("mails a second", f"{done.count / (time.monotonic() - began):,.0f}", "-")
    say(f"CPU for each ({done.size / done.count / 1000:.1f} kB)", f"{1000 * done.cpu_s / done.count:.2f} ms", "-")
    say(f"the slowest of them (number {number})", f"{1000 * slowest_s:.0f} ms", "-")
    wrong = {
        "on which it raised": done.raised,
        "whose parts are not the text": done.torn,
        "over the time that their length allows": done.slow,
    }
    for what, numbers in wrong.items():
        say(f"mails {what}", str(len(numbers)), "0")
    if found := [number for numbers in wrong.values() for number in numbers]:
        sys.exit(f"see tests.bench.generated.mail() of {', '.join(map(str, found[:20]))}")


def cpu_for_one(app: Callable[..., object], page: str, times: int = 100) -> float:
    began = time.process_time()
    asyncio.run(many(app, page, times))
    return (time.process_time() - began) / times


async def many(app: Callable[..., object], path: str, times: int) -> None:
    for _ in range(times):
        await requested(app, path)


@contextmanager
def town(settings: Settings, count: int, **more: str) -> Iterator[tuple[World, Network, list[Member]]]:
    world = open_world(replace(settings, secret="bench", mail_domain="lists.example.org"))
    bring_up_to_date(world.database)
    now = world.clock()
    with world.database.transaction() as db:
        network = networks.add_network(db, "net", "Net", now, **more)
        people = [
            members.add_member(
                db, f"m{n}@d{n % 40}.example.net", f"Member {n}", now, language=("fi", "sv", "en")[n % 3]
            )
            for n in range(count)
        ]
        for member in people:
            memberships.join(db, network, member, now)
    yield world, network, people
    world.database.close()


TEXT = (
    "Verkostoissa jaetaan **hyviä käytäntöjä** ja kokemuksia, ja joskus myös [linkkejä](https://example.org/a).\n\n" * 6
)


def write(world: World, network: Network, author: Member, thread_id: int | None = None) -> Post:
    draft = posts.Draft(network_id=network.id, author_id=author.id, text=TEXT, message_id=world.new_message_id(), came_by="web",
                        sent_at=world.clock(), language="fi", thread_id=thread_id, subject="" if thread_id else "Aihe")  # fmt: skip
    with world.database.transaction() as db:
        return posts.accept(db, draft, world.clock()).post


@contextmanager
def serving(folder: Path, relay: str = "") -> Iterator[tuple[str, float, Callable[[], list[int]]]]:
    http = free_port()
    settings = {**os.environ, "PARVI_DATA": str(folder), "PARVI_HTTP": f"127.0.0.1:{http}", "PARVI_SMTP": f"127.0.0.1:{free_port()}",
                "PARVI_RELAY": relay, "PARVI_SECRET": "bench", "PARVI_MAIL_DOMAIN": "lists.example.org"}  # fmt: skip
    subprocess.run([sys.executable, "-m", "forum", "migrate"], env=settings, check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "forum", "serve"], env=settings, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{http}/health"
    while not healthy(url):
        time.sleep(0.01)
    try:
        yield url, time.monotonic() - began, lambda: family(server.pid)
    finally:
        server.terminate()
        server.wait(15)


def healthy(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def family(leader: int) -> list[int]:
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _group(int(pid)) == leader]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def proportional(pid: int) -> float:
    """MiB, shared pages divided among those who share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counted(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(b"STAT\r\n")
        said = b""
        while said.count(b"\r\n") < 2:
            said += asking.recv(1000)
    return int(said.split()[-1])


def timed(act: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.monotonic()
        act()
        took.append(time.monotonic() - began)
    return median(took)


if __name__ == "__main__":
    main(sys.argv[1:])
